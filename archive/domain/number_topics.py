"""What a number is said to be: the words around it that name an identity code, a card, an account, or something else.

The words are looked for by their sound and across wrong word borders ("kotiilin umeron" is "tilinumeron"), since a
recogniser hears them no better than the numbers.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from archive.domain.number_atoms import Atom
from archive.domain.spoken_numbers import MAX_WORD_CHARS, fold

__all__ = [
    "ABOUT_CARD",
    "ABOUT_CODE",
    "ABOUT_HETU",
    "ABOUT_IBAN",
    "ABOUT_OTHER",
    "ABOUT_TAIL",
    "BIRTH",
    "ENDS",
    "FIRST_STEMS",
    "INNER_STEMS",
    "Topic",
    "Topics",
    "topics_of",
]

BEFORE: Final = 40
"""Atoms (words and signs) between a topic and the number it speaks of."""
AFTER: Final = 3
"""Atoms from a number to a topic that follows it: "... on henkilötunnukseni"."""


class Topic(StrEnum):
    """What is spoken of; `CODE` may be an identity code or any other code, `OTHER` is something harmless."""

    HETU = "hetu"
    TAIL = "tail"
    CARD = "card"
    IBAN = "iban"
    CODE = "code"
    OTHER = "other"


ABOUT_HETU: Final = Topic.HETU
ABOUT_TAIL: Final = Topic.TAIL
ABOUT_CARD: Final = Topic.CARD
ABOUT_IBAN: Final = Topic.IBAN
ABOUT_CODE: Final = Topic.CODE
ABOUT_OTHER: Final = Topic.OTHER
"""The topics by names of their own, which are quicker to look up than members of an enumeration."""

_INSIDE: Final = {
    ABOUT_HETU: (
        "henkilötun henkilötuun etunneon henkilönum sosiaaliturva sosialiturva turvatun personbeteck personnummer "
        "socialskydd socialsecurity identitycode personalid personalident nationalid"
    ),
    ABOUT_TAIL: "loppuosa loppuosan loppupää slutdelen lastfour lastdigits",
    ABOUT_CARD: (
        "kortinnum ortinumero luottokort pankkikort maksukort debitkort visakort luokkokort korttinum kortnum "
        "kreditkort betalkort bankkort creditcard debitcard cardnumber mastercard"
    ),
    ABOUT_IBAN: (
        "tilinumer tilinnumer tilinumero pankkitili tilinro kontonum bankkonto bankaccount accountnum ibannum"
    ),
    ABOUT_OTHER: (
        "puhelinnum puhelimen puhnum kännykkänum telefonnum phonenum mobilenum käyttöpaik mittauspist mätpunkt "
        "meteringpoint mittari lukema mätarst meterread asiakasnum asiakastun käyttäjätun laskutustun kundnum "
        "customernum customerid viitenum referensnum referencenum laskunnum laskunum invoicenum fakturanum tilausnum "
        "tilaustun ordernum sopimusnum sopimustun avtalsnum contractnum postinum ytunnus liikennetun"
    ),
}
_FIRST: Final = {
    ABOUT_HETU: "hetu hetun sotu sotun ssn henkkarit",
    ABOUT_CARD: "kortti kortin kortil kortis kortei korti mastercard kortet kort card",
    ABOUT_IBAN: "iban tilille pilille tililtä tilini tilin tilii tiliä tilisi kontot konto account",
    ABOUT_CODE: "tunnus tunnukse tunnuks",
    ABOUT_OTHER: (
        "puhelin puhelim numerosta soita soitan soitte telefon phone mobile ring gsrn "
        "viite viittee referens reference "
        "sähkömittar mittar lukem mätare meter"
    ),
}
_EXACT: Final = {
    **dict.fromkeys(("visa", "visan", "visalla"), ABOUT_CARD),
    **dict.fromkeys(("kello", "klo", "kl", "klockan"), ABOUT_OTHER),
}
_END_WORDS: Final = (
    "loppu loput lopun loppuna loppuu päättyy viimeinen viimeiset viimeistä viimeisiä sista slutet slutar last ends",
    "ending",
)
ENDS: Final = frozenset(" ".join(_END_WORDS).split())
"""Words that speak of the end of an identity code where one, or a birth, was named right before."""
_ENDS_AFTER: Final = 6
BIRTH: Final = ("synty", "född", "födelse", "born", "birth")
_STREETS: Final = ("katu", "kuja", "polku", "tie", "linja", "gatan", "vägen")
_STREET_CHARS: Final = 4
_NOT: Final = ("korttel", "kortteeri", "kortiston", "accountab")


def _stems(words: dict[Topic, str]) -> dict[str, Topic]:
    """The sound of each stem, in the order in which they are tried, and what it speaks of."""
    found: dict[str, Topic] = {}
    for topic, stems in words.items():
        for sound in sorted({fold(stem) for stem in stems.split()}):
            found.setdefault(sound, topic)
    return found


def _any_of(sounds: Iterable[str]) -> str:
    """A pattern for any of the sounds: by their first letter, so that most places are passed over at once."""
    beginnings: dict[str, list[str]] = {}
    for sound in sounds:
        beginnings.setdefault(sound[0], []).append(sound[1:])
    return "|".join(f"{letter}(?:{'|'.join(rest)})" for letter, rest in beginnings.items())


INNER_STEMS: Final = _stems(_INSIDE)
FIRST_STEMS: Final = _stems(_FIRST)
_TOPIC: Final = re.compile(_any_of(INNER_STEMS))
_TOPIC_FIRST: Final = re.compile(rf"(?!{'|'.join(fold(word) for word in _NOT)})(?:{_any_of(FIRST_STEMS)})")
_BEGINNINGS: Final = frozenset(sound[:2] for sound in FIRST_STEMS)
_HEARD_WORDS: Final = 1 << 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Topics:
    """Where the topics of a contact stand: atoms in order, and what each speaks of."""

    places: tuple[int, ...]
    topics: tuple[Topic, ...]

    def before(self, pos: int, within: int = BEFORE) -> Topic | None:
        """The nearest topic that precedes atom `pos`."""
        at = bisect_left(self.places, pos) - 1
        return self.topics[at] if at >= 0 and pos - self.places[at] <= within else None

    def of(self, first: int, last: int) -> Topic | None:
        """What the number from atom `first` to `last` is said to be: the nearest topic before it, else just after."""
        known = self.before(first)
        if known is not None and known is not ABOUT_CODE:
            return known
        at = bisect_right(self.places, last)
        if at < len(self.places) and self.places[at] - last <= AFTER and self.topics[at] is not ABOUT_OTHER:
            return self.topics[at]
        return known

    def names(self, wanted: Topic, first: int, last: int) -> bool:
        """Whether the topic is named anywhere near, however near another one is."""
        lower, upper = bisect_left(self.places, first - BEFORE), bisect_right(self.places, last + AFTER)
        return wanted in self.topics[lower:upper]

    def between(self, first: int, last: int) -> bool:
        """Whether a topic begins after atom `first` and up to atom `last`."""
        return bisect_right(self.places, first) < bisect_right(self.places, last)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Heard:
    """What one word or sign tells by itself: the sound of a word, its topic, and whether it is a birth or an end."""

    sound: str
    topic: Topic | None
    birth: bool
    end: bool
    alone: bool
    """Whether it is any of these."""


@lru_cache(maxsize=_HEARD_WORDS)
def _heard(word: str) -> _Heard:
    return _heard_anew(word)


def _heard_anew(word: str) -> _Heard:
    sound = fold(word) if word[0].isalpha() else ""
    topic, birth, end = _by_itself(word), word.startswith(BIRTH), word in ENDS
    return _Heard(sound=sound, topic=topic, birth=birth, end=end, alone=topic is not None or birth or end)


def _by_itself(word: str) -> Topic | None:
    """The topic of a word that is one whatever stands beside it: a known word, or a street."""
    known = _EXACT.get(word)
    return ABOUT_OTHER if known is None and len(word) > _STREET_CHARS and word.endswith(_STREETS) else known


def topics_of(atoms: Sequence[Atom]) -> Topics:
    """The topics of all atoms of a contact; a topic stands at the first atom of its words."""
    sounds: list[str] = []
    starts: list[int] = []
    owners: list[int] = []
    alone: list[tuple[int, _Heard]] = []
    at, last, tail = 0, -1, ""
    for atom in atoms:
        if atom.index != last and sounds:
            sounds.append(" ")
            at += 1
            tail = " "
        last = atom.index
        if "0" <= atom.word[0] <= "9":
            continue
        heard = _heard(atom.word) if len(atom.word) <= MAX_WORD_CHARS else _heard_anew(atom.word)
        if heard.alone:
            alone.append((atom.pos, heard))
        sound = heard.sound
        if not sound:
            continue
        starts.append(at)
        if tail == sound[0]:  # "laskun numero" sounds like "laskunumero"
            starts[-1] -= 1
            sound = sound[1:]
        owners.append(atom.pos)
        sounds.append(sound)
        at += len(sound)
        tail = sound[-1:]
    found = _across("".join(sounds), starts, owners)
    for pos, heard in alone:
        if heard.topic is not None:
            found.setdefault(pos, heard.topic)
    found = {at: found[at] for at in found if found[at] is not ABOUT_CODE or found.get(at - 1) is not ABOUT_OTHER}
    found |= dict.fromkeys(_ends(found, alone), ABOUT_TAIL)
    places = tuple(sorted(found))
    return Topics(places=places, topics=tuple(found[place] for place in places))


def _across(joined: str, starts: Sequence[int], owners: Sequence[int]) -> dict[int, Topic]:
    """The topics in the sounds of all words, whose places and atoms are given, across the borders of words."""
    found = {
        owners[bisect_right(starts, match.start()) - 1]: INNER_STEMS[match[0]] for match in _TOPIC.finditer(joined)
    }
    for start, owner in zip(starts, owners, strict=True):
        if joined[start : start + 2] in _BEGINNINGS and owner not in found:
            match = _TOPIC_FIRST.match(joined, start)
            if match is not None:
                found[owner] = FIRST_STEMS[match[0]]
    return found


def _ends(found: dict[int, Topic], alone: Sequence[tuple[int, _Heard]]) -> list[int]:
    """Where the end of a code is spoken of: its name, or a birth, is the last thing that was named before."""
    births = {pos for pos, heard in alone if heard.birth}
    ends = {pos for pos, heard in alone if heard.end}
    told: list[int] = []
    named = -_ENDS_AFTER - 1
    for pos in sorted({*found, *births, *ends}) if ends else ():
        topic = found.get(pos)
        if pos in births or topic is ABOUT_HETU or topic is ABOUT_CODE or topic is ABOUT_TAIL:
            named = pos
        elif topic is not None:
            named = -_ENDS_AFTER - 1
        elif pos - named <= _ENDS_AFTER:
            told.append(pos)
    return told
