"""What a decoder and the one who had it started agree on: messages and bounds. Nothing heavy may be imported here.

The decoder writes a message of a kind and two numbers, big-endian. `R offset length` asks for bytes and is answered
with a length of 4 bytes and the bytes; `P length channels` is followed by sound, where sound was asked for;
`F length 0` is followed by that many bytes of JSON and ends the talk.
"""

import struct
from typing import Final

MESSAGE: Final = struct.Struct(">cQQ")
LENGTH: Final = struct.Struct(">I")
ENDED: Final = struct.Struct(">i")
"""How a child ended, told by the server that forked it: its exit status, or the number of its signal, negative."""

BLOCK_BYTES: Final = 1_048_576
"""The most that is asked for at once, on multiples of itself."""

SOUND: Final = "sound"
"""The word that asks for the sound itself, as `ingest.sound` writes it, instead of its shape."""

MAX_SOUND_BYTES: Final = 4 * 1_048_576
"""The most sound in one message: there are several seconds of MAX_CHANNELS in it."""

MAX_CHANNELS: Final = 8
"""Channels that are drawn; what more a file has is counted only."""

MAX_BUCKETS: Final = 8_000
MAX_SPANS: Final = 2_000
FULL_SCALE: Final = 127
"""Loudness of the loudest sample there can be."""
