"""`make faults`: rounds of kill -9 under load, with a summary line.

    python -m tests.faults --rounds 200 --seed 7

A broken promise ends the run at once with the round and its seed.
"""

import argparse
import asyncio
import secrets
import signal
import sys
import tempfile
import time
from pathlib import Path

import aiohttp

from archive.custody import open_services
from archive.settings import load
from tests.faults import promises
from tests.faults.door import Door, Wrong
from tests.faults.ledger import OLD, Ledger
from tests.faults.rounds import Run
from tests.upping import STOP_S, Up, must, up

COMPANY = "faults"


def main() -> int:
    """Run the rounds; 0 when every promise was kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    asked = parser.parse_args()
    say(f"seed {asked.seed}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what it started is stopped too
    with tempfile.TemporaryDirectory(prefix="tallenne-faults-") as folder, up(Path(folder) / "var") as running:
        try:
            say(asyncio.run(play(running, asked.rounds, asked.seed)))
        except Wrong as broken:
            say(f"BROKEN with seed {asked.seed}: {broken}\n{running.log.read_text()[-3000:]}")
            return 1
    return 0


def say(text: str) -> None:
    """One line of the run's report."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


async def play(running: Up, rounds: int, seed: int) -> str:
    """Prepare, play every round, check everything; returns the summary line.

    Raises:
        Wrong: a promise was broken; the text says in which round.

    """
    began = time.monotonic()
    tokens = await asyncio.to_thread(_prepare, running.data)
    settings = load(running.data)
    services = open_services(settings)
    try:
        async with aiohttp.ClientSession() as session:
            # As aiohttp's own test client does: else it would quietly say a PUT twice when its answer was lost.
            session._retry_connection = False
            door = Door(url=running.url, company=COMPANY, ledger=Ledger(), session=session, **tokens)
            await _set_policy(door)
            run = Run(running=running, door=door, seed=seed)
            for number in range(1, rounds + 1):
                await _play_one(run, number)
            await door.until_ready()
            destroyed = await promises.check_from_outside(door, services)
    finally:
        await services.close()
    if await asyncio.to_thread(running.stop) > STOP_S or running.process.returncode != 0:
        raise Wrong("it did not stop in time with status 0")
    verdict = await promises.check_underneath(door, settings)
    kills = ", ".join(f"{name} {count}" for name, count in sorted(run.kills.items()))
    ledger = door.ledger
    return (
        f"{rounds} rounds, seed {seed}, {time.monotonic() - began:.0f} s; killed: {kills}\n"
        f"pushed {len(ledger.pushes)}, acknowledged {len(ledger.acknowledged)}: lost 0, changed 0, doubled 0; "
        f"kept {verdict.kept}, destroyed {destroyed} in {len(ledger.disposals)} acknowledged disposals, "
        f"held and still there {verdict.held}\n"
        f"answers lost after the commit, found whole on the next push {ledger.kept_unanswered}; "
        f"abandoned without an answer: absent {verdict.abandoned_absent}, whole {verdict.abandoned_whole}, half 0; "
        f"refused for now {ledger.refused_for_now}; orphans swept {verdict.orphans}\n"
        f"{rounds} passed, 0 failed"
    )


async def _play_one(run: Run, number: int) -> None:
    before = len(run.door.ledger.acknowledged)
    began = time.monotonic()
    try:
        await run.round(number)
    except (Wrong, TimeoutError) as broken:
        raise Wrong(f"round {number}: {broken or 'too slow to come back'}") from broken
    came = len(run.door.ledger.acknowledged) - before
    say(f"round {number}: {came} acknowledged, {time.monotonic() - began:.1f} s")


def _prepare(data: Path) -> dict[str, str]:
    options = ("--name", "Faults", "--business-id", "0112038-9", "--kind", "retail")
    must("company", "create", COMPANY, *options, data=data)
    return {role: must("token", "create", role, "--role", role, data=data).strip() for role in ("telephony", "dpo")}


async def _set_policy(door: Door) -> None:
    body = {"company": COMPANY, "channel": None, "category": OLD, "keep": "P12M", "trigger": "interaction_end"}
    headers = {"Authorization": f"Bearer {door.dpo}"}
    async with door.session.put(f"{door.url}/api/v1/policies/old", json=body, headers=headers) as answer:
        if answer.status != 201:
            raise Wrong(f"the policy was not made: {await answer.text()}")


if __name__ == "__main__":
    sys.exit(main())
