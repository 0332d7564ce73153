"""The bucket on the real SeaweedFS, and on ports where a store is dead, silent or says no."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from archive.errors import Damaged, Misconfigured, StoreUnavailable
from archive.objects import wire
from archive.objects.s3 import Bucket
from archive.objects.wire import ObjectMissing
from archive.settings import Settings
from tests.conftest import minio

MIB = 1024**2
TOMORROW = (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0)


@pytest.fixture
async def bucket(settings: Settings) -> AsyncIterator[Bucket]:
    async with Bucket.open(settings) as opened:
        yield opened


@pytest.fixture
def key() -> str:
    return f"s3-test/2026/11/{os.urandom(8).hex()}/{os.urandom(8).hex()}"


async def read(bucket: Bucket, key: str, version_id: str, first: int, last: int) -> bytes:
    return b"".join([piece async for piece in bucket.get_range(key, version_id, first, last)])


async def test_what_is_put_is_read_back_by_range(bucket: Bucket, key: str) -> None:
    data = os.urandom(300_000)
    stored = await bucket.put(key, data, sha256=hashlib.sha256(data).digest())
    assert await read(bucket, key, stored.version_id, 0, len(data) - 1) == data
    assert await read(bucket, key, stored.version_id, 65_000, 200_000) == data[65_000:200_001]
    assert await read(bucket, key, stored.version_id, 7, 7) == data[7:8]
    assert stored.etag == hashlib.md5(data, usedforsecurity=False).hexdigest()


async def test_a_large_object_goes_up_without_blocking_the_loop(bucket: Bucket, key: str) -> None:
    data = os.urandom(7 * MIB)
    stored = await bucket.put(key, data)
    assert await read(bucket, key, stored.version_id, 3 * MIB, 3 * MIB + 9) == data[3 * MIB : 3 * MIB + 10]


async def test_bytes_damaged_on_the_way_are_refused_by_the_store(bucket: Bucket, key: str) -> None:
    with pytest.raises(StoreUnavailable, match="BadDigest"):
        await bucket.put(key, b"something", sha256=bytes(32))
    assert [found async for found in bucket.versions(key)] == []


async def test_an_object_in_parts_is_one_object(bucket: Bucket, key: str) -> None:
    data = os.urandom(11 * MIB)
    writer = await bucket.multipart(key, retain_until=TOMORROW)
    for at in range(0, len(data), 5 * MIB):
        await writer.part(data[at : at + 5 * MIB])
    stored = await writer.complete()
    look = await bucket.head(key, stored.version_id)
    assert (look.size_bytes, look.retain_until, look.legal_hold) == (len(data), TOMORROW, False)
    assert await read(bucket, key, stored.version_id, 0, len(data) - 1) == data
    assert await bucket.unfinished_uploads(key) == []


async def test_an_aborted_upload_leaves_nothing(bucket: Bucket, key: str) -> None:
    writer = await bucket.multipart(key)
    await writer.part(bytes(5 * MIB))
    await writer.abort()
    await writer.abort()
    assert await bucket.unfinished_uploads(key) == []
    assert [found async for found in bucket.versions(key)] == []
    with pytest.raises(StoreUnavailable):
        await writer.part(b"x")


async def test_stale_uploads_are_dropped_and_fresh_ones_left(bucket: Bucket, key: str) -> None:
    await bucket.multipart(key)
    assert [upload.key for upload in await bucket.unfinished_uploads(key)] == [key]
    await bucket.abort_stale_uploads(datetime.now(UTC) - timedelta(hours=1))
    assert len(await bucket.unfinished_uploads(key)) == 1
    assert await bucket.abort_stale_uploads(datetime.now(UTC) + timedelta(minutes=1)) >= 1
    assert await bucket.unfinished_uploads(key) == []


async def test_what_is_not_there_is_told_from_a_store_that_is_not_there(bucket: Bucket, key: str) -> None:
    stored = await bucket.put(key, b"something")
    for missing in ((key + "x", stored.version_id), (key, "3" * 32)):
        with pytest.raises(ObjectMissing):
            await read(bucket, *missing, 0, 1)
        with pytest.raises(ObjectMissing):
            await bucket.head(*missing)


async def test_an_object_that_is_too_short_is_damage(bucket: Bucket, key: str) -> None:
    stored = await bucket.put(key, b"something")
    with pytest.raises(Damaged):
        await read(bucket, key, stored.version_id, 4, 20)
    with pytest.raises(Damaged):
        await read(bucket, key, stored.version_id, 20, 30)


async def test_versions_are_listed_in_order_after_a_key(bucket: Bucket, key: str, services_env: dict[str, str]) -> None:
    stored = [await bucket.put(f"{key}/{n}", b"x" * n) for n in (1, 2, 3)]
    again = await bucket.put(f"{key}/2", b"again")
    minio(services_env).remove_object(bucket.name, f"{key}/3")
    found = [version async for version in bucket.versions(key)]
    assert [f.key[-1] for f in found] == ["1", "2", "2", "3", "3"]
    assert sorted(f.is_marker for f in found[3:]) == [False, True]
    assert {f.version_id for f in found} > {s.version_id for s in [*stored, again]}
    assert {f.size_bytes for f in found if f.key.endswith("2")} == {2, 5}
    assert [f.key[-1] async for f in bucket.versions(key, start_after=f"{key}/2")] == ["3", "3"]


async def test_a_locked_version_is_deleted_only_past_the_lock(bucket: Bucket, key: str) -> None:
    stored = await bucket.put(key, b"something", retain_until=TOMORROW)
    refused = await bucket.delete_versions([(key, stored.version_id)])
    assert [(r.key, r.version_id, r.code) for r in refused] == [(key, stored.version_id, "AccessDenied")]
    assert (await bucket.head(key, stored.version_id)).retain_until == TOMORROW
    assert await bucket.delete_versions([(key, stored.version_id)], bypass=True) == []
    assert await bucket.delete_versions([(key, stored.version_id)], bypass=True) == []
    with pytest.raises(ObjectMissing):
        await bucket.head(key, stored.version_id)


async def test_a_legal_hold_outlasts_the_bypass(bucket: Bucket, key: str) -> None:
    stored = await bucket.put(key, b"something", legal_hold=True)
    await bucket.set_legal_hold(key, stored.version_id, on=True)
    assert (await bucket.head(key, stored.version_id)).legal_hold
    assert [r.code for r in await bucket.delete_versions([(key, stored.version_id)], bypass=True)] == ["AccessDenied"]
    await bucket.set_legal_hold(key, stored.version_id, on=False)
    assert not (await bucket.head(key, stored.version_id)).legal_hold
    assert await bucket.delete_versions([(key, stored.version_id)], bypass=True) == []


async def test_a_lock_can_be_lengthened(bucket: Bucket, key: str) -> None:
    stored = await bucket.put(key, b"something", retain_until=TOMORROW)
    later = TOMORROW + timedelta(days=30)
    await bucket.set_retention(key, stored.version_id, later)
    assert (await bucket.head(key, stored.version_id)).retain_until == later
    await bucket.delete_versions([(key, stored.version_id)], bypass=True)


async def test_many_versions_go_in_batches(bucket: Bucket, key: str) -> None:
    names = [f"{key}/{n:04}" for n in range(1005)]
    gate = asyncio.Semaphore(16)

    async def put(name: str) -> tuple[str, str]:
        async with gate:
            return name, (await bucket.put(name, b"x")).version_id

    stored = await asyncio.gather(*map(put, names))
    assert [found.key async for found in bucket.versions(key)] == names
    assert await bucket.delete_versions(stored, bypass=True) == []
    assert [found async for found in bucket.versions(key)] == []


async def test_keys_with_any_letters_are_signed_right(bucket: Bucket, key: str) -> None:
    name = f"{key}/Lämpö & sähkö+100%~(1)"
    stored = await bucket.put(name, b"something")
    assert await read(bucket, name, stored.version_id, 0, 8) == b"something"
    assert [found.key async for found in bucket.versions(key)] == [name]


async def test_leaving_a_range_early_lets_go_of_the_connection(bucket: Bucket, key: str) -> None:
    data = os.urandom(4 * MIB)
    stored = await bucket.put(key, data)
    for _ in range(5):
        pieces = bucket.get_range(key, stored.version_id, 0, len(data) - 1)
        assert data.startswith(await anext(pieces))
        await pieces.aclose()
    assert await read(bucket, key, stored.version_id, 0, 3) == data[:4]


async def test_a_bucket_is_made_with_object_lock_and_one_without_is_refused(
    settings: Settings, services_env: dict[str, str]
) -> None:
    name = f"made-{os.urandom(4).hex()}"
    async with Bucket.open(settings.model_copy(update={"s3_bucket": name})) as made:
        await made.ensure()
        await made.ensure()
        assert await made.has_object_lock()
    minio(services_env).make_bucket(f"{name}-plain")
    async with Bucket.open(settings.model_copy(update={"s3_bucket": f"{name}-plain"})) as plain:
        assert not await plain.has_object_lock()
        with pytest.raises(Misconfigured, match="object lock"):
            await plain.ensure()
        with pytest.raises(StoreUnavailable, match="versions"):
            await plain.put("key", b"something")


async def test_wrong_credentials_are_our_trouble_and_are_not_repeated(settings: Settings, key: str) -> None:
    wrong = Settings.model_validate(settings.model_dump() | {"s3_secret_key": "wrong-secret"})
    async with Bucket.open(wrong) as bucket:
        for call in calls(bucket, key):
            with pytest.raises(StoreUnavailable) as caught:
                await call()
            assert "wrong-secret" not in str(caught.value)
            assert key not in str(caught.value)


def calls(bucket: Bucket, key: str) -> list[Callable[[], Awaitable[object]]]:
    return [
        lambda: bucket.put(key, b"something"),
        lambda: bucket.multipart(key),
        lambda: read(bucket, key, "v", 0, 1),
        lambda: bucket.head(key, "v"),
        lambda: anext(bucket.versions(key)),
        lambda: bucket.delete_versions([(key, "v")], bypass=True),
        lambda: bucket.set_legal_hold(key, "v", on=True),
        lambda: bucket.set_retention(key, "v", TOMORROW),
        bucket.unfinished_uploads,
        bucket.ensure,
    ]


@asynccontextmanager
async def store_that(answer: bytes | None) -> AsyncIterator[str]:
    """A port where every request gets these bytes as its answer; None: silence."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.read(65_536):
                if answer is not None:
                    writer.write(answer)
                    await writer.drain()
                    break
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


def xml(status: str, code: str) -> bytes:
    body = f"<Error><Code>{code}</Code><Message>secret-key is full</Message></Error>"
    return f"HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


@pytest.mark.parametrize(
    "answer",
    [
        xml("500 Internal Server Error", "InternalError"),
        xml("503 Service Unavailable", "SlowDown"),
        xml("507 Insufficient Storage", "StorageFull"),
        xml("404 Not Found", "NoSuchBucket"),
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut",
        b"HTTP/1.1 206 Partial Content\r\nContent-Length: 2\r\n\r\nx",
        b"HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\n<x>&",
        b"rubbish\r\n\r\n",
    ],
)
async def test_a_store_in_trouble_is_unavailable(
    settings: Settings, key: str, answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "WAITS_S", (0, 0))
    async with (
        store_that(answer) as endpoint,
        Bucket.open(settings.model_copy(update={"s3_endpoint": endpoint})) as bucket,
    ):
        for call in calls(bucket, key)[:3]:
            with pytest.raises(StoreUnavailable) as caught:
                await call()
            assert "secret-key" not in str(caught.value)


async def test_a_refused_connection_is_told_at_once_by_every_call(settings: Settings, key: str) -> None:
    async with store_that(None) as endpoint:
        pass
    async with Bucket.open(settings.model_copy(update={"s3_endpoint": endpoint})) as bucket:
        for call in calls(bucket, key):
            async with asyncio.timeout(3):
                with pytest.raises(StoreUnavailable):
                    await call()


async def test_a_silent_store_is_given_up(settings: Settings, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "SILENCE_S", 0.2)
    async with (
        store_that(None) as endpoint,
        Bucket.open(settings.model_copy(update={"s3_endpoint": endpoint})) as bucket,
    ):
        with pytest.raises(StoreUnavailable, match="in time"):
            await read(bucket, key, "v", 0, 1)
        with pytest.raises(StoreUnavailable, match="in time"):
            await bucket._wire.call("PUT", key, data=b"something", patience_s=0.2)


async def test_a_passing_failure_is_tried_again(settings: Settings, key: str) -> None:
    answers = iter(
        [
            xml("503 Service Unavailable", "SlowDown"),
            b"",
            b"HTTP/1.1 200 OK\r\nx-amz-version-id: v\r\nContent-Length: 0\r\n\r\n",
        ]
    )

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"something")
        writer.write(next(answers))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    endpoint = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, Bucket.open(settings.model_copy(update={"s3_endpoint": endpoint})) as bucket:
        assert (await bucket.put(key, b"something")).version_id == "v"
