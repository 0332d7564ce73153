"""Disposals on the real database and object store: what goes, what stays, and every interruption on the way."""

import asyncio
import json
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from uuid import UUID

import orjson
import pytest
from minio import Minio
from minio.commonconfig import COMPLIANCE
from minio.retention import Retention
from sqlalchemy import select, text

from archive.custody import Services, open_services
from archive.domain.access import Actor, Role
from archive.errors import StoreUnavailable
from archive.objects.s3 import Bucket
from archive.settings import Settings
from archive.store import destruction, hot, interactions, jobs, policies
from archive.store import disposals as store
from archive.store.destruction import CONTENT
from archive.store.tables import disposal_items, tombstones
from retention import certificate, disposal, holds, removal
from tests.conftest import minio
from tests.keeping import LONG_AGO, keep, new_company, new_rule, rule_of, ruled_company

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
async def services(settings: Settings) -> AsyncIterator[Services]:
    opened = open_services(settings)
    yield opened
    await opened.close()


@pytest.fixture
def plain(services_env: dict[str, str]) -> Minio:
    return minio(services_env)


@pytest.fixture
async def company(services: Services) -> str:
    return await ruled_company(services)


def dpo(company: str) -> Actor:
    return Actor(id="user:dpo", name="dpo@example.com", role=Role.DPO, companies=frozenset({company}))


def versions(plain: Minio, settings: Settings, company: str) -> list[str]:
    """Every version and delete marker of a company, listed by somebody else's client."""
    found = plain.list_objects(settings.s3_bucket, prefix=f"{company}/", recursive=True, include_version=True)
    return [str(one.object_name) for one in found]


async def left_in_tables(services: Services, ids: list[UUID]) -> int:
    async with services.db.begin() as tx:
        left = await destruction.look(tx, ids)
    return sum(sum(by_contact.values()) for by_contact in left.values())


async def read_certificate(services: Services, disposal_id: UUID) -> dict[str, object]:
    async with services.db.begin() as tx:
        found = await store.certificate(tx, None, disposal_id)
    assert found is not None
    return dict(found)


async def test_what_is_due_goes_everywhere_and_what_is_not_stays(
    services: Services, settings: Settings, plain: Minio, company: str
) -> None:
    due = await keep(services, company, 7, parts=2)
    fresh = await keep(services, company, 2, ended_at=NOW - timedelta(days=30))
    ended = await disposal.run(services, dpo(company), datetime.now(UTC))
    assert ended.status == "done"
    assert ended.counts == {"destroyed": 7, "held": 0, "failed": 0}
    assert await left_in_tables(services, due) == 0
    assert await left_in_tables(services, fresh) > 0
    assert {UUID(name.split("/")[3]) for name in versions(plain, settings, company)} == set(fresh)


async def test_the_certificate_names_what_went_and_nobody(services: Services, company: str) -> None:
    due = await keep(services, company, 3)
    digests = {str(one): await plain_digest(services, one) for one in due}
    ended = await disposal.run(services, dpo(company), datetime.now(UTC))
    document = await read_certificate(services, ended.id)
    verdict = certificate.verify(document, services.keyring.public_key.hex())
    assert verdict.problems == ()
    body = certificate.Certificate.model_validate_json(json.dumps(document)).body
    assert {item.interaction: item.parts[0].sha256 for item in body.items} == digests
    assert {(item.policy, item.keep, item.company) for item in body.items} == {(f"p-{company}", "P24M", company)}
    text = json.dumps(document)
    assert "Aino" not in text
    assert "+358" not in text
    assert "pbx" not in text


async def plain_digest(services: Services, contact: UUID) -> str:
    async with services.db.begin() as tx:
        found = await interactions.get(tx, contact, None)
    assert found is not None
    return found.parts[0].sha256.hex()


async def test_a_tombstone_knows_the_name_again_without_keeping_it(services: Services, company: str) -> None:
    (due,) = await keep(services, company)
    async with services.db.begin() as tx:
        found = await interactions.get(tx, due, None)
    assert found is not None
    await disposal.run(services, dpo(company), datetime.now(UTC))
    name = destruction.identity_hash(services.keyring.keyed_hash, company, "pbx", found.facts.external_id)
    async with services.db.begin() as tx:
        known = await hot.known(tx, hot.Name(company, "pbx", found.facts.external_id, name))
        stone = (await tx.execute(select(tombstones).where(tombstones.c.interaction_id == due))).mappings().one()
    assert known is not None
    assert known.state == "destroyed"
    assert set(stone) == {"identity_hash", "interaction_id", "company", "disposal_id", "destroyed_at"}


async def test_held_contacts_are_counted_and_kept(services: Services, company: str) -> None:
    first, second, third = await keep(services, company, 3)
    hold = await holds.place(services, dpo(company), reason="a complaint", ids=[second], now=NOW)
    ended = await disposal.run(services, dpo(company), datetime.now(UTC))
    assert ended.counts == {"destroyed": 2, "held": 1, "failed": 0}
    assert await left_in_tables(services, [first, third]) == 0
    await holds.release(services, dpo(company), hold.id, reason="settled", now=NOW)
    again = await disposal.run(services, dpo(company), datetime.now(UTC))
    assert again.counts == {"destroyed": 1, "held": 0, "failed": 0}
    assert await left_in_tables(services, [second]) == 0


async def test_preview_says_what_a_run_does_and_changes_nothing(services: Services, company: str) -> None:
    due = await keep(services, company, 5)
    await holds.place(services, dpo(company), reason="a complaint", ids=due[:1], now=NOW)
    scope = frozenset({company})
    seen = await disposal.preview(services, dpo(company), as_of=datetime.now(UTC), now=NOW, companies=scope, limit=3)
    assert seen.sums is not None
    assert (seen.sums.destroyed.total(), seen.sums.held.total()) == (4, 1)
    rest = await disposal.preview(
        services, dpo(company), as_of=seen.as_of, now=NOW, companies=scope, after=seen.more_after
    )
    assert [line.due.id for line in (*seen.lines, *rest.lines)] == due
    assert (rest.sums, rest.more_after) == (None, None)
    assert await left_in_tables(services, due) > 0
    ended = await disposal.run(services, dpo(company), datetime.now(UTC))
    assert ended.counts["destroyed"] == seen.sums.destroyed.total()
    assert ended.counts["held"] == seen.sums.held.total()


async def test_preview_looks_ahead(services: Services, company: str) -> None:
    await keep(services, company, 2, ended_at=NOW - timedelta(days=30))
    scope = frozenset({company})
    now = await disposal.preview(services, dpo(company), as_of=NOW, now=NOW, companies=scope)
    later = await disposal.preview(services, dpo(company), as_of=NOW + timedelta(days=800), now=NOW, companies=scope)
    assert now.sums is not None
    assert later.sums is not None
    assert now.sums.destroyed == {}
    assert later.sums.destroyed == {f"p-{company}": 2}


async def test_a_policy_that_was_lengthened_saves_what_its_old_date_let_go(services: Services, company: str) -> None:
    due = await keep(services, company, 2)
    await new_rule(services, rule_of(company, keep="P10Y"))
    ended = await disposal.run(services, dpo(company), datetime.now(UTC))
    assert ended.counts == {"destroyed": 0, "held": 0, "failed": 0}
    assert await left_in_tables(services, due) > 0


async def test_without_a_policy_nothing_goes(services: Services) -> None:
    company = await new_company(services)
    kept = await keep(services, company, 2)
    ended = await disposal.run(services, dpo(company), datetime.now(UTC))
    assert ended.counts["destroyed"] == 0
    assert await left_in_tables(services, kept) > 0


async def test_other_companies_are_out_of_reach(services: Services, company: str) -> None:
    other = await new_company(services)
    await new_rule(services, rule_of(other))
    theirs = await keep(services, other, 2)
    await keep(services, company, 1)
    ended = await disposal.run(services, dpo(company), datetime.now(UTC))
    assert ended.counts["destroyed"] == 1
    assert await left_in_tables(services, theirs) > 0
    async with services.db.begin() as tx:
        assert await store.get(tx, frozenset({other}), ended.id) is None
        assert await store.certificate(tx, frozenset({other}), ended.id) is None


async def test_every_version_and_stray_object_of_a_contact_goes(
    services: Services, settings: Settings, plain: Minio, company: str
) -> None:
    due = await keep(services, company, 12)
    async with services.db.begin() as tx:
        objects = await destruction.objects_of(tx, due)
    # A second version over the first, a delete marker, and an object that no row knows of.
    await services.bucket.put(objects[0].object_key, b"second version", retain_until=NOW + timedelta(days=9))
    plain.remove_object(settings.s3_bucket, objects[1].object_key)
    await services.bucket.put(removal.folder_of(objects[2].object_key) + "stray", b"stray", legal_hold=True)
    ended = await disposal.run(services, dpo(company), datetime.now(UTC))
    assert ended.counts == {"destroyed": 12, "held": 0, "failed": 0}
    assert versions(plain, settings, company) == []


async def _destroyed_but_not_ended(services: Services, company: str) -> tuple[store.Disposal, list[str]]:
    """A disposal whose contacts are all destroyed, before its end, and the folders that they had; all have jobs."""
    begun = await _begin(services, company)
    items = await disposal.mark(services, begun, await _lines(services, company, begun.as_of))
    async with removal.remover(services) as remover:
        await disposal.destroy(services, begun, items, remover)
    async with services.db.begin() as tx:
        await jobs.enqueue_many(tx, "derive", [{"interaction": str(item.interaction_id)} for item in items], delay_s=60)
    return begun, sorted({removal.folder_of(one["object_key"]) for item in items for one in item.digests})


@pytest.mark.parametrize("count", [6, 100])  # asked for one by one, and walked along
async def test_what_comes_after_the_destruction_is_gone_at_the_end(
    services: Services, settings: Settings, plain: Minio, company: str, count: int
) -> None:
    await keep(services, company, count)
    begun, folders = await _destroyed_but_not_ended(services, company)
    await services.bucket.put(folders[1] + "late", b"late", retain_until=NOW + timedelta(days=9))
    await services.bucket.put(folders[-2] + "later", b"later", legal_hold=True)
    plain.remove_object(settings.s3_bucket, folders[-1] + "a marker alone")
    assert len(versions(plain, settings, company)) == 3
    ended = await disposal.carry_out(services, begun.id)
    assert ended.counts == {"destroyed": count, "held": 0, "failed": 0}
    assert versions(plain, settings, company) == []


def test_a_walk_begins_no_wider_than_its_contacts_lie_dense() -> None:
    crowd = [f"lahti/2026/11/01a20e725b5c-{n:04x}/" for n in range(200)]
    thin = [f"lahti/2026/11/01a2{n:04x}0000-0000/" for n in range(0, 0x9000, 0x100)]
    for folders, digits in ((crowd, 9), (thin, 0), (sorted(crowd + thin), 0)):
        found = removal._neighbourhoods(folders)
        assert sorted(one for several in found.values() for one in several) == folders
        assert {len(prefix.rpartition("/")[2]) for prefix in found} == {digits}
        assert all(one.startswith(prefix) for prefix, several in found.items() for one in several)


async def test_what_cannot_be_removed_at_the_end_is_not_called_destroyed(
    services: Services, settings: Settings, plain: Minio, company: str
) -> None:
    due = await keep(services, company, 6)
    begun, folders = await _destroyed_but_not_ended(services, company)
    # Nobody, ourselves included, deletes this before its time.
    fast = Retention(COMPLIANCE, datetime.now(UTC) + timedelta(seconds=30))
    plain.put_object(settings.s3_bucket, folders[2] + "fast", BytesIO(b"fast"), 4, retention=fast)
    ended = await disposal.carry_out(services, begun.id)
    assert ended.counts == {"destroyed": 5, "held": 0, "failed": 1}
    assert len(versions(plain, settings, company)) == 1
    document = await read_certificate(services, begun.id)
    assert certificate.verify(document).problems == ()
    body = certificate.Certificate.model_validate_json(json.dumps(document)).body
    assert {item.interaction for item in body.items} == {str(one) for one in due if f"/{one}/" not in folders[2]}
    async with services.db.begin() as tx:
        seen = await tx.scalar(
            select(disposal_items.c.checks).where(
                disposal_items.c.disposal_id == begun.id, disposal_items.c.status == "failed"
            )
        )
    assert seen == {"object_versions": 1, "wrapped_keys": 0, "rows": 0}


async def test_contacts_that_lie_among_many_others_are_found(
    services: Services, settings: Settings, plain: Minio, company: str
) -> None:
    every = await keep(services, company, 120)
    chosen = every[::17]
    for contact in set(every) - set(chosen):
        await _undate(services, contact)
    ended = await disposal.run(services, dpo(company), datetime.now(UTC))
    assert ended.counts["destroyed"] == len(chosen)
    assert {UUID(name.split("/")[3]) for name in versions(plain, settings, company)} == set(every) - set(chosen)


async def _undate(services: Services, contact: UUID) -> None:
    async with services.db.begin() as tx:
        await policies.redate(tx, [(contact, None, None)])


def test_every_table_with_content_is_known() -> None:
    assert {table.name for table in CONTENT} >= {"parts", "parties", "links", "interaction_keys", "dead_letters"}
    assert "trail_events" not in {table.name for table in CONTENT}


async def test_a_disposal_is_finished_after_it_was_cancelled_anywhere(services: Services, company: str) -> None:
    """Cancelled at ever later moments, each disposal is right once it is done again, and nothing goes twice."""
    for delay_ms in (0, 5, 15, 30, 50, 80, 120, 180, 260):
        due = await keep(services, company, 12)
        begun = await disposal.start(services, dpo(company), datetime.now(UTC), companies=frozenset({company}))
        task = asyncio.create_task(disposal.carry_out(services, begun.id))
        await asyncio.sleep(delay_ms / 1000)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        ended = await disposal.carry_out(services, begun.id)
        assert ended.counts == {"destroyed": 12, "held": 0, "failed": 0}
        document = await read_certificate(services, begun.id)
        assert certificate.verify(document, services.keyring.public_key.hex()).sound
        assert await left_in_tables(services, due) == 0


_KILLED = """
import asyncio, sys
from uuid import UUID
from pathlib import Path
from archive.custody import open_services
from archive.settings import load
from retention import disposal

async def main() -> None:
    services = open_services(load())
    print("go", flush=True)
    await disposal.carry_out(services, UUID(sys.argv[1]))
    print("done", flush=True)

asyncio.run(main())
"""


async def test_a_disposal_is_finished_after_its_process_was_killed(
    services: Services, services_env: dict[str, str], company: str
) -> None:
    dice = random.Random(20261124)
    for _ in range(4):
        due = await keep(services, company, 60)
        begun = await disposal.start(services, dpo(company), datetime.now(UTC), companies=frozenset({company}))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _KILLED, str(begun.id), stdout=subprocess.PIPE, env=services_env
        )
        assert process.stdout is not None
        assert await process.stdout.readline() == b"go\n"
        await asyncio.sleep(dice.uniform(0.02, 0.35))
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.communicate()
        ended = await disposal.carry_out(services, begun.id)
        assert ended.counts == {"destroyed": 60, "held": 0, "failed": 0}
        document = await read_certificate(services, begun.id)
        assert certificate.verify(document, services.keyring.public_key.hex()).destroyed == 60
        assert await left_in_tables(services, due) == 0


async def test_without_the_object_store_nothing_is_lost_and_the_next_try_ends_it(
    services: Services, company: str
) -> None:
    due = await keep(services, company, 3)
    away = replace(services, bucket=Bucket.open(services.settings.model_copy(update={"s3_endpoint": "127.0.0.1:1"})))
    begun = await disposal.start(services, dpo(company), datetime.now(UTC), companies=frozenset({company}))
    with pytest.raises(StoreUnavailable):
        await disposal.carry_out(away, begun.id)
    await away.bucket.close()
    async with services.db.begin() as tx:
        assert await destruction.count_items(tx, begun.id) == {"marked": 3}
        assert len(await destruction.objects_of(tx, due)) == 3
    ended = await disposal.carry_out(services, begun.id)
    assert ended.counts == {"destroyed": 3, "held": 0, "failed": 0}


async def test_two_runs_of_one_disposal_do_not_harm_each_other(services: Services, company: str) -> None:
    await keep(services, company, 40)
    begun = await disposal.start(services, dpo(company), datetime.now(UTC), companies=frozenset({company}))
    several = await asyncio.gather(*(disposal.carry_out(services, begun.id) for _ in range(3)))
    assert {one.status for one in several} == {"done"}
    assert all(one.counts == {"destroyed": 40, "held": 0, "failed": 0} for one in several)
    document = await read_certificate(services, begun.id)
    assert certificate.verify(document).destroyed == 40


async def _lines(services: Services, company: str, as_of: datetime) -> list[disposal.Line]:
    async with services.db.begin() as tx:
        due = await store.due_batch(tx, frozenset({company}), NOW, after=None, limit=100)
        return await disposal.judge(tx, due, as_of, UTC)


async def _begin(services: Services, company: str) -> store.Disposal:
    return await disposal.start(services, dpo(company), datetime.now(UTC), companies=frozenset({company}))


async def test_what_one_disposal_has_marked_is_not_marked_by_another(services: Services, company: str) -> None:
    await keep(services, company, 4)
    first, second = await _begin(services, company), await _begin(services, company)
    planned = await _lines(services, company, second.as_of)
    assert len(await disposal.mark(services, first, planned)) == 4
    # The second had planned them too, before they were marked.
    assert await disposal.mark(services, second, planned) == []
    async with services.db.begin() as tx:
        await destruction.fail(tx, first.id, [planned[0].due.id], "object-refused")
    # What failed is anybody's, but once one has it again, it is nobody else's.
    assert len(await disposal.mark(services, second, planned)) == 1
    third = await _begin(services, company)
    assert await disposal.mark(services, third, planned) == []
    ended = [await disposal.carry_out(services, one.id) for one in (third, second, first)]
    assert [one.counts["destroyed"] for one in ended] == [0, 1, 3]


async def test_several_disposals_of_the_same_contacts_all_end(services: Services, company: str) -> None:
    due = await keep(services, company, 30)
    begun = [await _begin(services, company) for _ in range(3)]
    async with asyncio.timeout(60):
        ended = await asyncio.gather(*(disposal.carry_out(services, one.id) for one in begun))
    assert {one.status for one in ended} == {"done"}
    assert sum(one.counts["destroyed"] for one in ended) == 30
    assert await left_in_tables(services, due) == 0
    for one in ended:
        document = await read_certificate(services, one.id)
        assert certificate.verify(document).destroyed == one.counts["destroyed"]


async def test_a_mark_on_what_another_disposal_destroyed_or_nobody_knows_is_settled(
    services: Services, company: str
) -> None:
    due = await keep(services, company, 3)
    first, second = await _begin(services, company), await _begin(services, company)
    doomed = [
        destruction.Judged(interaction_id=one, company=company, policy="p", rule="P24M", retain_until=NOW)
        for one in (*due, UUID(int=7))
    ]
    async with services.db.begin() as tx:
        await destruction.mark(tx, first.id, doomed[:3])
        await destruction.mark(tx, second.id, doomed)
    async with asyncio.timeout(30):
        assert (await disposal.carry_out(services, first.id)).counts["destroyed"] == 3
        assert (await disposal.carry_out(services, second.id)).counts == {"destroyed": 0, "held": 0, "failed": 1}
    async with services.db.begin() as tx:
        assert await destruction.count_items(tx, second.id) == {"destroyed-elsewhere": 3, "failed": 1}


async def test_a_job_leaves_a_disposal_that_another_is_at(services: Services, company: str) -> None:
    due = await keep(services, company, 2)
    begun = await _begin(services, company)
    job = {"disposal": str(begun.id)}
    async with store.alone(services.settings, begun.id) as is_alone:
        assert is_alone
        async with asyncio.timeout(10):
            await disposal.carry_out_or_queue(services, job)
        assert await left_in_tables(services, due) > 0
        async with services.db.begin() as tx:
            assert await destruction.count_items(tx, begun.id) == {}
            queued = await tx.scalar(
                text("SELECT count(*) FROM pgqueuer WHERE payload = :job"), {"job": orjson.dumps(job)}
            )
        assert queued == 2
    await disposal.carry_out_or_queue(services, job)
    assert await left_in_tables(services, due) == 0


async def test_what_failed_is_destroyed_by_the_next_disposal(services: Services, company: str) -> None:
    due = await keep(services, company, 3)
    first = await disposal.start(services, dpo(company), datetime.now(UTC), companies=frozenset({company}))
    async with services.db.begin() as tx:
        lines = await disposal.judge(
            tx, await store.due_batch(tx, frozenset({company}), NOW, after=None, limit=10), first.as_of, UTC
        )
    items = await disposal.mark(services, first, lines)
    async with services.db.begin() as tx:
        await destruction.fail(tx, first.id, [items[0].interaction_id], "object-refused")
    second = await disposal.run(services, dpo(company), datetime.now(UTC))
    assert second.counts == {"destroyed": 1, "held": 0, "failed": 0}
    assert await left_in_tables(services, [items[0].interaction_id]) == 0
    # What the first one had marked and not failed is left to the first one.
    assert await left_in_tables(services, due) > 0
    ended = await disposal.carry_out(services, first.id)
    assert ended.counts == {"destroyed": 2, "held": 0, "failed": 1}
    assert await left_in_tables(services, due) == 0


async def test_the_forecast_counts_by_month_and_policy(services: Services, company: str) -> None:
    await keep(services, company, 2, ended_at=LONG_AGO.replace(month=5))
    await keep(services, company, 1, ended_at=LONG_AGO.replace(month=6))
    async with services.db.begin() as tx:
        found = await store.due_by_month(tx, frozenset({company}), NOW, "Europe/Helsinki")
    assert found == [("2024-05", f"p-{company}", 2), ("2024-06", f"p-{company}", 1)]
