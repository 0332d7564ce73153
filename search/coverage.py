"""How much of what is kept can be found by all its facts: counted from the data, never read from a flag.

`searchable` contacts have had every fact read from their bytes; `waiting` ones are found by what their door said of
them, and by length only where the door told it; `failed` ones stay so until their dead letter is tried again.
"""

import asyncio
import time
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from archive.domain.interactions import DeriveState, State
from archive.store.arrays import within
from archive.store.tables import interactions
from archive.store.unit_of_work import Database

CHEAP_S = 0.004
REST_FACTOR = 50.0
_STALE_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Counts of contacts."""

    searchable: int
    waiting: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    counts: Coverage
    at_s: float
    cost_s: float


async def measure(tx: AsyncConnection, companies: frozenset[str] | None) -> Coverage:
    """Count the contacts of these companies by how far their facts have come."""
    c = interactions.c
    rows = await tx.execute(
        select(c.derive_state, func.count())
        .where(c.derive_state != DeriveState.DONE, c.state == State.KEPT, within(c.company, companies))
        .group_by(c.derive_state)
    )
    behind = {str(state): int(count) for state, count in rows}
    kept = int(await tx.scalar(select(func.count(c.id)).where(within(c.company, companies))) or 0)
    waiting, failed = behind.get(DeriveState.WAITING, 0), behind.get(DeriveState.FAILED, 0)
    return Coverage(searchable=max(kept - waiting - failed, 0), waiting=waiting, failed=failed)


class CoverageGauge:
    """The coverage of sets of companies, measured again when what it costs to count is small beside the time since.

    Counting a million rows takes longer than a search does, so an old figure is shown while the next one is counted
    aside; where counting is cheap, every search counts.
    """

    def __init__(self, db: Database, *, cheap_s: float = CHEAP_S, rest_factor: float = REST_FACTOR) -> None:
        self._db = db
        self._cheap_s, self._rest_factor = cheap_s, rest_factor
        self._known: dict[frozenset[str] | None, _Measured] = {}
        self._running: dict[frozenset[str] | None, asyncio.Task[Coverage]] = {}

    async def read(self, companies: frozenset[str] | None) -> Coverage:
        """The coverage of these companies.

        Raises:
            StoreUnavailable: the database cannot be reached.

        """
        known = self._known.get(companies)
        age_s = float("inf") if known is None else time.monotonic() - known.at_s
        if known is not None and age_s < known.cost_s * self._rest_factor and known.cost_s > self._cheap_s:
            return known.counts
        running = self._running.get(companies)
        if running is None:
            running = self._running[companies] = asyncio.create_task(self._measure(companies))
            running.add_done_callback(_look_at_end)
        if known is not None and known.cost_s > self._cheap_s and age_s < _STALE_S:
            return known.counts
        return await asyncio.shield(running)

    async def _measure(self, companies: frozenset[str] | None) -> Coverage:
        try:
            begun = time.monotonic()
            async with self._db.begin() as tx:
                counts = await measure(tx, companies)
            now = time.monotonic()
            self._known[companies] = _Measured(counts=counts, at_s=now, cost_s=now - begun)
            return counts
        finally:
            del self._running[companies]


_GAUGES: WeakKeyDictionary[Database, CoverageGauge] = WeakKeyDictionary()


def gauge(db: Database) -> CoverageGauge:
    """The one gauge of a database in this process; it goes when the database's pool goes."""
    return _GAUGES.setdefault(db, CoverageGauge(db))


def _look_at_end(task: asyncio.Task[Coverage]) -> None:
    """A count that nobody waited for may fail; the next search counts again and says so."""
    if not task.cancelled():
        task.exception()
