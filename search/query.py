"""What a search asks: the query string read into filters and words, by the grammar of `q`.

Words, "phrases", -without and fields (`agent:`, `queue:`, ...). Whatever a person may type is understood, or refused
with what to do about it. Pure; what words mean is `search.words`, how they are looked for is `search.terms`.
"""

import re
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import Field, StringConstraints

from archive.domain.filters import Absent, FilterRequest, Filters, Veil
from archive.domain.identifiers import read_phone
from archive.domain.interactions import Channel
from archive.errors import Complaint, Invalid
from search import tokens

DEFAULT_LIMIT = 50
MAX_LIMIT = 500
MAX_QUERY_CHARS = 500
FIELDS = ("agent", "queue", "phone", "customer", "category", "channel")
"""The filters that may be asked as fields of `q`."""

# Keyboards and word processors write these for a plain quotation mark and a plain minus.
_MARKS = str.maketrans(
    dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb\uff02", '"') | {"\uff0d": "-", "\u2212": "-"}
)
_ITEM = re.compile(
    rf"""(?P<minus>[-\u2010-\u2014]*)(?:(?P<field>{"|".join(FIELDS)}):(?:"(?P<quoted>[^"]*)"|(?P<value>[^\s"]*))
    |"(?P<phrase>[^"]*)"|(?P<open>")|(?P<word>[^\s"]+)|(?=\s|$))""",
    re.IGNORECASE | re.VERBOSE,
)
_LONE_MINUS = "a minus stands right before a word that must not be there: -maksu"
_UNBALANCED = 'a quotation mark has no pair: write "the whole phrase"'
_ONLY_WITHOUT = "say at least one word that must be there beside what must not"
_NO_WORD = "there is no word in it to look for: letters or digits are needed"
_NOT_WITHOUT = "a minus works before words and phrases, not before a field"
_NO_VALUE = 'a field needs its value right after the colon, one with spaces in quotation marks: agent:"Maija M"'
_TWICE = "a field is there twice: ask one value"
_CLASH = "a field of q asks another value than the filter of the same name: ask one of them"
_NO_CHANNEL = "channel: is one of call, email and chat"
_NO_FIELD = "only agent:, queue:, phone:, customer:, category: and channel: are fields of q; the others are filters"
_NO_STAR = "no sign is needed for endings: a word is found in every inflection"
_NO_OR = "OR and AND are not known: every word must be there; ask twice for either of two"

# What a person may take for a field: the names of the other filters.
_OTHER = re.compile(r"(?:company|direction|from|to|case|min_duration_s|sort):[^\s]", re.IGNORECASE)
_OPERATORS = frozenset({"OR", "AND", "NOT"})


class Sort(StrEnum):
    """The order of hits; without words every hit is as relevant as the next, so both are newest first."""

    NEWEST = "newest"
    RELEVANCE = "relevance"


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What `q` says, words as they were typed.

    Every word of `words` and every phrase of `phrases` must be there, nothing of `without` may; a phrase is its words,
    and what must not be there is a phrase of one word or more. `fields` are the filters that stood in it.
    """

    words: tuple[str, ...] = field(default=(), repr=False)
    phrases: tuple[tuple[str, ...], ...] = field(default=(), repr=False)
    without: tuple[tuple[str, ...], ...] = field(default=(), repr=False)
    fields: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @property
    def has_words(self) -> bool:
        """Whether anything but fields is asked."""
        return bool(self.words or self.phrases)

    @property
    def text(self) -> str:
        """The words, phrases and negations in one spelling, fields left out; reading it gives the same again."""
        needed = [*map(_written, ((word,) for word in self.words)), *map(_written, self.phrases)]
        return " ".join([*needed, *(f"-{_written(one)}" for one in self.without)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A whole search: filters (those of `q` among them), words, order, and whether near hits follow the sure ones."""

    filters: Filters
    query: Query = Query()
    sort: Sort = Sort.NEWEST
    near: bool = True

    @property
    def is_ranked(self) -> bool:
        """Whether the order is that of relevance."""
        return self.sort is Sort.RELEVANCE and self.query.has_words

    def told(self, veil: Veil) -> dict[str, Any]:
        """What the trail may hold of it: words are veiled like every free text, for they tell of people."""
        words = {"words": veil("words", self.query.text)} if self.query.has_words else {}
        return self.filters.told(veil) | words


class SearchRequest(FilterRequest):
    """The query string of `GET /search`: filters, `q`, and where to go on."""

    q: Annotated[Annotated[str, StringConstraints(max_length=MAX_QUERY_CHARS)] | None, Absent] = None
    sort: Annotated[Sort | None, Absent] = None
    near: Annotated[bool | None, Absent] = None
    facets: Annotated[bool | None, Absent] = None
    cursor: Annotated[Annotated[str, StringConstraints(max_length=1_000)] | None, Absent] = None
    limit: Annotated[Annotated[int, Field(ge=1, le=MAX_LIMIT)] | None, Absent] = None

    def asked(self, zone: ZoneInfo) -> Asked:
        """The search that this asks.

        Raises:
            Invalid: `q` cannot be understood, or asks a field twice with different values.

        """
        given = self.filters(zone)
        query = read(self.q or "")
        found: dict[str, Any] = dict(query.fields)
        if "channel" in found:
            found["channel"] = Channel(found["channel"])
        if any(getattr(given, name) not in {None, value} for name, value in found.items()):
            raise Invalid.of("q", _CLASH)
        return Asked(
            filters=replace(given, **found),
            query=query,
            sort=self.sort or Sort.NEWEST,
            near=self.near is not False,
        )


def read(text: str) -> Query:
    """Read `q`; blank text asks nothing.

    Raises:
        Invalid: it cannot be understood; every reason says what to do.

    """
    reader = _Reader()
    for item in _ITEM.finditer(text.translate(_MARKS)):
        reader.take(item)
    return reader.finish()


class _Reader:
    """Collects what the items of a query say, and every complaint about them."""

    def __init__(self) -> None:
        self._words: list[str] = []
        self._phrases: list[tuple[str, ...]] = []
        self._without: list[tuple[str, ...]] = []
        self._fields: dict[str, str] = {}
        self._has_signs = False
        self._wrong: list[str] = []

    def take(self, item: "re.Match[str]") -> None:
        """One item: a field, a phrase, a word, or what is none of them."""
        if item["open"]:
            self._wrong.append(_UNBALANCED)
        elif item["field"]:
            self._field(item)
        elif item["phrase"] is not None:
            self._said(_words(item["phrase"]), is_without=bool(item["minus"]), is_phrase=True)
        elif item["word"]:
            self._wrong += _mistaken(item["word"])
            self._said(_words(item["word"]), is_without=bool(item["minus"]), is_phrase=False)
        elif "-" in item["minus"]:
            self._wrong.append(_LONE_MINUS)
        elif item["minus"]:
            self._has_signs = True  # a dash between two thoughts

    def finish(self) -> Query:
        """The query.

        Raises:
            Invalid: there were complaints, or there is nothing that must be there.

        """
        if not (self._words or self._phrases):
            if self._without:
                self._wrong.append(_ONLY_WITHOUT)
            elif self._has_signs:
                self._wrong.append(_NO_WORD)
        if self._wrong:
            raise Invalid(Complaint(field="q", message=message) for message in dict.fromkeys(self._wrong))
        return Query(
            words=tuple(dict.fromkeys(self._words)),
            phrases=tuple(dict.fromkeys(self._phrases)),
            without=tuple(dict.fromkeys(self._without)),
            fields=tuple(self._fields.items()),
        )

    def _said(self, words: tuple[str, ...], *, is_without: bool, is_phrase: bool) -> None:
        if not words:
            self._has_signs = True
            if is_without:
                self._wrong.append(_LONE_MINUS)
        elif is_without:
            self._without.append(words)
        elif is_phrase and len(words) > 1:
            self._phrases.append(words)
        else:
            self._words.extend(words)

    def _field(self, item: "re.Match[str]") -> None:
        name, value = item["field"].lower(), (item["quoted"] or item["value"] or "").strip()
        if item["minus"]:
            self._wrong.append(_NOT_WITHOUT)
        elif not value or "\x00" in value:
            self._wrong.append(_NO_VALUE)
        elif name in self._fields:
            self._wrong.append(_TWICE)
        elif name == "channel" and value.lower() not in set(Channel):
            self._wrong.append(_NO_CHANNEL)
        else:
            self._fields[name] = _read_value(name, value)


def _mistaken(word: str) -> list[str]:
    """What is no part of the grammar, though it is of others': nothing of it is searched for in silence."""
    wrong = ((_OTHER.match(word), _NO_FIELD), (word.endswith("*"), _NO_STAR), (word in _OPERATORS, _NO_OR))
    return [message for is_wrong, message in wrong if is_wrong]


def _written(words: tuple[str, ...]) -> str:
    """As it is typed; in quotation marks too what would be taken for a field without."""
    return words[0] if len(words) == 1 and ":" not in words[0] else f'"{" ".join(words)}"'


def _words(text: str) -> tuple[str, ...]:
    return tuple(span.surface for span in tokens.spans(text))


def _read_value(name: str, value: str) -> str:
    if name == "channel":
        return value.lower()
    if name == "phone":
        try:
            return read_phone(value)
        except ValueError:
            return value
    return value
