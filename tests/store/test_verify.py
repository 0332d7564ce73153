"""What `tallenne verify` finds: each kind of damage, done behind the archive's back and by its name."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from archive import sealer, sweep, verify
from archive.custody import Services, open_services
from archive.domain.access import HOUSE, Action
from archive.settings import Settings
from archive.store import interactions, trail
from tests.house import now
from tests.intaking import keep, make_company


@pytest.fixture
async def own(fresh_settings: Settings) -> Any:
    """Services over a database of this test alone; the bucket is shared, so a company of its own too."""
    services = open_services(fresh_settings.model_copy(update={"orphan_age_s": 1}))
    yield services
    await services.close()


async def seal_all(services: Services) -> int:
    """Seal until nothing waits, as the timer does: a transaction of any database of the server may still run."""
    sealed = 0
    for _ in range(100):
        sealed += await sealer.seal(services, now())
        async with services.db.read() as tx:
            if not await trail.unsealed(tx):
                return sealed
        await asyncio.sleep(0.05)
    return sealed


async def kinds(services: Services) -> set[str]:
    report = await verify.verify(services, now() + timedelta(hours=1))
    return {finding.kind for finding in report.findings}


async def test_what_is_sound_is_said_to_be(own: Services) -> None:
    company = await make_company(own)
    await keep(own, company)
    await seal_all(own)
    await sealer.anchor(own, now())
    report = await verify.verify(own, now())
    # Anchors of other databases lie in the same bucket; everything else must be sound.
    assert {f.kind for f in report.findings} <= {"trail-differs-from-anchor"}
    assert (report.parts, report.sampled) == (1, 1)
    assert report.events >= 2


async def test_a_deleted_object_is_found(own: Services) -> None:
    receipt = await keep(own, await make_company(own))
    async with own.db.read() as tx:
        kept = await interactions.get(tx, UUID(receipt["id"]), None)
    assert kept is not None
    assert kept.recording is not None
    await own.bucket.delete_versions([(kept.recording.object_key, kept.recording.version_id)], bypass=True)
    assert "row-without-object" in await kinds(own)


async def test_an_object_without_a_row_is_found_and_swept(own: Services) -> None:
    company = await make_company(own)
    receipt = await keep(own, company)
    async with own.db.begin() as tx:
        await tx.execute(text("DELETE FROM parts WHERE interaction_id = :id"), {"id": receipt["id"]})
    await asyncio.sleep(1.1)
    assert "object-without-row" in await kinds(own)
    swept = await sweep.sweep(own, now() + timedelta(seconds=5))
    assert swept.orphans >= 1
    assert "object-without-row" not in await kinds(own)
    assert (await sweep.sweep(own, now() + timedelta(seconds=5))).orphans == 0


async def test_changed_bytes_are_found(own: Services) -> None:
    company = await make_company(own)
    receipt = await keep(own, company)
    async with own.db.read() as tx:
        kept = await interactions.get(tx, UUID(receipt["id"]), None)
    assert kept is not None
    part = kept.recording
    assert part is not None
    pieces = [p async for p in own.bucket.get_range(part.object_key, part.version_id, 0, part.sealed_size_bytes - 1)]
    forged = bytearray(b"".join(pieces))
    forged[len(forged) // 2] ^= 1
    stored = await own.bucket.put(part.object_key, bytes(forged))
    async with own.db.begin() as tx:
        await tx.execute(
            text("UPDATE parts SET version_id = :v WHERE id = :id"), {"v": stored.version_id, "id": part.id}
        )
    assert "bytes-differ" in await kinds(own)


async def tamper(services: Services, statement: str) -> None:
    """Change the trail as only the owner of the table can: with its guard switched off."""
    async with services.db.begin() as tx:
        await tx.execute(text("ALTER TABLE trail_events DISABLE TRIGGER USER"))
        done = await tx.execute(text(statement))
        await tx.execute(text("ALTER TABLE trail_events ENABLE TRIGGER USER"))
        assert done.rowcount == 1


async def some_events(services: Services, count: int = 5) -> None:
    for _ in range(count):
        async with services.db.begin() as tx:
            await services.record(tx, HOUSE, Action.SEARCHED, now=now(), companies=None, detail={"n": 1})
    assert await seal_all(services) == count


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("UPDATE trail_events SET actor_name = 'someone else' WHERE seq = 3", "trail-event-changed"),
        ("DELETE FROM trail_events WHERE seq = 3", "trail-event-missing"),
        ("DELETE FROM trail_events WHERE seq = 5", "trail-event-missing"),
        (
            """INSERT INTO trail_events (id, at, actor_id, actor_name, action, detail, mac)
            SELECT gen_random_uuid(), at, actor_id, actor_name, action, detail, mac FROM trail_events WHERE seq = 2""",
            "trail-event-inserted",
        ),
    ],
)
async def test_a_changed_trail_is_found(own: Services, statement: str, kind: str) -> None:
    await some_events(own)
    assert not {k for k in await kinds(own) if k.startswith("trail-event")}
    await tamper(own, statement)
    assert kind in await kinds(own)
    await sealer.seal(own, now())  # the sealer does not launder what was slipped in
    assert kind in await kinds(own)


async def test_the_database_itself_refuses_to_change_the_trail(own: Services) -> None:
    await some_events(own)
    for statement in ("UPDATE trail_events SET actor_name = 'x'", "DELETE FROM trail_events", "TRUNCATE trail_events"):
        with pytest.raises(Exception, match="append-only"):
            async with own.db.begin() as tx:
                await tx.execute(text(statement))


async def test_events_are_sealed_within_five_seconds_of_their_commit(own: Services) -> None:
    async with own.db.begin() as tx:
        await own.record(tx, HOUSE, Action.SEARCHED, now=now(), companies=None)
        assert await sealer.seal(own, now()) == 0  # not committed: not settled
    assert await seal_all(own) == 1
