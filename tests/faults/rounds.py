"""The rounds: load on the door, and at random moments a kill -9 of something underneath it.

A round is decided by its seed alone, as far as the machine lets it. What must hold afterwards is in
`tests/faults/promises.py`.
"""

import asyncio
import contextlib
from collections import Counter
from dataclasses import dataclass, field
from random import Random

import psutil

from tests.faults import promises
from tests.faults.door import Door
from tests.faults.ledger import Push
from tests.upping import Up

LOAD_S = 2.5
PUSHERS = 6
ABANDONED = 0.2
VICTIMS = ("api", "worker", "timers", "postgres", "weed", "backend")


@dataclass(slots=True, kw_only=True)
class Run:
    """A run of rounds against one installation."""

    running: Up
    door: Door
    seed: int
    kills: Counter[str] = field(default_factory=Counter)

    async def round(self, number: int) -> None:
        """One round: load, kills, recovery, and a look at what must hold at once."""
        rng = Random(f"{self.seed}/{number}")
        over = asyncio.get_running_loop().time() + LOAD_S
        pushers = [self._push(Random(rng.random()), f"{number}-{n}", over) for n in range(PUSHERS)]
        kills = [self._kill(rng.choice(VICTIMS), rng.uniform(0.1, LOAD_S)) for _ in range(rng.randint(1, 2))]
        *_, unsure = await asyncio.gather(*pushers, *kills, self._officer(rng))
        await self.door.until_ready()
        if unsure is not None:
            await self.door.hold_until_answered(unsure)
        # Most are pushed again, as a telephony system would; some never are, and must be there whole or not at all.
        mine = [push for push in self.door.ledger.pushes.values() if push.external_id.startswith(f"{number}-")]
        again = [push for push in mine if push.interaction is None and rng.random() >= ABANDONED]
        await asyncio.gather(*(self.door.push_until_answered(push) for push in again))
        names = [push for push in mine if push.interaction is not None]
        earlier = rng.sample(self.door.ledger.acknowledged, min(10, len(self.door.ledger.acknowledged)))
        await promises.check_bytes(self.door, list({id(p): p for p in [*names, *earlier]}.values()))

    async def _push(self, rng: Random, name: str, over: float) -> None:
        count = 0
        while asyncio.get_running_loop().time() < over:
            count += 1
            push = self.door.ledger.new(rng, f"{name}-{count}")
            await self.door.push(push)
            if push.interaction and rng.random() < 1 / 10:
                await self.door.push(push)  # a telephony system that is unsure says it twice

    async def _officer(self, rng: Random) -> Push | None:
        """Hold one of what is due, then have the rest destroyed; returns the one whose hold nobody answered."""
        await asyncio.sleep(rng.uniform(0, LOAD_S / 2))
        unsure = None
        due = [push for push in self.door.ledger.acknowledged if push.due and not push.held]
        if due and rng.random() < 1 / 2:
            chosen = rng.choice(due)
            unsure = chosen if await self.door.hold(chosen) is None else None
        await self.door.dispose()
        return unsure

    async def _kill(self, victim: str, after_s: float) -> None:
        await asyncio.sleep(after_s)
        with contextlib.suppress(psutil.NoSuchProcess, KeyError, IndexError):
            children = self.running.children()
            process = children["postgres" if victim == "backend" else victim]
            if victim == "backend":  # one of the database's own processes: it then ends all others and recovers
                process = process.children()[-1]
            process.kill()
            self.kills[victim] += 1
