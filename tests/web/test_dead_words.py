"""A contact whose words failed: said in the search, on the intake page, and waiting again when it is tried again."""

from uuid import UUID

from archive.domain.access import Role
from archive.domain.transcripts import TextState
from archive.store import interactions, jobs
from archive.store.search_rows import INDEX
from tests.house import House
from tests.store.test_indexing import a_chat, index


async def test_failed_words_are_seen_and_tried_again(house: House) -> None:
    contact = await a_chat(house.services, house.company, b"{}")
    await index(house.services, house.company, contact)
    assert await coverage(house) == {"searchable": 0, "waiting": 0, "failed": 1, "reasons": {"damaged": 1}}
    async with house.services.db.begin() as tx:
        (letter,) = await jobs.list_dead(tx, frozenset({house.company}))
    page = await house.client.get("/intake", headers=await house.headers(Role.ADMIN))
    assert "Sanojen vienti hakuun" in await page.text()
    assert "säilytetty tieto on vioittunut: 1" in await searched(house)
    await retry(house, letter.id)
    assert await coverage(house) == {"searchable": 0, "waiting": 1, "failed": 0, "reasons": {}}
    async with house.services.db.begin() as tx:
        assert (await jobs.queue_depth(tx))[INDEX] >= 1


async def test_a_reason_without_words_of_its_own_is_counted_too(house: House) -> None:
    contact = await a_chat(house.services, house.company, b"{}")
    async with house.services.db.begin() as tx:
        await interactions.set_text(tx, contact, TextState.FAILED, reason="of-another-version")
    assert "muu syy: 1" in await searched(house)


async def searched(house: House) -> str:
    answer = await house.client.get("/?q=hinta", headers=await house.headers(Role.HANDLER))
    return await answer.text()


async def retry(house: House, letter: UUID) -> None:
    headers = await house.headers(Role.ADMIN)
    answer = await house.client.post(
        f"/intake/dead-letters/{letter}/retry", headers=headers, data={"back": "/intake"}, allow_redirects=False
    )
    assert answer.status == 303, await answer.text()


async def coverage(house: House) -> dict[str, object]:
    """What a search says of what can be found."""
    answer = await house.client.get("/api/v1/search?q=hinta", headers=await house.headers(Role.HANDLER))
    told = (await answer.json())["coverage"]
    assert told["relation"] == "eq"
    return {name: told[name] for name in ("searchable", "waiting", "failed", "reasons")}
