"""What a number is said to be: the words around it that name an identity code, a card, an account, or something else.

The words are looked for by their sound and across wrong word borders ("kotiilin umeron" is "tilinumeron"), since a
recogniser hears them no better than the numbers.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from archive.domain.number_atoms import Atom
from archive.domain.spoken_numbers import fold

__all__ = ["UNITS", "Topic", "Topics", "topics_of"]

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


_INSIDE: Final = {
    Topic.HETU: (
        "henkilötun henkilötuun etunneon henkilönum sosiaaliturva sosialiturva turvatun personbeteck personnummer "
        "socialskydd socialsecurity identitycode personalid personalident nationalid"
    ),
    Topic.TAIL: "loppuosa loppuosan loppupää slutdelen lastfour lastdigits",
    Topic.CARD: (
        "kortinnum ortinumero luottokort pankkikort maksukort debitkort visakort luokkokort korttinum kortnum "
        "kreditkort betalkort bankkort creditcard debitcard cardnumber mastercard"
    ),
    Topic.IBAN: (
        "tilinumer tilinnumer tilinumero pankkitili tilinro kontonum bankkonto bankaccount accountnum ibannum"
    ),
    Topic.OTHER: (
        "puhelinnum puhelimen puhnum kännykkänum telefonnum phonenum mobilenum käyttöpaik mittauspist mätpunkt "
        "meteringpoint mittari lukema mätarst meterread asiakasnum asiakastun käyttäjätun laskutustun kundnum "
        "customernum customerid viitenum referensnum referencenum laskunnum laskunum invoicenum fakturanum tilausnum "
        "tilaustun ordernum sopimusnum sopimustun avtalsnum contractnum postinum ytunnus liikennetun"
    ),
}
_FIRST: Final = {
    Topic.HETU: "hetu hetun sotu sotun ssn henkkarit",
    Topic.CARD: "kortti kortin kortil kortis kortei korti mastercard kortet kort card",
    Topic.IBAN: "iban tilille pilille tililtä tilini tilin tilii tiliä tilisi kontot konto account",
    Topic.CODE: "tunnus tunnukse tunnuks",
    Topic.OTHER: (
        "puhelin puhelim numerosta soita soitan soitte telefon phone mobile ring gsrn "
        "viite viittee referens reference "
        "sähkömittar mittar lukem mätare meter"
    ),
}
_EXACT: Final = {
    **dict.fromkeys(("visa", "visan", "visalla"), Topic.CARD),
    **dict.fromkeys(("kello", "klo", "kl", "klockan"), Topic.OTHER),
}
_END_WORDS: Final = (
    "loppu loput lopun loppuna loppuu päättyy viimeinen viimeiset viimeistä viimeisiä sista slutet slutar last ends",
    "ending",
)
_ENDS: Final = frozenset(" ".join(_END_WORDS).split())
"""Words that speak of the end of an identity code where one, or a birth, was named right before."""
_ENDS_AFTER: Final = 6
_BIRTH: Final = ("synty", "född", "födelse", "born", "birth")
_STREETS: Final = ("katu", "kuja", "polku", "tie", "linja", "gatan", "vägen")
_STREET_CHARS: Final = 4
_NOT: Final = ("korttel", "kortteeri", "kortiston", "accountab")


def _pattern(stems: dict[Topic, str]) -> str:
    """A group for each topic, by its name: any of its stems, by their sound."""
    sounds = {topic: "|".join(sorted({fold(stem) for stem in words.split()})) for topic, words in stems.items()}
    return "|".join(f"(?P<{topic.value}>{any_of})" for topic, any_of in sounds.items())


_TOPIC: Final = re.compile(_pattern(_INSIDE))
_TOPIC_FIRST: Final = re.compile(rf"(?!{'|'.join(fold(word) for word in _NOT)})(?:{_pattern(_FIRST)})")

_UNIT_WORDS: Final = (
    "€ % euroa euro euron eurolla eurot eur senttiä sentti sent cent cents euros kilowattituntia kilowattitunti kwh "
    "megawattituntia mwh kilowattia kw kilowattimmar kilowattimme kilowattimmar kilowattimmars kilowatt prosenttia "
    "prosentti procent percent astetta metriä neliötä neliömetriä neliöö kuukautta vuotta päivää viikkoa tuntia "
    "minuuttia sekuntia vuotiaana kertaa kpl kappaletta ampeeria volttia gradet kronor kilowatthours kilowatthour "
    "hours minutes days weeks months years månader dagar veckor timmar minuter år öre amps volts"
)
UNITS: Final = frozenset(_UNIT_WORDS.split())
"""Words behind an amount: no number of ours goes across them."""


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
        if known is not None and known is not Topic.CODE:
            return known
        at = bisect_right(self.places, last)
        if at < len(self.places) and self.places[at] - last <= AFTER and self.topics[at] is not Topic.OTHER:
            return self.topics[at]
        return known

    def names(self, wanted: Topic, first: int, last: int) -> bool:
        """Whether the topic is named anywhere near, however near another one is."""
        lower, upper = bisect_left(self.places, first - BEFORE), bisect_right(self.places, last + AFTER)
        return wanted in self.topics[lower:upper]

    def between(self, first: int, last: int) -> bool:
        """Whether a topic begins after atom `first` and up to atom `last`."""
        return bisect_right(self.places, first) < bisect_right(self.places, last)


def topics_of(atoms: Sequence[Atom]) -> Topics:
    """The topics of all atoms of a contact; a topic stands at the first atom of its words."""
    sounds: list[str] = []
    starts: list[int] = []
    owners: list[int] = []
    at, last = 0, -1
    for atom in atoms:
        if atom.index != last and sounds:
            sounds.append(" ")
            at += 1
        last = atom.index
        if not atom.word[0].isalpha():
            continue
        sound = fold(atom.word)
        joins = bool(sounds) and sounds[-1][-1:] == sound[0]  # "laskun numero" sounds like "laskunumero"
        starts.append(at - joins)
        owners.append(atom.pos)
        sounds.append(sound[joins:])
        at += len(sound) - joins
    joined = "".join(sounds)
    found = {
        owners[bisect_right(starts, match.start()) - 1]: Topic(str(match.lastgroup))
        for match in _TOPIC.finditer(joined)
    }
    for start, owner in zip(starts, owners, strict=True):
        match = _TOPIC_FIRST.match(joined, start) if owner not in found else None
        if match is not None:
            found[owner] = Topic(str(match.lastgroup))
    for atom in atoms:
        if atom.word in _EXACT or (len(atom.word) > _STREET_CHARS and atom.word.endswith(_STREETS)):
            found.setdefault(atom.pos, _EXACT.get(atom.word, Topic.OTHER))
    found = {at: found[at] for at in found if found[at] is not Topic.CODE or found.get(at - 1) is not Topic.OTHER}
    found |= dict.fromkeys(_ends(atoms, found), Topic.TAIL)
    places = tuple(sorted(found))
    return Topics(places=places, topics=tuple(found[place] for place in places))


def _ends(atoms: Sequence[Atom], found: dict[int, Topic]) -> list[int]:
    """Where the end of a code is spoken of: its name, or a birth, is the last thing that was named before."""
    ends: list[int] = []
    named = -_ENDS_AFTER - 1
    for atom in atoms:
        topic = found.get(atom.pos)
        if topic in {Topic.HETU, Topic.CODE, Topic.TAIL} or atom.word.startswith(_BIRTH):
            named = atom.pos
        elif topic is not None:
            named = -_ENDS_AFTER - 1
        elif atom.word in _ENDS and atom.pos - named <= _ENDS_AFTER:
            ends.append(atom.pos)
    return ends
