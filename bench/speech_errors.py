"""How much of what was said is heard: word and character errors, and where the words that were heard right lie.

    python -m bench.speech_errors [--calls 40] [--model base] [--dump FILE]

Over the demo's spoken calls (Finnish, synthetic voices in a telephone's band; what is said when is known to the turn)
and the five English calls of ../shared/data/calls, where those are: their transcripts are known without times. An
honest figure, without a bound. A word that was heard right lies right when it is within two seconds of its place: for
the demo's calls the turn's share of time that the word's letters begin after, since no finer truth is known.
"""

import argparse
import asyncio
import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from pathlib import Path
from tempfile import TemporaryDirectory

from archive.demo.spoken import SPEAKERS, Timed, opus, voiced
from archive.domain.transcripts import Transcript, Word
from archive.settings import Settings
from bench.speech import recording
from ingest.media import MediaType
from ingest.transcribe import Recording
from ingest.transcribe.whisper import Whisper

SAMPLES = Path(__file__).parents[2] / "shared" / "data" / "calls"
NEAR_S = 2.0


@dataclass(slots=True)
class Tally:
    """What was said and heard in one language."""

    words: int = 0
    word_errors: int = 0
    letters: int = 0
    letter_errors: int = 0
    right: int = 0
    placed: int = 0
    near: int = 0
    dropped: dict[str, int] = field(default_factory=dict)

    def add(self, said: Sequence[str], heard: Sequence[str]) -> None:
        """Compare the words of one speaker in one call."""
        self.words += len(said)
        self.word_errors += distance(said, heard)
        self.letters += len("".join(said))
        self.letter_errors += distance("".join(said), "".join(heard))

    def told(self, language: str) -> str:
        """A line."""
        moment = f"; {self.near / self.placed:.1%} of {self.placed} within {NEAR_S:.0f} s" if self.placed else ""
        return (
            f"{language}: {self.words} words, {self.word_errors / self.words:.1%} of them wrong,"
            f" {self.letter_errors / self.letters:.1%} of the letters; {self.right} words heard right{moment};"
            f" dropped {self.dropped or 'nothing'}"
        )


def plain(text: str) -> list[str]:
    """The words of a text as they sound: lower case, without signs."""
    return re.sub(r"[^\w ]+", " ", text.casefold()).split()


def distance(said: Sequence[str], heard: Sequence[str]) -> int:
    """Insertions, deletions and substitutions (V. Levenshtein 1966)."""
    row = list(range(len(heard) + 1))
    for i, one in enumerate(said, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(heard, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (one != other))
    return row[-1]


def said_when(turns: Sequence[Timed]) -> Iterator[tuple[str, float]]:
    """Each word of a speaker and the second at which it should begin, by its share of the letters of its turn."""
    for turn in turns:
        words = turn.text.split()
        letters, before = max(1, sum(map(len, words))), 0
        for word in words:
            for sounding in plain(word):
                yield sounding, turn.start_s + (turn.end_s - turn.start_s) * before / letters
            before += len(word)


def place(tally: Tally, said: Sequence[tuple[str, float]], heard: Sequence[Word]) -> None:
    """Count the words that were heard right and those of them that lie where they were said."""
    sounding = [(one, word.start_s) for word in heard for one in plain(word.text)]
    matcher = SequenceMatcher(None, [one for one, _ in said], [one for one, _ in sounding], autojunk=False)
    for block in matcher.get_matching_blocks():
        for n in range(block.size):
            tally.right += 1
            tally.placed += 1
            tally.near += abs(said[block.a + n][1] - sounding[block.b + n][1]) <= NEAR_S


def demo(tally: Tally, name: str, heard: Transcript) -> None:
    """Count one of the demo's calls."""
    for speaker in SPEAKERS:
        turns = [turn for turn in voiced()[name].turns if turn.speaker == speaker]
        words = [word for one in heard.segments if one.speaker == speaker for word in one.words]
        tally.add(plain(" ".join(turn.text for turn in turns)), plain(" ".join(word.text for word in words)))
        place(tally, list(said_when(turns)), words)
    count_dropped(tally, heard)


def sample(tally: Tally, said: str, heard: Transcript) -> None:
    """Count a call of which only the words are known."""
    words = plain(" ".join(one.text for one in heard.segments))
    tally.add(plain(said), words)
    matcher = SequenceMatcher(None, plain(said), words, autojunk=False)
    tally.right += sum(block.size for block in matcher.get_matching_blocks())
    count_dropped(tally, heard)


def count_dropped(tally: Tally, heard: Transcript) -> None:
    """Count what was left out, by doubt."""
    for one in heard.dropped:
        tally.dropped[one.doubt.value] = tally.dropped.get(one.doubt.value, 0) + 1


def samples() -> Iterator[tuple[Path, str]]:
    """The English calls beside the checkout, and what is said in them."""
    for path in sorted(SAMPLES.glob("*.vcon.json")):
        document = json.loads(path.read_text())
        body = next(one["body"] for one in document["analysis"] if one["type"] == "transcript")
        yield path.with_name(path.name.replace(".vcon.json", ".mp3")), " ".join(one["message"] for one in body)


def of_file(path: Path) -> Recording:
    """An English call: one channel, its language to be found out."""
    whole = recording(path.read_bytes(), MediaType.MP3)
    return Recording(read=whole.read, size_bytes=whole.size_bytes, media_type=MediaType.MP3, duration_s=120)


async def measure(folder: Path, calls: int, model: str, threads: int) -> dict[str, Transcript]:
    """Hear everything and print a line for each language; returns what was heard."""
    settings = Settings(data=folder, speech_model=model, speech_threads=threads)
    everything: dict[str, Transcript] = {}
    async with Whisper(settings, yielding=False) as whisper:
        finnish, english, found = Tally(), Tally(), []
        for name in list(voiced())[:calls]:
            everything[name] = (await whisper.transcribe(recording(opus(name)))).transcript
            demo(finnish, name, everything[name])
        print(finnish.told(f"Finnish, {min(calls, len(voiced()))} calls of the demo, {whisper.model}"), flush=True)
        for path, said in samples():
            everything[path.stem] = (await whisper.transcribe(of_file(path))).transcript
            sample(english, said, everything[path.stem])
            found.append(everything[path.stem].language)
        if found:
            print(english.told(f"English, {len(found)} calls, found to be {', '.join(found)}"))
    return everything


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(prog="python -m bench.speech_errors")
    parser.add_argument("--calls", type=int, default=40)
    parser.add_argument("--model", default="base")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--dump", type=Path, help="write what was heard to this file")
    asked = parser.parse_args()
    with TemporaryDirectory(prefix="tallenne-bench-") as folder:
        heard = asyncio.run(measure(Path(folder), asked.calls, asked.model, asked.threads))
    if asked.dump:
        told = {name: [[one.speaker, one.start_s, one.text] for one in said.segments] for name, said in heard.items()}
        asked.dump.write_text(json.dumps(told, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
