"""`tallenne doctor`: looks at everything that an installation depends on, one line each.

It tries rather than asks: whether object lock holds is found out by trying to delete what is locked. What it makes for
that it removes again. It mends nothing.
"""

import asyncio
import io
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from uuid import uuid4

import asyncpg
import urllib3
from minio import Minio
from minio.commonconfig import GOVERNANCE
from minio.deleteobjects import DeleteObject
from minio.error import MinioException, S3Error
from minio.retention import Retention

from archive.errors import ArchiveError
from archive.objects.keyring import Keyring, Wrapped
from archive.settings import Settings
from archive.store import migrate, search_rows, wrapping
from archive.store.unit_of_work import Database
from ingest.transcribe import models
from search import morphology

MAX_SKEW_S = 5.0
MIN_FREE_BYTES = 1024**3
_PROBE = "_doctor/"
_PROBE_LOCK_S = 120
_SECRET = b"a probe of the wrapping key....."


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at."""

    name: str
    right: bool
    said: str


class _Wrong(Exception):
    """Something is not as it must be; the text says what."""


async def examine(settings: Settings) -> list[Check]:
    """Look at everything; what cannot be looked at is a check that failed, never an exception."""
    looks: list[tuple[str, Callable[[], Awaitable[str]]]] = [
        ("database", lambda: _database(settings)),
        ("database clock", lambda: _database_clock(settings)),
        ("queue", lambda: _queue(settings)),
        ("bucket", lambda: asyncio.to_thread(_bucket, settings)),
        ("object lock", lambda: asyncio.to_thread(_object_lock, settings)),
        ("object store clock", lambda: asyncio.to_thread(_object_clock, settings)),
        ("keys", lambda: asyncio.to_thread(_keys, settings)),
        ("what is kept", lambda: _kept_opens(settings)),
        ("speech model", lambda: asyncio.to_thread(_speech, settings)),
        ("words", lambda: asyncio.to_thread(morphology.describe, settings.words_analyser)),
        ("index", lambda: _index(settings)),
        ("disk", lambda: asyncio.to_thread(_disk, settings)),
    ]
    return [await _look(name, look) for name, look in looks]


async def _look(name: str, look: Callable[[], Awaitable[str]]) -> Check:
    try:
        return Check(name=name, right=True, said=await look())
    except (_Wrong, ArchiveError) as error:
        said = str(error)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        said = "cannot be reached"
    except S3Error as error:
        said = f"refused: {error.code}"
    except (MinioException, urllib3.exceptions.HTTPError):
        said = "cannot be reached"
    except ValueError:
        said = "the address is malformed or missing"
    return Check(name=name, right=False, said=said)


# ------------------------------------------------------------------ database


def _url(settings: Settings) -> str:
    url = settings.database_url.get_secret_value()
    if not url:
        raise _Wrong("none is named: start `tallenne up`, or set TALLENNE_DATABASE_URL")
    return url


async def _database(settings: Settings) -> str:
    connection = await asyncpg.connect(_url(settings), timeout=5)
    try:
        server = str(await connection.fetchval("SHOW server_version"))
        writes = not await connection.fetchval("SELECT pg_is_in_recovery()")
        durable = await connection.fetchval("SHOW fsync") == "on"
    finally:
        await connection.close()
    if not writes:
        raise _Wrong("it takes no writes: it is a replica")
    if not durable:
        raise _Wrong("fsync is off: an acknowledged contact could be lost when the power fails")
    found, newest = await migrate.version(_url(settings)), migrate.head()
    if found != newest:
        raise _Wrong(f"it has version {found}, this program needs {newest}: run `tallenne migrate`")
    return f"PostgreSQL {server.partition(' ')[0]}, version {found}"


async def _database_clock(settings: Settings) -> str:
    connection = await asyncpg.connect(_url(settings), timeout=5)
    try:
        before = datetime.now(UTC)
        theirs: datetime = await connection.fetchval("SELECT clock_timestamp()")
        after = datetime.now(UTC)
    finally:
        await connection.close()
    return _skew(theirs, before, after)


async def _queue(settings: Settings) -> str:
    connection = await asyncpg.connect(_url(settings), timeout=5)
    try:
        row = await connection.fetchrow(
            "SELECT count(*) AS waiting, coalesce(extract(epoch FROM now() - min(execute_after)), 0) AS oldest_s"
            " FROM pgqueuer WHERE status = 'queued' AND execute_after <= now()"
        )
        dead = await connection.fetchval("SELECT count(*) FROM dead_letters WHERE retried_at IS NULL")
    finally:
        await connection.close()
    assert row is not None
    said = f"{row['waiting']} jobs are due, the oldest for {float(row['oldest_s']):.0f} s; {dead} dead letters"
    if row["waiting"] and row["oldest_s"] > 600:  # noqa: PLR2004  # ten minutes
        raise _Wrong(f"{said}: does a worker run?")
    return said


def _skew(theirs: datetime, before: datetime, after: datetime, grain_s: float = 0.0) -> str:
    """How far a clock is from ours; `grain_s` is how coarsely it tells its time."""
    ours = before + (after - before) / 2
    away_s = abs((theirs - ours).total_seconds())
    if away_s > MAX_SKEW_S + (after - before).total_seconds() + grain_s:
        raise _Wrong(f"it is {away_s:.1f} s away from ours; set both by a time server")
    return f"{max(0.0, away_s - grain_s):.1f} s away from ours"


# -------------------------------------------------------------- object store


def _client(settings: Settings) -> Minio:
    if not settings.s3_endpoint:
        raise _Wrong("none is named: start `tallenne up`, or set TALLENNE_S3_ENDPOINT")
    http = urllib3.PoolManager(timeout=urllib3.Timeout(connect=3, read=15), retries=urllib3.Retry(0))
    return Minio(
        settings.s3_endpoint,
        access_key=settings.s3_access_key,
        secret_key=settings.s3_secret_key.get_secret_value(),
        secure=settings.s3_secure,
        region=settings.s3_region,
        http_client=http,
    )


def _bucket(settings: Settings) -> str:
    client = _client(settings)
    if not client.bucket_exists(settings.s3_bucket):
        raise _Wrong(f"there is no bucket {settings.s3_bucket}")
    if client.get_bucket_versioning(settings.s3_bucket).status != "Enabled":
        raise _Wrong(f"the bucket {settings.s3_bucket} keeps no versions")
    return f"{settings.s3_bucket} keeps versions"


def _object_lock(settings: Settings) -> str:
    """Put a locked probe and try to delete that version, with and without a legal hold; then remove it."""
    client, bucket = _client(settings), settings.s3_bucket
    key, body = f"{_PROBE}{uuid4()}", b"probe"
    until = datetime.now(UTC) + timedelta(seconds=_PROBE_LOCK_S)
    put = client.put_object(bucket, key, io.BytesIO(body), len(body), retention=Retention(GOVERNANCE, until))
    version = put.version_id
    if not version:
        raise _Wrong("the bucket gives no versions, so nothing can be locked")
    try:
        if _is_deleted(client, bucket, key, version, bypass=False):
            raise _Wrong("NOT enforced: a locked version was deleted")
        client.enable_object_legal_hold(bucket, key, version_id=version)
        if _is_deleted(client, bucket, key, version, bypass=True):
            raise _Wrong("NOT enforced: a version under legal hold was deleted")
        client.disable_object_legal_hold(bucket, key, version_id=version)
    finally:
        _delete(client, bucket, key, version, bypass=True)
    if _is_there(client, bucket, key, version):
        raise _Wrong("the key may not lift a lock whose time has not come, which a lawful erasure needs")
    return "enforced: a locked version and one under legal hold could not be deleted"


def _delete(client: Minio, bucket: str, key: str, version: str, *, bypass: bool) -> None:
    for _ in client.remove_objects(bucket, [DeleteObject(key, version)], bypass_governance_mode=bypass):
        pass  # a refusal is what is hoped for; whether it is gone is looked for


def _is_deleted(client: Minio, bucket: str, key: str, version: str, *, bypass: bool) -> bool:
    _delete(client, bucket, key, version, bypass=bypass)
    return not _is_there(client, bucket, key, version)


def _is_there(client: Minio, bucket: str, key: str, version: str) -> bool:
    try:
        client.stat_object(bucket, key, version_id=version)
    except S3Error as error:
        if error.code in {"NoSuchKey", "NoSuchVersion", "NoSuchObject"}:
            return False
        raise
    return True


def _object_clock(settings: Settings) -> str:
    scheme = "https" if settings.s3_secure else "http"
    _client(settings)  # says what is missing
    with urllib3.PoolManager(timeout=urllib3.Timeout(connect=3, read=5), retries=urllib3.Retry(0)) as http:
        before = datetime.now(UTC)
        answer = http.request("HEAD", f"{scheme}://{settings.s3_endpoint}/")
        after = datetime.now(UTC)
    told = answer.headers.get("Date")
    if told is None:
        raise _Wrong("it does not tell its time")
    return _skew(parsedate_to_datetime(told), before, after, grain_s=1.0)


# --------------------------------------------------------------------- local


async def _kept_opens(settings: Settings) -> str:
    """The worst that can be wrong: another installation's keys."""
    keyring = await asyncio.to_thread(Keyring, settings)
    database = Database.open(settings)
    try:
        async with database.begin() as tx:
            found = await wrapping.stale_identities(tx, "", None, 1)
    finally:
        await database.close()
    if not found:
        return "nothing is kept yet"
    try:
        keyring.unwrap(Wrapped(key_id=found[0].key_id, data=found[0].wrapped), found[0].interaction_id.bytes)
    except ArchiveError:
        raise _Wrong(f"a contact wrapped with key {found[0].key_id} does not open with this keyring") from None
    return f"a contact wrapped with key {found[0].key_id} opens"


async def _index(settings: Settings) -> str:
    """Rows of another analyser are found by other forms than words are looked for by."""
    _url(settings)  # says what is missing
    analyser = await asyncio.to_thread(morphology.analyser, settings.words_analyser)
    database = Database.open(settings)
    try:
        async with database.read_bare() as connection:
            others = await search_rows.count_made_by_others(connection, analyser.name)
            states = await search_rows.states(connection)
    finally:
        await database.close()
    if others:
        raise _Wrong(f"{others} contacts are found by terms of another analyser than today's: run `tallenne reindex`")
    return ", ".join(f"{state} {count}" for state, count in states.items())


def _speech(settings: Settings) -> str:
    if not settings.speech_model:
        return "none: no speech becomes text; TALLENNE_SPEECH_MODEL names one"
    model = models.find_model(settings)
    if model.fetched:
        return f"{model.name}, from the Hugging Face Hub"
    return f"{model.name} is here"


def _keys(settings: Settings) -> str:
    keyring = Keyring(settings)
    if keyring.unwrap(keyring.wrap(_SECRET, b"doctor"), b"doctor") != _SECRET:
        raise _Wrong("the wrapping key does not open what it wrapped")
    open_to = [
        path.name
        for path in (settings.keyring_file, settings.index_key_file, settings.signing_key_file)
        if path.stat().st_mode & 0o077
    ]
    if open_to:
        raise _Wrong(f"others may read {', '.join(open_to)}: chmod 600")
    return f"{len(keyring.key_ids)} wrapping keys, {keyring.active_id} is active"


def _disk(settings: Settings) -> str:
    folder = settings.data.resolve()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    said = f"{free / 1024**3:.1f} GiB free at {folder}"
    if free < MIN_FREE_BYTES:
        raise _Wrong(said)
    return said
