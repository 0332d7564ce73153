"""Files of customers: bytes cut into records as they arrive, and a record read into what `CustomerLine` judges.

NDJSON has one customer a line; CSV has a header and repeatable columns (docs/howto/customers.md). Pure and streaming: a
file of any length needs the memory of its longest record. Judging and keeping are `archive.customer_import`.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson

from archive.errors import Complaint, Invalid

MAX_RECORD_BYTES = 256 * 1024
MAX_RECORD_LINES = 20
MAX_COLUMNS = 500
LIST_SEPARATOR = "|"

_PLAIN = frozenset({"customer_number", "company", "name", "kind", "hetu", "business_id"})
_FIELDS = {
    "site": frozenset(
        {"metering_point", "address", "postal_code", "city", "main_fuse_a", "energy", "connection", "contract",
         "annual_use_kwh"}
    ),
    "feedback": frozenset({"at", "text", "satisfaction", "channel"}),
    "billing": frozenset({"address", "postal_code", "city", "rhythm", "method", "iban"}),
    "marketing": frozenset({"permissions", "prohibitions"}),
}  # fmt: skip
_LISTS = {"site": "sites", "feedback": "feedback", "phone": "phones", "email": "emails"}
_CONTACT = re.compile(r"(phone|email)(?:_\d{1,3})?")
_NUMBERED = re.compile(r"(site|feedback)(?:_(\d{1,3}))?_([a-z_]+)")
_SECTION = re.compile(r"(billing|marketing)_([a-z]+(?:_[a-z]+)*)")
_ATTRIBUTE = re.compile(r"attribute_(.{1,64})", re.IGNORECASE)


class Form(StrEnum):
    """The two forms of a file of customers, by their media type."""

    NDJSON = "application/x-ndjson"
    CSV = "text/csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record and the line on which it begins; `data` None is a record that was too long to take."""

    line: int
    data: bytes | None


class Cutter:
    """Cuts bytes into records as they come; a CSV record may span some lines inside quotes."""

    def __init__(self, form: Form) -> None:
        self._quoted = form is Form.CSV
        self._rest = b""
        self._cut_short = False
        self._line = 0
        self._open: list[tuple[int, bytes]] = []

    def feed(self, data: bytes) -> Iterator[Record]:
        """Take the next bytes and yield every record that ends in them; blank lines are no records."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            yield from self._next_line(line + b"\n")
        if len(self._rest) > MAX_RECORD_BYTES:
            self._rest, self._cut_short = b"", True

    def finish(self) -> Iterator[Record]:
        """Yield what is left at the end of the file."""
        rest, self._rest = self._rest, b""
        if rest or self._cut_short:
            yield from self._next_line(rest)
        while self._open:
            yield from self._give_up()

    def _next_line(self, line: bytes) -> Iterator[Record]:
        self._line += 1
        cut_short, self._cut_short = self._cut_short, False
        if cut_short or len(line) > MAX_RECORD_BYTES:
            while self._open:
                yield from self._give_up()
            yield Record(line=self._line, data=None)
        else:
            yield from self._take(self._line, line)

    def _take(self, number: int, line: bytes) -> Iterator[Record]:
        self._open.append((number, line))
        record = b"".join(text for _, text in self._open)
        if self._quoted and record.count(b'"') % 2:
            if len(self._open) > MAX_RECORD_LINES or len(record) > MAX_RECORD_BYTES:
                yield from self._give_up()
            return
        begun, self._open = self._open[0][0], []
        if record.strip():
            yield Record(line=begun, data=record)

    def _give_up(self) -> Iterator[Record]:
        """A quote that does not close spoils its own line only: those after it are cut anew."""
        (number, line), *others = self._open
        self._open = []
        yield Record(line=number, data=line)
        for other in others:
            yield from self._take(*other)


class Reader:
    """Reads records into dicts for `CustomerLine`; the first record of a CSV file is its header."""

    def __init__(self, form: Form) -> None:
        self.form = form
        self._columns: tuple[tuple[str, ...], ...] | None = None
        self._delimiter = ","

    @property
    def needs_header(self) -> bool:
        """Whether the next record is the header."""
        return self.form is Form.CSV and self._columns is None

    def read_header(self, data: bytes) -> None:
        """Take the header of a CSV file; comma, semicolon and tab are told apart by it.

        Raises:
            Invalid: a column is unknown or comes twice, or a needed one is missing; the file is not read at all.

        """
        text = _decode(data.removeprefix(b"\xef\xbb\xbf"))
        self._delimiter = max(",;\t", key=text.count)
        names = [name.strip() for name in self._row(text)]
        if len(names) > MAX_COLUMNS:
            raise Invalid.of("header", f"more than {MAX_COLUMNS} columns")
        columns = [_column(name) for name in names]
        wrong = [
            Complaint(field=f"column {place}", message="unknown column")
            for place, column in enumerate(columns, start=1)
            if not column
        ]
        wrong += _repeated(columns)
        needed = [name for name in ("customer_number", "company", "name", "kind") if ("plain", name) not in columns]
        wrong += [Complaint(field=name, message="this column is needed") for name in needed]
        if wrong:
            raise Invalid(wrong)
        self._columns = tuple(columns)

    def read(self, data: bytes) -> Any:
        """Return the record as the value that `CustomerLine` judges.

        Raises:
            ValueError: not UTF-8, no JSON, or not the header's number of columns; the text says which, not what.

        """
        if self.form is Form.NDJSON:
            try:
                return orjson.loads(data.removeprefix(b"\xef\xbb\xbf"))
            except orjson.JSONDecodeError:
                raise ValueError("not a JSON document in UTF-8") from None
        assert self._columns is not None
        cells = self._row(_decode(data))
        if len(cells) != len(self._columns):
            raise ValueError(f"{len(cells)} columns where the header has {len(self._columns)}")
        return _assemble(self._columns, cells)

    def _row(self, text: str) -> list[str]:
        try:
            rows = list(csv.reader(text.splitlines(keepends=True), delimiter=self._delimiter, strict=True))
        except csv.Error:
            raise ValueError("not a CSV record") from None
        if len(rows) != 1:
            raise ValueError("not one CSV record")
        return rows[0]


def _decode(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None


def _repeated(columns: Sequence[tuple[str, ...]]) -> list[Complaint]:
    """Complaints of the columns whose cells would take the place of another's; phones and e-mails may be several."""
    first: dict[tuple[str, ...], int] = {}
    wrong = []
    for place, column in enumerate(columns, start=1):
        if column and column[0] != "contact" and (before := first.setdefault(column, place)) != place:
            wrong.append(Complaint(field=f"column {place}", message=f"the same as column {before}"))
    return wrong


def _column(given: str) -> tuple[str, ...]:
    """Where a column's cells go: a path whose first step is the kind of place; empty for an unknown name.

    Letter case counts in the name of an attribute alone.
    """
    if found := _ATTRIBUTE.fullmatch(given):
        return ("section", "attributes", found[1])
    name = given.lower()
    if name in _PLAIN:
        return ("plain", name)
    if found := _CONTACT.fullmatch(name):
        return ("contact", _LISTS[found[1]])
    if (found := _NUMBERED.fullmatch(name)) and found[3] in _FIELDS[found[1]]:
        return ("numbered", _LISTS[found[1]], found[2] or "1", found[3])
    if (found := _SECTION.fullmatch(name)) and found[2] in _FIELDS[found[1]]:
        return ("section", found[1], found[2])
    return ()


def _assemble(columns: Sequence[tuple[str, ...]], cells: Sequence[str]) -> dict[str, Any]:
    """Put the cells that are not blank where their columns say; what a customer does not have has blank cells."""
    value: dict[str, Any] = {}
    numbered: dict[tuple[str, str], dict[str, str]] = {}
    for column, raw in zip(columns, cells, strict=True):
        if not (cell := raw.strip()):
            continue
        match column:
            case ("plain", name):
                value[name] = cell
            case ("contact", name):
                value.setdefault(name, []).append(cell)
            case ("numbered", name, place, field):
                numbered.setdefault((name, place), {})[field] = cell
            case ("section", "marketing", field):
                words = [word for word in cell.split(LIST_SEPARATOR) if word.strip()]
                value.setdefault("marketing", {})[field] = words
            case (_, section, field):
                value.setdefault(section, {})[field] = cell
    for (name, _), fields in sorted(numbered.items(), key=lambda item: (item[0][0], int(item[0][1]))):
        value.setdefault(name, []).append(fields)
    return value
