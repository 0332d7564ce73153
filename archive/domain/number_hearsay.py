"""Numbers that no checksum proves but the talk around them gives away, and what is said of a proven one once more.

Used where a digit was misheard or mistyped. Each rule asks for two things: an announcement or an unmistakable form, and
about as many digits as the value has.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from archive.domain.number_atoms import ASIDE, DASH, FIGURES, LETTER, NUMBER, SKIP, WALL, WORD, Atom
from archive.domain.number_proof import DATE, METERING_POINT, TAIL, begins, matches
from archive.domain.number_rows import Row
from archive.domain.number_search import Span
from archive.domain.number_topics import (
    ABOUT_CARD,
    ABOUT_CODE,
    ABOUT_HETU,
    ABOUT_IBAN,
    ABOUT_OTHER,
    ABOUT_TAIL,
    Topic,
    Topics,
)

__all__ = ["AMOUNT", "repeated", "told"]

GAP_WORDS: Final = 4
"""Words that were not understood between the digits of one announced number."""
LEAST: Final = {ABOUT_HETU: 7, ABOUT_CARD: 9, ABOUT_IBAN: 9, ABOUT_CODE: 8}
"""Digits that an announced number must have, of about 10, 16, 16 and 10: fewer may be something else."""
LEAST_FIGURES: Final = {ABOUT_HETU: 7, ABOUT_CARD: 11, ABOUT_IBAN: 11, ABOUT_CODE: 9}
"""The same in figures: an address with its postal code has up to 10."""
AMOUNT: Final = 8
"""Digits that a unit behind them makes an amount or a reading."""
PHONES: Final = ("0", "358")
LONGEST_PHONE: Final = 12
_YEAR: Final = re.compile(r"(?:19|20)\d\d")
_DATE_MARKS: Final = frozenset(".-")
_DATE_SHAPES: Final = {(1, ".", ".", 4), (2, ".", ".", 4), (4, "-", "-", 2)}
DICTATED: Final = 6
"""Digits that are enough where they are said one by one: nobody says an amount so."""
ONE_BY_ONE: Final = 5
DICTATED_CODE: Final = 4
"""The same where an identity code is announced."""
MOST_CODE: Final = 14
YEAR_AFTER: Final = 6
"""Atoms after the announcement of an end part, beyond which what looks like a year is one."""
DATE_DIGITS: Final = 6
TAIL_DIGITS: Final = 3
"""Digits of an end part of which the check character is a letter."""
REPEATED: Final = 4
"""Digits of a proven value that are masked wherever they are said alone."""
LONG_REPEATED: Final = 6
"""Digits of a proven value that are masked in the middle of others."""


def told(row: Row, topics: Topics, taken: set[int]) -> Iterator[Span]:
    """Every announced number and every unproven code of clear form, besides the atoms that are taken."""
    years = _years(row)
    for cluster in _pieces(row, topics, _clusters(row, topics, taken, years)):
        first, last = row[cluster[0]], row[cluster[-1]]
        topic = topics.of(first.pos, last.pos)
        digits = "".join(row[at].readings[0] if row[at].readings else "?" for at in cluster if row[at].sort is NUMBER)
        kind = _kind(topic, digits, row, cluster)
        if topic is ABOUT_TAIL and years.issuperset(cluster) and topics.before(first.pos, YEAR_AFTER) is None:
            kind = ""
        if kind:
            end = _with_letter(row, cluster[-1]) if kind == "hetu" else cluster[-1] + 1
            yield Span(kind=kind, value=digits, atoms=tuple(row[cluster[0] : end]), sure=False)
            continue
        yield from _formed(row, cluster)


def _pieces(row: Row, topics: Topics, clusters: Iterator[list[int]]) -> Iterator[list[int]]:
    """The clusters; one that is said to be an end part is cut at words between its numbers once it is long enough."""
    for cluster in clusters:
        if topics.before(row[cluster[0]].pos) is not ABOUT_TAIL:
            yield cluster
            continue
        piece: list[int] = []
        digits = 0
        for at in cluster:
            if digits >= 3 and any(row[one].sort is WORD for one in range(piece[-1] + 1, at)):  # noqa: PLR2004 - see _kind
                yield from _trimmed(row, piece)
                piece, digits = [], 0
            piece.append(at)
            digits += len(row[at].readings[0]) if row[at].readings else 0
        yield from _trimmed(row, piece)


def _clusters(row: Row, topics: Topics, taken: set[int], years: set[int]) -> Iterator[list[int]]:
    """Numbers that follow one another with few words between them, and no unit, topic or date."""
    cluster: list[int] = []
    gap = 0
    dates = _dates(row) | years
    topical = frozenset(topics.places)
    for at, atom in enumerate(row):
        if not cluster and atom.sort not in FIGURES:
            continue
        number = atom.sort in FIGURES and atom.pos not in taken
        if number and at in dates and topics.before(atom.pos) in {ABOUT_CARD, ABOUT_IBAN}:
            number = False
        stop = atom.sort is WALL or atom.pos in taken or gap > GAP_WORDS
        if cluster and (
            stop
            or atom.pos in topical
            or (atom.pos - row[at - 1].pos > 1 and topics.between(row[at - 1].pos, atom.pos))
        ):
            if not _measures(row, cluster, at):
                yield from _trimmed(row, cluster)
            elif topics.before(row[cluster[0]].pos) is ABOUT_TAIL:
                yield from _trimmed(row, _besides_amount(cluster))
            cluster = []
        if number:
            cluster.append(at)
            gap = 0
        elif atom.sort not in ASIDE:
            gap += 1
    yield from _trimmed(row, cluster)


def _measures(row: Row, cluster: Sequence[int], wall: int) -> bool:
    """Whether what stops a cluster is the unit of an amount, right behind a few digits."""
    if row[wall].sort is not WALL or row[wall].word[0] == "[" or cluster[-1] != wall - 1:
        return False
    return sum(len(row[at].readings[0]) for at in cluster if row[at].readings) <= AMOUNT


def _besides_amount(cluster: list[int]) -> list[int]:
    """What was said before the amount that the cluster ends with."""
    left = len(cluster) - 1
    while left and cluster[left - 1] == cluster[left] - 1:
        left -= 1
    return cluster[:left]


def _dates(row: Row) -> set[int]:
    """The atoms of dates in figures: 1.5.2026 and 2026-05-01."""
    found: set[int] = set()
    for at in range(len(row) - 4):
        if row[at + 1].word not in _DATE_MARKS or row[at + 1].word != row[at + 3].word:
            continue
        one, mark, two, again, three = (row[at + place].word for place in range(5))
        tight = row[at + 4].end - row[at].start == sum(len(word) for word in (one, mark, two, again, three))
        shape = (len(one), mark, again, len(three))
        if tight and len(two) <= 2 and shape in _DATE_SHAPES and two.isdigit() and one.isdigit() and three.isdigit():  # noqa: PLR2004 - a month
            found.update(range(at, at + 5))
    return found


def _years(row: Row) -> set[int]:
    """The atoms of years in figures that no other number goes with: "2024", "2025 ja 2026"."""
    found: set[int] = set()
    run: list[int] = []
    for at, atom in enumerate(row):
        if atom.sort in FIGURES:
            run.append(at)
        elif run and atom.sort not in ASIDE:
            found.update(_only_years(row, run))
            run = []
    found.update(_only_years(row, run))
    return found


def _only_years(row: Row, run: list[int]) -> list[int]:
    """The run, if nothing in it is sure to be a number but years."""
    years = [at for at in run if _YEAR.fullmatch(row[at].word)]
    if not years:
        return []
    others = [at for at in run if row[at].sort is NUMBER and row[at].sure and at not in years]
    return [] if others else run


def _trimmed(row: Row, cluster: list[int]) -> Iterator[list[int]]:
    while cluster and row[cluster[0]].sort is DASH:
        cluster = cluster[1:]
    while cluster and row[cluster[-1]].sort is DASH:
        cluster = cluster[:-1]
    if cluster:
        yield cluster


def _kind(topic: Topic | None, digits: str, row: Row, cluster: Sequence[int]) -> str:
    """What an announced number is taken for, empty for nothing."""
    if topic is ABOUT_TAIL:
        return "hetu" if 3 <= len(digits) <= MOST_CODE else ""  # noqa: PLR2004 - the three digits before the check
    if topic is None or topic is ABOUT_OTHER:
        return ""
    metering_point = any(match.end > cluster[-1] for match in matches(row, cluster[0], METERING_POINT))
    if metering_point or len(digits) < _least(topic, row, cluster):
        return ""
    if topic is ABOUT_CODE:
        return "hetu" if len(digits) <= MOST_CODE and (_dated(row, cluster[0]) or _day_and_month(digits)) else ""
    figures = not any(row[at].spoken for at in cluster)
    if topic is ABOUT_HETU:
        return "" if figures and not _dated(row, cluster[0]) else topic.value
    certain = all(row[at].sure for at in cluster)
    phone = certain and digits.startswith(PHONES) and len(digits) <= LONGEST_PHONE
    return "" if phone else topic.value


def _least(topic: Topic, row: Row, cluster: Sequence[int]) -> int:
    """How many digits an announced number must have: more in figures, fewer where they are said one by one."""
    numbers = [row[at] for at in cluster if row[at].sort is NUMBER]
    spoken = [atom for atom in numbers if atom.spoken]
    singly = sum(len("".join(atom.readings[:1])) <= 1 for atom in spoken)
    if topic is ABOUT_HETU and singly >= DICTATED_CODE:
        return DICTATED_CODE
    if singly >= ONE_BY_ONE:
        return DICTATED
    return LEAST[topic] if 2 * len(spoken) >= len(numbers) else LEAST_FIGURES[topic]


def _day_and_month(digits: str) -> bool:
    return "01" <= digits[:2] <= "31" and "01" <= digits[2:4] <= "12"


def _dated(row: Row, at: int) -> bool:
    doubtful = any(atom.sort is NUMBER and not atom.sure for atom in row[at : at + 6])
    return doubtful or any(True for _ in matches(row, at, DATE))


def _with_letter(row: Row, last: int) -> int:
    """The end of a code with the letter that may close it."""
    at = last + 1
    while at < len(row) and row[at].sort in ASIDE:
        at += 1
    return at + 1 if at < len(row) and row[at].sort is LETTER and row[at].index == row[last].index else last + 1


def _formed(row: Row, cluster: Sequence[int]) -> Iterator[Span]:
    """Codes by form alone: a date, a mark and an end part that are spoken, or written with a letter in them."""
    free = 0
    for at in cluster:
        if at < free or row.room[at] < DATE_DIGITS + TAIL_DIGITS or row[at].sort is not NUMBER:
            continue
        if not row[at].readings or row[at].readings[0][0] not in "0123" or not begins(row[at], DATE):
            continue
        for date in matches(row, at, DATE):
            tail = _tail(row, date.end)
            if tail is None:
                continue
            atoms = tuple(row[at:tail])
            letters = any(atom.sort is LETTER for atom in atoms)
            spoken = all(atom.spoken for atom in atoms if atom.sort in FIGURES)
            tight = atoms[-1].end - atoms[0].start <= 13 and atoms[0].index == atoms[-1].index  # noqa: PLR2004 - 11 and two spaces
            if spoken or (letters and tight):
                yield Span(kind="hetu", value=date.value, atoms=atoms, sure=False)
                free = tail
                break


def _tail(row: Row, at: int) -> int | None:
    """Where an end part that begins with a mark, at this atom or after fillers, ends."""
    while at < len(row) and row[at].sort is SKIP:
        at += 1
    if at == len(row) or row[at].sort not in {DASH, LETTER}:
        return None
    return next((match.end for match in matches(row, at, TAIL) if not match.value[0].isdigit()), None)


def repeated(atoms: Sequence[Atom], spans: Sequence[Span]) -> list[Span]:
    """Where digits of a proven value are said again: all of a short number, or many in the middle of a longer one."""
    known: dict[str, tuple[Span, str]] = {}
    for span in spans:
        digits = "".join(symbol for symbol in span.value if symbol.isdigit())
        for at in range(len(digits) - REPEATED + 1 if span.sure else 0):
            known.setdefault(digits[at : at + REPEATED], (span, digits))
    if not known:
        return []
    found = []
    for run in _runs(atoms):
        said = "".join(atom.readings[0] for atom in run)
        if len(said) < LONG_REPEATED and _has_unit(atoms, run[-1].pos + 1):
            continue
        owner = known.get(said[:REPEATED])
        if owner is not None and said in owner[1]:
            found.append(Span(kind=owner[0].kind, value=said, atoms=tuple(run), sure=True))
            continue
        at = 0
        while at < len(run):
            part = _longest(run[at:], known)
            if part:
                found.append(Span(kind=part[0].kind, value="", atoms=tuple(run[at : at + part[1]]), sure=True))
            at += part[1] if part else 1
    return found


def _has_unit(atoms: Sequence[Atom], pos: int) -> bool:
    """Whether the unit of an amount stands at this place."""
    return pos < len(atoms) and atoms[pos].sort is WALL and atoms[pos].word[0] != "["


def _longest(run: Sequence[Atom], known: dict[str, tuple[Span, str]]) -> tuple[Span, int] | None:
    """How many atoms at the beginning of the run are part of a known value, if they are enough."""
    said, size = "", 0
    for count, atom in enumerate(run[: LONG_REPEATED * 4], 1):
        said += atom.readings[0]
        owner = known.get(said[:REPEATED])
        if len(said) >= REPEATED and (owner is None or said not in owner[1]):
            break
        if len(said) >= LONG_REPEATED and owner is not None:
            size = count
    owner = known.get("".join(atom.readings[0] for atom in run[:size])[:REPEATED])
    return (owner[0], size) if owner is not None and size else None


def _runs(atoms: Sequence[Atom]) -> Iterator[list[Atom]]:
    """Numbers without a word between them, of one text."""
    run: list[Atom] = []
    for atom in atoms:
        if run and (atom.index != run[-1].index or atom.sort in {WORD, WALL, LETTER}):
            yield run
            run = []
        if atom.sort is NUMBER and atom.readings:
            run.append(atom)
    if run:
        yield run
