"""Filling an empty installation with the demo, on the real database and object store."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, text

from archive import accounts, custody
from archive.custody import Services
from archive.demo import seed
from archive.demo.calls import calls
from archive.demo.chats import chats
from archive.demo.people import COMPANIES, people
from archive.demo.spoken import opus
from archive.domain.access import HOUSE
from archive.errors import Conflict
from archive.settings import Settings
from archive.store import accounts as account_store
from archive.store import customers, holds, interactions, tables

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
async def empty(fresh_settings: Settings) -> AsyncIterator[Services]:
    """An installation into which nothing has been let."""
    opened = custody.open_services(fresh_settings)
    yield opened
    await opened.close()


async def counted(services: Services, *names: str) -> dict[str, int]:
    async with services.db.begin() as tx:
        return {name: await tx.scalar(select(func.count()).select_from(getattr(tables, name))) or 0 for name in names}


async def test_an_empty_installation_becomes_a_demo_once(empty: Services) -> None:
    told: list[str] = []
    await seed.seed(empty, NOW, told.append)
    first = await counted(empty, "companies", "customers", "interactions", "parts", "holds", "users", "policies")
    assert first == {
        "companies": 2,
        "customers": len(people()),
        "interactions": len(calls(NOW)) + len(chats(NOW)),
        "parts": len(calls(NOW)) + len(chats(NOW)),
        "holds": 4,
        "users": len(seed.USERS),
        "policies": len(seed.RULES),
    }
    assert told[:3] == ["demo: two companies and their policies", "demo: 200 customers", "demo: 300 calls"]
    await seed.seed(empty, NOW + timedelta(days=1), told.append)
    assert await counted(empty, *first) == first
    assert await account_flag(empty) == {"began_at": NOW.isoformat(), "complete": True}
    await look_around(empty)
    await sign_in(empty, told)


async def account_flag(services: Services) -> dict[str, Any] | None:
    async with services.db.begin() as tx:
        return await account_store.get_flag(tx, seed.FLAG)


_LINKS_OF_CHATS = """
    SELECT l.status FROM interactions i LEFT JOIN links l ON l.interaction_id = i.id WHERE i.channel = 'chat'
"""


async def look_around(services: Services) -> None:
    """What the demo is for: linked and unsure contacts, legs of one call, sealed sound, holds, something due."""
    async with services.db.begin() as tx:
        by_status = await tx.execute(text("SELECT status, count(DISTINCT interaction_id) AS n FROM links GROUP BY 1"))
        statuses = {row.status: row.n for row in by_status}
        of_chats = await tx.execute(text(_LINKS_OF_CHATS))
        chat_links = [row.status for row in of_chats]
        legs = await interactions.legs(tx, COMPANIES["retail"].code, "siirto-laskutus")
        aino = await customers.get(tx, services.keyring, None, "400101")
        past = text("SELECT id, policy FROM interactions WHERE retain_until < :now")
        due = (await tx.execute(past, {"now": NOW})).all()
        held = await holds.active_on(tx, [row.id for row in due])
    assert statuses["linked"] > 200
    assert chat_links == ["linked"] * len(chats(NOW)), "every chat knows its customer"
    assert statuses["suggested"] >= 10
    assert 15 < 314 - statuses["linked"] - statuses["suggested"] < 60, "some belong to nobody"
    assert [leg.facts.queue for leg in legs] == ["vaihde", "laskutus"]
    assert aino.name == "Aino Lehtola"
    assert {row.policy for row in due} == {"puhelut", "ohjauspuhelut"}
    assert len(held) == 1
    async with services.db.begin() as tx:
        leg = await interactions.get(tx, legs[0].id, None)
        assert leg is not None
        identity = await custody.identity_of(services, tx, leg.id)
    assert leg.recording is not None
    assert await custody.open_whole(services, identity, leg.recording) == opus("transferred-first-leg")


async def sign_in(services: Services, told: list[str]) -> None:
    """Every role gets a link, printed and working."""
    links = [line.rpartition("/")[2] for line in told if "sign in as" in line]
    assert len(links) == 2 * len(seed.USERS)
    for secret in links[-len(seed.USERS) :]:
        await accounts.open_link(services, secret, "a long enough password", NOW + timedelta(days=1))


async def test_a_demo_that_was_cut_short_is_finished_with_the_same_dates(empty: Services) -> None:
    async with empty.db.begin() as tx:
        await account_store.set_flag(tx, seed.FLAG, {"began_at": NOW.isoformat(), "complete": False})
    await accounts.create_company(empty, HOUSE, COMPANIES["retail"], NOW)
    await seed.seed(empty, NOW + timedelta(days=3), lambda _: None)
    async with empty.db.begin() as tx:
        names = set((await tx.scalars(select(tables.interactions.c.external_id))).all())
    assert names == {one.external_id for one in calls(NOW)} | {one.external_id for one in chats(NOW)}


async def test_an_installation_with_a_company_of_its_own_is_refused(empty: Services) -> None:
    await accounts.create_company(empty, HOUSE, COMPANIES["network"], NOW)
    with pytest.raises(Conflict):
        await seed.seed(empty, NOW, lambda _: None)
    assert await account_flag(empty) is None
    assert await counted(empty, "customers", "interactions") == {"customers": 0, "interactions": 0}
