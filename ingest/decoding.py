"""Having a recording decoded by a process of its own: start it, feed it, believe nothing it says, outlive it.

The other end of the talk is `ingest.decoder`, the server that forks the processes `ingest.forkserver`. What is done
with the facts is `ingest.derive`.
"""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ingest.decoder_talk import (
    BLOCK_BYTES,
    ENDED,
    FULL_SCALE,
    LENGTH,
    MAX_BUCKETS,
    MAX_CHANNELS,
    MAX_SOUND_BYTES,
    MAX_SPANS,
    MESSAGE,
    SOUND,
)
from ingest.media import MediaType

Read = Callable[[int, int], Awaitable[bytes]]
"""Gives the plain bytes from an offset up to but not including another."""

_PATIENCE_S: Final = 5.0
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


class DecoderLostError(Exception):
    """The server that starts decoders was ended; trying again is all that is needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the decoder may use: MiB of memory on top of its own, and seconds by the clock and of the processor."""

    memory_mb: int
    timeout_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Some sound as `ingest.sound` writes it: 16-bit samples, the channels in turn."""

    channels: int
    data: bytes


def _words(media_type: MediaType, size_bytes: int, limits: Limits) -> tuple[str, ...]:
    return (media_type.value, str(size_bytes), str(limits.memory_mb), str(max(1, round(limits.timeout_s))))


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


class Decoders:
    """Decodes recordings, each in a process of its own; `async with` it, and no process is left.

    The server that forks them is started when first needed, and again when it is gone. `command` is what is started;
    `at_once` is how many may decode together, half of the processors if it is not said.
    """

    def __init__(
        self, command: Sequence[str] = (sys.executable, "-I", "-m", "ingest.decoder"), at_once: int | None = None
    ) -> None:
        self._command = tuple(command)
        self._starting = asyncio.Lock()
        self._places = asyncio.Semaphore(at_once or max(1, (os.cpu_count() or 1) // 2))
        self._server: tuple[Process, socket.socket] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stop()

    async def decode(self, read: Read, *, size_bytes: int, media_type: MediaType, limits: Limits) -> Decoded:
        """Decode a recording once, in a process that ends with this call, however that goes.

        `read` is asked for ranges of at most BLOCK_BYTES; what it raises is raised here.

        Raises:
            UndecodableError: with the reason.
            DecoderLostError: somebody ended the server; the file is not to blame.

        """
        async with self._places, self._child(_words(media_type, size_bytes, limits)) as child:
            try:
                async with asyncio.timeout(limits.timeout_s):
                    answer = await _converse(child, read, size_bytes)
            except TimeoutError:
                raise UndecodableError(Reason.TIME) from None
            except (asyncio.IncompleteReadError, ConnectionError):
                raise UndecodableError(await self._autopsy(child)) from None
        return _judge(answer)

    @asynccontextmanager
    async def sound(
        self, read: Read, *, size_bytes: int, media_type: MediaType, limits: Limits
    ) -> AsyncIterator[AsyncIterator["Piece"]]:
        """The sound of a recording while it is decoded, by a process that is gone when the block is left.

        It is decoded no faster than it is taken; `limits.timeout_s` is of the processor only. Iterating raises:

        Raises:
            UndecodableError: with the reason.
            DecoderLostError: somebody ended the server; the file is not to blame.

        """
        async with self._child((*_words(media_type, size_bytes, limits), SOUND)) as child:
            yield self._pieces(child, read, size_bytes)

    async def _pieces(self, child: "_Child", read: Read, size_bytes: int) -> AsyncIterator["Piece"]:
        talk = _Talk(child, read, size_bytes)
        try:
            while True:
                kind, first, second = await talk.next()
                if kind == b"F":
                    _judge_end(await talk.take(first, _MAX_FACTS_BYTES))
                    return
                if kind != b"P" or not 0 < second <= MAX_CHANNELS or first % (2 * second):
                    raise UndecodableError(Reason.NONSENSE)
                yield Piece(channels=second, data=await talk.take(first, MAX_SOUND_BYTES))
        except (asyncio.IncompleteReadError, ConnectionError):
            raise UndecodableError(await self._autopsy(child)) from None

    @asynccontextmanager
    async def _child(self, words: Sequence[str]) -> AsyncIterator["_Child"]:
        """A child that is gone when the block is left."""
        talk, its_talk = socket.socketpair()
        link, its_link = socket.socketpair()
        with its_talk, its_link:
            server = await self._ask(json.dumps(words).encode(), [its_talk.fileno(), its_link.fileno()])
        child = _Child(
            server,
            *await asyncio.open_unix_connection(sock=talk, limit=BLOCK_BYTES),
            *await asyncio.open_unix_connection(sock=link),
        )
        try:
            yield child
        finally:
            await child.end()

    async def _ask(self, job: bytes, sockets: Sequence[int]) -> Process:
        """The server that took the job."""
        async with self._starting:
            if self._server is not None and self._server[0].returncode is None:
                with contextlib.suppress(OSError):
                    socket.send_fds(self._server[1], [job], sockets)
                    return self._server[0]
            await self._stop()
            self._server = await _start(self._command)
            try:
                socket.send_fds(self._server[1], [job], sockets)
            except OSError:
                raise DecoderLostError from None
            return self._server[0]

    async def _autopsy(self, child: "_Child") -> Reason:
        """Why a child ended without an answer.

        Raises:
            DecoderLostError: nobody is left who knows; the next child gets a new server.

        """
        try:
            async with asyncio.timeout(_PATIENCE_S):
                (status,) = ENDED.unpack(await child.ended.readexactly(ENDED.size))
        except TimeoutError:
            return Reason.NONSENSE  # it closed its output and lives on
        except (asyncio.IncompleteReadError, ConnectionError):
            async with self._starting:
                if self._server is not None and self._server[0] is child.server:
                    await self._stop()  # it may still take a job while it dies
            raise DecoderLostError from None
        return {-signal.SIGXCPU: Reason.TIME, -signal.SIGKILL: Reason.MEMORY}.get(status, Reason.CRASHED)

    async def _stop(self) -> None:
        if self._server is None:
            return
        (process, control), self._server = self._server, None
        control.close()
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


@dataclass(frozen=True, slots=True)
class _Child:
    """A decoder from outside: the talk with it, and the server's word on how it ended."""

    server: Process
    said: asyncio.StreamReader
    told: asyncio.StreamWriter
    ended: asyncio.StreamReader
    link: asyncio.StreamWriter

    async def end(self) -> None:
        """Have it killed, if it still lives, and wait until it is gone."""
        try:
            with contextlib.suppress(OSError, TimeoutError):
                self.link.write_eof()
                async with asyncio.timeout(_PATIENCE_S):
                    await self.ended.read()
        finally:
            self.told.close()
            self.link.close()


async def _start(command: Sequence[str]) -> tuple[Process, socket.socket]:
    """The server, without our environment (it holds secrets), and the socket by which it is asked."""
    environment = {"LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    control, its_control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    control.setblocking(False)  # noqa: FBT003 - the name of the argument is not public
    with its_control:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=its_control.fileno(), stdout=DEVNULL, stderr=DEVNULL, env=environment
        )
    return process, control


class _Talk:
    """The child's side of the talk, checked; its questions for bytes are answered on the way."""

    def __init__(self, child: _Child, read: Read, size_bytes: int) -> None:
        self._child = child
        self._read = read
        self._size_bytes = size_bytes
        self._budget = _MAX_READ_AGAIN * size_bytes + 64 * BLOCK_BYTES

    async def next(self) -> tuple[bytes, int, int]:
        """The next message that is no question.

        Raises:
            UndecodableError: it asks for what it may not have.
            IncompleteReadError, ConnectionError: it is gone.

        """
        while True:
            kind, first, second = MESSAGE.unpack(await self._child.said.readexactly(MESSAGE.size))
            if kind != b"R":
                return kind, first, second
            self._budget -= second
            if not 0 < second <= BLOCK_BYTES or first + second > self._size_bytes or self._budget < 0:
                raise UndecodableError(Reason.NONSENSE)
            data = await self._read(first, first + second)
            self._child.told.write(LENGTH.pack(len(data)) + data)
            await self._child.told.drain()

    async def take(self, length: int, most: int) -> bytes:
        """What follows a message.

        Raises:
            UndecodableError: it says more than it may.
            IncompleteReadError, ConnectionError: it is gone.

        """
        if length > most:
            raise UndecodableError(Reason.NONSENSE)
        return await self._child.said.readexactly(length)


async def _converse(child: _Child, read: Read, size_bytes: int) -> bytes:
    """Answer the child's questions until it has its facts; raises what `_Talk` raises."""
    talk = _Talk(child, read, size_bytes)
    kind, first, _ = await talk.next()
    if kind != b"F":
        raise UndecodableError(Reason.NONSENSE)
    return await talk.take(first, _MAX_FACTS_BYTES)


def _judge_end(answer: bytes) -> None:
    """What a child says after the sound: its length, which is not used, or why there is no more."""
    with contextlib.suppress(ValidationError):
        raise UndecodableError(_FAILURES[_Failed.model_validate_json(answer).failed])


def _judge(answer: bytes) -> Decoded:
    with contextlib.suppress(ValidationError):
        raise UndecodableError(_FAILURES[_Failed.model_validate_json(answer).failed])
    try:
        return Decoded.model_validate_json(answer)
    except ValidationError:
        raise UndecodableError(Reason.NONSENSE) from None
