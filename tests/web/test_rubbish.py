"""Two thousand malformed pushes: no 5xx, nothing kept, no object left, memory flat."""

import asyncio
import sys
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from archive.domain.access import Role
from tests.house import House
from tests.rubbish import Case, Push, cases
from tests.serving import Server, serving

SEED = 20261124
COUNT = 2_000
AT_ONCE = 16
FLAT_BYTES = 24 * 1024**2
NO_ANSWER = 0
PATIENCE_S = 5.0


@pytest.fixture
async def server(services_env: dict[str, str], tmp_path: Path) -> AsyncIterator[Server]:
    """`tallenne api` with little patience and small limits; its memory is its own."""
    limits = {"upload_idle_s": "1", "max_recording_bytes": "1000000", "log_level": "error"}
    async with serving(services_env, tmp_path / "api.log", **limits) as running:
        yield running


async def status_of(server: Server, case: Case) -> int:
    """Send the bytes; the status that came back, or NO_ANSWER when connection or patience ended before."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        writer.write(case.wire)
        if case.hang_up:
            await asyncio.sleep(0.01)
            writer.write_eof()
        async with asyncio.timeout(PATIENCE_S):
            words = (await reader.readline()).split()
            while words[1:2] == [b"100"]:
                await reader.readline()
                words = (await reader.readline()).split()
            return int(words[1]) if words and words[0].startswith(b"HTTP/") else NO_ANSWER
    except (ConnectionError, ValueError, TimeoutError):
        return NO_ANSWER
    finally:
        writer.close()


async def kept(house: House) -> tuple[int, int]:
    """How many contacts and how many objects the company has."""
    async with house.services.db.begin() as tx:
        rows = await tx.scalar(text("SELECT count(*) FROM interactions WHERE company = :c"), {"c": house.company})
    objects = [one async for one in house.services.bucket.versions(f"{house.company}/")]
    return int(rows or 0), len(objects)


async def test_two_thousand_malformed_pushes_leave_no_trace(
    house: House, server: Server, record_property: Callable[[str, object], None]
) -> None:
    token = await house.token(Role.TELEPHONY)
    waiting = cases(SEED, COUNT, company=house.company, token=token)
    answers: defaultdict[str, Counter[int]] = defaultdict(Counter)
    wrong: list[str] = []
    memory: list[int] = []

    async def send() -> None:
        for case in waiting:
            status = await status_of(server, case)
            answers[case.name][status] += 1
            if status >= 500 or 200 <= status < 300:
                wrong.append(f"{case.name} number {case.number}: {status}")
            if case.number % 250 == 249:
                memory.append(server.process.memory_info().rss)

    await asyncio.gather(*(send() for _ in range(AT_ONCE)))
    record_property("rubbish_seed", SEED)
    told = "\n".join(f"{name}: {dict(counts)}" for name, counts in sorted(answers.items()))
    sys.stdout.write(f"seed {SEED}\n{told}\nmemory {[round(size / 1024**2) for size in memory]} MiB\n")
    assert not wrong, wrong
    assert await kept(house) == (0, 0)
    assert await house.services.bucket.unfinished_uploads(f"{house.company}/") == []
    assert memory[-1] - memory[1] < FLAT_BYTES


async def test_the_push_that_was_spoilt_would_have_been_kept(house: House, server: Server) -> None:
    push = Push(company=house.company, token=await house.token(Role.TELEPHONY))
    whole = Case(name="whole", number=0, wire=push.wire())
    assert await status_of(server, whole) == 201
    assert await status_of(server, whole) == 200
    assert await kept(house) == (1, 1)


async def test_a_sender_that_goes_silent_is_given_up(house: House, server: Server) -> None:
    push = Push(company=house.company, token=await house.token(Role.TELEPHONY))
    wire = push.wire()
    for cut in (len(wire) - 5_000, len(push.head(99_999)) + 30):
        assert await status_of(server, Case(name="silent", number=0, wire=wire[:cut])) == 408
    assert await kept(house) == (0, 0)


async def test_no_token_reaches_the_log(house: House, server: Server) -> None:
    token = await house.token(Role.TELEPHONY)
    for spoilt in (f"Bearer {token}\x00", f"Bearer {token}{'x' * 9_000}", f"Bearer {token}\x7f\udcff"):
        push = Push(company=house.company, token=token, external_id="0401234567", authorization=spoilt)
        assert await status_of(server, Case(name="token", number=0, wire=push.wire())) in {400, 401}
    push.version = "HTTP/9.9"
    assert await status_of(server, Case(name="version", number=0, wire=push.wire())) == 400
    written = server.log.read_text()
    assert token not in written
    assert "0401234567" not in written
