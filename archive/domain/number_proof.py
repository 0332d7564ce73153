"""Proof that a run of atoms is an identity code, a card or an account: form, range and checksum.

Every reading of the atoms is tried, within a bound, from one place; what does not fit the form any more is dropped at
once. Where to begin and whom to believe is decided in `archive.domain.sensitive`.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from stdnum import ean, iban, luhn
from stdnum.exceptions import ValidationError

from archive.domain.number_atoms import ASIDE, CORRECTION, WALL, Atom
from archive.domain.number_rows import Row

__all__ = [
    "CARD",
    "COUNTRIES",
    "DATE",
    "DOMESTIC",
    "HETU",
    "IBAN",
    "METERING_POINT",
    "TAIL",
    "Form",
    "Match",
    "begins",
    "is_gsrn",
    "matches",
    "proves",
]

MAX_STEPS: Final = 2_000
"""Readings tried from one place: enough for an account of many doubtful tens."""
_BANK_CHARS: Final = 4
_UNDONE: Final = 8
"""Atoms that a correction ("eiku") may take back."""

_CHECKS: Final = "0123456789ABCDEFHJKLMNPRSTUVWXY"
_CENTURIES: Final = ("18", "19", "20")
_MARKS: Final = "-+ABCDEFUVWXY"
_HETU: Final = re.compile(r"(\d{4})(?:18|19|20)?(\d{2})([-+A-FU-Y]?)(\d{3})([0-9A-FHJ-NPR-Y])", re.ASCII)
_DATE: Final = re.compile(r"(\d{4})(?:18|19|20)?(\d{2})", re.ASCII)
_TAIL: Final = re.compile(r"[-+A-FU-Y]?\d{3}[0-9A-FHJ-NPR-Y]", re.ASCII)
_GSRN: Final = re.compile(r"64\d{16}", re.ASCII)

_REGISTRY: Final = (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 "
    "ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 "
    "LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 "
    "PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 "
    "YE30"
)
COUNTRIES: Final = {entry[:2]: int(entry[2:]) for entry in _REGISTRY.split()}
"""Length of an IBAN by country (SWIFT's IBAN registry)."""
_AS_DIGITS: Final = {ord(letter): str(number) for number, letter in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZ", 10)}
"""ISO 13616 counts letters from 10 on."""
_INITIALS: Final = frozenset(country[0] for country in COUNTRIES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How a value grows: `step` is the value with more symbols, None where they cannot follow; `done` proves it."""

    step: Callable[[str, str], str | None]
    done: Callable[[str], bool]
    words: bool = False
    """Whether short words count as the letters they are written with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A value from the atom where the search began up to, and without, atom `end` of its view."""

    end: int
    value: str


def matches(atoms: Row, start: int, form: Form) -> Iterator[Match]:
    """Every end at which the atoms from `start` on make a whole value, in the order in which readings are tried."""
    waiting: list[tuple[int, str, tuple[str, ...]]] = [(start, "", ())]
    steps = 0
    while waiting and steps < MAX_STEPS and atoms.left > 0:
        at, value, past = waiting.pop()
        steps += 1
        atoms.left -= 1
        while at < len(atoms) and value:
            if at in atoms.jumps:
                waiting.append((atoms.jumps[at], value, past))
            if atoms[at].sort not in ASIDE:
                break
            at += 1
        if at == len(atoms):
            continue
        atom = atoms[at]
        if atom.sort is CORRECTION and value:
            waiting += [(at + 1, before, past[:place]) for place, before in enumerate(past)]
            waiting.append((at + 1, value, past))
        for symbols in reversed(_symbols(atom, form)):
            grown = form.step(value, symbols)
            if grown is None:
                continue
            if form.done(grown):
                yield Match(end=at + 1, value=grown)
            waiting.append((at + 1, grown, (*past, value)[-_UNDONE:] if grown != value else past))


def begins(atom: Atom, form: Form) -> bool:
    """Whether a value can begin with what this atom reads; far quicker than to look for one."""
    step = form.step
    return any(step("", symbols) is not None for symbols in atom.readings)


def _symbols(atom: Atom, form: Form) -> tuple[str, ...]:
    if (
        form.words
        and atom.word.isascii()
        and atom.word.isalpha()
        and len(atom.word) <= _BANK_CHARS
        and atom.sort is not WALL
    ):
        word = atom.word.upper()
        return atom.readings if word in atom.readings else (*atom.readings, word)
    return atom.readings


def _is_date(value: str) -> bool:
    """Whether day and month, as far as they are there, can be ones."""
    day, month = value[:2], value[2:4]
    return (
        value[0] in "0123"
        and (len(day) < 2 or "01" <= day <= "31")  # noqa: PLR2004 - a whole day
        and (not month or month[0] in "01")
        and (len(month) < 2 or "01" <= month <= "12")  # noqa: PLR2004 - a whole month
    )


def _step_date(value: str, symbols: str) -> str | None:
    if not symbols.isdigit():
        return value if symbols == "-" and value else None
    grown = value + symbols
    fits = len(grown) <= 6 or (len(grown) <= 8 and grown[4:6] in _CENTURIES)  # noqa: PLR2004 - DDMMYY, DDMMYYYY
    return grown if fits and _is_date(grown) else None


def _step_hetu(value: str, symbols: str) -> str | None:
    grown, digits = value + symbols, value.isdigit()
    if symbols.isdigit() and (digits or not value):
        return grown if len(grown) <= (12 if value[4:6] in _CENTURIES else 10) and _is_date(grown) else None
    if digits and len(value) in {6, 8} and symbols in _MARKS:
        return grown
    if digits:
        if symbols == "-":
            return value
        return grown if len(value) in {9, 11} and symbols in _CHECKS else None
    if symbols in {"-", "+"}:
        return value or None
    mark = 6 if not value[6:7].isdigit() else 8
    tail = grown[mark + 1 :]
    return grown if value and len(tail) <= 4 and tail[:3].isdigit() and tail[3:] in _CHECKS else None  # noqa: PLR2004 - three digits and the check


def proves(value: str) -> bool:
    """Whether a date part and an end part, with or without a separator, have the right check character."""
    found = _HETU.fullmatch(value)
    return found is not None and _CHECKS[int(found[1] + found[2] + found[4]) % 31] == found[5]


def _step_tail(value: str, symbols: str) -> str | None:
    if not value and symbols in _MARKS:
        return symbols
    grown = value + symbols
    tail = grown if grown[:1].isdigit() else grown[1:]
    return grown if len(tail) <= 4 and tail[:3].isdigit() and tail[3:] in _CHECKS else None  # noqa: PLR2004 - three digits and the check


def _step_card(value: str, symbols: str) -> str | None:
    if not symbols.isdigit():
        return value if symbols == "-" and value else None
    grown = value + symbols
    return grown if len(grown) <= 19 and _issued(grown) else None  # noqa: PLR2004 - ISO/IEC 7812


def _issued(digits: str) -> bool:
    """Whether an issuer of payment cards has numbers that begin so."""
    first = digits[0]
    if first == "4":
        return True
    if first not in "2356":
        return False
    if first == "2":
        return "2200"[: len(digits)] <= digits[:4] <= "2720"[: len(digits)]
    if first == "3":
        return len(digits) == 1 or digits[1] in "0456789"
    return first == "5" or len(digits) == 1 or digits[1] in "0234567"


_LENGTHS: Final = (
    (re.compile(r"4"), {13, 16, 19}),  # Visa
    (re.compile(r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"), {16}),  # Mastercard
    (re.compile(r"3[47]"), {15}),  # American Express
    (re.compile(r"30[0-5]|309|36|3[89]"), {14}),  # Diners Club
    (re.compile(r"35(?:2[89]|[3-8])"), {16}),  # JCB
    (re.compile(r"6011|64[4-9]|65|60|62"), {16, 19}),  # Discover, RuPay, UnionPay
    (re.compile(r"220[0-4]"), {16, 19}),  # Mir
    (re.compile(r"50|5[6-8]|6[37]"), {16, 18, 19}),  # Maestro
)
"""Ranges that issuers have (ISO/IEC 7812) and the lengths in them."""


def _is_card(value: str) -> bool:
    return (
        len(value) >= 13  # noqa: PLR2004 - the shortest
        and any(ranged.match(value) and len(value) in sizes for ranged, sizes in _LENGTHS)
        and not _GSRN.fullmatch(value)
        and luhn.is_valid(value)
        and len(set(value)) > 1
    )


def is_gsrn(digits: str) -> bool:
    """Whether digits are those of a metering point: 18 from 64 on, with the check digit of GS1."""
    return _GSRN.fullmatch(digits) is not None and ean.calc_check_digit(digits[:-1]) == digits[-1]


def _step_iban(value: str, symbols: str) -> str | None:
    grown = value + symbols
    if symbols in {"-", "+"}:
        return value or None
    if len(grown) < 2:  # noqa: PLR2004 - half of a country's code
        return grown if grown in _INITIALS else None
    size = COUNTRIES.get(grown[:2])
    if size is None or len(grown) > size or (not grown[2:4].isdigit() and grown[2:4]):
        return None
    return grown


def _is_iban(value: str) -> bool:
    if len(value) != COUNTRIES.get(value[:2]) or int((value[4:] + value[:4]).translate(_AS_DIGITS)) % 97 != 1:
        return False
    try:
        return bool(iban.validate(value, check_country=False))
    except (ValidationError, IndexError):
        return False


def _step_domestic(value: str, symbols: str) -> str | None:
    if not symbols.isdigit():
        return value if symbols == "-" and value else None
    grown = value + symbols
    return grown if len(grown) <= COUNTRIES["FI"] - 2 else None


def _step_gsrn(value: str, symbols: str) -> str | None:
    if not symbols.isdigit():
        return value if symbols == "-" and value else None
    grown = value + symbols
    return grown if len(grown) <= 18 and grown.startswith("64"[: len(grown)]) else None  # noqa: PLR2004 - GS1


HETU: Final = Form(step=_step_hetu, done=proves)
DATE: Final = Form(step=_step_date, done=lambda value: _DATE.fullmatch(value) is not None)
TAIL: Final = Form(step=_step_tail, done=lambda value: _TAIL.fullmatch(value) is not None)
CARD: Final = Form(step=_step_card, done=_is_card)
IBAN: Final = Form(step=_step_iban, done=_is_iban, words=True)
METERING_POINT: Final = Form(step=_step_gsrn, done=is_gsrn)
DOMESTIC: Final = Form(step=_step_domestic, done=lambda value: _is_iban(f"FI{value}"))
"""A Finnish account whose country is not said."""
