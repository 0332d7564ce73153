"""Use cases of those who act: companies, users, sign-in, sessions, tokens. Each change is on the trail.

Whoever changes accounts reaches as far as their own grant: an account whose companies are not all among theirs is not
there for them, and one for every company is made by those alone who are granted every company.

Only digests of tokens, links and session cookies are kept. Statements are `archive.store.accounts`; cookies and forms
are `archive.web`.
"""

import asyncio
import hashlib
import secrets
from datetime import datetime, timedelta
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy.ext.asyncio import AsyncConnection

from archive.custody import Services
from archive.domain.access import Action, Actor, Role
from archive.domain.companies import Company, Session, Token, User, judge_code
from archive.domain.identifiers import read_business_id, read_email
from archive.domain.trail import veiled
from archive.errors import Complaint, Conflict, Forbidden, Invalid, NotFound, TooMany, Unauthenticated
from archive.store import accounts as store

__all__ = ["Session"]

TOKEN_PREFIX = "tal_"  # noqa: S105  # the mark by which a leaked token is found
LINK_HOURS = 48
ATTEMPT_WINDOW = timedelta(minutes=15)
ATTEMPTS_PER_ACCOUNT = 8
ATTEMPTS_PER_ADDRESS = 40
PASSWORD_CHARS = 12
_LONGEST_PASSWORD = 256
_NO_MATCH = "the address and the password do not match"

_hasher = PasswordHasher()
# Verified when an address is unknown, so that the answer takes as long as for one that is known.
_NOBODY = _hasher.hash(secrets.token_hex(16))


class TokenCache:
    """Tokens looked up in the last moment, so that a busy door asks the database once a second and not once a push.

    A revoked token is refused everywhere within `SECONDS`.
    """

    SECONDS = 1.0
    SIZE = 1024

    def __init__(self) -> None:
        self._found: dict[bytes, tuple[float, Actor]] = {}

    def get(self, digest: bytes, at: float) -> Actor | None:
        """The actor, if it was looked up within the last moment; `at` is a monotonic time in seconds."""
        until, actor = self._found.get(digest, (0.0, None))
        return actor if at < until else None

    def put(self, digest: bytes, actor: Actor, at: float) -> None:
        """Remember what was looked up at `at`."""
        if len(self._found) >= self.SIZE:
            self._found.clear()
        self._found[digest] = (at + self.SECONDS, actor)


def digest_of(secret: str) -> bytes:
    """What is kept of a token, a link or a cookie: they are random, so one plain SHA-256 is enough."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()  # a sender may write any bytes


# ----------------------------------------------------------------- companies


async def create_company(services: Services, actor: Actor, company: Company, now: datetime) -> None:
    """Make a company.

    Raises:
        Forbidden: the actor is granted some companies only, and a new one is none of them.
        Invalid: the code or the business id is none.
        Conflict: the code is taken.

    """
    if actor.companies is not None:
        raise Forbidden("only one who is granted every company makes a new one")
    judge_code(company.code)
    try:
        read_business_id(company.business_id)
    except ValueError:
        raise Invalid((Complaint(field="business_id", message="this is no Finnish business id"),)) from None
    async with services.db.begin() as tx:
        if not await store.add_company(tx, company):
            raise Conflict("a company with this code is there already")
        await services.record(tx, actor, Action.COMPANY_CREATED, now=now, companies=[company.code])


async def _must_reach(services: Services, actor: Actor, codes: list[str] | None) -> None:
    """Refuse companies that the actor is not granted, exactly as those that do not exist."""
    if codes is None:
        if actor.companies is not None:
            raise Invalid.of("company", "choose at least one company: you are not granted every one")
        return
    async with services.db.begin() as tx:
        known = {company.code for company in await store.list_companies(tx, actor.companies)}
    wrong = [Complaint(field="company", message=f"there is no company {code}") for code in codes if code not in known]
    if wrong:
        raise Invalid(wrong)


# ------------------------------------------------------------------- users


async def create_user(
    services: Services, actor: Actor, *, email: str, role: Role, codes: list[str] | None, now: datetime, name: str = ""
) -> str:
    """Make a user and return the secret of the one-time link; for a known address, a new link for that user.

    Raises:
        Invalid: the address is none, or a company is unknown to the actor.
        Conflict: the address belongs to a user of another role or other companies.

    """
    try:
        address = read_email(email)
    except ValueError:
        raise Invalid((Complaint(field="email", message="this is no e-mail address"),)) from None
    await _must_reach(services, actor, codes)
    async with services.db.begin() as tx:
        user_id = await store.add_user(tx, email=address, name=name, role=role, codes=codes, now=now)
        if user_id is None:
            known = await store.find_login(tx, address)
            assert known is not None
            user = known[0]
            # Who may name the user's companies here, reaches the user.
            if (user.role, user.actor().companies) != (role, None if codes is None else frozenset(codes)):
                raise Conflict("this address belongs to a user with another role or other companies")
            user_id = user.id
        else:
            detail = {"user": str(user_id), "role": role.value}
            await services.record(tx, actor, Action.USER_CREATED, now=now, companies=codes, detail=detail)
        secret = secrets.token_urlsafe(32)
        await store.add_signin_link(tx, digest_of(secret), user_id, now + timedelta(hours=LINK_HOURS))
        await services.record(
            tx, actor, Action.SIGN_IN_LINK_ISSUED, now=now, companies=codes, detail={"user": str(user_id)}
        )
    return secret


async def set_disabled(services: Services, actor: Actor, user_id: UUID, *, disabled: bool, now: datetime) -> None:
    """Close or open an account; closing it ends its sessions at once.

    Raises:
        NotFound: there is no such user for this actor.

    """
    async with services.db.begin() as tx:
        user = await store.get_user(tx, user_id)
        if user is None or not actor.covers_all(user.companies):
            raise NotFound
        await store.set_disabled(tx, user_id, now if disabled else None)
        detail = {"user": str(user_id), "disabled": disabled}
        await services.record(tx, actor, Action.USER_CHANGED, now=now, companies=user.companies, detail=detail)


# ----------------------------------------------------------------- signing in


async def open_link(services: Services, secret: str, password: str, now: datetime) -> tuple[str, Session]:
    """Use a one-time link: set the password and sign in; the cookie's value and the session.

    Every session that the user had ends, so that nobody stays signed in by the old password.

    Raises:
        NotFound: the link is unknown, used or has run out.
        Invalid: the password is too short or too long.
        Unauthenticated: the password was changed once more, or the account closed, at the same moment.

    """
    judge_password(password)
    async with services.db.read() as tx:
        if await store.peek_signin_link(tx, digest_of(secret), now) is None:
            raise NotFound  # before the costly hash, which strangers must not be able to order
    hashed = await asyncio.to_thread(_hasher.hash, password)
    async with services.db.begin() as tx:
        user_id = await store.use_signin_link(tx, digest_of(secret), now)
        user = None if user_id is None else await store.get_user(tx, user_id)
        if user is None or user.disabled_at is not None:
            raise NotFound
        await store.set_password(tx, user.id, hashed)
        detail = {"user": str(user.id), "by": "one-time link"}
        await services.record(tx, user.actor(), Action.PASSWORD_SET, now=now, companies=user.companies, detail=detail)
    return await _open_session(services, user, hashed, now)


def judge_password(password: str) -> None:
    """Length is what counts.

    Raises:
        Invalid: shorter than 12 or longer than 256 characters.

    """
    if not PASSWORD_CHARS <= len(password) <= _LONGEST_PASSWORD:
        text = f"a password has {PASSWORD_CHARS} to {_LONGEST_PASSWORD} characters"
        raise Invalid((Complaint(field="password", message=text),))


async def sign_in(services: Services, email: str, password: str, address: str, now: datetime) -> tuple[str, Session]:
    """Sign in by address and password; the cookie's value and the session.

    The answer to a wrong password, an unknown address and a closed account is one and takes as long.

    Raises:
        TooMany: too many failed attempts for this account or from this address.
        Unauthenticated: address and password do not match.

    """
    account = services.keyring.keyed_hash("signin", email.strip().lower())
    async with services.db.begin() as tx:
        await _must_have_attempts_left(tx, account, address, now)
        found = await store.find_login(tx, email.strip().lower())
    user, hashed = found or (None, None)
    right = await asyncio.to_thread(_verify, hashed or _NOBODY, password)
    if user is None or hashed is None or user.disabled_at is not None or not right:
        async with services.db.begin() as tx:
            detail = {"account": veiled(account)}
            await services.record(tx, _nobody(), Action.SIGN_IN_REFUSED, now=now, companies=None, detail=detail)
        raise Unauthenticated(_NO_MATCH)
    async with services.db.begin() as tx:
        await store.clear_attempts(tx, account)
    return await _open_session(services, user, hashed, now)


async def _must_have_attempts_left(tx: AsyncConnection, account: bytes, address: str, now: datetime) -> None:
    """Count this attempt before its password is looked at, one attempt of an account or an address after another.

    What is refused is not counted: else a stranger who keeps asking would lock a person out for ever.
    """
    await store.lock_attempts(tx, account=account, address=address)
    by_account, by_address = await store.count_attempts(
        tx, account=account, address=address, since=now - ATTEMPT_WINDOW
    )
    if by_account >= ATTEMPTS_PER_ACCOUNT or by_address >= ATTEMPTS_PER_ADDRESS:
        raise TooMany(retry_after_s=int(ATTEMPT_WINDOW.total_seconds()))
    await store.add_attempt(tx, account=account, address=address, now=now)


def _nobody() -> Actor:
    return Actor(id="nobody", name="nobody", role=None, companies=frozenset())


def _verify(hashed: str, password: str) -> bool:
    try:
        return _hasher.verify(hashed, password[:_LONGEST_PASSWORD])
    except (VerificationError, InvalidHashError):
        return False


async def _open_session(services: Services, user: User, hashed: str, now: datetime) -> tuple[str, Session]:
    """Sign in by a password with this hash, unless it was changed or the account closed while it was judged."""
    cookie = secrets.token_urlsafe(32)
    session = Session(
        digest=digest_of(cookie),
        user_id=user.id,
        csrf=secrets.token_urlsafe(24),
        company=None,
        language=None,
        expires_at=now + timedelta(hours=services.settings.session_hours),
    )
    async with services.db.begin() as tx:
        if not await store.lock_login(tx, user.id, hashed):
            raise Unauthenticated(_NO_MATCH)
        await store.add_session(tx, session, now)
        await services.record(tx, user.actor(), Action.SIGNED_IN, now=now, companies=user.companies)
    return cookie, session


async def sign_out(services: Services, actor: Actor, session: Session, now: datetime) -> None:
    """End a session."""
    async with services.db.begin() as tx:
        await store.end_session(tx, session.digest)
        companies = None if actor.companies is None else sorted(actor.companies)
        await services.record(tx, actor, Action.SIGNED_OUT, now=now, companies=companies)


async def by_cookie(services: Services, cookie: str, now: datetime) -> tuple[Session, Actor] | None:
    """The live session of a cookie and who acts in it; None when there is none."""
    async with services.db.begin() as tx:
        found = await store.get_session(tx, digest_of(cookie), now)
    if found is None:
        return None
    session, user = found
    return session, user.actor()


# -------------------------------------------------------------------- tokens


async def create_token(
    services: Services, actor: Actor, *, name: str, role: Role, codes: list[str] | None, now: datetime
) -> str:
    """Make a token and return it, the only time that it is seen.

    Raises:
        Invalid: a company is unknown to the actor.

    """
    await _must_reach(services, actor, codes)
    secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
    async with services.db.begin() as tx:
        token_id = await store.add_token(tx, name=name, role=role, codes=codes, digest=digest_of(secret), now=now)
        detail = {"token": str(token_id), "role": role.value}
        await services.record(tx, actor, Action.TOKEN_CREATED, now=now, companies=codes, detail=detail)
    return secret


async def revoke_token(services: Services, actor: Actor, token_id: UUID, now: datetime) -> None:
    """Revoke a token.

    Raises:
        NotFound: it is unknown to this actor or already revoked.

    """
    async with services.db.begin() as tx:
        token = await store.get_token(tx, token_id)
        if token is None or not actor.covers_all(token.companies) or not await store.revoke_token(tx, token_id, now):
            raise NotFound
        detail = {"token": str(token_id)}
        await services.record(tx, actor, Action.TOKEN_REVOKED, now=now, companies=token.companies, detail=detail)


async def by_token(services: Services, secret: str, cache: TokenCache, at: float) -> Actor | None:
    """Who acts with a token; None when it is unknown or revoked. `at` is a monotonic time in seconds."""
    digest = digest_of(secret)
    actor = cache.get(digest, at)
    if actor is not None:
        return actor
    async with services.db.begin() as tx:
        token: Token | None = await store.find_token(tx, digest)
    if token is None:
        return None
    cache.put(digest, token.actor(), at)
    return token.actor()
