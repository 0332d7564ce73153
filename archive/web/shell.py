"""What stands around every page: who acts, for which company, where one may go, what was just done.

Pages do not build a `Shell` themselves: `archive.web.kit.page` does. Nothing here reads the database.
"""

from dataclasses import dataclass

from archive.domain.access import Actor, Permission
from archive.web.i18n import Language

HUES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """A company to choose from: `hue` is one of eight colours, the same on every page."""

    code: str
    name: str
    hue: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An entry of the navigation. `key` is pressed after `g`; `label` is a message id."""

    url: str
    label: str
    key: str
    permission: Permission


def N_(message: str) -> str:  # noqa: N802  # the usual mark for words that are translated later
    """Mark a message for the catalogs; it is translated where it is shown."""
    return message


PLACES = (
    Place(url="/", label=N_("Search"), key="s", permission=Permission.SEARCH),
    Place(url="/intake", label=N_("Intake"), key="i", permission=Permission.INTAKE_READ),
    Place(url="/retention", label=N_("Retention"), key="r", permission=Permission.POLICY_READ),
    Place(url="/trail", label=N_("Trail"), key="t", permission=Permission.TRAIL_READ),
    Place(url="/settings", label=N_("Settings"), key="a", permission=Permission.SETTINGS_READ),
)


def home_of(actor: Actor | None) -> str:
    """The address of the first page that an actor may see."""
    allowed = (place.url for place in PLACES if actor is not None and actor.may(place.permission))
    return next(allowed, "/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """The frame of one page: `actor` None before signing in, `company` None when every company is in force."""

    language: Language
    path: str
    actor: Actor | None
    csrf: str
    companies: tuple[Company, ...]
    company: Company | None
    notice: str | None
    search: str
    demo: bool
    # An htmx request gets the page's main part alone.
    partial: bool

    @property
    def places(self) -> tuple[Place, ...]:
        """Where this actor may go, and nothing else."""
        actor = self.actor
        return () if actor is None else tuple(place for place in PLACES if actor.may(place.permission))

    @property
    def home(self) -> str:
        """The first page of this actor: searching, for all who may."""
        return home_of(self.actor)

    @property
    def languages(self) -> tuple[Language, ...]:
        """The languages on offer."""
        return tuple(Language)

    def may(self, permission: str) -> bool:
        """Whether the actor has a permission, named by its value such as `retention:hold:write`."""
        return self.actor is not None and self.actor.may(Permission(permission))

    def at(self, url: str) -> bool:
        """Whether the page lies at or below an address of the navigation."""
        return self.path == url if url == "/" else self.path == url or self.path.startswith(f"{url}/")

    def company_of(self, code: str) -> Company:
        """A company by its code, for its colour; an unknown one is shown by its code in grey."""
        return next((c for c in self.companies if c.code == code), Company(code=code, name=code, hue=0))


def coloured(companies: list[tuple[str, str]]) -> tuple[Company, ...]:
    """Give each company (code, name) its colour, by its place in the order of codes."""
    return tuple(
        Company(code=code, name=name, hue=1 + place % (HUES - 1))
        for place, (code, name) in enumerate(sorted(companies))
    )
