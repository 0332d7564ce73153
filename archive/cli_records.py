"""Subcommands about what is kept: customers, ingest, retention, verify, verify-certificate, keys, sources, openapi.

What they do is in the walls and in the modules of the floor that each names.
"""

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import click

from archive import app, customer_import, progress
from archive import keys as key_work
from archive import verify as verification
from archive.cli_kit import shell_actor, with_services
from archive.cli_options import data_option
from archive.custody import Services
from archive.customer_import import ImportReport
from archive.errors import Invalid, ServiceError
from archive.keys import Rotated
from archive.objects import keyfiles
from archive.store import arrivals, jobs, refusals
from archive.store.disposals import Disposal
from archive.verify import Report
from archive.web import openapi as api_document
from ingest import dropfolder
from retention import certificate, disposal
from retention.disposal import Preview

_SOURCES_DAYS = 30


class Refused(ServiceError):
    """Some of it was refused."""

    code = "refused"


_file = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)


@click.group()
def customers() -> None:
    """The mirror of the customer register."""


@customers.command("import")
@click.argument("file", type=_file)
@data_option
def import_customers(file: Path, data: Path) -> None:
    """Take in NDJSON or CSV; bad lines are told by number and reason, good ones are kept."""

    async def work(services: Services) -> ImportReport:
        return await customer_import.import_file(services, shell_actor(), file)

    with progress.step(f"importing {file.name}"):
        report = with_services(data, work)
    for error in report.errors:
        place = f"{error.field}: " if error.field else ""
        click.echo(f"line {error.line}: {place}{error.message}", err=True)
    if report.errors_left_out:
        click.echo(f"and {report.errors_left_out} more", err=True)
    click.echo(f"created {report.created}, updated {report.updated}, rejected {report.rejected}")
    if report.rejected:
        raise Refused(f"{report.rejected} of {report.lines} lines were rejected; the others are kept")


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--company", required=True, metavar="CODE", help="Whose contacts these are.")
@click.option("--source", default="files", show_default=True, help="The name of the system they come from.")
@data_option
def ingest(paths: tuple[Path, ...], company: str, source: str, data: Path) -> None:
    """Keep audio files that have a .json sidecar each; a folder is walked."""

    async def work(services: Services) -> int:
        refused = 0
        async for outcome in dropfolder.take(services, shell_actor(), paths, company=company, source=source):
            if outcome.receipt is not None:
                word = "kept" if outcome.receipt.created else "already"
                click.echo(f"{word} {outcome.receipt.document['id']} {outcome.path}")
            elif outcome.error is not None:
                refused += 1
                why = outcome.error
                said = "; ".join(f"{c.field}: {c.message}" for c in why.complaints) if isinstance(why, Invalid) else why
                click.echo(f"refused {outcome.path}: {said or why.title()}", err=True)
        return refused

    if refused := with_services(data, work):
        raise Refused(f"{refused} of the files were refused; the others are kept")


@click.group()
def retention() -> None:
    """What is due to be destroyed."""


@retention.command()
@click.option(
    "--as-of", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S%z"]), help="As if it were this time (UTC)."
)
@data_option
def preview(as_of: datetime | None, data: Path) -> None:
    """Say what would be destroyed, and why; nothing changes."""
    now = datetime.now(UTC)
    moment = now if as_of is None else as_of if as_of.tzinfo else as_of.replace(tzinfo=UTC)

    async def work(services: Services) -> Preview:
        return await disposal.preview(services, shell_actor(), as_of=moment, now=now, companies=None)

    found = with_services(data, work)
    for line in found.lines:
        due, verdict = line.due, line.decision
        click.echo(
            f"{verdict.verdict} {due.id} {due.company} {due.retain_until:%Y-%m-%d} {verdict.policy} {verdict.reason}"
        )
    if found.more_after is not None:
        click.echo("...")
    assert found.sums is not None  # they come with the first page
    click.echo(f"to destroy {found.sums.destroyed.total()}, held {found.sums.held.total()}")


@retention.command("run")
@data_option
def run_retention(data: Path) -> None:
    """Destroy now what is due, and wait for the end of it."""

    async def work(services: Services) -> Disposal:
        return await disposal.run(services, shell_actor(), datetime.now(UTC))

    with progress.step("destroying what is due"):
        done = with_services(data, work)
    click.echo(
        f"{done.id} {done.status} " + ", ".join(f"{name} {count}" for name, count in sorted(done.counts.items()))
    )


@click.command()
@click.option("--sample", type=click.FloatRange(0, 100), default=100.0, show_default=True, help="Percent read whole.")
@data_option
def verify(sample: float, data: Path) -> None:
    """Compare what is stored with what was kept, and walk the trail's chain; exit 1 on damage."""

    async def work(services: Services) -> Report:
        return await verification.verify(services, datetime.now(UTC), sample=sample)

    with progress.step("verifying"):
        report = with_services(data, work)
    for finding in report.findings:
        click.echo(f"{finding.kind} {finding.where}")
    click.echo(f"parts {report.parts}, read {report.sampled} ({report.read_bytes} bytes), trail events {report.events}")
    click.echo("words " + ", ".join(f"{state} {count}" for state, count in report.words.items()))
    if not report.sound:
        raise Refused(f"{len(report.findings)} findings: what is stored is not what was kept")


@click.command("verify-certificate")
@click.argument("file", type=_file)
@click.option("--public-key", metavar="HEX", help="The published key; else that of DIR/secrets/signing.pem.")
@data_option
def verify_certificate(file: Path, public_key: str | None, data: Path) -> None:
    """Check the signature and the shape of a disposal certificate; needs no services."""
    found = certificate.verify_file(file, public_key if public_key is not None else _own_public_key(data))
    if not found.sound:
        own = "" if public_key is not None or not found.key_given else f" (checked with the key of {data})"
        raise Refused("; ".join(found.problems) + own)
    said = f"disposal {found.disposal}, {found.destroyed} destroyed, key {found.public_key}"
    click.echo(f"sound: {said}" if found.key_given else f"signature consistent, signer UNKNOWN: {said}")
    if not found.key_given:
        click.echo(
            "anybody can sign so: compare this key with the published one, or give it with --public-key", err=True
        )


def _own_public_key(data: Path) -> str | None:
    """The key by which this installation signs, when its directory is here."""
    file = data / "secrets" / keyfiles.SIGNING_KEY
    try:
        there = file.is_file()
    except OSError:
        there = False
    return keyfiles.read_signing_key(file).public_key().public_bytes_raw().hex() if there else None


@click.group()
def keys() -> None:
    """The keys under which everything is sealed."""


@keys.command()
@data_option
def rotate(data: Path) -> None:
    """Wrap everything with a new key; objects are not touched, and a run that was stopped goes on."""

    async def work(services: Services) -> Rotated:
        return await key_work.rotate(services, shell_actor(), datetime.now(UTC), lambda _done, _all: None)

    with progress.step("wrapping again"):
        done = with_services(data, work)
    said = "key added" if done.added else "no key added: what was not under it yet was wrapped with the active key"
    click.echo(f"{said} {done.key_id}, contacts {done.identities}, customers {done.customers}")
    if done.unopened or done.left:
        raise Refused(f"{done.unopened} do not open with any key, {done.left} were busy: run it again")


@keys.command()
@click.argument("interaction", metavar="ID", type=click.UUID)
@data_option
def export(interaction: UUID, data: Path) -> None:
    """Print one contact's age identity, with which the ordinary age tool opens its objects; it is on the trail."""
    text = with_services(
        data, lambda services: key_work.export(services, shell_actor(), interaction, datetime.now(UTC))
    )
    click.echo(text, nl=False)


@click.command()
@data_option
def sources(data: Path) -> None:
    """Say for each door when it last succeeded, how much came in the last hour, what was refused, and what waits."""
    for line in with_services(data, _sources):
        click.echo(line)


async def _sources(services: Services) -> list[str]:
    now = datetime.now(UTC)
    hour_ago, day_ago = now - timedelta(hours=1), now - timedelta(days=1)
    async with services.db.begin() as tx:
        last = await arrivals.last_of_sources(tx, None, now - timedelta(days=_SOURCES_DAYS))
        recent = await arrivals.by_hour(tx, None, hour_ago, now, timezone="UTC")
        refused = await refusals.since(tx, day_ago)
        waiting = await jobs.queue_depth(tx)
        dead = await jobs.count_dead(tx, None)
    lines = [f"{'source':24} {'last success':25} {'last hour':>9} {'refused in 24 h':>15}"]
    for source in sorted(set(last) | {one.source for one in refused}):
        said = last[source].astimezone(UTC).isoformat(timespec="seconds") if source in last else "-"
        came = sum(one.count for one in recent if one.source == source)
        bad = sum(one.count for one in refused if one.source == source)
        lines.append(f"{source:24} {said:25} {came:9} {bad:15}")
    queued = ", ".join(f"{name} {count}" for name, count in sorted(waiting.items())) or "nothing"
    return [*lines, f"waiting: {queued}; dead letters: {dead}"]


@click.command()
@data_option
def openapi(data: Path) -> None:  # noqa: ARG001  # the document is the same everywhere, as all take --data
    """Print the OpenAPI document."""
    json.dump(api_document.document(app.tables()), sys.stdout, indent=2, ensure_ascii=False)
    click.echo()
