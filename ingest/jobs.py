"""The jobs of this wall, by the name they are queued under. What each does is elsewhere; running them is the roof's."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from archive.custody import Services
from archive.errors import Misconfigured, StoreUnavailable
from archive.store import jobs as queue
from archive.store.customers import RELINK
from ingest import derive, linking, pressure, transcription
from ingest.content import DERIVE
from ingest.decoding import Decoders
from ingest.transcribe import Transcriber
from ingest.transcribe.off import Off
from ingest.transcribe.whisper import Whisper
from ingest.transcription import CATCH_UP, TRANSCRIBE

Handler = Callable[[Services, dict[str, str]], Awaitable[None]]
Burial = Callable[[AsyncConnection, dict[str, str], Exception], Awaitable[None]]

DERIVED_AT_ONCE: Final = 8
"""So many recordings may be on their way to be derived; how many are decoded together is `Decoders`."""

TRANSCRIBED_AT_ONCE: Final = 2
"""One is with the recogniser, the next is ready for it; a model does not get faster by being asked twice."""

CALM_LIMIT_S: Final = 5.0
"""No recording waits longer than this for a calm moment, so that a machine which is always busy derives them too."""

_REMIND_S: Final = 5.0

_log = structlog.get_logger()


@asynccontextmanager
async def deriving(calm_limit_s: float = CALM_LIMIT_S) -> AsyncIterator[dict[str, Handler]]:
    """The handler that derives, and the decoders that its jobs share for as long as the block lasts.

    Each job waits for a calm moment first: whoever pushes or listens needs the machine more than a waveform does.
    """
    async with Decoders() as decoders:

        async def _derive(services: Services, payload: dict[str, str]) -> None:
            await pressure.calm(calm_limit_s)
            await derive.derive(services, decoders, payload)

        yield {DERIVE: _derive}


@asynccontextmanager
async def transcribing(services: Services) -> AsyncIterator[dict[str, Handler]]:
    """The handler that transcribes, and the recogniser that its jobs share for as long as the block lasts.

    Empty where the setting names a model that cannot be had on this machine: then its jobs are left to others.
    """
    async with AsyncExitStack() as stack:
        transcriber: Transcriber = Off()
        if services.settings.speech_model:
            try:
                transcriber = await stack.enter_async_context(Whisper(services.settings))
            except Misconfigured as error:
                _log.warning("speech_not_here", reason=str(error))
                yield {}
                return
            reminding = asyncio.create_task(_remind(services))
            stack.callback(reminding.cancel)

        async def _transcribe(services: Services, payload: dict[str, str]) -> None:
            await transcription.transcribe(services, transcriber, payload)

        yield {TRANSCRIBE: _transcribe}


async def _remind(services: Services) -> None:
    """Have what came while no speech was recognised queued; the database may be later than we are."""
    while True:
        with contextlib.suppress(StoreUnavailable):
            async with services.db.begin() as tx:
                await queue.enqueue(tx, CATCH_UP, {"lost": "yes"})
            return
        await asyncio.sleep(_REMIND_S)


async def _catch_up(services: Services, payload: dict[str, str]) -> None:
    await transcription.catch_up(services, payload)


async def _relink(services: Services, payload: dict[str, str]) -> None:
    await linking.relink(services.db, payload)


HANDLERS: Final[dict[str, Handler]] = {RELINK: _relink, CATCH_UP: _catch_up}
BURIALS: Final[dict[str, Burial]] = {TRANSCRIBE: transcription.buried}
"""What else is written when a job has failed for good."""
