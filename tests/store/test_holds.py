"""Holds on the real database and object store: nothing acknowledged as held is ever destroyed."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from archive.custody import Services, open_services
from archive.domain.access import Actor, Role
from archive.errors import Conflict, Destroyed, Invalid, NotFound
from archive.objects.s3 import Bucket
from archive.settings import Settings
from archive.store import destruction, interactions, trail
from archive.store import holds as store
from retention import disposal, holds, mirror
from retention.timers import mirror_holds
from tests.keeping import keep, new_company, ruled_company

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
async def services(settings: Settings) -> AsyncIterator[Services]:
    opened = open_services(settings)
    yield opened
    await opened.close()


@pytest.fixture
async def company(services: Services) -> str:
    return await ruled_company(services)


def handler(company: str) -> Actor:
    return Actor(id="user:handler", name="handler@example.com", role=Role.HANDLER, companies=frozenset({company}))


async def under_legal_hold(services: Services, contact: UUID) -> list[bool]:
    async with services.db.begin() as tx:
        objects = await destruction.objects_of(tx, [contact])
    return [(await services.bucket.head(one.object_key, one.version_id)).legal_hold for one in objects]


async def is_kept(services: Services, contact: UUID) -> bool:
    async with services.db.begin() as tx:
        return await interactions.get(tx, contact, None) is not None


async def test_a_hold_is_shown_by_every_object_and_taken_off_when_released(services: Services, company: str) -> None:
    first, second = await keep(services, company, 2, parts=2)
    hold = await holds.place(services, handler(company), reason="complaint", ids=[first], now=NOW)
    assert (hold.company, hold.interactions, hold.unmirrored, hold.released_at) == (company, 1, 0, None)
    assert await under_legal_hold(services, first) == [True, True]
    assert await under_legal_hold(services, second) == [False, False]
    released = await holds.release(services, handler(company), hold.id, reason="settled", now=NOW)
    assert (released.released_by, released.release_reason) == ("user:handler", "settled")
    assert await under_legal_hold(services, first) == [False, False]


async def test_a_second_hold_keeps_what_the_first_lets_go(services: Services, company: str) -> None:
    (contact,) = await keep(services, company)
    first = await holds.place(services, handler(company), reason="complaint", ids=[contact], now=NOW)
    await holds.place(services, handler(company), reason="court", ids=[contact], now=NOW)
    await holds.release(services, handler(company), first.id, reason="settled", now=NOW)
    assert await under_legal_hold(services, contact) == [True]
    ended = await disposal.run(services, handler(company), datetime.now(UTC))
    assert ended.counts == {"destroyed": 0, "held": 1, "failed": 0}


async def test_many_contacts_are_mirrored_by_the_job(services: Services, company: str) -> None:
    ids = await keep(services, company, holds.INLINE + 5)
    hold = await holds.place(services, handler(company), reason="audit", ids=ids, now=NOW)
    assert hold.unmirrored == len(ids)
    await holds.mirror_hold(services, {"hold": str(hold.id)})
    assert (await holds.get(services, handler(company), hold.id)).unmirrored == 0
    assert [await under_legal_hold(services, one) for one in ids] == [[True]] * len(ids)


async def test_a_mirror_that_lags_behind_a_release_does_not_stop_a_disposal(services: Services, company: str) -> None:
    (contact,) = await keep(services, company)
    hold = await holds.place(services, handler(company), reason="complaint", ids=[contact], now=NOW)
    async with services.db.begin() as tx:
        await store.release(tx, hold.id, reason="settled", by="user:handler", now=NOW)
    assert await under_legal_hold(services, contact) == [True]
    ended = await disposal.run(services, handler(company), datetime.now(UTC))
    assert ended.counts == {"destroyed": 1, "held": 0, "failed": 0}


async def test_placing_and_releasing_at_once_end_as_the_database_says(services: Services, company: str) -> None:
    (contact,) = await keep(services, company)
    for _ in range(5):
        hold = await holds.place(services, handler(company), reason="complaint", ids=[contact], now=NOW)
        other, _ = await asyncio.gather(
            holds.place(services, handler(company), reason="court", ids=[contact], now=NOW),
            holds.release(services, handler(company), hold.id, reason="settled", now=NOW),
        )
        assert await under_legal_hold(services, contact) == [True]
        await asyncio.gather(
            holds.release(services, handler(company), other.id, reason="settled", now=NOW),
            mirror.show(services, [contact]),
        )
        assert await under_legal_hold(services, contact) == [False]


async def test_what_cannot_be_held_is_refused_and_nothing_is_placed(services: Services, company: str) -> None:
    kept, due = await keep(services, company, 2)
    other = await new_company(services)
    (theirs,) = await keep(services, other)
    everyone = Actor(id="user:dpo", name="dpo@example.com", role=Role.DPO)
    with pytest.raises(NotFound):
        await holds.place(services, handler(company), reason="x", ids=[kept, uuid4()], now=NOW)
    with pytest.raises(NotFound):
        await holds.place(services, handler(company), reason="x", ids=[kept, theirs], now=NOW)
    with pytest.raises(Invalid):
        await holds.place(services, everyone, reason="x", ids=[kept, theirs], now=NOW)
    with pytest.raises(Invalid):
        await holds.place(services, handler(company), reason="x", ids=[], now=NOW)
    async with services.db.begin() as tx:
        assert await store.active_on(tx, [kept, due, theirs]) == {}


async def test_what_is_being_destroyed_or_was_cannot_be_held(services: Services, company: str) -> None:
    kept, due = await keep(services, company, 2)
    begun = await disposal.start(services, handler(company), datetime.now(UTC), companies=frozenset({company}))
    lines = [line async for batch in disposal.plan(services, frozenset({company}), begun.as_of) for line in batch]
    await disposal.mark(services, begun, [line for line in lines if line.due.id == due])
    with pytest.raises(Destroyed):
        await holds.place(services, handler(company), reason="x", ids=[kept, due], now=NOW)
    await holds.place(services, handler(company), reason="x", ids=[kept], now=NOW)
    await disposal.carry_out(services, begun.id)
    with pytest.raises(Destroyed):
        await holds.place(services, handler(company), reason="x", ids=[due], now=NOW)
    assert await is_kept(services, kept)


async def test_a_hold_is_released_once_and_by_those_who_may_see_it(services: Services, company: str) -> None:
    (contact,) = await keep(services, company)
    hold = await holds.place(services, handler(company), reason="complaint", ids=[contact], now=NOW)
    stranger = handler(await new_company(services))
    with pytest.raises(NotFound):
        await holds.release(services, stranger, hold.id, reason="x", now=NOW)
    with pytest.raises(NotFound):
        await holds.get(services, stranger, hold.id)
    await holds.release(services, handler(company), hold.id, reason="settled", now=NOW)
    with pytest.raises(Conflict):
        await holds.release(services, handler(company), hold.id, reason="again", now=NOW)


async def test_the_history_of_a_contact_tells_of_its_holds(services: Services, company: str) -> None:
    (contact,) = await keep(services, company)
    hold = await holds.place(services, handler(company), reason="the customer's name", ids=[contact], now=NOW)
    await holds.release(services, handler(company), hold.id, reason="settled", now=NOW)
    async with services.db.begin() as tx:
        events = await trail.page(tx, frozenset({company}), interaction_id=contact)
    told = [(one.event.action, one.event.detail) for one in events if one.event.action.startswith("retention:hold")]
    assert sorted(action for action, _ in told) == ["retention:hold:placed", "retention:hold:released"]
    assert all(detail == {"hold": str(hold.id)} for _, detail in told)


async def test_a_hold_stands_although_the_object_store_is_away(services: Services, company: str) -> None:
    (contact,) = await keep(services, company)
    away = replace(services, bucket=Bucket.open(services.settings.model_copy(update={"s3_endpoint": "127.0.0.1:1"})))
    hold = await holds.place(away, handler(company), reason="complaint", ids=[contact], now=NOW)
    assert hold.unmirrored == 1
    await away.bucket.close()
    ended = await disposal.run(services, handler(company), datetime.now(UTC))
    assert ended.counts == {"destroyed": 0, "held": 1, "failed": 0}
    await mirror_holds(services, NOW)
    assert await under_legal_hold(services, contact) == [True]


async def test_pages_of_holds(services: Services, company: str) -> None:
    ids = await keep(services, company, 3)
    moments = [NOW + timedelta(seconds=number) for number in range(3)]
    placed = [
        await holds.place(services, handler(company), reason="x", ids=[one], now=moment)
        for one, moment in zip(ids, moments, strict=True)
    ]
    await holds.release(services, handler(company), placed[0].id, reason="y", now=NOW)
    scope = frozenset({company})
    async with services.db.begin() as tx:
        page = await store.page(tx, scope, limit=2)
        rest = await store.page(tx, scope, before=(page[-1].placed_at, page[-1].id), limit=2)
        active = await store.page(tx, scope, active=True)
        ended = await store.page(tx, scope, active=False)
        on_one = await store.page(tx, scope, interaction_id=ids[1])
    assert [one.id for one in (*page, *rest)] == [one.id for one in reversed(placed)]
    assert [one.id for one in active] == [placed[2].id, placed[1].id]
    assert [one.id for one in ended] == [placed[0].id]
    assert [one.id for one in on_one] == [placed[1].id]


async def test_a_hold_acknowledged_while_a_disposal_runs_is_never_broken(services: Services, company: str) -> None:
    """200 rounds: whoever comes first wins, and what was acknowledged as held is whole afterwards."""
    dice = random.Random(5)
    outcomes = {"held": 0, "destroyed": 0}
    for _ in range(200):
        (contact,) = await keep(services, company)

        async def hold(contact: UUID = contact) -> bool:
            await asyncio.sleep(dice.uniform(0, 0.02))
            try:
                await holds.place(services, handler(company), reason="race", ids=[contact], now=datetime.now(UTC))
            except (Destroyed, NotFound):
                return False
            return True

        begun = await disposal.start(services, handler(company), datetime.now(UTC), companies=frozenset({company}))
        held, ended = await asyncio.gather(hold(), disposal.carry_out(services, begun.id))
        kept = await is_kept(services, contact)
        assert held == kept, (held, kept, ended.counts)
        if held:
            assert await under_legal_hold(services, contact) == [True]
            again = await disposal.run(services, handler(company), datetime.now(UTC))
            assert again.counts["destroyed"] == 0
            async with services.db.begin() as tx:
                for other in await store.active_on(tx, [contact]):
                    assert (await destruction.objects_of(tx, [contact])) != []
                    assert other
            await _forget(services, company, contact)
        outcomes["held" if held else "destroyed"] += 1
    # Both must have happened, else the race was none.
    assert min(outcomes.values()) > 10, outcomes


async def _forget(services: Services, company: str, contact: UUID) -> None:
    """Let a held contact go, so that the next round has one contact to fight for."""
    async with services.db.begin() as tx:
        placed = await store.active_on(tx, [contact])
    for hold_id in placed[contact]:
        await holds.release(services, handler(company), hold_id, reason="round over", now=datetime.now(UTC))
    await disposal.run(services, handler(company), datetime.now(UTC))
