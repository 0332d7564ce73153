"""Silence, noise, a dial tone, ringing and music of five minutes each through the whole recogniser: no text may come.

python -m bench.speech_guards [--seconds 300]
"""

import argparse
import asyncio
import os
from pathlib import Path
from tempfile import TemporaryDirectory

from archive.settings import Settings
from ingest.media import MediaType
from ingest.transcribe import Recording
from ingest.transcribe.whisper import Whisper
from tests.hearing import wav_of
from tests.noises import RATE_HZ, SOUNDS, Sound


def recording_of(sound: Sound) -> Recording:
    """A recording of nothing but this sound."""
    audio = wav_of(sound)

    async def read(start: int, stop: int) -> bytes:
        return audio[start:stop]

    return Recording(
        read=read, size_bytes=len(audio), media_type=MediaType.WAV, duration_s=len(sound) / RATE_HZ, language="fi"
    )


async def measure(folder: Path, seconds: float, threads: int) -> bool:
    """Hear each sound; whether there was no text at all."""
    quiet = True
    settings = Settings(data=folder, speech_model="base", speech_threads=threads)
    async with Whisper(settings, yielding=False) as whisper:
        for name, make in SOUNDS.items():
            heard = await whisper.transcribe(recording_of(make(seconds)))
            said = heard.transcript
            words = " ".join(one.text for one in said.segments)
            left_out = [one.doubt.value for one in said.dropped]
            print(
                f"{name:10} {seconds:.0f} s: {heard.audio_s:5.1f} s taken for speech, {len(said.segments)} segments"
                f" {words!r}, left out {left_out}"
            )
            quiet = quiet and not said.segments
    return quiet


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(prog="python -m bench.speech_guards")
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    asked = parser.parse_args()
    with TemporaryDirectory(prefix="tallenne-bench-") as folder:
        quiet = asyncio.run(measure(Path(folder), asked.seconds, asked.threads))
    print("no text" if quiet else "THERE IS TEXT")


if __name__ == "__main__":
    main()
