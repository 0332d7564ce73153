"""No speech to text: the adapter of an installation that wants none, or has no model."""

from typing import NoReturn

from ingest.transcribe import Recording, UnheardError


class Off:
    """Recognises nothing."""

    model: str | None = None

    async def transcribe(self, recording: Recording) -> NoReturn:
        """Refuse.

        Raises:
            UnheardError: always.

        """
        del recording
        raise UnheardError("speech-off")
