"""Who may do what, and for which purpose: roles, permissions, actors, purposes, trail actions.

Deny by default: a role has just the permissions that its row lists. Nothing here looks anything up.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from archive.errors import NotFound, PurposeNotAllowed, PurposeRequired


class Role(StrEnum):
    """The roles of the contract."""

    TELEPHONY = "telephony"
    HANDLER = "handler"
    REVIEWER = "reviewer"
    DPO = "dpo"
    ADMIN = "admin"


class Permission(StrEnum):
    """What a route asks for: `object:subject:verb`."""

    RECORDING_PUSH = "archive:recording:push"
    CHAT_PUSH = "archive:chat:push"
    CUSTOMER_READ = "archive:customer:read"
    CUSTOMER_WRITE = "archive:customer:write"
    INTERACTION_READ = "archive:interaction:read"
    CONTENT_OPEN = "archive:content:open"
    HISTORY_READ = "archive:history:read"
    LINK_WRITE = "archive:link:write"
    SEARCH = "search:interaction:read"
    HOLD_READ = "retention:hold:read"
    HOLD_WRITE = "retention:hold:write"
    POLICY_READ = "retention:policy:read"
    POLICY_WRITE = "retention:policy:write"
    DISPOSAL_READ = "retention:disposal:read"
    DISPOSAL_RUN = "retention:disposal:run"
    TRAIL_READ = "archive:trail:read"
    INTAKE_READ = "ingest:intake:read"
    SPEECH_ASK = "ingest:speech:ask"
    DEADLETTER_RETRY = "ingest:deadletter:retry"
    SETTINGS_READ = "archive:settings:read"
    SETTINGS_WRITE = "archive:settings:write"
    SELF = "archive:self:use"


_P = Permission
GRANTS: dict[Role, frozenset[Permission]] = {
    Role.TELEPHONY: frozenset({_P.RECORDING_PUSH, _P.CHAT_PUSH}),
    Role.HANDLER: frozenset(
        {
            _P.CUSTOMER_READ, _P.INTERACTION_READ, _P.CONTENT_OPEN, _P.HISTORY_READ, _P.LINK_WRITE, _P.SEARCH,
            _P.HOLD_READ, _P.HOLD_WRITE, _P.POLICY_READ, _P.INTAKE_READ, _P.SPEECH_ASK, _P.SELF,
        }
    ),
    Role.REVIEWER: frozenset(
        {_P.CUSTOMER_READ, _P.INTERACTION_READ, _P.CONTENT_OPEN, _P.SEARCH, _P.SPEECH_ASK, _P.SELF}
    ),
    Role.DPO: frozenset(
        {
            _P.CUSTOMER_READ, _P.INTERACTION_READ, _P.CONTENT_OPEN, _P.HISTORY_READ, _P.SEARCH, _P.HOLD_READ,
            _P.HOLD_WRITE, _P.POLICY_READ, _P.POLICY_WRITE, _P.DISPOSAL_READ, _P.DISPOSAL_RUN, _P.TRAIL_READ,
            _P.INTAKE_READ, _P.SPEECH_ASK, _P.SELF,
        }
    ),
    Role.ADMIN: frozenset(
        {
            _P.CUSTOMER_WRITE, _P.POLICY_READ, _P.POLICY_WRITE, _P.DISPOSAL_READ, _P.DISPOSAL_RUN, _P.INTAKE_READ,
            _P.DEADLETTER_RETRY, _P.SETTINGS_READ, _P.SETTINGS_WRITE, _P.SELF,
        }
    ),
}  # fmt: skip


class Action(StrEnum):
    """What a trail event says was done: `object:subject:verb`."""

    RECORDING_KEPT = "archive:recording:kept"
    CHAT_KEPT = "archive:chat:kept"
    INTERACTION_SEEN = "archive:interaction:seen"
    AUDIO_OPENED = "archive:audio:opened"
    TRANSCRIPT_OPENED = "archive:transcript:opened"
    CONTENT_OPENED = "archive:content:opened"
    HISTORY_SEEN = "archive:history:seen"
    CUSTOMER_SEEN = "archive:customer:seen"
    CUSTOMER_WRITTEN = "archive:customer:written"
    CUSTOMERS_IMPORTED = "archive:customers:imported"
    LINK_MADE = "archive:link:made"
    LINK_UNDONE = "archive:link:undone"
    LINK_ACCEPTED = "archive:link:accepted"
    LINK_REFUSED = "archive:link:refused"
    PURPOSE_STATED = "archive:purpose:stated"
    SEARCHED = "search:interaction:searched"
    HOLD_PLACED = "retention:hold:placed"
    HOLD_RELEASED = "retention:hold:released"
    POLICY_WRITTEN = "retention:policy:written"
    DISPOSAL_PREVIEWED = "retention:disposal:previewed"
    DISPOSAL_STARTED = "retention:disposal:started"
    INTERACTION_DESTROYED = "retention:interaction:destroyed"
    CERTIFICATE_SEEN = "retention:certificate:seen"
    ORPHAN_SWEPT = "archive:orphan:swept"
    TRAIL_SEEN = "archive:trail:seen"
    KEY_EXPORTED = "archive:key:exported"
    KEY_ROTATION_BEGUN = "archive:keys:rotation-begun"
    KEYS_ROTATED = "archive:keys:rotated"
    COMPANY_CREATED = "archive:company:created"
    USER_CREATED = "archive:user:created"
    USER_CHANGED = "archive:user:changed"
    SIGN_IN_LINK_ISSUED = "archive:signin-link:issued"
    PASSWORD_SET = "archive:password:set"  # noqa: S105  # an action's name
    TOKEN_CREATED = "archive:token:created"  # noqa: S105  # an action's name
    TOKEN_REVOKED = "archive:token:revoked"  # noqa: S105  # an action's name
    SIGNED_IN = "archive:session:opened"
    SIGN_IN_REFUSED = "archive:session:refused"
    SIGNED_OUT = "archive:session:closed"
    TRANSCRIPTION_ASKED = "ingest:transcription:asked"
    SPEECH_RULES_WRITTEN = "ingest:speech-rules:written"
    VOCABULARY_WRITTEN = "ingest:vocabulary:written"
    DEADLETTER_RETRIED = "ingest:deadletter:retried"
    DEMO_SEEDED = "archive:demo:seeded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who is acting: a user, a token or the house itself. `companies` None covers every company."""

    id: str
    name: str
    role: Role | None
    companies: frozenset[str] | None = None

    def may(self, permission: Permission) -> bool:
        """Whether the role lists the permission; the house itself (no role) may everything."""
        return self.role is None or permission in GRANTS[self.role]

    def covers(self, company: str) -> bool:
        """Whether the actor has a grant for the company."""
        return self.companies is None or company in self.companies

    def covers_all(self, companies: Iterable[str] | None) -> bool:
        """Whether the actor is granted all that an account is granted; None is every company."""
        return self.companies is None or (companies is not None and self.companies.issuperset(companies))

    def must_cover(self, company: str) -> None:
        """Refuse a company without a grant exactly as one that does not exist.

        Raises:
            NotFound: there is no such company for this actor.

        """
        if not self.covers(company):
            raise NotFound

    def scope(self, company: str | None = None) -> frozenset[str] | None:
        """The companies that a query of this actor may touch, narrowed to one; None is every company."""
        if company is None:
            return self.companies
        return frozenset({company}) if self.covers(company) else frozenset()


HOUSE = Actor(id="house", name="Tallenne", role=None)


class PurposeKind(StrEnum):
    """For what content may be opened (CONTRACT, section 2)."""

    VERIFICATION = "verification"
    COMPLAINT = "complaint"
    DEVELOPMENT = "development"
    SUBJECT_REQUEST = "subject-request"
    AUTHORITY = "authority"


NEEDS_REFERENCE = frozenset({PurposeKind.COMPLAINT, PurposeKind.SUBJECT_REQUEST, PurposeKind.AUTHORITY})
PURPOSES: dict[Role, tuple[PurposeKind, ...]] = {
    Role.TELEPHONY: (),
    Role.HANDLER: (PurposeKind.VERIFICATION, PurposeKind.COMPLAINT),
    Role.REVIEWER: (PurposeKind.DEVELOPMENT,),
    Role.DPO: (PurposeKind.SUBJECT_REQUEST, PurposeKind.AUTHORITY),
    Role.ADMIN: (),
}
_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """A stated purpose and, where it needs one, its reference (a case, a request, an authority's number)."""

    kind: PurposeKind
    reference: str | None = None

    def __str__(self) -> str:
        return self.kind.value if self.reference is None else f"{self.kind.value}:{self.reference}"

    @classmethod
    def parse(cls, text: str | None) -> "Purpose":
        """Read the value of the header Purpose.

        Raises:
            PurposeRequired: missing, unknown, or without the reference that it needs.

        """
        kind, _, reference = (text or "").strip().partition(":")
        try:
            parsed = PurposeKind(kind)
        except ValueError:
            raise PurposeRequired from None
        if (parsed in NEEDS_REFERENCE) != bool(reference):
            raise PurposeRequired
        if reference and not _REFERENCE.fullmatch(reference):
            raise PurposeRequired
        return cls(kind=parsed, reference=reference or None)

    def must_suit(self, role: Role | None) -> None:
        """Refuse a purpose that is not the role's.

        Raises:
            PurposeNotAllowed: the role does not look for this purpose.

        """
        if role is None or self.kind not in PURPOSES[role]:
            raise PurposeNotAllowed
