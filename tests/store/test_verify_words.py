"""The index looked at from outside: `tallenne verify`, `tallenne doctor` and /metrics say what plain SQL says."""

import pytest
from pytest_aiohttp import AiohttpClient
from sqlalchemy import text

from archive import doctor, verify
from archive.app import create_app
from archive.custody import Services
from archive.domain.access import Role
from archive.domain.transcripts import TextState
from archive.settings import Settings
from archive.store import interactions
from tests import dooming
from tests.house import House, now
from tests.keeping import keep, new_company
from tests.store.test_indexing import a_call, index, rows_of

MARKED = "UPDATE interactions SET state = 'destroying' WHERE text_state = 'done'"
DAMAGES = (
    ("DELETE FROM search_rows", "words-not-in-index"),
    ("DELETE FROM search_texts", "index-row-without-passages"),
    ("UPDATE search_rows SET started_at = started_at + INTERVAL '1 second'", "index-row-differs"),
    ("DELETE FROM parts WHERE kind = 'transcript'", "index-row-without-text"),
    (MARKED, "index-row-of-marked-contact"),
    (f"WITH gone AS (DELETE FROM search_rows) {MARKED}", "index-row-of-marked-contact"),
    (f"WITH gone AS (DELETE FROM search_texts) {MARKED}", "index-row-of-marked-contact"),
)


async def some(services: Services) -> str:
    """A company with two contacts whose words are in the index, one that waits, one failed and one that is off."""
    company = await new_company(services)
    for _ in range(2):
        await index(services, company, await a_call(services, company))
    failed, off, _ = await keep(services, company, 3)
    async with services.db.begin() as tx:
        await interactions.set_text(tx, failed, TextState.FAILED, reason="index-failed")
        await interactions.set_text(tx, off, TextState.OFF, reason="off-by-rule")
    return company


async def findings(services: Services) -> set[str]:
    report = await verify.verify(services, now())
    return {one.kind for one in report.findings if "index" in one.kind}


async def test_verify_counts_the_words_and_finds_a_sound_index_sound(fresh_services: Services) -> None:
    await some(fresh_services)
    report = await verify.verify(fresh_services, now())
    assert report.words == {"waiting": 1, "done": 2, "failed": 1, "off": 1}
    assert await findings(fresh_services) == set()


@pytest.mark.parametrize(("sql", "kind"), DAMAGES, ids=[kind for _, kind in DAMAGES])
async def test_verify_finds_where_the_index_does_not_agree(fresh_services: Services, sql: str, kind: str) -> None:
    await some(fresh_services)
    async with fresh_services.db.begin() as tx:
        await tx.execute(text(sql))
    assert await findings(fresh_services) == {kind}


async def test_marking_takes_the_words_and_the_passages_of_those_marked_alone(fresh_services: Services) -> None:
    company = await some(fresh_services)
    async with fresh_services.db.begin() as tx:
        marked, other = await tx.scalars(text("SELECT interaction_id FROM search_rows ORDER BY interaction_id"))
        await dooming.mark(tx, company, [marked])
    assert await rows_of(fresh_services, marked) == 0
    assert await rows_of(fresh_services, other) == 2
    assert await findings(fresh_services) == set()


async def test_the_doctor_notices_rows_of_another_analyser(fresh_services: Services, fresh_settings: Settings) -> None:
    await some(fresh_services)
    assert await looked(fresh_settings) == (True, "waiting 1, done 2, failed 1, off 1")
    async with fresh_services.db.begin() as tx:
        await tx.execute(text("UPDATE search_rows SET analyser = 'words-0'"))
    right, said = await looked(fresh_settings)
    assert not right
    assert said.startswith("2 contacts")
    assert "tallenne reindex" in said


async def looked(settings: Settings) -> tuple[bool, str]:
    (check,) = [one for one in await doctor.examine(settings) if one.name == "index"]
    return check.right, check.said


async def test_metrics_count_the_words(fresh_services: Services, aiohttp_client: AiohttpClient) -> None:
    company = await some(fresh_services)
    client = await aiohttp_client(create_app(fresh_services.settings, fresh_services))
    house = House(client=client, services=fresh_services, company=company)
    answer = await client.get("/metrics", headers=await house.headers(Role.ADMIN))
    told = (await answer.text()).splitlines()
    for state, count in (("done", 2), ("waiting", 1), ("failed", 1), ("off", 1)):
        assert f'tallenne_contacts{{words="{state}"}} {count}.0' in told
