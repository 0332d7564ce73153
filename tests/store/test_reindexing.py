"""Reindexing on the real stores: what needs it is made anew, a stopped run goes on, and nothing else is touched."""

import asyncio
import os
import sys
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import text

from archive.custody import Services
from archive.domain.transcripts import TextState
from archive.store import interactions, jobs
from archive.store.search_rows import INDEX
from search import reindexing
from search.morphology import analyser
from search.reindexing import Reindexed
from tests.keeping import keep, new_company
from tests.store.test_indexing import TALK, a_call, a_chat, index, is_found, state_of


async def run(services: Services, before: datetime | None = None) -> Reindexed:
    return await reindexing.run(services, before=before, rest_factor=0, progress=lambda _done, _about: None)


async def change(services: Services, sql: str, contact: UUID) -> None:
    async with services.db.begin() as tx:
        await tx.execute(text(sql), {"id": contact})


async def made(services: Services) -> dict[UUID, tuple[str, datetime]]:
    """Who made each row, and when."""
    async with services.db.begin() as tx:
        rows = await tx.execute(text("SELECT interaction_id, analyser, indexed_at FROM search_rows"))
        return {row[0]: (row[1], row[2]) for row in rows}


@pytest.fixture
async def company(fresh_services: Services) -> str:
    return await new_company(fresh_services)


async def indexed(services: Services, company: str, count: int) -> list[UUID]:
    contacts = [await a_call(services, company) for _ in range(count)]
    for contact in contacts:
        await index(services, company, contact)
    return contacts


async def test_rows_of_another_analyser_are_made_anew_and_others_left(fresh_services: Services, company: str) -> None:
    fine, old, older = await indexed(fresh_services, company, 3)
    for contact, name in ((old, "words-0"), (older, "voikko-of-last-year")):
        await change(
            fresh_services,
            f"UPDATE search_rows SET analyser = '{name}', terms = '' WHERE interaction_id = :id",
            contact,
        )
    before = await made(fresh_services)
    assert await run(fresh_services) == Reindexed(looked=3, renewed=2)
    after = await made(fresh_services)
    assert {name for name, _ in after.values()} == {analyser().name}
    assert after[fine] == before[fine]
    assert await is_found(fresh_services, old, "'@toukokuuhun'")
    assert await run(fresh_services) == Reindexed(looked=3)


async def test_what_has_text_and_no_row_gets_one(fresh_services: Services, company: str) -> None:
    never, failed, lost, half = [await a_call(fresh_services, company) for _ in range(4)]
    off, silent = await a_call(fresh_services, company), (await keep(fresh_services, company))[0]
    for contact in (lost, half):
        await index(fresh_services, company, contact)
    await change(fresh_services, "DELETE FROM search_rows WHERE interaction_id = :id", lost)
    await change(fresh_services, "DELETE FROM search_texts WHERE interaction_id = :id", half)
    async with fresh_services.db.begin() as tx:
        await interactions.set_text(tx, failed, TextState.FAILED, reason="index-failed")
        await interactions.set_text(tx, off, TextState.OFF, reason="off-by-rule")
    assert await run(fresh_services) == Reindexed(looked=6, renewed=1, added=3)
    for contact in (never, failed, lost, half):
        assert await state_of(fresh_services, contact) == (TextState.DONE, None)
        assert await is_found(fresh_services, contact, "'@toukokuuhun'")
    assert set(await made(fresh_services)) == {never, failed, lost, half}
    assert await state_of(fresh_services, silent) == (TextState.WAITING, None)
    assert await run(fresh_services) == Reindexed(looked=6)


async def test_a_row_that_tells_of_another_time_is_made_anew(fresh_services: Services, company: str) -> None:
    (contact,) = await indexed(fresh_services, company, 1)
    await change(
        fresh_services,
        "UPDATE search_rows SET started_at = started_at - INTERVAL '3 months' WHERE interaction_id = :id",
        contact,
    )
    assert await run(fresh_services) == Reindexed(looked=1, renewed=1)
    assert await run(fresh_services) == Reindexed(looked=1)


class StopError(Exception):
    """The run is stopped here."""


async def test_a_stopped_run_over_everything_goes_on_where_it_was(
    fresh_services: Services, company: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reindexing, "BATCH", 4)
    await indexed(fresh_services, company, 10)
    before, rows = datetime.now(UTC), await made(fresh_services)

    def stop(done: Reindexed, _about: int) -> None:
        if done.renewed >= 4:
            raise StopError

    with pytest.raises(StopError):
        await reindexing.run(fresh_services, before=before, rest_factor=0, progress=stop)
    halfway = await made(fresh_services)
    assert sum(halfway[one] != rows[one] for one in rows) == 4
    assert await run(fresh_services, before) == Reindexed(looked=10, renewed=6)
    whole = await made(fresh_services)
    assert all(whole[one][1] >= before for one in rows)
    assert sum(whole[one] == halfway[one] for one in rows) == 4


async def test_what_cannot_be_done_is_left_visibly(fresh_services: Services, company: str) -> None:
    bad = await a_chat(fresh_services, company, b"{}")
    good = await a_call(fresh_services, company, TALK)
    assert await run(fresh_services) == Reindexed(looked=2, added=1)
    assert await state_of(fresh_services, good) == (TextState.DONE, None)
    assert (await state_of(fresh_services, bad))[0] is TextState.FAILED
    async with fresh_services.db.begin() as tx:
        assert [letter.entrypoint for letter in await jobs.list_dead(tx, None)] == [INDEX]


async def test_the_command_says_what_it_did_and_queues_what_is_not_transcribed(
    fresh_services: Services, fresh_env: dict[str, str], company: str
) -> None:
    (old,) = await indexed(fresh_services, company, 1)
    never = await a_call(fresh_services, company)
    await change(fresh_services, "UPDATE search_rows SET analyser = 'words-0' WHERE interaction_id = :id", old)
    assert await command(fresh_env) == (
        0, "looked at 2 contacts, renewed 1 rows, added 1, left 0 to the worker\n"
    )  # fmt: skip
    assert await is_found(fresh_services, never, "'@toukokuuhun'")
    status, said = await command(fresh_env, "--all")
    assert (status, said.startswith("looked at 2 contacts, renewed 2 rows")) == (0, True)
    assert (await command(fresh_env, "--before", "2026-01-01"))[0] == 2
    assert (await command(fresh_env, "--all", "--before", "2026-01-01"))[1].startswith(
        "looked at 2 contacts, renewed 0 rows"
    )
    async with fresh_services.db.begin() as tx:
        assert (await jobs.queue_depth(tx))["speech.catch-up"] == 3


async def command(environment: dict[str, str], *words: str) -> tuple[int | None, str]:
    """Run `tallenne reindex`; its exit status and standard output."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "archive", "reindex", *words,
        env=os.environ | environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    out, _ = await process.communicate()
    return process.returncode, out.decode()
