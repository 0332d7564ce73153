"""`tallenne api` as a process of its own, for tests that need its memory, its log or its bare socket."""

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

READY_S = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running API process; `log` is its standard error."""

    port: int
    process: psutil.Process
    log: Path

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def serving(environment: dict[str, str], log: Path, **settings: str) -> AsyncIterator[Server]:
    """Start it with the settings of `environment` and more, wait until it listens, and stop it in the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    more = {f"TALLENNE_{name.upper()}": value for name, value in {"port": str(port), **settings}.items()}
    with log.open("wb") as output:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "archive", "api", env=os.environ | environment | more, stderr=output
        )
    try:
        async with asyncio.timeout(READY_S):
            await _listens(port)
        yield Server(port=port, process=psutil.Process(child.pid), log=log)
    finally:
        child.terminate()
        await child.wait()


async def _listens(port: int) -> None:
    while True:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        await asyncio.sleep(0.05)
