"""What the sweep takes away, when, and what it must leave alone."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from uuid_utils.compat import uuid7

from archive import custody, sweep, verify
from archive.custody import Services, open_services
from archive.objects.age_header import new_identity
from archive.settings import Settings
from archive.store import interactions
from tests.house import now
from tests.intaking import keep, make_company

LATER = timedelta(minutes=1)


@pytest.fixture
async def own(fresh_settings: Settings) -> AsyncIterator[Services]:
    """Services over a database of this test alone; the bucket is shared, so a company of its own too."""
    services = open_services(fresh_settings.model_copy(update={"orphan_age_s": 1}))
    yield services
    await services.close()


async def orphan(services: Services, company: str, received_at: datetime, contact: UUID | None = None) -> str:
    """An object that no row knows; its key."""
    key = custody.object_key(company, contact or uuid7(), uuid7(), received_at)
    await services.bucket.put(key, b"left behind")
    return key


async def under(services: Services, company: str) -> set[str]:
    return {found.key async for found in services.bucket.versions(f"{company}/")}


async def swept_now(services: Services, at: datetime) -> int:
    return (await sweep.sweep(services, at, second_look_s=0)).orphans


async def test_an_orphan_is_found_and_swept_once(own: Services) -> None:
    company = await make_company(own)
    await orphan(own, company, now())
    found = (await verify.verify(own, now() + LATER)).findings
    assert "object-without-row" in {finding.kind for finding in found}
    assert await swept_now(own, now() + LATER) == 1
    assert not await under(own, company)
    assert await swept_now(own, now() + LATER) == 0


async def test_what_gets_its_row_between_two_looks_stays_and_nothing_is_locked_meanwhile(own: Services) -> None:
    company = await make_company(own)
    receipt = await keep(own, company)
    key = await orphan(own, company, now())
    (version,) = [found.version_id async for found in own.bucket.versions(key)]
    sweeping = asyncio.create_task(sweep.sweep(own, now() + LATER, second_look_s=2))
    await asyncio.sleep(1)
    async with own.db.begin() as tx:
        open_ones = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert await tx.scalar(text(f"{open_ones} AND state LIKE 'idle in transaction%'")) == 0
        locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database"
        assert await tx.scalar(text(f"{locks} WHERE datname = current_database())")) == 0
        await tx.execute(
            text(
                "INSERT INTO parts SELECT :id, interaction_id, company, 'peaks', media_type, size_bytes,"
                " sealed_size_bytes, sha256, sealed_sha256, :key, :version, header, created_at"
                " FROM parts WHERE interaction_id = :contact"
            ),
            {"id": uuid4(), "key": key, "version": version, "contact": UUID(receipt["id"])},
        )
    assert (await sweeping).orphans == 0
    assert key in await under(own, company)


async def test_what_lies_under_an_old_contact_is_swept_once_a_day(own: Services) -> None:
    company = await make_company(own)
    began = now() + LATER
    assert await swept_now(own, began) == 0  # the first one walks the whole bucket
    long_ago = now() - timedelta(days=400)
    old_contact = UUID(int=int(long_ago.timestamp() * 1000) << 80)
    await orphan(own, company, long_ago, old_contact)
    assert await swept_now(own, began + timedelta(hours=23)) == 0
    assert await swept_now(own, began + timedelta(hours=25)) == 1
    await orphan(own, company, long_ago, old_contact)
    assert await swept_now(own, began + timedelta(hours=26)) == 0
    assert await swept_now(own, began + timedelta(hours=50)) == 1


async def test_an_upload_is_given_all_the_time_that_a_push_may_take(own: Services) -> None:
    company = await make_company(own)
    writer = await own.bucket.multipart(custody.object_key(company, uuid7(), uuid7(), now()))
    most = timedelta(seconds=own.settings.upload_max_s)
    await sweep.sweep(own, now() + most - LATER, second_look_s=0)
    assert len(await own.bucket.unfinished_uploads(f"{company}/")) == 1
    assert (await sweep.sweep(own, now() + most + LATER, second_look_s=0)).uploads >= 1
    assert not await own.bucket.unfinished_uploads(f"{company}/")
    await writer.abort()


async def test_an_upload_that_is_given_up_leaves_nothing_though_its_contact_is_held(own: Services) -> None:
    company = await make_company(own)
    key = custody.object_key(company, contact := uuid7(), uuid7(), now())
    upload = custody.Upload(own.bucket, key, new_identity(), now() + timedelta(days=1), legal_hold=True)
    await upload.write(b"peaks")
    await upload.finish(interaction_id=contact, company=company, kind="peaks", media_type="audio/wav", now=now())
    await upload.abort()
    assert not await under(own, company)


async def test_the_bytes_of_what_was_kept_outlive_the_loss_of_its_row(own: Services) -> None:
    receipt = await keep(own, company := await make_company(own))
    async with own.db.begin() as tx:
        await tx.execute(text("DELETE FROM parts WHERE interaction_id = :id"), {"id": receipt["id"]})
        assert await interactions.get(tx, UUID(receipt["id"]), None) is not None
    assert await swept_now(own, now() + LATER) == 0
    assert len(await under(own, company)) == 1
