"""Statements over companies, users, sessions, tokens and sign-in attempts. Rules about them are `archive.accounts`."""

from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, RowMapping, Text, bindparam, delete, func, insert, select, true, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from archive.domain.access import Role
from archive.domain.companies import Company, CompanyKind, Session, Token, User
from archive.store.arrays import within
from archive.store.tables import (
    companies,
    installation,
    session_purposes,
    sessions,
    signin_attempts,
    signin_links,
    tokens,
    users,
)

# ----------------------------------------------------------------- companies


async def add_company(tx: AsyncConnection, company: Company) -> bool:
    """Write a company; False when its code is taken."""
    values = {
        "code": company.code,
        "name": company.name,
        "business_id": company.business_id,
        "kind": company.kind.value,
    }
    made = await tx.scalar(upsert(companies).values(**values).on_conflict_do_nothing().returning(companies.c.code))
    return made is not None


async def list_companies(tx: AsyncConnection, codes: frozenset[str] | None) -> list[Company]:
    """The companies among these codes, by code; None is every company."""
    rows = await tx.execute(select(companies).where(within(companies.c.code, codes)).order_by(companies.c.code))
    return [
        Company(code=row["code"], name=row["name"], business_id=row["business_id"], kind=CompanyKind(row["kind"]))
        for row in rows.mappings()
    ]


async def get_flag(tx: AsyncConnection, key: str) -> dict[str, Any] | None:
    """A fact about the installation, such as that it is a demo."""
    found: dict[str, Any] | None = await tx.scalar(select(installation.c.value).where(installation.c.key == key))
    return found


async def set_flag(tx: AsyncConnection, key: str, value: dict[str, Any]) -> None:
    """Write a fact about the installation."""
    await tx.execute(
        upsert(installation)
        .values(key=key, value=value)
        .on_conflict_do_update(index_elements=["key"], set_={"value": value})
    )


# --------------------------------------------------------------------- users


async def add_user(
    tx: AsyncConnection, *, email: str, name: str, role: Role, codes: list[str] | None, now: datetime
) -> UUID | None:
    """Write a user; None when the address is taken."""
    values = {"id": uuid7(), "email": email, "name": name, "role": role.value, "companies": codes, "created_at": now}
    made: UUID | None = await tx.scalar(upsert(users).values(**values).on_conflict_do_nothing().returning(users.c.id))
    return made


async def get_user(tx: AsyncConnection, user_id: UUID) -> User | None:
    """A user by id."""
    row = (await tx.execute(select(users).where(users.c.id == user_id))).mappings().one_or_none()
    return None if row is None else _user(row)


async def find_login(tx: AsyncConnection, email: str) -> tuple[User, str | None] | None:
    """A user by address, with the hash of the password."""
    row = (await tx.execute(select(users).where(users.c.email == email))).mappings().one_or_none()
    return None if row is None else (_user(row), row["password_hash"])


async def lock_login(tx: AsyncConnection, user_id: UUID, password_hash: str) -> bool:
    """Whether the account is open and has this very password, which then stays so to the end of the transaction."""
    found = await tx.scalar(
        select(users.c.id)
        .where(users.c.id == user_id, users.c.password_hash == password_hash, users.c.disabled_at.is_(None))
        .with_for_update(read=True)
    )
    return found is not None


async def list_users(tx: AsyncConnection, codes: frozenset[str] | None) -> list[User]:
    """The users who are granted companies among these alone, by address; None is every user."""
    rows = await tx.execute(select(users).where(_granted_among(users.c.companies, codes)).order_by(users.c.email))
    return [_user(row) for row in rows.mappings()]


async def set_password(tx: AsyncConnection, user_id: UUID, password_hash: str) -> None:
    """Write the hash of a new password; the user's sessions end."""
    await tx.execute(update(users).where(users.c.id == user_id).values(password_hash=password_hash))
    await tx.execute(delete(sessions).where(sessions.c.user_id == user_id))


async def set_disabled(tx: AsyncConnection, user_id: UUID, disabled_at: datetime | None) -> bool:
    """Close or open an account; closing ends its sessions. False when there is no such user."""
    done = await tx.execute(update(users).where(users.c.id == user_id).values(disabled_at=disabled_at))
    if disabled_at is not None:
        await tx.execute(delete(sessions).where(sessions.c.user_id == user_id))
    return bool(done.rowcount)


async def add_signin_link(tx: AsyncConnection, digest: bytes, user_id: UUID, expires_at: datetime) -> None:
    """Write a one-time link; the user's earlier unused ones are void from now on."""
    await tx.execute(delete(signin_links).where(signin_links.c.user_id == user_id, signin_links.c.used_at.is_(None)))
    await tx.execute(insert(signin_links).values(digest=digest, user_id=user_id, expires_at=expires_at))


async def peek_signin_link(tx: AsyncConnection, digest: bytes, now: datetime) -> User | None:
    """Whose link this is, while it can still be used."""
    row = (
        (
            await tx.execute(
                select(users)
                .join(signin_links, signin_links.c.user_id == users.c.id)
                .where(
                    signin_links.c.digest == digest,
                    signin_links.c.used_at.is_(None),
                    signin_links.c.expires_at > now,
                    users.c.disabled_at.is_(None),
                )
            )
        )
        .mappings()
        .one_or_none()
    )
    return None if row is None else _user(row)


async def use_signin_link(tx: AsyncConnection, digest: bytes, now: datetime) -> UUID | None:
    """Use a link up; the user's id, or None when it cannot be used (any more)."""
    user_id: UUID | None = await tx.scalar(
        update(signin_links)
        .where(signin_links.c.digest == digest, signin_links.c.used_at.is_(None), signin_links.c.expires_at > now)
        .values(used_at=now)
        .returning(signin_links.c.user_id)
    )
    return user_id


# ------------------------------------------------------------------ sessions


async def add_session(tx: AsyncConnection, session: Session, now: datetime) -> None:
    """Write a session."""
    await tx.execute(
        insert(sessions).values(
            digest=session.digest,
            user_id=session.user_id,
            csrf=session.csrf,
            company=session.company,
            language=session.language,
            created_at=now,
            expires_at=session.expires_at,
        )
    )


async def get_session(tx: AsyncConnection, digest: bytes, now: datetime) -> tuple[Session, User] | None:
    """A live session and its user."""
    row = (
        (
            await tx.execute(
                select(
                    users,
                    sessions.c.digest,
                    sessions.c.user_id,
                    sessions.c.csrf,
                    sessions.c.company.label("worn"),
                    sessions.c.language.label("spoken"),
                    sessions.c.expires_at,
                )
                .join(sessions, sessions.c.user_id == users.c.id)
                .where(sessions.c.digest == digest, sessions.c.expires_at > now, users.c.disabled_at.is_(None))
            )
        )
        .mappings()
        .one_or_none()
    )
    if row is None:
        return None
    session = Session(
        digest=bytes(row["digest"]),
        user_id=row["user_id"],
        csrf=row["csrf"],
        company=row["worn"],
        language=row["spoken"],
        expires_at=row["expires_at"],
    )
    return session, _user(row)


async def change_session(tx: AsyncConnection, digest: bytes, **values: str | None) -> None:
    """Change the hat (`company`) or the `language` of a session."""
    await tx.execute(update(sessions).where(sessions.c.digest == digest).values(**values))


async def end_session(tx: AsyncConnection, digest: bytes) -> None:
    """End a session."""
    await tx.execute(delete(sessions).where(sessions.c.digest == digest))


async def state_purpose(tx: AsyncConnection, digest: bytes, interaction_id: UUID, purpose: str, now: datetime) -> None:
    """Remember for which purpose this session looks at a contact."""
    values = {"session_digest": digest, "interaction_id": interaction_id, "purpose": purpose, "stated_at": now}
    await tx.execute(
        upsert(session_purposes)
        .values(**values)
        .on_conflict_do_update(
            index_elements=["session_digest", "interaction_id"],
            set_={"purpose": purpose, "stated_at": now, "opened_at": None},
        )
    )


async def stated_purpose(tx: AsyncConnection, digest: bytes, interaction_id: UUID) -> str | None:
    """The purpose that this session has stated for a contact."""
    found: str | None = await tx.scalar(
        select(session_purposes.c.purpose).where(
            session_purposes.c.session_digest == digest, session_purposes.c.interaction_id == interaction_id
        )
    )
    return found


async def begins_listening(
    tx: AsyncConnection, digest: bytes, interaction_id: UUID, *, purpose: str, now: datetime, since: datetime
) -> bool:
    """Whether a session opens a contact anew for this purpose, rather than going on since a moment; noted if so."""
    c = session_purposes.c
    mine = (c.session_digest == digest) & (c.interaction_id == interaction_id) & (c.purpose == purpose)
    opened_at = await tx.scalar(select(c.opened_at).where(mine))
    if opened_at is not None and opened_at > since:
        return False
    await tx.execute(update(session_purposes).where(mine).values(opened_at=now))
    return True


async def lock_attempts(tx: AsyncConnection, *, account: bytes, address: str) -> None:
    """Wait until no other transaction counts attempts of this account or this address; held to the end of this one."""
    names = (b"account\0" + account, b"address\0" + address.encode("utf-8", "surrogateescape"))
    numbers = (int.from_bytes(sha256(b"signin\0" + name).digest()[:8], signed=True) for name in names)
    for number in sorted(numbers):  # always in one order, so that no two wait for each other
        await tx.execute(select(func.pg_advisory_xact_lock(number)))


async def count_attempts(tx: AsyncConnection, *, account: bytes, address: str, since: datetime) -> tuple[int, int]:
    """Failed sign-ins since a moment: by account, by address."""
    row = (
        await tx.execute(
            select(
                func.count().filter(signin_attempts.c.account == account),
                func.count().filter(signin_attempts.c.address == address),
            ).where(
                signin_attempts.c.at > since,
                (signin_attempts.c.account == account) | (signin_attempts.c.address == address),
            )
        )
    ).one()
    return int(row[0]), int(row[1])


async def add_attempt(tx: AsyncConnection, *, account: bytes, address: str, now: datetime) -> None:
    """Count a sign-in before its password is looked at, so that attempts at once cannot slip by together."""
    await tx.execute(insert(signin_attempts).values(id=uuid7(), account=account, address=address, at=now))


async def clear_attempts(tx: AsyncConnection, account: bytes) -> None:
    """Forget the failed sign-ins of an account that has signed in."""
    await tx.execute(delete(signin_attempts).where(signin_attempts.c.account == account))


async def forget_old(tx: AsyncConnection, *, before: datetime, now: datetime) -> None:
    """Remove sessions and links that have run out, and attempts from before a moment."""
    await tx.execute(delete(sessions).where(sessions.c.expires_at < now))
    await tx.execute(delete(signin_links).where(signin_links.c.expires_at < now))
    await tx.execute(delete(signin_attempts).where(signin_attempts.c.at < before))


# -------------------------------------------------------------------- tokens


async def add_token(
    tx: AsyncConnection, *, name: str, role: Role, codes: list[str] | None, digest: bytes, now: datetime
) -> UUID:
    """Write a token's digest."""
    token_id = uuid7()
    values = {
        "id": token_id,
        "name": name,
        "role": role.value,
        "companies": codes,
        "digest": digest,
        "created_at": now,
    }
    await tx.execute(insert(tokens).values(**values))
    return token_id


async def find_token(tx: AsyncConnection, digest: bytes) -> Token | None:
    """A token that is not revoked, by its digest."""
    row = (
        (await tx.execute(select(tokens).where(tokens.c.digest == digest, tokens.c.revoked_at.is_(None))))
        .mappings()
        .one_or_none()
    )
    return None if row is None else _token(row)


async def get_token(tx: AsyncConnection, token_id: UUID) -> Token | None:
    """A token by id, revoked or not."""
    row = (await tx.execute(select(tokens).where(tokens.c.id == token_id))).mappings().one_or_none()
    return None if row is None else _token(row)


async def list_tokens(tx: AsyncConnection, codes: frozenset[str] | None) -> list[Token]:
    """The tokens that are granted companies among these alone, newest first; None is every token."""
    among = _granted_among(tokens.c.companies, codes)
    rows = await tx.execute(select(tokens).where(among).order_by(tokens.c.created_at.desc()))
    return [_token(row) for row in rows.mappings()]


async def revoke_token(tx: AsyncConnection, token_id: UUID, now: datetime) -> bool:
    """Revoke a token; False when it is unknown or already revoked."""
    done = await tx.execute(
        update(tokens).where(tokens.c.id == token_id, tokens.c.revoked_at.is_(None)).values(revoked_at=now)
    )
    return bool(done.rowcount)


def _granted_among(column: ColumnElement[Any], codes: frozenset[str] | None) -> ColumnElement[bool]:
    """Whether an account is granted nothing beyond these companies; one for every company is beyond any list."""
    if codes is None:
        return true()
    mine = bindparam(None, sorted(codes), type_=ARRAY(Text), unique=True)
    return column.is_not(None) & column.op("<@", is_comparison=True)(mine)


def _user(row: RowMapping) -> User:
    return User(
        id=row["id"],
        email=row["email"],
        name=row["name"],
        role=Role(row["role"]),
        companies=None if row["companies"] is None else tuple(row["companies"]),
        has_password=row["password_hash"] is not None,
        disabled_at=row["disabled_at"],
        created_at=row["created_at"],
    )


def _token(row: RowMapping) -> Token:
    return Token(
        id=row["id"],
        name=row["name"],
        role=Role(row["role"]),
        companies=None if row["companies"] is None else tuple(row["companies"]),
        created_at=row["created_at"],
        revoked_at=row["revoked_at"],
    )
