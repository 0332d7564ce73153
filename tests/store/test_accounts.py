"""Those who act: one-time links, passwords, attempts, sessions, tokens."""

import asyncio
import time
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from archive import accounts
from archive.accounts import TokenCache
from archive.custody import Services
from archive.domain.access import HOUSE, Action, Actor, Role
from archive.errors import Conflict, Invalid, NotFound, TooMany, Unauthenticated
from archive.store import accounts as store
from archive.store import trail
from tests.house import new_company, now

PASSWORD = "a long enough password"
ADDRESS = "192.0.2.1"


async def invited(services: Services, role: Role = Role.HANDLER, codes: list[str] | None = None) -> tuple[str, str]:
    email = f"{uuid4().hex}@example.test"
    return email, await accounts.create_user(services, HOUSE, email=email, role=role, codes=codes, now=now())


async def test_a_link_sets_a_password_once(services: Services) -> None:
    email, link = await invited(services)
    cookie, session = await accounts.open_link(services, link, PASSWORD, now())
    found = await accounts.by_cookie(services, cookie, now())
    assert found is not None
    assert (found[0].csrf, found[1].name, found[1].role) == (session.csrf, email, Role.HANDLER)
    with pytest.raises(NotFound):
        await accounts.open_link(services, link, PASSWORD, now())


async def test_a_link_runs_out_and_a_newer_one_voids_it(services: Services) -> None:
    email, first = await invited(services)
    second = await accounts.create_user(services, HOUSE, email=email, role=Role.HANDLER, codes=None, now=now())
    with pytest.raises(NotFound):
        await accounts.open_link(services, first, PASSWORD, now())
    with pytest.raises(NotFound):
        await accounts.open_link(services, second, PASSWORD, now() + timedelta(hours=accounts.LINK_HOURS + 1))
    with pytest.raises(Invalid):
        await accounts.open_link(services, second, "short", now())
    await accounts.open_link(services, second, PASSWORD, now())


async def test_a_known_address_is_not_given_another_role(services: Services) -> None:
    email, _ = await invited(services)
    with pytest.raises(Conflict):
        await accounts.create_user(services, HOUSE, email=email, role=Role.ADMIN, codes=None, now=now())


async def test_wrong_password_unknown_address_and_closed_account_sound_alike(services: Services) -> None:
    email, link = await invited(services)
    await accounts.open_link(services, link, PASSWORD, now())
    said = []
    for address, password in ((email, "wrong password 1"), (f"{uuid4().hex}@example.test", PASSWORD)):
        with pytest.raises(Unauthenticated) as error:
            await accounts.sign_in(services, address, password, ADDRESS, now())
        said.append(str(error.value))
    async with services.db.read() as tx:
        login = await store.find_login(tx, email)
    assert login is not None
    await accounts.set_disabled(services, HOUSE, login[0].id, disabled=True, now=now())
    with pytest.raises(Unauthenticated) as error:
        await accounts.sign_in(services, email, PASSWORD, ADDRESS, now())
    assert {*said, str(error.value)} == {said[0]}


async def test_attempts_are_limited_by_account(services: Services) -> None:
    email, link = await invited(services)
    await accounts.open_link(services, link, PASSWORD, now())
    for i in range(accounts.ATTEMPTS_PER_ACCOUNT):
        with pytest.raises(Unauthenticated):
            await accounts.sign_in(services, email.upper(), "wrong password 1", f"198.51.100.{i}", now())
    with pytest.raises(TooMany):
        await accounts.sign_in(services, email, PASSWORD, ADDRESS, now())
    later = now() + accounts.ATTEMPT_WINDOW + timedelta(seconds=1)
    await accounts.sign_in(services, email, PASSWORD, ADDRESS, later)


async def test_attempts_are_limited_by_address(services: Services) -> None:
    address = f"2001:db8::{uuid4().hex[:4]}"
    async with services.db.begin() as tx:
        for _ in range(accounts.ATTEMPTS_PER_ADDRESS):
            await store.add_attempt(tx, account=uuid4().bytes, address=address, now=now())
    email, link = await invited(services)
    await accounts.open_link(services, link, PASSWORD, now())
    with pytest.raises(TooMany):
        await accounts.sign_in(services, email, PASSWORD, address, now())


async def test_closing_an_account_ends_its_sessions(services: Services) -> None:
    _, link = await invited(services)
    cookie, session = await accounts.open_link(services, link, PASSWORD, now())
    await accounts.set_disabled(services, HOUSE, session.user_id, disabled=True, now=now())
    assert await accounts.by_cookie(services, cookie, now()) is None


async def test_a_new_password_ends_the_sessions_of_the_old_one(services: Services) -> None:
    email, link = await invited(services)
    old, _ = await accounts.open_link(services, link, PASSWORD, now())
    again = await accounts.create_user(services, HOUSE, email=email, role=Role.HANDLER, codes=None, now=now())
    new, _ = await accounts.open_link(services, again, PASSWORD + "!", now())
    assert await accounts.by_cookie(services, old, now()) is None
    assert await accounts.by_cookie(services, new, now()) is not None


async def somebody_waits(services: Services) -> bool:
    async with services.db.read() as tx:
        question = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%FOR SHARE%'"
        return bool(await tx.scalar(text(question)))


async def test_an_old_password_opens_nothing_although_it_was_being_judged_at_the_change(services: Services) -> None:
    email, link = await invited(services)
    _, session = await accounts.open_link(services, link, PASSWORD, now())
    async with services.db.begin() as tx:
        await store.set_password(tx, session.user_id, "of another password")
        late = asyncio.create_task(accounts.sign_in(services, email, PASSWORD, f"2001:db8::{uuid4().hex[:4]}", now()))
        for _ in range(100):
            if late.done() or await somebody_waits(services):
                break
            await asyncio.sleep(0.02)
    with pytest.raises(Unauthenticated):
        await late


async def test_who_signs_in_and_out_is_told_to_those_of_the_same_companies(services: Services) -> None:
    code = await new_company(services)
    email, link = await invited(services, Role.HANDLER, [code])
    cookie, session = await accounts.open_link(services, link, PASSWORD, now())
    found = await accounts.by_cookie(services, cookie, now())
    assert found is not None
    await accounts.sign_out(services, found[1], session, now())
    async with services.db.read() as tx:
        seen = await trail.page(tx, frozenset({code}), actor=email, limit=9)
    assert {one.event.action for one in seen} >= {Action.SIGNED_IN, Action.SIGNED_OUT}


async def test_links_and_passwords_are_on_the_trail(services: Services) -> None:
    company = await new_company(services)
    email, _ = await invited(services, Role.DPO, [company])
    admin = Actor(id="user:admin", name="admin", role=Role.ADMIN, companies=frozenset({company}))
    again = await accounts.create_user(services, admin, email=email, role=Role.DPO, codes=[company], now=now())
    _, session = await accounts.open_link(services, again, PASSWORD, now())
    async with services.db.read() as tx:
        found = await tx.execute(
            text("SELECT action, actor_id, detail->>'user' FROM trail_events WHERE companies = :codes ORDER BY at, id"),
            {"codes": [company]},
        )
        events = [tuple(row) for row in found]
    user = str(session.user_id)
    assert ("archive:signin-link:issued", "house", user) in events
    assert ("archive:signin-link:issued", "user:admin", user) in events
    assert ("archive:password:set", f"user:{user}", user) in events


async def test_attempts_at_once_do_not_slip_past_the_limit(services: Services) -> None:
    email, link = await invited(services)
    await accounts.open_link(services, link, PASSWORD, now())
    address = f"2001:db8::{uuid4().hex[:4]}"
    tries = [accounts.sign_in(services, email, "wrong password 1", address, now()) for _ in range(30)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(one, Unauthenticated) for one in outcomes) == accounts.ATTEMPTS_PER_ACCOUNT
    assert sum(isinstance(one, TooMany) for one in outcomes) == 30 - accounts.ATTEMPTS_PER_ACCOUNT


async def test_what_was_refused_is_not_counted(services: Services) -> None:
    email, link = await invited(services)
    await accounts.open_link(services, link, PASSWORD, now())
    began = now()
    for _ in range(accounts.ATTEMPTS_PER_ACCOUNT):
        with pytest.raises(Unauthenticated):
            await accounts.sign_in(services, email, "wrong password 1", ADDRESS, began)
    for minutes in range(1, 15):
        with pytest.raises(TooMany):
            await accounts.sign_in(services, email, "wrong password 1", ADDRESS, began + timedelta(minutes=minutes))
    await accounts.sign_in(services, email, PASSWORD, ADDRESS, began + accounts.ATTEMPT_WINDOW + timedelta(seconds=1))


async def test_a_session_runs_out(services: Services) -> None:
    _, link = await invited(services)
    cookie, session = await accounts.open_link(services, link, PASSWORD, now())
    assert await accounts.by_cookie(services, cookie, session.expires_at) is None


async def test_a_token_is_kept_as_a_digest_and_dies_when_revoked(services: Services) -> None:
    company = await new_company(services)
    secret = await accounts.create_token(services, HOUSE, name="pbx", role=Role.TELEPHONY, codes=[company], now=now())
    actor = await accounts.by_token(services, secret, TokenCache(), time.monotonic())
    assert actor is not None
    assert (actor.role, actor.companies) == (Role.TELEPHONY, frozenset({company}))
    async with services.db.read() as tx:
        rows = (await tx.execute(text("SELECT t::text FROM tokens t"))).scalars().all()
    assert not [row for row in rows if secret in row]
    await accounts.revoke_token(services, HOUSE, UUID(actor.id.removeprefix("token:")), now())
    assert await accounts.by_token(services, secret, TokenCache(), time.monotonic()) is None


async def test_a_revoked_token_lives_on_for_a_second_at_most(services: Services) -> None:
    cache = TokenCache()
    secret = await accounts.create_token(services, HOUSE, name="x", role=Role.DPO, codes=None, now=now())
    actor = await accounts.by_token(services, secret, cache, 100.0)
    assert actor is not None
    await accounts.revoke_token(services, HOUSE, UUID(actor.id.removeprefix("token:")), now())
    assert await accounts.by_token(services, secret, cache, 100.0 + TokenCache.SECONDS - 0.01) is not None
    assert await accounts.by_token(services, secret, cache, 100.0 + TokenCache.SECONDS) is None


async def test_a_token_for_an_unknown_company_is_refused(services: Services) -> None:
    with pytest.raises(Invalid):
        await accounts.create_token(services, HOUSE, name="x", role=Role.DPO, codes=["no-such"], now=now())
