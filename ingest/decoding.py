"""Having a recording decoded by a process of its own: start it, feed it, believe nothing it says, outlive it.

The other end of the talk is `ingest.decoder`. What is done with the facts is `ingest.derive`.
"""

import asyncio
import contextlib
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ingest.decoder_talk import BLOCK_BYTES, FULL_SCALE, LENGTH, MAX_BUCKETS, MAX_CHANNELS, MAX_SPANS, MESSAGE
from ingest.media import MediaType

Read = Callable[[int, int], Awaitable[bytes]]
"""Gives the plain bytes from an offset up to but not including another."""

_MAX_FACTS_BYTES: Final = 4 * 1_048_576
_MAX_READ_AGAIN: Final = 8
"""How many times its own size a file may be read: seeking to and fro is fine, going round in circles is not."""


class Reason(StrEnum):
    """Why a recording could not be decoded; told in the list of dead letters."""

    UNREADABLE = "The file cannot be opened: its beginning is damaged."
    NO_AUDIO = "The file holds no sound that can be decoded."
    MEMORY = "Decoding needed more memory than it may have."
    TIME = "Decoding took longer than it may."
    CRASHED = "The decoder crashed on this file."
    NONSENSE = "The decoder gave an answer that makes no sense."


class UndecodableError(Exception):
    """A recording could not be decoded; the file is to blame, and asking again will not help soon."""

    def __init__(self, reason: Reason) -> None:
        self.reason = reason
        super().__init__(reason.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the decoder may use: MiB of memory on top of its own, and seconds by the clock and of the processor."""

    memory_mb: int
    timeout_s: float


_Second = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
_Span = Annotated[tuple[_Second, _Second], Field(strict=False)]
_Spans = Annotated[tuple[_Span, ...], Field(max_length=MAX_SPANS, strict=False)]
_Level = Annotated[int, Field(ge=0, le=FULL_SCALE)]
_Levels = Annotated[tuple[_Level, ...], Field(max_length=MAX_BUCKETS, strict=False)]
_Count = Annotated[int, Field(ge=0, le=2**40)]


class Decoded(BaseModel):
    """What a decoder said, checked: times in seconds, loudness from 0 to 127 by channel and bucket."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    codec: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,32}$")]
    sample_rate_hz: Annotated[int, Field(ge=1, le=768_000)]
    channels: Annotated[int, Field(ge=1, le=1_024)]
    duration_s: _Second
    claimed_s: _Second | None
    errors: _Count
    first_error_s: _Second | None
    last_error_s: _Second | None
    gaps: _Count
    gap_s: _Second
    bucket_s: Annotated[float, Field(gt=0, le=1e6)]
    peaks: Annotated[tuple[_Levels, ...], Field(min_length=1, max_length=MAX_CHANNELS, strict=False)]
    silence: _Spans
    channel_silence: Annotated[tuple[_Spans, ...], Field(max_length=MAX_CHANNELS, strict=False)]


class _Failed(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    failed: Literal["memory", "no-audio", "unreadable"]


_FAILURES: Final = {"memory": Reason.MEMORY, "no-audio": Reason.NO_AUDIO, "unreadable": Reason.UNREADABLE}


async def decode(
    read: Read,
    *,
    size_bytes: int,
    media_type: MediaType,
    limits: Limits,
    command: tuple[str, ...] = (sys.executable, "-I", "-m", "ingest.decoder"),
) -> Decoded:
    """Decode a recording once, in a process that ends with this call, however that goes.

    `read` is asked for ranges of at most BLOCK_BYTES; what it raises is raised here. `command` is what is started.

    Raises:
        UndecodableError: with the reason.

    """
    arguments = (media_type.value, str(size_bytes), str(limits.memory_mb), str(max(1, round(limits.timeout_s))))
    async with _started(*command, *arguments) as process:
        try:
            async with asyncio.timeout(limits.timeout_s):
                answer = await _converse(process, read, size_bytes)
        except TimeoutError:
            raise UndecodableError(Reason.TIME) from None
        except (asyncio.IncompleteReadError, ConnectionError):
            raise UndecodableError(await _autopsy(process)) from None
    return _judge(answer)


@asynccontextmanager
async def _started(*command: str) -> AsyncIterator[Process]:
    """The child, without our environment (it holds secrets), and gone when the block is left."""
    environment = {"LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    process = await asyncio.create_subprocess_exec(
        *command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=environment, limit=BLOCK_BYTES
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _converse(process: Process, read: Read, size_bytes: int) -> bytes:
    """Answer the child's questions until it has its facts.

    Raises:
        UndecodableError: it asks for what it may not have.
        IncompleteReadError, ConnectionError: it is gone.

    """
    assert process.stdin is not None
    assert process.stdout is not None
    budget = _MAX_READ_AGAIN * size_bytes + 64 * BLOCK_BYTES
    while True:
        kind, first, second = MESSAGE.unpack(await process.stdout.readexactly(MESSAGE.size))
        if kind == b"F" and first <= _MAX_FACTS_BYTES:
            return await process.stdout.readexactly(first)
        budget -= second
        if kind != b"R" or not 0 < second <= BLOCK_BYTES or first + second > size_bytes or budget < 0:
            raise UndecodableError(Reason.NONSENSE)
        data = await read(first, first + second)
        process.stdin.write(LENGTH.pack(len(data)) + data)
        await process.stdin.drain()


async def _autopsy(process: Process) -> Reason:
    """Why a child ended without an answer."""
    try:
        async with asyncio.timeout(5):
            status = await process.wait()
    except TimeoutError:
        return Reason.NONSENSE  # it closed its output and lives on
    return {-signal.SIGXCPU: Reason.TIME, -signal.SIGKILL: Reason.MEMORY}.get(status, Reason.CRASHED)


def _judge(answer: bytes) -> Decoded:
    with contextlib.suppress(ValidationError):
        raise UndecodableError(_FAILURES[_Failed.model_validate_json(answer).failed])
    try:
        return Decoded.model_validate_json(answer)
    except ValidationError:
        raise UndecodableError(Reason.NONSENSE) from None
