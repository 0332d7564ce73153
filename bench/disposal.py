"""Disposal of small recordings, against a bare loop that deletes the same objects' versions and rows in batches.

Both do the same contacts of their own, in turns, in one run. The bare loop knows every version and every table; it
looks at no rule and no hold, checks nothing, and leaves neither trail nor tombstone nor certificate.

Run as `python -m bench.disposal [CONTACTS] [ROUNDS]`; it starts services of its own.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from minio import Minio
from minio.deleteobjects import DeleteObject
from sqlalchemy import delete

from archive import embedded
from archive.custody import Services, open_services
from archive.domain.access import Actor, Role
from archive.store import destruction
from archive.store.arrays import among
from archive.store.destruction import CONTENT, Kept
from archive.store.migrate import migrate
from archive.store.tables import interactions
from retention import disposal
from tests.conftest import minio, settings_of
from tests.keeping import keep, new_company, new_rule, rule_of

BATCH = 500
SIZE_BYTES = 10_000


def bare_deletion(client: Minio, bucket: str, objects: list[Kept]) -> None:
    """One DeleteObjects call for a batch of known versions."""
    doomed = [DeleteObject(one.object_key, one.version_id) for one in objects]
    errors = list(client.remove_objects(bucket, doomed, bypass_governance_mode=True))
    assert errors == []


async def bare(services: Services, client: Minio, ids: list[UUID]) -> float:
    """The rate (contacts a second) of deleting versions and rows, batch after batch."""
    async with services.db.begin() as tx:
        objects = await destruction.objects_of(tx, ids)
    by_contact: dict[UUID, list[Kept]] = {}
    for one in objects:
        by_contact.setdefault(one.interaction_id, []).append(one)
    begun = time.perf_counter()
    for start in range(0, len(ids), BATCH):
        batch = ids[start : start + BATCH]
        doomed = [one for contact in batch for one in by_contact[contact]]
        await asyncio.to_thread(bare_deletion, client, services.settings.s3_bucket, doomed)
        async with services.db.begin() as tx:
            for table in CONTENT:
                await tx.execute(delete(table).where(among(table.c.interaction_id, batch)))
            await tx.execute(delete(interactions).where(among(interactions.c.id, batch)))
    return len(ids) / (time.perf_counter() - begun)


async def ours(services: Services, company: str, ids: list[UUID]) -> float:
    """The rate of a whole disposal: planned, marked, deleted, looked for, tombstones, trail, signed certificate."""
    actor = Actor(id="bench", name="bench", role=Role.DPO, companies=frozenset({company}))
    begun = time.perf_counter()
    ended = await disposal.run(services, actor, datetime.now(UTC))
    rate = len(ids) / (time.perf_counter() - begun)
    assert ended.counts == {"destroyed": len(ids), "held": 0, "failed": 0}, ended.counts
    return rate


async def measure(services: Services, client: Minio, count: int, rounds: int) -> None:
    """Print the rate of both and their ratio, round by round; who begins changes."""
    ratios = []
    for number in range(rounds):
        rates: dict[str, float] = {}
        for side in ("bare", "ours") if number % 2 == 0 else ("ours", "bare"):
            company = await new_company(services)
            await new_rule(services, rule_of(company))
            ids = await keep(services, company, count, size_bytes=SIZE_BYTES)
            rates[side] = await (bare(services, client, ids) if side == "bare" else ours(services, company, ids))
        ratios.append(rates["ours"] / rates["bare"])
        told = f"ours {rates['ours']:.0f}/s, bare {rates['bare']:.0f}/s, ratio {ratios[-1]:.2f}"
        print(f"round {number + 1}: {told}", flush=True)
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
    print(f"disposal of {count}: ratio {statistics.median(ratios):.2f} (spread {spread}; wanted 0.8)")


async def main(count: int, rounds: int) -> None:
    """Measure on services of its own, as durable as those of `tallenne up`."""
    with tempfile.TemporaryDirectory(prefix="tallenne-bench-") as folder:
        prepared = await embedded.prepare(Path(folder))
        running = await embedded.start_all(prepared)
        try:
            await embedded.make_room(prepared)
            await migrate(prepared.database.url)
            environment = prepared.environment() | {"TALLENNE_DATA": folder}
            services = open_services(settings_of(environment))
            await measure(services, minio(environment), count, rounds)
            await services.close()
        finally:
            await embedded.stop_all(running)


if __name__ == "__main__":
    asyncio.run(main(*(int(word) for word in (sys.argv[1:] + ["5000", "5"][len(sys.argv) - 1 :])[:2])))
