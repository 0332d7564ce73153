"""Speech under kill -9: short calls are transcribed while their worker and its recogniser die at random moments.

    python -m tests.faults.speech --kills 100 --calls 200 --seed 7

Each call must end transcribed once, and whenever one looks, the coverage that search tells must be what an independent
count of the rows says. A broken promise ends the run with its seed. With `--work` this is the worker itself.
"""

import argparse
import asyncio
import contextlib
import os
import secrets
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from uuid import UUID, uuid4

import psutil
from sqlalchemy import text

from archive import roles
from archive.custody import Services, open_services
from archive.demo.spoken import dialogues
from archive.settings import load
from ingest import jobs as ingest_jobs
from ingest.transcribe.whisper import Whisper
from search.coverage import CoverageGauge
from tests import intaking
from tests import services as kept_services
from tests.conftest import minio, settings_of
from tests.faults.door import Wrong
from tests.hearing import clip, mixed
from tests.house import new_company

FORKED = get_context("forkserver")
CALL_S = 5.0
HEARTBEAT_S = 3.0
PATIENCE_S = 1_800
RECOGNISER = 0.2
"""The share of kills that meet the recogniser only, over and above those of the worker."""


def main() -> int:
    """Run it; 0 when every promise was kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.speech")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--work", action="store_true")
    asked = parser.parse_args()
    if asked.work:
        work()
        return 0
    say(f"seed {asked.seed}")
    for name in [name for name in os.environ if name.startswith("TALLENNE_")]:
        del os.environ[name]
    FORKED.set_forkserver_preload(["archive.roles", "search.coverage", "tests.conftest", "tests.hearing"])
    kept_services.begin_run()
    try:
        with TemporaryDirectory(prefix="tallenne-speech-") as folder:
            say(asyncio.run(play(Path(folder), asked.kills, asked.calls, asked.seed)))
    except Wrong as broken:
        say(f"BROKEN with seed {asked.seed}: {broken}")
        return 1
    finally:
        kept_services.end_run()
    return 0


def work() -> None:
    """Be a worker, for as long as whoever started it lives."""
    # So that another takes over within seconds, and it lives through a hundred deaths also on a busy machine.
    roles.TRANSCRIBER_HEARTBEAT_S = HEARTBEAT_S
    roles.WORKER_NICE = 0
    vars(ingest_jobs)["Whisper"] = partial(Whisper, yielding=False)
    roles.run(roles.worker, load(), os.getppid())


def work_forked(environment: dict[str, str], log: Path) -> None:
    """Be a worker that did not have to import anything; what it says goes to its log."""
    with log.open("ab") as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    os.environ.update(environment)
    work()


def say(said: str) -> None:
    """One line of the report."""
    sys.stdout.write(f"{said}\n")
    sys.stdout.flush()


@dataclass(slots=True, kw_only=True)
class Run:
    """One run: what is killed, what was seen."""

    services: Services
    environment: dict[str, str]
    log: Path
    company: str
    calls: list[UUID]
    rng: Random
    process: BaseProcess | None = None
    kills: Counter[str] = field(default_factory=Counter)
    looks: int = 0

    def start(self) -> None:
        """Start a worker, from a process that has everything imported: what is to be seen is its work."""
        self.process = FORKED.Process(target=work_forked, args=(self.environment, self.log))
        self.process.start()

    def kill(self, kills: int) -> None:
        """Kill the worker, or its recogniser alone."""
        assert self.process is not None
        assert self.process.pid is not None
        if self.rng.random() < RECOGNISER:
            for child in recognisers(self.process.pid):
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
                    self.kills["recogniser"] += 1
            return
        if self.kills["worker"] < kills:
            self.process.kill()
            self.process.join()
            self.kills["worker"] += 1
            self.start()

    def next_kill(self, done: int, kills: int) -> tuple[int, float]:
        """After how many calls, and how many seconds later: as it takes for kills and calls to end together."""
        left = (kills - self.kills["worker"]) / (1 - RECOGNISER)
        # Whole calls, so that where kills are behind the next one waits for no call.
        return done + int(self.rng.uniform(0, 2 * (len(self.calls) - done) / max(1, left))), self.rng.uniform(0, 4)

    async def done(self) -> int:
        """How many calls are searchable, by a look that compares."""
        gauge = CoverageGauge(self.services.db)
        for _ in range(50):
            before = await self.count()
            told = await gauge.read(frozenset({self.company}))
            if before == await self.count():
                if (told.searchable, told.waiting, told.failed, told.off) != before:
                    raise Wrong(f"coverage says {told}, the rows say {before}")
                self.looks += 1
                return before[0]
        raise Wrong("the rows never stood still")

    async def count(self) -> tuple[int, int, int, int]:
        """Searchable, waiting, failed and off: counted from the index's rows and dead letters alone."""
        async with self.services.db.begin() as tx:
            row = (
                await tx.execute(
                    text(
                        "SELECT (SELECT count(*) FROM search_rows WHERE company = :company),"
                        " (SELECT count(*) FROM interactions WHERE company = :company),"
                        " (SELECT count(DISTINCT interaction_id) FROM dead_letters WHERE company = :company)"
                    ),
                    {"company": self.company},
                )
            ).one()
        return row[0], row[1] - row[0] - row[2], row[2], 0


def recognisers(pid: int) -> list[psutil.Process]:
    """The recognisers of a worker; none where there is no such process."""
    try:
        children = psutil.Process(pid).children(recursive=True)
        return [child for child in children if "ingest.transcribe.hearing" in child.cmdline()]
    except psutil.NoSuchProcess:
        return []


async def play(folder: Path, kills: int, calls: int, seed: int) -> str:
    """Push the calls, kill, wait, check; returns the summary.

    Raises:
        Wrong: a promise was broken.

    """
    began = time.monotonic()
    kept = kept_services.ensure()
    name = f"speech_{uuid4().hex[:8]}"
    environment = kept.environment | {
        "TALLENNE_DATA": str(folder / "data"),
        "TALLENNE_DATABASE_URL": kept_services.make_database(kept, name),
        "TALLENNE_S3_BUCKET": name.replace("_", "-"),
        "TALLENNE_SPEECH_MODEL": "base",
    }
    minio(environment).make_bucket(environment["TALLENNE_S3_BUCKET"], object_lock=True)
    services = open_services(settings_of(environment))
    try:
        company = await new_company(services)
        run = Run(
            services=services,
            environment=environment,
            log=folder / "worker.log",
            company=company,
            calls=await _push(services, company, calls),
            rng=Random(seed),
        )
        try:
            await _play(run, kills)
        finally:
            if run.process is not None:
                run.process.terminate()
                run.process.join(30)
        made = await _check(run)
    finally:
        await services.close()
    told = ", ".join(f"{victim} {count}" for victim, count in sorted(run.kills.items()))
    return (
        f"seed {seed}, {time.monotonic() - began:.0f} s; killed: {told}\n"
        f"{calls} calls: transcribed once {made}, lost 0, doubled 0, failed 0;"
        f" coverage equal to the count at each of {run.looks} looks"
    )


async def _push(services: Services, company: str, count: int) -> list[UUID]:
    """Push the beginnings of spoken calls, by turns with a channel for each speaker and with both on one."""
    names = [one.id for one in dialogues()]
    kinds = [(clip, ["agent", "customer"]), (mixed, [])]
    calls = []
    for n in range(count):
        sound, channels = kinds[n % 2]
        audio = sound(names[n // 2 % len(names)], CALL_S)
        receipt = await intaking.keep(services, company, audio, channels=channels, language="fi")
        calls.append(UUID(receipt["id"]))
    return calls


async def _play(run: Run, kills: int) -> None:
    """Kill while the calls are transcribed, and what is left to kill thereafter."""
    run.start()
    deadline = time.monotonic() + PATIENCE_S + 60 * kills
    told, (kill_at, moment) = 0, run.next_kill(0, kills)
    while (done := await run.done()) < len(run.calls):
        if done >= told + 20:
            told = done
            say(f"{done} of {len(run.calls)} searchable, killed {dict(run.kills)}")
        if time.monotonic() > deadline:
            raise Wrong(f"only {done} of {len(run.calls)} were done in time:\n{run.log.read_text()[-2000:]}")
        if done >= kill_at and run.kills["worker"] < kills:
            await asyncio.sleep(moment)
            run.kill(kills)
            kill_at, moment = run.next_kill(done, kills)
        await asyncio.sleep(0.3)
    say(f"all are searchable after {run.kills['worker']} kills")
    while run.kills["worker"] < kills:
        run.kill(kills)
        await asyncio.sleep(run.rng.uniform(0, 1))
        await run.done()


async def _check(run: Run) -> int:
    """That each call has one transcript, one row of it and one in the index, and its object is there.

    Raises:
        Wrong: one has not.

    """
    async with run.services.db.begin() as tx:
        rows = (
            await tx.execute(
                text(
                    "SELECT i.id, i.text_state, (SELECT count(*) FROM parts p WHERE p.interaction_id = i.id AND"
                    " p.kind = 'transcript'), (SELECT count(*) FROM transcripts t WHERE t.interaction_id = i.id),"
                    " (SELECT count(*) FROM search_rows s WHERE s.interaction_id = i.id), (SELECT p.object_key"
                    " FROM parts p WHERE p.interaction_id = i.id AND p.kind = 'transcript' LIMIT 1)"
                    " FROM interactions i WHERE i.company = :company"
                ),
                {"company": run.company},
            )
        ).all()
        jobs = (await tx.execute(text("SELECT count(*) FROM pgqueuer WHERE entrypoint = 'transcribe'"))).scalar_one()
    if {row.id for row in rows} != set(run.calls):
        raise Wrong("a call is gone")
    if wrong := [row for row in rows if (row.text_state, *row[2:5]) != ("done", 1, 1, 1)]:
        raise Wrong(f"{len(wrong)} calls did not end transcribed once, the first as {wrong[0]}")
    store = minio(run.environment)
    for row in rows:
        store.stat_object(run.environment["TALLENNE_S3_BUCKET"], row.object_key)
    if jobs:
        raise Wrong(f"{jobs} jobs are left")
    return len(rows)


if __name__ == "__main__":
    sys.exit(main())
