"""What a recogniser and the worker that started it agree on: messages and bounds. Nothing heavy may be imported here.

The worker writes JSON with its length before it: first how to set up (answered with `F`), then a job. The recogniser
writes a message of a kind and a length. `N 0` asks for sound and is answered with the number of channels, a length and
so many bytes as `ingest.sound` writes them; length 0 is the end of the recording. `F length` is followed by JSON, which
ends the job: `{"failed": code}` or what `Answer` in `ingest.transcribe.whisper` reads.
"""

import struct
from typing import Final

MESSAGE: Final = struct.Struct(">cI")
LENGTH: Final = struct.Struct(">I")
PIECE: Final = struct.Struct(">BI")

MAX_JOB_BYTES: Final = 1_048_576
MAX_ANSWER_BYTES: Final = 256 * 1_048_576
"""A day of talk, word by word."""
