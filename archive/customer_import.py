"""The use case of importing customers: a file of any length, good lines kept, bad ones told by number and field.

Lines are judged in a thread and kept in batches, each batch with its trail event in one transaction, so that a broken
connection loses nothing that was counted. Cutting and reading are `archive.domain.customer_file`; HTTP and the command
line only bring the bytes.
"""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from archive.custody import Services
from archive.domain.access import Action, Actor
from archive.domain.customer_file import MAX_RECORD_BYTES, Cutter, Form, Reader, Record
from archive.domain.customers import Customer, CustomerLine, complaints
from archive.errors import Invalid
from archive.store import customers

BATCH = 500
MAX_ERRORS = 1_000
MAX_ERRORS_A_LINE = 20
_READ_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class LineError:
    """What is wrong with one line; `field` is a dotted path, or None when the line as a whole could not be read."""

    line: int
    field: str | None
    message: str


@dataclass(slots=True, kw_only=True)
class ImportReport:
    """What an import has done so far. `errors` lists the first MAX_ERRORS; `errors_left_out` counts the others."""

    lines: int = 0
    created: int = 0
    updated: int = 0
    rejected: int = 0
    errors: list[LineError] = field(default_factory=list)
    errors_left_out: int = 0

    def reject(self, wrong: Iterable[LineError]) -> None:
        """Count one rejected line and list what is wrong with it while there is room."""
        self.rejected += 1
        for error in wrong:
            if len(self.errors) < MAX_ERRORS:
                self.errors.append(error)
            else:
                self.errors_left_out += 1


Progress = Callable[[ImportReport], None]


async def import_customers(
    services: Services,
    actor: Actor,
    chunks: AsyncIterable[bytes],
    form: Form,
    progress: Progress | None = None,
) -> ImportReport:
    """Import a stream of customers; `progress` is called after each batch.

    Raises:
        Invalid: a CSV file has no header, or one that names unknown columns or one twice; nothing was read.
        StoreUnavailable: the database went away; the batches before are kept, and the same file may be sent again.

    """
    async with services.db.begin() as tx:
        known = await customers.known_companies(tx, actor.companies)
    reader, report = Reader(form), ImportReport()
    keeping: asyncio.Task[None] | None = None
    try:
        async for batch in _batches(chunks, form):
            good = await asyncio.to_thread(_judge_batch, reader, batch, known, report)
            # One batch is being kept while the next is judged: the database and we work side by side.
            if keeping is not None:
                await keeping
            keeping = asyncio.create_task(_keep(services, actor, good, report, progress))
    finally:
        if keeping is not None:
            await keeping
    if reader.needs_header:
        raise Invalid.of("header", "the file has none: it is empty")
    return report


async def import_file(services: Services, actor: Actor, path: Path, progress: Progress | None = None) -> ImportReport:
    """Import a file; its name says which form it has (`.csv`, else NDJSON).

    Raises:
        OSError: the file cannot be read.
        Invalid, StoreUnavailable: see `import_customers`.

    """
    form = Form.CSV if path.suffix.lower() == ".csv" else Form.NDJSON
    return await import_customers(services, actor, _read(path), form, progress)


async def _read(path: Path) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(path.open, "rb") as file:
        while data := await asyncio.to_thread(file.read, _READ_BYTES):
            yield data


async def _batches(chunks: AsyncIterable[bytes], form: Form) -> AsyncIterator[list[Record]]:
    cutter, batch = Cutter(form), list[Record]()
    async for chunk in chunks:
        for record in cutter.feed(chunk):
            batch.append(record)
            if len(batch) == BATCH:
                yield batch
                batch = []
    batch.extend(cutter.finish())
    if batch:
        yield batch


def _judge_batch(reader: Reader, batch: list[Record], known: frozenset[str], report: ImportReport) -> list[Customer]:
    good = []
    for record in batch:
        if reader.needs_header:
            _take_header(reader, record)
            continue
        report.lines += 1
        judged = _judge(reader, record, known)
        if isinstance(judged, Customer):
            good.append(judged)
        else:
            report.reject(judged)
    return good


def _take_header(reader: Reader, record: Record) -> None:
    if record.data is None:
        raise Invalid.of("header", "too long")
    try:
        reader.read_header(record.data)
    except ValueError as error:
        raise Invalid.of("header", str(error)) from None


def _judge(reader: Reader, record: Record, known: frozenset[str]) -> Customer | list[LineError]:
    if record.data is None:
        return [LineError(line=record.line, field=None, message=f"longer than {MAX_RECORD_BYTES} bytes")]
    try:
        line = CustomerLine.model_validate(reader.read(record.data))
    except ValidationError as error:
        found = complaints(error, MAX_ERRORS_A_LINE)
        return [LineError(line=record.line, field=one.field or None, message=one.message) for one in found]
    except ValueError as error:
        return [LineError(line=record.line, field=None, message=str(error))]
    if line.company not in known:
        return [LineError(line=record.line, field="company", message="there is no such company that you may write to")]
    return line.value()


async def _keep(
    services: Services, actor: Actor, good: list[Customer], report: ImportReport, progress: Progress | None
) -> None:
    """Keep one batch in one transaction; a number that comes twice in it is put twice, the later line last."""
    if good:
        await _put(services, actor, good, report)
    if progress is not None:
        progress(report)


async def _put(services: Services, actor: Actor, good: list[Customer], report: ImportReport) -> None:
    now = datetime.now(UTC)
    done: list[customers.Put] = []
    async with services.db.begin() as tx:
        for wave in _waves(good):
            done += await customers.put_many(tx, services.keyring, wave, now)
        created = sum(put.created for put in done)
        detail = {"created": created, "updated": len(done) - created}
        companies = sorted({customer.company for customer in good})
        await services.record(tx, actor, Action.CUSTOMERS_IMPORTED, now=now, companies=companies, detail=detail)
    report.created += created
    report.updated += len(done) - created


def _waves(good: Iterable[Customer]) -> list[list[Customer]]:
    """Lists in which no customer appears twice, since one statement may touch a row only once."""
    waves: list[dict[tuple[str, str], Customer]] = [{}]
    for customer in good:
        name = (customer.company, customer.number)
        if name in waves[-1]:
            waves.append({})
        waves[-1][name] = customer
    return [list(wave.values()) for wave in waves]
