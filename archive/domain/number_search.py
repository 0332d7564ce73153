"""Where identity codes, cards and accounts are in a row of atoms, by proof.

A row is the atoms of one contact in one order: everything, or one speaker's. What no checksum proves is left to
`archive.domain.number_hearsay`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from archive.domain.number_atoms import ASIDE, DASH, FIGURES, NUMBER, SKIP, Atom
from archive.domain.number_proof import (
    CARD,
    COUNTRIES,
    DATE,
    DOMESTIC,
    HETU,
    IBAN,
    METERING_POINT,
    TAIL,
    Match,
    begins,
    matches,
    proves,
)
from archive.domain.number_rows import Row
from archive.domain.number_topics import ABOUT_CARD, ABOUT_HETU, ABOUT_IBAN, ABOUT_OTHER, ABOUT_TAIL, Topic, Topics

__all__ = ["MOBILE", "Span", "proven", "split_codes"]

CARD_GROUPS: Final = ((4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (4, 4, 4, 4, 3), (13,), (14,), (15,), (16,), (19,))
HETU_GROUPS: Final = ((10,), (6, 4), (6, 3), (9,))
PHONE_GROUPS: Final = (
    (3, 3, 4),
    (3, 7),
    (3, 4, 3),
    (3, 3, 2, 2),
    (3, 2, 2, 3),
    (2, 3, 3, 2),
    (2, 4, 4),
    (2, 8),
    (4, 6),
)
MOBILE: Final = ("04", "050")
LANDLINE: Final = ("010", "020", "030", "09")
TAIL_REACH: Final = 60
"""Atoms between a birth date and the end part of the same code."""
PUNCTUATION: Final = frozenset(".,:/")
LEAST_DIGITS: Final = 9
"""Digits that a code has at least, if its check character is a letter; a card and an account have more."""
CHECK_DIGITS: Final = 2
"""Digits that follow the country of an account."""
CARD_DIGITS: Final = 13
TOUCHED_DIGITS: Final = 15
"""Digits of a card that is believed though letters touch it: fewer are rather a code of somebody's own."""
DOMESTIC_DIGITS: Final = 16
GSRN_DIGITS: Final = 18
DATE_DIGITS: Final = 6
COUNTRY_CHARS: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A value in a row: its atoms, in one part or more, and its symbols as far as they were understood."""

    kind: str
    value: str
    atoms: tuple[Atom, ...]
    sure: bool


def proven(row: Row, topics: Topics) -> Iterator[Span]:
    """Every value whose checksum is right."""
    free = 0
    for at, atom in enumerate(row):
        if at < free or (row.room[at] < LEAST_DIGITS and (row.room[at + 1] < CHECK_DIGITS or not _country(row, at))):
            continue
        if not (atom.readings or atom.word.upper() in COUNTRIES):
            continue
        if atom.sort is NUMBER:
            free = max(free, _metering_point(row, at))
        if at >= free:
            found = _best(row, at, topics)
            if found is not None:
                yield found[0]
                free = found[1]


def _best(row: Row, at: int, topics: Topics) -> tuple[Span, int] | None:
    """The value that begins at this atom, and the atom after it."""
    kinds = _account(row, at, topics) or _code(row, at, topics) or _card(row, at, topics)
    if kinds is None:
        return None
    kind, match = kinds
    return Span(kind=kind, value=match.value, atoms=tuple(row[at : match.end]), sure=True), match.end


def _metering_point(row: Row, at: int) -> int:
    """Where a metering point that begins here ends, 0 if none does: its digits are nothing else."""
    if row.room[at] < GSRN_DIGITS or not row[at].readings or row[at].readings[0][0] != "6" or not _opens(row, at):
        return 0
    return max((match.end for match in matches(row, at, METERING_POINT)), default=0)


def _opens(row: Row, at: int) -> bool:
    """Whether a number can begin here: nothing of a number stands before it in the same breath."""
    before = row[at - 1] if at else None
    return before is None or before.index != row[at].index or before.sort not in FIGURES


def _closes(row: Row, end: int) -> bool:
    """Whether a number can end before `end`."""
    after = row[end] if end < len(row) else None
    return after is None or after.index != row[end - 1].index or after.sort not in FIGURES


def _goes_on(row: Row, end: int) -> bool:
    """Whether figures go on behind a sign without a space, as in the date of "1.1.2024-31.12.2024"."""
    if end + 1 >= len(row):
        return False
    last, sign, after = row[end - 1], row[end], row[end + 1]
    tight = last.end == sign.start and sign.end == after.start and last.index == after.index
    return tight and sign.word in {*PUNCTUATION, "-"} and after.word[0].isdigit()


def _groups(atoms: Sequence[Atom]) -> tuple[int, ...]:
    """The lengths of written groups; empty when anything is spoken or punctuated."""
    if _punctuated(atoms) or any(atom.spoken for atom in atoms):
        return ()
    return tuple(len(atom.word) for atom in atoms if atom.word[0].isdigit())


def _account(row: Row, at: int, topics: Topics) -> tuple[str, Match] | None:
    atom = row[at]
    if atom.sort is NUMBER and not _country(row, at):
        if row.room[at] < DOMESTIC_DIGITS or topics.of(atom.pos, atom.pos) is not ABOUT_IBAN or not _opens(row, at):
            return None
        return next((("iban", match) for match in matches(row, at, DOMESTIC)), None)
    if not _country(row, at):
        return None
    whole = [
        match
        for match in matches(row, at, IBAN)
        if _ends_whole(row, match.end) or (match.value[2:].isdigit() and not row[match.end - 1].spoken)
    ]
    return ("iban", max(whole, key=lambda match: match.end)) if whole else None


def _country(row: Row, at: int) -> bool:
    """Whether the letters of a country may begin here: as written, or one by one by their names."""
    word = row[at].word
    if len(word) <= COUNTRY_CHARS and word.upper() in COUNTRIES:
        return True
    if not _spells(row[at]):
        return False
    after = next((atom for atom in row[at + 1 : at + 24] if atom.sort not in ASIDE), None)
    return after is not None and _spells(after)


def _spells(atom: Atom) -> bool:
    return any(reading.isalpha() for reading in atom.readings)


def _ends_whole(row: Row, end: int) -> bool:
    """Whether no letter or figure touches the end."""
    after = row[end] if end < len(row) else None
    last = row[end - 1]
    return after is None or after.index != last.index or after.start > last.end or not after.word[0].isalnum()


def _code(row: Row, at: int, topics: Topics) -> tuple[str, Match] | None:
    if row[at].sort is not NUMBER or not begins(row[at], HETU):
        return None
    for match in sorted(matches(row, at, HETU), key=lambda match: -match.end):
        atoms = row[at : match.end]
        named = topics.names(ABOUT_HETU, atoms[0].pos, atoms[-1].pos) or topics.names(
            ABOUT_TAIL, atoms[0].pos, atoms[-1].pos
        )
        if named or _looks_like_code(row, at, match, topics):
            return ("hetu", match)
    return None


def _looks_like_code(row: Row, at: int, match: Match, topics: Topics) -> bool:
    """Whether a value with a right check character is a code though nobody says so."""
    atoms = row[at : match.end]
    if (
        not (_ends_whole(row, match.end) or _tight(match, atoms))
        or _goes_on(row, match.end)
        or (at > 1 and _goes_on(row, at - 1))
    ):
        return False
    figures = not any(atom.spoken for atom in atoms)
    if not match.value[-5].isdigit():
        return not figures or not _punctuated(atoms[-4:])
    if len(match.value) != len("DDMMYYZZZC") or (figures and _punctuated(atoms)):
        return False
    groups = _groups(atoms)
    whole = groups in HETU_GROUPS or (_opens(row, at) and _closes(row, match.end))
    return whole and (not match.value.isdigit() or not _like_phone(match.value, groups, topics.before(atoms[0].pos)))


def _tight(match: Match, atoms: Sequence[Atom]) -> bool:
    """Whether a code is written in one piece, with its separator: letters that touch it make it no other number."""
    separated = not match.value[-5].isdigit() and not any(atom.spoken for atom in atoms)
    return separated and atoms[-1].end - atoms[0].start == len(match.value)


def _punctuated(atoms: Sequence[Atom]) -> bool:
    return any(atom.sort is SKIP and atom.word in PUNCTUATION for atom in atoms)


def _like_phone(digits: str, groups: tuple[int, ...], topic: Topic | None) -> bool:
    """Whether ten digits are rather somebody's phone: by what is said, or by how they begin and are grouped."""
    if topic is ABOUT_OTHER:
        return True
    if digits.startswith(MOBILE):
        return groups != HETU_GROUPS[1]
    return digits.startswith(LANDLINE) and groups in PHONE_GROUPS


def _card(row: Row, at: int, topics: Topics) -> tuple[str, Match] | None:
    if row.room[at] < CARD_DIGITS or row[at].sort is not NUMBER or not begins(row[at], CARD):
        return None
    found: Match | None = None
    for match in matches(row, at, CARD):
        atoms = row[at : match.end]
        groups = tuple(len(atom.word) for atom in atoms if atom.word[0].isdigit())
        figures = not any(atom.spoken for atom in atoms)
        grouped = figures and groups in CARD_GROUPS
        topic = topics.of(atoms[0].pos, atoms[-1].pos)
        whole = _opens(row, at) and _closes(row, match.end)
        good = grouped or topic is ABOUT_CARD or (whole and topic is not ABOUT_OTHER)
        if (topic is ABOUT_OTHER and not (grouped and len(groups) > 1)) or (
            figures and _punctuated(atoms) and not _even(groups)
        ):
            good = False
        whole = _ends_whole(row, match.end) or (grouped and len(match.value) >= TOUCHED_DIGITS)
        if good and whole and (found is None or match.end > found.end):
            found = match
    return None if found is None else ("card", found)


def _even(groups: tuple[int, ...]) -> bool:
    """Whether groups are as people cut a number, and not those of dates: alike but for the last, or a card's own."""
    return groups in CARD_GROUPS or (len(set(groups[:-1])) == 1 and 1 < groups[0] >= groups[-1])


def split_codes(row: Row, topics: Topics) -> Iterator[Span]:
    """Codes of which the birth date and the end part are said apart, as far as the check character proves them."""
    dates: list[tuple[int, Match]] = []
    for at, atom in enumerate(row):
        if atom.sort not in FIGURES or not atom.readings or not (_opens(row, at) or atom.sort is DASH):
            continue
        date = _date(row, at)
        near = bool(dates) and atom.pos - row[dates[-1][0]].pos <= TAIL_REACH
        for end in _tails(row, at, topics) if near else ():
            known = next(
                (one for one in reversed(dates) if one[1].end <= at and proves(one[1].value + end.value)), None
            )
            if known is not None and atom.pos - row[known[0]].pos <= TAIL_REACH:
                start, first = known
                atoms = (*row[start : first.end], *row[at : end.end])
                yield Span(kind="hetu", value=first.value + end.value, atoms=atoms, sure=True)
                break
        if date is not None:
            dates = [*dates[-5:], (at, date)]


def _date(row: Row, at: int) -> Match | None:
    """The longest date that begins here and ends where a number can end."""
    if row.room[at] < DATE_DIGITS or row[at].sort is not NUMBER or not begins(row[at], DATE):
        return None
    ends = [match for match in matches(row, at, DATE) if _closes(row, match.end)]
    return max(ends, key=lambda match: match.end, default=None)


def _tails(row: Row, at: int, topics: Topics) -> list[Match]:
    """End parts that begin here, where the talk is of codes or a letter closes them."""
    found = []
    for match in matches(row, at, TAIL):
        first, last = row[at].pos, row[match.end - 1].pos
        named = topics.names(ABOUT_HETU, first, last) or topics.names(ABOUT_TAIL, first, last)
        if (named or (row[at].sort is DASH and match.value[-1].isalpha())) and _closes(row, match.end):
            found.append(match)
    return found
