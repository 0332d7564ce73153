"""What must hold whatever was killed: nothing acknowledged is lost, doubled or changed, every disposal ends right."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from archive import embedded, sweep, verify
from archive.custody import Services, open_services
from archive.domain.access import HOUSE
from archive.settings import Settings
from retention import certificate, disposal
from tests.faults.door import GONE, NOT_FOUND, OK, Door, Wrong
from tests.faults.ledger import Push

_AT_ONCE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The counts of a run that kept its promises."""

    kept: int
    held: int
    abandoned_whole: int
    abandoned_absent: int
    orphans: int


async def check_bytes(door: Door, pushes: Iterable[Push]) -> None:
    """Each acknowledged recording opens with its very bytes; one that is due may be gone instead, unless it is held.

    Raises:
        Wrong: one is lost or changed.

    """
    turn = asyncio.Semaphore(_AT_ONCE)

    async def look(push: Push) -> None:
        async with turn:
            status, body = await door.audio(push)
            if status == NOT_FOUND and push.due and not push.held:
                # Its rows went while they were read; a moment later the answer is that it was destroyed.
                await asyncio.sleep(1)
                status, body = await door.audio(push)
        if status == OK and body == push.body:
            return
        if status == OK:
            raise Wrong(f"{push.external_id}: other bytes than were acknowledged")
        if push.held or not push.due or status != GONE:
            raise Wrong(f"{push.external_id}: status {status} for what was acknowledged")

    await asyncio.gather(*(look(push) for push in pushes))


async def check_from_outside(door: Door, services: Services) -> int:
    """Let every disposal end, then open everything and read every certificate; how many were destroyed.

    Raises:
        Wrong: a promise was broken.

    """
    await disposal.run(services, HOUSE, datetime.now(UTC))
    await _disposals_end(services)
    await check_bytes(door, door.ledger.acknowledged)
    return await _check_certificates(door, services)


async def check_underneath(door: Door, settings: Settings) -> Verdict:
    """With everything else stopped, compare rows, objects and the ledger, and let `tallenne verify` look.

    Raises:
        Wrong: a promise was broken.

    """
    prepared = await embedded.prepare(settings.data)
    running = await embedded.start_all(prepared)
    services = open_services(settings)
    try:
        rows = await _rows(services, door.company)
        whole, absent = _check_rows(door, rows)
        later = datetime.now(UTC) + timedelta(hours=1)
        swept = await sweep.sweep(services, later, second_look_s=0)
        await _check_objects(services, door.company)
        report = await verify.verify(services, later)
        if not report.sound:
            raise Wrong(f"verify finds {report.findings[:3]}")
    finally:
        await services.close()
        await embedded.stop_all(running)
    held = sum(push.held for push in door.ledger.acknowledged)
    return Verdict(kept=len(rows), held=held, abandoned_whole=whole, abandoned_absent=absent, orphans=swept.orphans)


async def _ask(services: Services, statement: str, *values: Any) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(services.settings.database_url.get_secret_value())
    try:
        found: list[asyncpg.Record] = await connection.fetch(statement, *values)
        return found
    finally:
        await connection.close()


async def _disposals_end(services: Services, within_s: float = 120) -> None:
    async with asyncio.timeout(within_s):
        while left := await _ask(services, "SELECT id, status FROM disposals WHERE status <> 'done'"):
            for row in left:
                await disposal.carry_out(services, row["id"])
            await asyncio.sleep(0.5)


async def _rows(services: Services, company: str) -> dict[str, asyncpg.Record]:
    """Every contact by its external id.

    Raises:
        Wrong: one is there twice, or has not just one recording.

    """
    found = await _ask(
        services,
        "SELECT i.id, i.external_id, i.state, p.sha256 FROM interactions i"
        " JOIN parts p ON p.interaction_id = i.id AND p.kind = 'recording' WHERE i.company = $1",
        company,
    )
    rows = {row["external_id"]: row for row in found}
    if len(rows) != len(found):
        raise Wrong(f"{len(found) - len(rows)} contacts are there twice")
    (count,) = await _ask(services, "SELECT count(*) AS n FROM interactions WHERE company = $1", company)
    if count["n"] != len(rows):
        raise Wrong(f"{count['n'] - len(rows)} contacts have no recording")
    return rows


def _check_rows(door: Door, rows: dict[str, asyncpg.Record]) -> tuple[int, int]:
    """Nothing is there that was not pushed, nothing that is due is left; counts of the abandoned: whole, absent."""
    for name, row in rows.items():
        push = door.ledger.pushes.get(name)
        if push is None or row["sha256"] != bytes.fromhex(push.sha256):
            raise Wrong(f"{name}: something is kept that nobody pushed")
        if row["state"] != "kept" or (push.due and not push.held):
            raise Wrong(f"{name}: was due and is still there in state {row['state']}")
    abandoned = door.ledger.open
    whole = sum(push.external_id in rows for push in abandoned)
    return whole, len(abandoned) - whole


async def _check_objects(services: Services, company: str) -> None:
    """Objects and rows agree, version by version."""
    known = await _ask(
        services,
        "SELECT p.object_key, p.version_id FROM parts p JOIN interactions i ON i.id = p.interaction_id"
        " WHERE i.company = $1",
        company,
    )
    there = {(found.key, found.version_id) async for found in services.bucket.versions(f"{company}/")}
    wanted = {(row["object_key"], row["version_id"]) for row in known}
    if there != wanted:
        raise Wrong(f"{len(wanted - there)} rows without object, {len(there - wanted)} objects without row")


async def _check_certificates(door: Door, services: Services) -> int:
    """Every destroyed contact is in one sound certificate, with its digest; returns how many there are."""
    named: dict[str, list[str]] = {}
    for row in await _ask(services, "SELECT id FROM disposals"):
        status, document = await door.get(f"/api/v1/disposals/{row['id']}/certificate")
        if status != OK:
            raise Wrong(f"disposal {row['id']}: status {status} for its certificate")
        if not certificate.verify(document).sound:
            raise Wrong(f"disposal {row['id']}: the certificate is not sound")
        for item in document["body"]["items"]:
            named.setdefault(item["interaction"], []).extend(part["sha256"] for part in item["parts"])
    for push in door.ledger.acknowledged:
        gone = push.interaction in named
        if gone != (push.due and not push.held):
            raise Wrong(f"{push.external_id}: {'destroyed' if gone else 'not destroyed'} by the certificates")
        if gone and push.sha256 not in named[push.interaction or ""]:
            raise Wrong(f"{push.external_id}: the certificate names other bytes")
    (graves,) = await _ask(services, "SELECT count(*) AS n FROM tombstones")
    if graves["n"] != len(named):
        raise Wrong(f"{graves['n']} tombstones for {len(named)} destroyed contacts")
    return len(named)
