"""Companies, and the accounts that act for them: users, tokens and sessions as values."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from archive.domain.access import Actor, Role
from archive.errors import Complaint, Invalid

_CODE = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


class CompanyKind(StrEnum):
    """What the company is on the energy market."""

    RETAIL = "retail"
    NETWORK = "network"


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """A data controller: the legal entity whose contacts these are."""

    code: str
    name: str
    business_id: str
    kind: CompanyKind


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person who signs in. `companies` None covers every company."""

    id: UUID
    email: str
    name: str
    role: Role
    companies: tuple[str, ...] | None
    has_password: bool
    disabled_at: datetime | None
    created_at: datetime

    def actor(self) -> Actor:
        """The user as one who acts."""
        companies = None if self.companies is None else frozenset(self.companies)
        return Actor(id=f"user:{self.id}", name=self.email, role=self.role, companies=companies)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A system's key; only its digest is kept. `companies` None covers every company."""

    id: UUID
    name: str
    role: Role
    companies: tuple[str, ...] | None
    created_at: datetime
    revoked_at: datetime | None

    def actor(self) -> Actor:
        """The token as one who acts."""
        companies = None if self.companies is None else frozenset(self.companies)
        return Actor(id=f"token:{self.id}", name=self.name, role=self.role, companies=companies)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A signed-in browser: `csrf` guards its forms, `company` is the hat that is worn (None: all granted)."""

    digest: bytes
    user_id: UUID
    csrf: str
    company: str | None
    language: str | None
    expires_at: datetime


def judge_code(code: str) -> str:
    """A company's code: 1 to 32 lower-case letters, digits and dashes; it is part of addresses and object keys.

    Raises:
        Invalid: it is not one.

    """
    if not _CODE.fullmatch(code):
        raise Invalid((Complaint(field="code", message="1 to 32 lower-case letters, digits and dashes"),))
    return code
