"""Speech: the whole job against a bare loop of faster-whisper, two workers on two processors, a call of two hours.

    python -m bench.speech [--calls 8] [--threads 2]      the job against the bare loop, call by call in turns
    python -m bench.speech --workers                        one and two recognisers over the same calls
    python -m bench.speech --hours 2                        memory of a long call of two channels

The bare loop opens each file, mixes it to one channel and gives it to a `BatchedInferencePipeline` with the same model,
threads, language, batch, words and threshold of speech. The whole job reads the sealed object, decodes it in a child,
hears both channels apart, drops what was made up, keeps the transcript, masks it and indexes it. Both times by the
clock and seconds of processors are told; on a machine that others use, the processors' are the fairer.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID, uuid4

import psutil
from faster_whisper import BatchedInferencePipeline, WhisperModel
from sqlalchemy import text

from archive.custody import Services, open_services
from archive.demo.spoken import dialogues, opus
from archive.settings import Settings
from ingest import transcription
from ingest.media import MediaType
from ingest.transcribe import Recording
from ingest.transcribe.models import join_base
from ingest.transcribe.whisper import Whisper
from search import indexing
from tests import services as kept_services
from tests.conftest import minio, settings_of
from tests.hearing import derive, queued, spoken, wav
from tests.house import new_company

VAD = {"threshold": 0.25, "neg_threshold": 0.1, "min_silence_duration_ms": 160, "speech_pad_ms": 400}


@dataclass(slots=True)
class Cost:
    """Seconds by the clock and of processors."""

    clock_s: float = 0.0
    processor_s: float = 0.0

    @contextmanager
    def of(self, *processes: psutil.Process) -> Iterator[None]:
        """Add what happens in the block, in these processes and all below them."""
        before, began = spent_s(*processes), time.monotonic()
        yield
        self.clock_s += time.monotonic() - began
        self.processor_s += spent_s(*processes) - before


def spent_s(*processes: psutil.Process) -> float:
    """Seconds of processors so far, of children that are gone too."""
    every = {one.pid: one for process in processes for one in (process, *process.children(recursive=True))}
    times = [one.cpu_times() for one in every.values()]
    return sum(one.user + one.system + one.children_user + one.children_system for one in times)


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench.speech")
    parser.add_argument("--calls", type=int, default=8)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--workers", action="store_true")
    parser.add_argument("--hours", type=float)
    parser.add_argument("--bare", help="the directory of a model: be the bare loop")
    asked = parser.parse_args()
    if asked.bare:
        bare(asked.bare, asked.threads)
        return
    for name in [name for name in os.environ if name.startswith("TALLENNE_")]:
        del os.environ[name]
    with TemporaryDirectory(prefix="tallenne-bench-") as folder:
        if asked.hours:
            asyncio.run(long_call(Path(folder), asked.hours, asked.threads))
        elif asked.workers:
            asyncio.run(workers(Path(folder), asked.calls))
        else:
            kept_services.begin_run()
            try:
                asyncio.run(whole_against_bare(Path(folder), asked.calls, asked.threads))
            finally:
                kept_services.end_run()


# -------------------------------------------------------------- against the bare loop


def bare(model: str, threads: int) -> None:
    """Transcribe the files that are named on standard input; a line of JSON for each."""
    pipeline = BatchedInferencePipeline(
        WhisperModel(model, device="cpu", compute_type="int8", cpu_threads=threads, local_files_only=True)
    )
    for line in sys.stdin:
        segments, _ = pipeline.transcribe(
            line.strip(), language="fi", word_timestamps=True, batch_size=8, vad_parameters=dict(VAD)
        )
        words = sum(len(segment.words or ()) for segment in segments)
        print(json.dumps({"words": words}), flush=True)


async def whole_against_bare(folder: Path, count: int, threads: int) -> None:
    """The figure of the speed list: bare time / whole time."""
    names = [one.id for one in dialogues()][:count]
    files = [folder / f"{name}.opus" for name in names]
    for name, file in zip(names, files, strict=True):
        file.write_bytes(opus(name))
    settings, services = made_services(folder, threads)
    place = Path(settings["TALLENNE_DATA"]) / "models" / "whisper-base"
    join_base(place)
    command = [sys.executable, "-m", "bench.speech", "--bare", str(place), "--threads", str(threads)]
    pipe = subprocess.PIPE
    loop = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)  # noqa: ASYNC220  # waiting for it is the point
    try:
        await _in_turns(services, names, files, loop, threads)
    finally:
        loop.kill()
        loop.communicate()
        await services.close()


async def _in_turns(
    services: Services, names: list[str], files: list[Path], loop: "subprocess.Popen[str]", threads: int
) -> None:
    company = await new_company(services)
    contacts = [await spoken(services, company, opus(name), language="fi") for name in names]
    for contact in contacts:
        await derive(services, contact)
    jobs = {payload["interaction"]: payload for payload, _ in await queued(services, "transcribe")}
    plain, whole, words, found = Cost(), Cost(), 0, 0
    theirs, ours = psutil.Process(loop.pid), psutil.Process()
    async with Whisper(services.settings, yielding=False) as whisper:
        for number, (contact, file) in enumerate(zip(contacts, files, strict=True)):
            warm = number == 0  # the first call loads both models, and is not counted
            with (Cost() if warm else plain).of(theirs):
                counted = say(loop, file)
            bystanders = spent_s(theirs)
            with (Cost() if warm else whole).of(ours):
                await transcription.transcribe(services, whisper, jobs[str(contact)])
                await indexing.index(services, {"interaction": str(contact), "company": company})
            whole.processor_s -= 0 if warm else spent_s(theirs) - bystanders
            words += 0 if warm else counted
            found += 0 if warm else await _words_of(services, contact)
    print(f"{len(names) - 1} calls of {len(names)}, {threads} threads, both heard in turns")
    print(f"bare loop     {plain.clock_s:7.1f} s   {plain.processor_s:7.1f} s of processors   {words} words")
    print(f"whole job     {whole.clock_s:7.1f} s   {whole.processor_s:7.1f} s of processors   {found} words")
    ratios = plain.clock_s / whole.clock_s, plain.processor_s / whole.processor_s
    print(f"whole against bare: {ratios[0]:.2f} by the clock, {ratios[1]:.2f} by processors (wanted: 0.95)")


def say(loop: "subprocess.Popen[str]", file: Path) -> int:
    """Have the bare loop do a file; how many words it heard."""
    assert loop.stdin is not None
    assert loop.stdout is not None
    loop.stdin.write(f"{file}\n")
    loop.stdin.flush()
    words: int = json.loads(loop.stdout.readline())["words"]
    return words


async def _words_of(services: Services, contact: UUID) -> int:
    async with services.db.begin() as tx:
        found = await tx.scalar(
            text("SELECT words FROM transcripts WHERE interaction_id = :contact"), {"contact": contact}
        )
    return int(found or 0)


def made_services(folder: Path, threads: int) -> tuple[dict[str, str], Services]:
    """A database and a bucket of our own, with Whisper base."""
    kept = kept_services.ensure()
    name = f"bench-{uuid4().hex[:8]}"
    environment = kept.environment | {
        "TALLENNE_DATA": str(folder / "data"),
        "TALLENNE_DATABASE_URL": kept_services.make_database(kept, name),
        "TALLENNE_S3_BUCKET": name,
        "TALLENNE_SPEECH_MODEL": "base",
        "TALLENNE_SPEECH_THREADS": str(threads),
    }
    minio(environment).make_bucket(name, object_lock=True)
    return environment, open_services(settings_of(environment))


# ------------------------------------------------------------------- two workers


async def workers(folder: Path, count: int) -> None:
    """The same calls by one recogniser with every processor, by two with all of them each, by two with half each."""
    processors = os.cpu_count() or 2
    names = [one.id for one in dialogues()][:count]
    one = await _together(folder, names, recognisers=1, threads=processors)
    print(f"1 recogniser,  {processors} threads:      {one:6.1f} s")
    for threads in dict.fromkeys((processors, max(1, processors // 2))):
        two = await _together(folder, names, recognisers=2, threads=threads)
        print(f"2 recognisers, {threads} threads each: {two:6.1f} s, {one / two:.2f} of one's pace")


async def _together(folder: Path, names: list[str], *, recognisers: int, threads: int) -> float:
    settings = Settings(data=folder / "data", speech_model="base", speech_threads=threads)
    waiting = list(names)

    async def work(whisper: Whisper) -> None:
        while waiting:
            await whisper.transcribe(recording(opus(waiting.pop())))

    made = [Whisper(settings, yielding=False) for _ in range(recognisers)]
    try:
        for one in made:
            await one.transcribe(recording(opus(names[0])))
        began = time.monotonic()
        await asyncio.gather(*(work(one) for one in made))
        return time.monotonic() - began
    finally:
        for one in made:
            await one.__aexit__()


def recording(audio: bytes, media_type: MediaType = MediaType.OGG, duration_s: float = 60) -> Recording:
    """A recording out of memory."""

    async def read(start: int, stop: int) -> bytes:
        return audio[start:stop]

    return Recording(
        read=read,
        size_bytes=len(audio),
        media_type=media_type,
        duration_s=duration_s,
        channels=2,
        roles=("agent", "customer"),
        language="fi",
    )


# ------------------------------------------------------------------- a long call


async def long_call(folder: Path, hours: float, threads: int) -> None:
    """How much memory the recogniser and the decoder's child take for a call of so many hours, at the most."""
    audio = wav([one.id for one in dialogues()], hours * 3600)
    settings = Settings(data=folder / "data", speech_model="base", speech_threads=threads)
    peak: dict[str, int] = {}
    async with Whisper(settings, yielding=False) as whisper:
        watching = asyncio.create_task(_watch(peak))
        began = time.monotonic()
        heard = await whisper.transcribe(recording(audio, MediaType.WAV, hours * 3600))
        took_s = time.monotonic() - began
        watching.cancel()
    total = sum(peak.values())
    words = sum(len(segment.words) for segment in heard.transcript.segments)
    print(f"{hours} h of two channels, {len(audio) / 1024**2:.0f} MiB of WAV: {took_s:.0f} s, {words} words")
    for name, kib in sorted(peak.items()):
        print(f"{name}: {kib / 1024:.0f} MiB at the most")
    print(f"together {total / 1024:.0f} MiB (wanted: under 1536)")


async def _watch(peak: dict[str, int]) -> None:
    """Note the largest resident set of each kind of child."""
    while True:
        for child in psutil.Process().children(recursive=True):
            for kind in ("ingest.transcribe.hearing", "ingest.decoder"):
                try:
                    if kind in child.cmdline():
                        peak[kind] = max(peak.get(kind, 0), _peak_kib(child.pid))
                except (psutil.NoSuchProcess, FileNotFoundError):
                    continue
        await asyncio.sleep(0.5)


def _peak_kib(pid: int) -> int:
    facts: dict[str, Any] = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line
    )
    return int(facts.get("VmHWM", "0 kB").split()[0])


if __name__ == "__main__":
    main()
