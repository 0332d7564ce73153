"""What `tallenne verify` finds: each kind of damage, done behind the archive's back and by its name."""

import asyncio
import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from archive import custody, sealer, verify
from archive.custody import Services, open_services
from archive.domain.access import HOUSE, Action
from archive.domain.interactions import Part
from archive.domain.trail import link
from archive.settings import Settings
from archive.store import destruction, interactions, jobs, trail
from retention import disposal, holds
from tests import keeping
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


async def test_what_comes_while_it_looks_is_no_finding(own: Services) -> None:
    company = await make_company(own)
    await keep(own, company)

    async def pushes() -> None:
        for _ in range(25):
            await keep(own, company)

    coming = asyncio.create_task(pushes())
    found = set[str]()
    while not coming.done():
        found |= await kinds(own)
    await coming
    assert found <= {"trail-differs-from-anchor", "object-without-row"}  # an hour ahead, no object is young


async def test_a_deleted_object_is_found(own: Services) -> None:
    receipt = await keep(own, await make_company(own))
    async with own.db.read() as tx:
        kept = await interactions.get(tx, UUID(receipt["id"]), None)
    assert kept is not None
    assert kept.recording is not None
    await own.bucket.delete_versions([(kept.recording.object_key, kept.recording.version_id)], bypass=True)
    assert "row-without-object" in await kinds(own)


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


async def test_a_chain_linked_anew_without_the_key_is_found(own: Services) -> None:
    await some_events(own)
    await relink(own, lambda previous, mac: hashlib.sha256(previous + mac).digest())
    assert "trail-event-changed" in await kinds(own)


async def test_a_chain_linked_anew_with_the_key_differs_from_the_anchor(own: Services) -> None:
    await some_events(own)
    await sealer.anchor(own, now())
    await relink(own, lambda previous, mac: link(own.mac, previous, mac))
    found = await kinds(own)
    assert "trail-differs-from-anchor" in found
    assert not {kind for kind in found if kind.startswith("trail-event")}


async def relink(services: Services, linked: Callable[[bytes, bytes], bytes]) -> None:
    """Remove the third event and number and link the rest anew, head and all."""
    async with services.db.begin() as tx:
        await tx.execute(text("ALTER TABLE trail_events DISABLE TRIGGER USER"))
        await tx.execute(text("DELETE FROM trail_events WHERE seq = 3"))
        rows = (await tx.execute(text("SELECT id, mac FROM trail_events ORDER BY seq"))).all()
        chain = b""
        for number, (event, mac) in enumerate(rows, start=1):
            chain = linked(chain, bytes(mac))
            values = {"id": event, "seq": number, "chain": chain}
            await tx.execute(text("UPDATE trail_events SET seq = :seq, chain = :chain WHERE id = :id"), values)
        await tx.execute(text("UPDATE trail_head SET seq = :seq, chain = :chain"), {"seq": len(rows), "chain": chain})
        await tx.execute(text("ALTER TABLE trail_events ENABLE TRIGGER USER"))


async def forget(services: Services, contact: UUID, *tables: str) -> None:
    async with services.db.begin() as tx:
        for table in tables:
            await tx.execute(text(f"DELETE FROM {table} WHERE interaction_id = :id"), {"id": contact})


async def remove_objects(services: Services, company: str) -> None:
    """As root of the object store can: locks passed over, holds taken off."""
    for found in [found async for found in services.bucket.versions(f"{company}/")]:
        await services.bucket.set_legal_hold(found.key, found.version_id, on=False)
        assert not await services.bucket.delete_versions([(found.key, found.version_id)], bypass=True)


@pytest.mark.parametrize("sealed", [True, False])
async def test_a_contact_that_vanished_with_its_objects_is_found(own: Services, sealed: bool) -> None:
    company = await make_company(own)
    contact = UUID((await keep(own, company))["id"])
    if sealed:
        await seal_all(own)
    assert "contact-missing" not in await kinds(own)
    await remove_objects(own, company)
    await forget(own, contact, *(table.name for table in destruction.CONTENT))
    async with own.db.begin() as tx:
        await tx.execute(text("DELETE FROM interactions WHERE id = :id"), {"id": contact})
    assert "contact-missing" in await kinds(own)


async def test_a_contact_that_was_destroyed_lawfully_is_not_missing(own: Services) -> None:
    company = await keeping.new_company(own)
    await keeping.new_rule(own, keeping.rule_of(company))
    (contact,) = await keeping.keep(own, company)
    assert (await disposal.run(own, HOUSE, now())).counts["destroyed"] == 1
    await seal_all(own)
    assert not await kinds(own) & {"contact-missing", "tombstone-missing"}
    await forget(own, contact, "tombstones")
    assert "tombstone-missing" in await kinds(own)


async def test_a_contact_without_its_content_is_found(own: Services) -> None:
    company = await make_company(own)
    contact = UUID((await keep(own, company))["id"])
    await remove_objects(own, company)
    await forget(own, contact, "parts")
    assert "contact-without-content" in await kinds(own)


async def test_a_contact_without_its_key_is_found_whatever_the_sample(own: Services) -> None:
    contact = UUID((await keep(own, await make_company(own)))["id"])
    await forget(own, contact, "interaction_keys")
    report = await verify.verify(own, now(), sample=0)
    assert "contact-without-key" in {finding.kind for finding in report.findings}


async def held(services: Services) -> tuple[Part, UUID]:
    """The recording of a contact under hold, and the hold."""
    contact = UUID((await keep(services, await make_company(services)))["id"])
    hold = await holds.place(services, HOUSE, reason="a dispute", ids=[contact], now=now())
    async with services.db.read() as tx:
        kept = await interactions.get(tx, contact, None)
    assert kept is not None
    assert kept.recording is not None
    return kept.recording, hold.id


async def test_a_legal_hold_taken_off_is_found_whatever_the_sample(own: Services) -> None:
    part, _ = await held(own)
    report = await verify.verify(own, now(), sample=0)
    assert "hold-not-on-object" not in {finding.kind for finding in report.findings}
    await own.bucket.set_legal_hold(part.object_key, part.version_id, on=False)
    report = await verify.verify(own, now(), sample=0)
    assert "hold-not-on-object" in {finding.kind for finding in report.findings}


async def test_a_lock_that_ends_before_the_contacts_date_is_found(own: Services) -> None:
    contact = UUID((await keep(own, await make_company(own)))["id"])
    assert "lock-too-short" not in await kinds(own)
    later = {"until": now() + timedelta(days=3000), "id": contact}
    async with own.db.begin() as tx:
        await tx.execute(text("UPDATE interactions SET retain_until = :until WHERE id = :id"), later)
    assert "lock-too-short" in await kinds(own)
    async with own.db.begin() as tx:
        await jobs.enqueue(tx, custody.RELOCK, {"ids": str(contact)})
    assert "lock-too-short" not in await kinds(own)  # it is on its way


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE hold_items SET released_at = now() WHERE hold_id = :hold",
        "UPDATE holds SET released_at = now() WHERE id = :hold",
        "DELETE FROM hold_items WHERE hold_id = :hold",
    ],
)
async def test_a_hold_ended_behind_our_back_is_found(own: Services, statement: str) -> None:
    _, hold = await held(own)
    await seal_all(own)
    assert "hold-ended-untold" not in await kinds(own)
    async with own.db.begin() as tx:
        await tx.execute(text(statement), {"hold": hold})
    assert "hold-ended-untold" in await kinds(own)


async def test_a_hold_that_was_released_is_no_finding(own: Services) -> None:
    _, hold = await held(own)
    await holds.release(own, HOUSE, hold, reason="settled", now=now())
    await seal_all(own)
    assert "hold-ended-untold" not in await kinds(own)


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
