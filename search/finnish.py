"""What Voikko's transducer says of a Finnish word, read into base forms and compound parts; and how people say words.

Both Voikkos (libvoikko and pyvoikko) hand out the same strings of the same transducer, for example
`[Ln][Xp]sähkö[X]sähkö[Sn][Ny][Bh][Bc][Ln][Xp]lasku[X]lasku[Sela][Ny]sta[O1y]ni`: `[L.]` is the kind of word, what
stands from `[Xp]` (or `[Xj]`, for what is derived) to `[X]` belongs to the base form, what stands after `[X]` to the
form that was said, `[Bc]` is the border of a compound. They are read here and nowhere else, so that both give the same
terms. Pure.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from search import numerals
from search.tokens import fold

Lookup = Callable[[str], tuple[str, ...]]
"""From a word in small letters to what the transducer says of it; nothing for a word that it does not know."""
MAX_PARTS = 6
MIN_PART_CHARS = 2

_PIECE = re.compile(r"\[([^\]]*)\]|([^\[]+)")
_PREFIX, _NUMERAL, _VERB = "Lp", "Lu", "Lt"
_BASE_BEGINS = ("Xp", "Xj")
_ASIDE = ("Xr", "Xs")  # how an abbreviation is pronounced, and the like
_MARKS = ("X", *_BASE_BEGINS, *_ASIDE)
_RARE = frozenset({"O2y", "Sin"})  # "your", and the case of "omin silmin"
_SILENT = re.compile("[\u00ad\u200b-\u200d\u2060\ufeff]")
_MAX_DOTS = 5
_MIN_DOTTED_CHARS = 5
# Ends of what people say and the ends that are written for them; only for words that Voikko does not know as said.
_ENDINGS = (
    ("nu", ("nut",)),
    ("ny", ("nyt",)),
    ("oo", ("oa",)),
    ("öö", ("öä",)),
    ("ee", ("ea", "eä")),
    ("st", ("sta", "stä")),
    ("lt", ("lta", "ltä")),
    ("s", ("ssa", "ssä")),
    ("l", ("lla", "llä")),
    ("ks", ("ksi",)),
    ("aa", ("aan",)),
    ("ää", ("ään",)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forms:
    """What a word is a form of."""

    bases: tuple[str, ...]
    """Base forms of the whole word: what is asked for when somebody asks for the word."""
    inside: tuple[str, ...]
    """Base forms of a compound's parts, and parts that stand side by side: found, but not asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """One word of a compound in one reading."""

    kind: str
    said: str
    base: str
    verb: str
    is_rare: bool


def spellings(piece: str, plain: str, *, is_asked: bool) -> Iterator[str]:
    """How a word may stand in Voikko's dictionary: as it is written, as it is compared, as it is written in a book.

    The first that Voikko knows is the word.
    """
    numeral = numerals.written(plain)  # first, since Voikko takes "viistoista" for something oblique
    if numeral:
        yield numeral
    yield from _unique_spellings(piece, plain)
    yield from _written(plain)
    if is_asked:
        yield from _dotted(plain)


def _unique_spellings(piece: str, plain: str) -> tuple[str, ...]:
    written = _SILENT.sub("", unicodedata.normalize("NFC", piece)).replace("\u2019", "'")
    return (written,) if written == plain else (written, plain)


def _written(plain: str) -> Iterator[str]:
    """Book forms of what people say: luvannu, sähköö, laskust."""
    for end, written in _ENDINGS:
        if len(plain) > len(end) + 2 and plain.endswith(end):
            yield from (plain[: -len(end)] + one for one in written)


def _dotted(plain: str) -> Iterator[str]:
    """The word with dots where a foreign keyboard has none: "sahkolasku" for "sähkölasku"."""
    places = [place for place, char in enumerate(plain) if char in "ao"]
    if len(plain) < _MIN_DOTTED_CHARS or not places or len(places) > _MAX_DOTS or any(char in "äö" for char in plain):
        return
    for chosen in range((1 << len(places)) - 1, 0, -1):
        letters = list(plain)
        for bit, place in enumerate(places):
            if chosen >> bit & 1:
                letters[place] = "ä" if letters[place] == "a" else "ö"
        yield "".join(letters)


def forms(outputs: tuple[str, ...]) -> Forms:
    """The base forms in all readings that are likely.

    Voikko lists what grammar allows. Some of it is nearly always wrong and would find look-alikes: readings with more
    parts than another ("mitta-amme" beside "mittaamme"), "your X" where something else is possible ("kuusi" as your
    moon), and the participle that is a noun of its own ("lukema", a reading, as something that was read).
    """
    readings = [_read(output) for output in outputs]
    fewest = min((len(parts) for parts in readings), default=0)
    readings = [parts for parts in readings if len(parts) == fewest]
    readings = [parts for parts in readings if not parts[-1].is_rare] or readings
    nouns = {parts[-1].base for parts in readings if not parts[-1].verb}
    readings = [parts for parts in readings if not parts[-1].verb or parts[-1].base not in nouns]
    bases: dict[str, None] = {}
    inside: dict[str, None] = {}
    for parts in readings:
        bases |= dict.fromkeys(_bases(parts))
        inside |= dict.fromkeys(_inside(parts))
    return Forms(bases=_folded(bases), inside=_folded(inside.keys() - bases.keys()))


def _folded(words: dict[str, None] | set[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word for word in map(fold, sorted(words)) if word))


def _bases(parts: list[_Part]) -> Iterator[str]:
    """The base form of the whole; of a participle also the verb, since "on maksettu" is a form of "maksaa"."""
    if _is_numeral(parts):
        yield from _numeral("".join(part.base for part in parts))
        return
    before = "".join(part.said for part in parts[:-1])
    yield before + parts[-1].base
    if parts[-1].verb:
        yield before + parts[-1].verb


def _is_numeral(parts: list[_Part]) -> bool:
    """Whether it is a number in words; its later parts may be of no kind: "[Bc]sataa"."""
    return parts[0].kind == _NUMERAL and all(part.kind in {_NUMERAL, ""} for part in parts)


def _numeral(base: str) -> Iterator[str]:
    yield base
    value = numerals.value(base)
    if value is not None:
        yield str(value)


def _inside(parts: list[_Part]) -> Iterator[str]:
    """The parts of a compound and what neighbours make together; not those of a number: 25 is not found by 5."""
    if len(parts) == 1 or len(parts) > MAX_PARTS or _is_numeral(parts):
        return
    for first, part in enumerate(parts):
        if part.kind != _PREFIX and len(part.base) >= MIN_PART_CHARS:
            yield part.base
            if part.verb:
                yield part.verb
        for last in range(first + 1, len(parts) - (first == 0)):
            yield "".join(p.said for p in parts[first:last]) + parts[last].base


def _read(output: str) -> list[_Part]:
    return [_read_part(part) for part in output.split("[Bc]")]


def _read_part(text: str) -> _Part:
    """Base form and form as said. What was said before an `[Xj]` carries what is derived: "korot" + "us"."""
    tags = [tag for tag, _ in _PIECE.findall(text) if tag]
    said, base, ending, verb = "", "", "", ""
    inside = ""
    for tag, letters in _PIECE.findall(text):
        if tag in _BASE_BEGINS:
            base, ending = said, ""
        if tag in _MARKS:
            inside = tag
        elif inside in _BASE_BEGINS:
            ending += letters
        elif inside not in _ASIDE:
            said += letters
        if tag == "X" and not verb:
            verb = base + ending
    is_participle = tags[:1] == [_VERB] and any(tag[0] == "R" for tag in tags)
    return _Part(
        kind=next((tag for tag in reversed(tags) if tag[0] == "L"), ""),
        said=said,
        base=base + ending or said,
        verb=verb if is_participle else "",
        is_rare=not _RARE.isdisjoint(tags),
    )
