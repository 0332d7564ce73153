"""The job `search.index` on the real database and object store: what it writes, and what it leaves alone."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from archive import derivatives
from archive.custody import Services, open_services
from archive.domain.access import Actor, Role
from archive.domain.interactions import Interaction, PartKind
from archive.domain.transcripts import TextState, Transcript, to_json
from archive.settings import Settings
from archive.store import destruction, interactions, jobs, search_rows
from archive.store.search_rows import INDEX
from archive.worker import Worker
from retention import disposal
from search import indexing, rows, texts
from search import jobs as search_jobs
from search.buckets import Fact, bucket, fact, long_mark
from search.morphology import analyser
from search.texts import Passage
from tests.chats import chat, said
from tests.keeping import LONG_AGO, keep, new_company, ruled_company
from tests.saying import keep_transcript, overtaken, segment, transcript
from tests.store.test_worker import Working, until

CODE = "010190-900P"
TALK = transcript(
    segment(0, 4, "agent", "Sähkölaskustanne näkyy hinnankorotus"),
    segment(4, 9, "customer", "lupasitte että hinta pysyy toukokuuhun asti"),
)


async def a_call(services: Services, company: str, talk: Transcript = TALK, **more: Any) -> UUID:
    """A kept call with a transcript; its id."""
    (contact,) = await keep(services, company, **more)
    await keep_transcript(services, contact, talk)
    return contact


async def a_chat(services: Services, company: str, body: bytes, **more: Any) -> UUID:
    """A kept contact with a chat's bytes as its message; its id."""
    (contact,) = await keep(services, company, **more)
    await derivatives.add(
        services,
        interaction_id=contact,
        received_at=datetime.now(UTC),
        kind=PartKind.MESSAGE,
        media_type="application/json",
        data=body,
        now=datetime.now(UTC),
    )
    return contact


async def index(services: Services, company: str, contact: UUID) -> None:
    await indexing.index(services, payload_of(company, contact))


def payload_of(company: str, contact: UUID) -> dict[str, str]:
    return {"interaction": str(contact), "company": company}


async def state_of(services: Services, contact: UUID) -> tuple[TextState, str | None]:
    found = await kept(services, contact)
    return found.text_state, found.text_reason


async def kept(services: Services, contact: UUID) -> Interaction:
    async with services.db.begin() as tx:
        found = await interactions.get(tx, contact, None)
    assert found is not None
    return found


async def is_found(services: Services, contact: UUID, query: str) -> bool:
    """Whether the contact's row fits a tsquery in which `@` stands for the row's bucket."""
    sql = "SELECT terms @@ replace(:q, '@', bucket)::tsquery FROM search_rows WHERE interaction_id = :id"
    async with services.db.begin() as tx:
        return bool(await tx.scalar(text(sql), {"q": query, "id": contact}))


async def passages_of(services: Services, contact: UUID) -> tuple[Passage, ...]:
    async with services.db.begin() as tx:
        packed = await tx.scalar(text("SELECT segments FROM search_texts WHERE interaction_id = :id"), {"id": contact})
    return tuple(texts.unpack(packed))


async def rows_of(services: Services, contact: UUID) -> int:
    """How many rows there are of a contact in both tables."""
    async with services.db.begin() as tx:
        left = await destruction.look(tx, [contact])
        names = ("search_rows", "search_texts")
        sql = "SELECT count(*) FROM {} WHERE interaction_id = :id"
        found = [int(await tx.scalar(text(sql.format(name)), {"id": contact}) or 0) for name in names]
    assert left["rows"].get(contact, 0) >= sum(found)  # a disposal looks for them too
    return sum(found)


@pytest.fixture
async def company(services: Services) -> str:
    return await new_company(services)


async def test_a_call_is_found_by_its_words_and_facts(services: Services, company: str) -> None:
    contact = await a_call(services, company, category="billing")
    assert await state_of(services, contact) == (TextState.WAITING, None)
    await index(services, company, contact)
    assert await state_of(services, contact) == (TextState.DONE, None)
    for query in (
        "'@toukokuuhun'", "'@hinta' & '@/category:billing'", "'@/channel:call' & '@/direction:inbound'",
        "'@/name:aino asiakaspalvelija'", "'@hinta' <-> '@pysyy'",
    ):  # fmt: skip
        assert await is_found(services, contact, query), query
    for query in ("'@hinnankorotus' <-> '@lupasitte'", "'@/category:sales'", "'@laskutus'", "'@/agent:1'"):
        assert not await is_found(services, contact, query), query


async def test_every_position_leads_to_its_word_and_moment(services: Services, company: str) -> None:
    contact = await a_call(services, company)
    await index(services, company, contact)
    sql = """SELECT substr(lexeme, 4), positions[1] FROM search_rows, unnest(terms)
             WHERE interaction_id = :id AND positions IS NOT NULL"""
    async with services.db.begin() as tx:
        found = [tuple(row) for row in await tx.execute(text(sql), {"id": contact})]
    passages = await passages_of(services, contact)
    assert [(p.kind, p.speaker, p.start_s) for p in passages] == [
        ("transcript", "agent", 0.0), ("transcript", "customer", 4.0)
    ]  # fmt: skip
    assert len(found) >= 9
    for term, position in found:
        passage = texts.passage_of(passages, position)
        assert passage is not None
        token = analyser().tokens(passage.text, "fi")[position - passage.first]
        assert term in token.terms
        words = TALK.segments[passages.index(passage)].words
        assert passage.moment_s(token.start) == pytest.approx(words[position - passage.first].start_s, abs=0.1)


async def test_a_chat_is_found_by_its_messages(services: Services, company: str) -> None:
    body = json.dumps(
        chat(
            company,
            messages=[said("09:15:00", "c1", "Laskuni on väärin"), said("09:16:30", "a1", "Hyvitetään \ud83d se")],
        )
    ).encode()
    contact = await a_chat(services, company, body)
    await index(services, company, contact)
    assert await state_of(services, contact) == (TextState.DONE, None)
    assert await is_found(services, contact, "'@väärin' & '@hyvitetään'")
    assert not await is_found(services, contact, "'@väärin' <-> '@hyvitetään'")
    first, second = await passages_of(services, contact)
    assert (first.kind, first.speaker, first.at, first.start_s) == (
        "message", "customer", "2026-11-02T07:15:00+00:00", None
    )  # fmt: skip
    assert (second.speaker, second.text) == ("agent", "Hyvitetään ? se")


async def test_no_identity_code_reaches_index_or_texts(services: Services, company: str) -> None:
    talk = transcript(
        segment(0, 9, "customer", f"tunnukseni on {CODE} eli nolla yksi nolla yksi yhdeksänkymmentä viiva"),
        segment(9, 14, "customer", "yhdeksänsataa pee kiitos"),
    )
    body = json.dumps(chat(company, messages=[said("09:15:00", "c1", f"se on {CODE}.")])).encode()
    for contact in (await a_call(services, company, talk), await a_chat(services, company, body)):
        await index(services, company, contact)
        async with services.db.begin() as tx:
            terms = str(
                await tx.scalar(text("SELECT terms FROM search_rows WHERE interaction_id = :id"), {"id": contact})
            )
        written = terms + " ".join(passage.text for passage in await passages_of(services, contact))
        assert "hetu" in written
        for piece in ("900p", "010190", "yhdeksänsataa", "yhdeksänkymmentä"):
            assert piece not in written.lower()


async def test_running_again_writes_the_same_once(services: Services, company: str) -> None:
    contact = await a_call(services, company)
    found = []
    for _ in range(2):
        await index(services, company, contact)
        async with services.db.begin() as tx:
            sql = "SELECT bucket, terms::text, analyser, started_at FROM search_rows WHERE interaction_id = :id"
            found.append((await tx.execute(text(sql), {"id": contact})).one())
    assert found[0] == found[1]
    assert found[0].bucket == bucket(company, (await kept(services, contact)).facts.started_at)
    assert await rows_of(services, contact) == 2


async def test_a_transcript_made_anew_meanwhile_is_the_one_that_counts(services: Services, company: str) -> None:
    contact = await a_call(services, company)
    (source,) = await read(services, contact)
    assert source is not None
    old = await indexing.made(services, source)
    await keep_transcript(services, contact, transcript(segment(0, 2, "agent", "uusi litterointi")))
    assert await services.db.begin_together(search_rows.write_many, old) is False
    assert await rows_of(services, contact) == 0
    await index(services, company, contact)
    assert await is_found(services, contact, "'@uusi' & !'@toukokuuhun'")


@pytest.mark.parametrize("done", [False, True], ids=["its-job-waits", "its-job-is-done"])
async def test_a_transcript_made_anew_while_the_old_one_is_read_is_no_damage(
    services: Services, company: str, done: bool
) -> None:
    contact = await a_call(services, company)

    async def again() -> None:
        await keep_transcript(services, contact, transcript(segment(0, 2, "agent", "uusi litterointi")))
        if done:
            await index(services, company, contact)

    async with overtaken(services, again) as reading:
        assert await indexing.index(reading, payload_of(company, contact)) is False
    assert await state_of(services, contact) == (TextState.DONE if done else TextState.WAITING, None)
    async with services.db.begin() as tx:
        assert await jobs.list_dead(tx, frozenset({company})) == []
    await index(services, company, contact)
    assert await is_found(services, contact, "'@uusi' & !'@toukokuuhun'")


async def read(services: Services, *contacts: UUID) -> list[search_rows.Source | None]:
    async with services.db.read_bare() as connection:
        return await search_rows.read_many(connection, contacts)


async def test_disposal_leaves_no_row_whenever_the_job_runs(services: Services) -> None:
    company = await ruled_company(services)
    before, during, after, never = [await a_call(services, company) for _ in range(4)]
    await index(services, company, before)
    (source,) = await read(services, during)
    assert source is not None
    row = await indexing.made(services, source)
    dpo = Actor(id="user:dpo", name="dpo@example.com", role=Role.DPO, companies=frozenset({company}))
    ended = await disposal.run(services, dpo, datetime.now(UTC))
    assert ended.counts == {"destroyed": 4, "held": 0, "failed": 0}
    assert await services.db.begin_together(search_rows.write_many, row) is False
    await index(services, company, after)
    for contact in (before, during, after, never):
        assert await rows_of(services, contact) == 0


async def test_a_contact_that_is_being_destroyed_is_left_alone(services: Services, company: str) -> None:
    contact = await a_call(services, company)
    (source,) = await read(services, contact)
    assert source is not None
    row = await indexing.made(services, source)
    async with services.db.begin() as tx:
        await tx.execute(text("UPDATE interactions SET state = 'destroying' WHERE id = :id"), {"id": contact})
    assert await services.db.begin_together(search_rows.write_many, row) is False
    assert await read(services, contact) == [None]
    assert await rows_of(services, contact) == 0


async def test_a_contact_without_words_waits_for_them(services: Services, company: str) -> None:
    (contact,) = await keep(services, company)
    await index(services, company, contact)
    assert await state_of(services, contact) == (TextState.WAITING, None)
    assert await rows_of(services, contact) == 0


@pytest.mark.parametrize("body", [b"{}", b"\xff\xfe", b'{"participants": [], "messages": [{}]}'])
async def test_what_cannot_be_read_is_buried_at_once_and_once(services: Services, company: str, body: bytes) -> None:
    contact = await a_chat(services, company, body)
    await index(services, company, contact)
    await index(services, company, contact)
    assert await state_of(services, contact) == (TextState.FAILED, indexing.DAMAGED)
    async with services.db.begin() as tx:
        (letter,) = await jobs.list_dead(tx, frozenset({company}))
    assert (letter.entrypoint, letter.interaction_id, letter.attempts) == (INDEX, contact, 1)
    assert letter.reason.startswith("damaged")


@pytest.fixture
async def without_objects(fresh_settings: Settings) -> AsyncIterator[Services]:
    """Services whose object store does not answer."""
    opened = open_services(fresh_settings.model_copy(update={"s3_endpoint": "127.0.0.1:1"}))
    yield opened
    await opened.close()


def worker_of(services: Services) -> Worker:
    return Worker(
        services=services,
        handlers=search_jobs.HANDLERS,
        burials=search_jobs.BURIALS,
        at_once=search_jobs.INDEXED_AT_ONCE,
        batch=search_jobs.INDEX_BATCH,
        first_delay_s=0.01,
    )


async def test_a_job_that_fails_for_good_is_said_of_the_contact(
    fresh_services: Services, without_objects: Services
) -> None:
    company = await new_company(fresh_services)
    contact = await a_call(fresh_services, company)
    async with fresh_services.db.begin() as tx:
        await jobs.enqueue(tx, INDEX, payload_of(company, contact))
    async with Working(worker_of(without_objects)):
        await until(partial(is_in_state, fresh_services, contact, TextState.FAILED))
    assert await state_of(fresh_services, contact) == (TextState.FAILED, indexing.FAILED)
    async with fresh_services.db.begin() as tx:
        (letter,) = await jobs.list_dead(tx, frozenset({company}))
        assert await jobs.retry_dead(tx, letter.id, None, datetime.now(UTC)) is not None
    assert letter.entrypoint == INDEX
    async with Working(worker_of(fresh_services)):
        await until(partial(is_in_state, fresh_services, contact, TextState.DONE))
    assert await is_found(fresh_services, contact, "'@toukokuuhun'")


async def is_in_state(services: Services, contact: UUID, state: TextState) -> bool:
    return (await state_of(services, contact))[0] is state


async def test_many_at_once_are_all_written_and_one_bad_one_spoils_none(fresh_services: Services) -> None:
    company = await new_company(fresh_services)
    good = [await a_call(fresh_services, company) for _ in range(40)]
    bad = await a_chat(fresh_services, company, b"{}")
    everyone = [*good[:20], bad, *good[20:]]
    async with fresh_services.db.begin() as tx:
        await jobs.enqueue_many(tx, INDEX, [payload_of(company, one) for one in [*everyone, *good[:5]]])

    async def is_over() -> bool:
        async with fresh_services.db.begin() as tx:
            return not (await jobs.queue_depth(tx)).get(INDEX, 0)

    async with Working(worker_of(fresh_services)):
        await until(is_over)
    for contact in good:
        assert await state_of(fresh_services, contact) == (TextState.DONE, None)
        assert await rows_of(fresh_services, contact) == 2
    assert await state_of(fresh_services, bad) == (TextState.FAILED, indexing.DAMAGED)


async def test_a_call_of_hours_is_indexed_whole(services: Services, company: str) -> None:
    words = [f"sana{number}" for number in range(20_000)]
    talk = transcript(*(segment(at, at + 9, "agent", " ".join(words[at : at + 20])) for at in range(0, 20_000, 20)))
    contact = await a_call(services, company, talk)
    await index(services, company, contact)
    assert await state_of(services, contact) == (TextState.DONE, None)
    assert await is_found(services, contact, "'@sana0' & '@sana19999' & '@/long'")
    assert await is_found(services, contact, "'@sana6' <-> '@sana7'")
    assert not await is_found(services, contact, "'@sana19998' <-> '@sana17000'")


async def test_a_row_as_large_as_rows_may_be_is_taken_by_the_database(services: Services, company: str) -> None:
    body = json.dumps(
        chat(company, messages=[said("09:15:00", "c1", " ".join(f"{'ä' * 24}{number}" for number in range(20_000)))])
    ).encode()
    contact = await a_chat(services, company, body)
    await index(services, company, contact)
    assert await state_of(services, contact) == (TextState.FAILED, rows.TOO_LONG)
    assert await is_found(services, contact, f"'@{'ä' * 24}0'")


async def test_quotes_and_backslashes_in_facts_reach_the_database(services: Services, company: str) -> None:
    odd = "it's \\ 'quoted' :1,2A"
    contact = await a_call(services, company, category=odd)
    await index(services, company, contact)
    place = bucket(company, LONG_AGO)
    sql = "SELECT :lexeme = ANY(tsvector_to_array(terms)) FROM search_rows WHERE interaction_id = :id"
    async with services.db.begin() as tx:
        for lexeme, is_there in ((fact(place, Fact.CATEGORY, odd), True), (long_mark(place), False)):
            assert await tx.scalar(text(sql), {"lexeme": lexeme, "id": contact}) is is_there


async def test_a_document_of_another_version_is_damaged_not_misread(services: Services, company: str) -> None:
    document = json.loads(to_json(TALK))
    del document["segments"]
    (contact,) = await keep(services, company)
    await derivatives.add(
        services,
        interaction_id=contact,
        received_at=datetime.now(UTC),
        kind=PartKind.TRANSCRIPT,
        media_type="application/json",
        data=json.dumps(document).encode(),
        now=datetime.now(UTC),
    )
    await index(services, company, contact)
    assert await state_of(services, contact) == (TextState.FAILED, indexing.DAMAGED)
