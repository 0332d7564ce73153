"""What a person chooses for themselves: the company in force and the language.

Static files are routed here too, because like the language they are for everyone.
"""

from aiohttp import web
from pydantic import BaseModel, ConfigDict

from archive.domain.access import Permission
from archive.errors import NotFound
from archive.store import accounts as store
from archive.web import keys, kit, static_files
from archive.web.companies import company_choices
from archive.web.i18n import LANGUAGE_COOKIE, Language
from archive.web.routes import Route

_YEAR_S = 365 * 24 * 3600
EVERY = "*"


class CompanyForm(BaseModel):
    """The company to look at, or `*` for every granted one."""

    model_config = ConfigDict(extra="forbid")
    company: str
    back: str = "/"


class LanguageForm(BaseModel):
    """The language of the pages."""

    model_config = ConfigDict(extra="forbid")
    language: Language
    back: str = "/"


async def choose_company(request: web.Request) -> web.StreamResponse:
    """Put on another hat.

    Raises:
        NotFound: the company is not granted, or there is none.

    """
    form = await kit.body(request, CompanyForm)
    choices = await company_choices(request, kit.actor(request))
    if form.company != EVERY and form.company not in {choice.code for choice in choices}:
        raise NotFound
    async with kit.services(request).db.begin() as tx:
        chosen = None if form.company == EVERY else form.company
        await store.change_session(tx, kit.session(request).digest, company=chosen)
    return kit.go(request, form.back)


async def choose_language(request: web.Request) -> web.StreamResponse:
    """Speak another language, in this session and, by a cookie, before signing in."""
    kit.must_be_own_form(request)
    form = await kit.body(request, LanguageForm)
    session = request.get(keys.SESSION)
    if session is not None:
        async with kit.services(request).db.begin() as tx:
            await store.change_session(tx, session.digest, language=form.language.value)
    answer = kit.go(request, form.back)
    kit.set_cookie(request, answer, LANGUAGE_COOKIE, form.language.value, _YEAR_S)
    return answer


ROUTES = (
    Route(
        method="POST",
        path="/me/company",
        handler=choose_company,
        permission=Permission.SELF,
        summary="Choose the company in force",
        surface="page",
        body=CompanyForm,
    ),
    Route(
        method="POST",
        path="/me/language",
        handler=choose_language,
        permission=None,
        summary="Choose the language",
        surface="page",
        body=LanguageForm,
    ),
    Route(
        method="GET",
        path="/static/{digest}/{path:.+}",
        handler=static_files.serve,
        permission=None,
        summary="A static file",
        surface="page",
    ),
)
