"""The prefixes of what is written into the index: a company's month, and the lexemes of words and facts within it.

Every lexeme begins with its bucket, so that what the index lists for a word is one company's month and never grows with
the archive. Different companies may share a bucket: that costs time, never truth, since the company is a condition of
every statement too. Pure; docs/decisions/072-words-by-month.md says why.
"""

import zlib
from datetime import UTC, datetime
from enum import StrEnum

BUCKET_CHARS = 3
"""A bucket is so many ASCII characters: two of the month and one of the company."""

MAX_TERM_CHARS = 64
"""Longer words and values are cut to so many characters, in the index and in queries alike."""

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_MARKS = _DIGITS + _DIGITS[10:].upper()
_FIRST_YEAR = 2000
_LAST_MONTH = len(_DIGITS) ** 2 - 1


class Fact(StrEnum):
    """What else than words is written into the index, so that one look finds a word of an agent's month."""

    AGENT_ID = "agent"
    AGENT_NAME = "name"
    QUEUE = "queue"
    CATEGORY = "category"
    CHANNEL = "channel"
    DIRECTION = "direction"


def month_of(at: datetime) -> str:
    """The two characters of a moment's month in UTC, in order of time as text; the years are 2000 to 2107.

    Moments before and after are of the first and the last month.
    """
    moment = at.astimezone(UTC)
    number = min(max((moment.year - _FIRST_YEAR) * 12 + moment.month - 1, 0), _LAST_MONTH)
    return _code(number)


def months(since: datetime, until: datetime) -> tuple[str, ...]:
    """Every month that holds a moment from `since` to `until`, both included, the newest first."""
    first, last = _number(month_of(since)), _number(month_of(until))
    return tuple(_code(number) for number in range(last, first - 1, -1))


def begins(month: str) -> datetime:
    """The first moment of a month, but for the first, which holds everything before it too."""
    number = _number(month)
    return datetime(_FIRST_YEAR + number // 12, number % 12 + 1, 1, tzinfo=UTC)


def bucket_in(month: str, company: str) -> str:
    """The bucket of a company in a month of `month_of` or `months`."""
    return month + _MARKS[zlib.crc32(company.encode()) % len(_MARKS)]


def bucket(company: str, started_at: datetime) -> str:
    """The bucket of a company's contact that started at this moment."""
    return bucket_in(month_of(started_at), company)


def lexeme(bucket: str, term: str) -> str:
    """What is written into the index for a term of an `Analyser`: lower case, no slash in front."""
    return bucket + term[:MAX_TERM_CHARS]


def fact(bucket: str, kind: Fact, value: str) -> str:
    """What is written into the index for a fact; values are compared without regard to case."""
    return f"{bucket}/{kind}:{value.strip().lower()[:MAX_TERM_CHARS]}"


def long_mark(bucket: str) -> str:
    """What is written for a contact with more words than the index has positions for.

    A phrase is looked for among its positions, or in a contact with this mark that has all the words; there it is then
    looked for in the text.
    """
    return f"{bucket}/long"


def _number(code: str) -> int:
    return _DIGITS.index(code[0]) * len(_DIGITS) + _DIGITS.index(code[1])


def _code(number: int) -> str:
    return _DIGITS[number // len(_DIGITS)] + _DIGITS[number % len(_DIGITS)]
