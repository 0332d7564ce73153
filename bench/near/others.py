"""Contacts besides those that words are looked for in: everyday Finnish, misheard as the recogniser mishears.

What it does to letters and borders is counted in `heard.jsonl` against `sentences.tsv`: how many words stay whole, what
letters of the others become, which borders are lost. Words are drawn by how often they are said: from the Finnish list
of the package `wordfreq` where it is installed (734,000 forms of subtitles, news and talk; it is no dependency), else
from the sentences and the demo's dialogues alone. Both what was said and what was heard are kept.
"""

import bisect
import gzip
import importlib
import importlib.util
import itertools
import json
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import edlib

from archive.demo.spoken import dialogues
from bench.near.hear import HERE

__all__ = ["Contact", "Sentence", "contacts", "sentences", "words_in"]

WORDS: Final = 150
_PLAIN: Final = re.compile(r"[a-zåäö:-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """One of ours: the word it is there for, what was said, and what was heard."""

    word: str
    voice: str
    said: str
    heard: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A made-up contact: of each passage what was said and what was heard."""

    passages: tuple[tuple[str, str], ...]


def words_in(text: str) -> list[str]:
    """The words of a text, in small letters."""
    return re.findall(r"[^\W_]+", text.lower())


def sentences() -> list[Sentence]:
    """Every sentence by every voice."""
    lines = [json.loads(line) for line in (HERE / "heard.jsonl").read_text("utf-8").splitlines()]
    return [
        Sentence(
            word=line["word"],
            voice=line["voice"],
            said=line["text"],
            heard=" ".join(word for word, _ in line["heard"]),
        )
        for line in lines
    ]


def vocabulary() -> tuple[list[str], list[float]]:
    """Words and how often each is said."""
    found = importlib.util.find_spec("wordfreq")
    if found is not None and found.origin is not None:
        msgpack = importlib.import_module("msgpack")  # comes with wordfreq
        packed = gzip.decompress((Path(found.origin).parent / "data" / "large_fi.msgpack.gz").read_bytes())
        ranks = msgpack.unpackb(packed, raw=False)[1:]
        pairs = [(word, 10 ** (-rank / 100)) for rank, words in enumerate(ranks) for word in words]
        pairs = [(word, often) for word, often in pairs if _PLAIN.fullmatch(word)]
        return [word for word, _ in pairs], [often for _, often in pairs]
    said = [one.said for one in sentences()] + [turn.text for one in dialogues() for turn in one.turns]
    counted = Counter(word for text in said for word in words_in(text))
    return list(counted), [float(often) for often in counted.values()]


class Hearing:
    """How the recogniser mishears, by what it made of our sentences."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._becomes: dict[str, Counter[str]] = defaultdict(Counter)
        self._added: Counter[str] = Counter()
        self._words = self._whole = self._borders = self._lost = 0
        for one in sentences():
            said, heard = " ".join(words_in(one.said)), " ".join(words_in(one.heard))
            if heard:
                self._count(said, heard)
        letters = sum(sum(counted.values()) for counted in self._becomes.values())
        self._added_at = sum(self._added.values()) / letters
        self._draws = {letter: _draws(counted) for letter, counted in self._becomes.items()}
        self._adds = _draws(self._added)

    def _count(self, said: str, heard: str) -> None:
        aligned = edlib.getNiceAlignment(edlib.align(said, heard, task="path"), said, heard)
        pairs = list(zip(aligned["query_aligned"], aligned["target_aligned"], strict=True))
        borders = [pair for pair in pairs if pair[0] == " "]
        self._borders += len(borders)
        self._lost += sum(had != " " for _, had in borders)
        for is_border, group in itertools.groupby(pairs, key=lambda pair: pair[0] == " "):
            word = list(group)
            if is_border:
                continue
            self._words += 1
            if all(one == other for one, other in word):
                self._whole += 1
                continue
            for one, other in word:
                if one == "-":
                    self._added[other] += 1
                else:
                    self._becomes[one][other.replace("-", "")] += 1

    def passage(self, words: list[str]) -> str:
        """What is heard of these words."""
        out = ""
        for place, word in enumerate(words):
            if place and self._chance.random() >= self._lost / self._borders:
                out += " "
            out += word if self._chance.random() < self._whole / self._words else self._misheard(word)
        return " ".join(out.split())

    def _misheard(self, word: str) -> str:
        out = ""
        for letter in word:
            if self._chance.random() < self._added_at:
                out += self._drawn(self._adds)
            drawn = self._draws.get(letter)
            out += self._drawn(drawn) if drawn else letter
        return out

    def _drawn(self, draws: tuple[list[str], list[int]]) -> str:
        made, edges = draws
        return made[bisect.bisect(edges, self._chance.randrange(edges[-1]))]


def _draws(counted: Counter[str]) -> tuple[list[str], list[int]]:
    """What can be drawn, and the running sums of how often."""
    return list(counted), list(itertools.accumulate(counted.values()))


def contacts(count: int, seed: int = 1) -> Iterator[Contact]:
    """Contacts of about `WORDS` words in passages of 5 to 14."""
    words, often = vocabulary()
    edges = list(itertools.accumulate(often))
    chance, hearing = random.Random(seed), Hearing(seed)
    for _ in range(count):
        passages = []
        left = WORDS
        while left > 0:
            length = chance.randint(5, 14)
            left -= length
            said = [words[bisect.bisect(edges, chance.random() * edges[-1])] for _ in range(length)]
            passages.append((" ".join(said), hearing.passage(said)))
        yield Contact(passages=tuple(passages))
