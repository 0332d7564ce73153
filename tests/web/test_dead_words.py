"""A contact whose words failed: said in the search, on the intake page, and waiting again when it is tried again."""

from uuid import UUID

from archive.domain.access import Role
from archive.store import jobs
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
    await retry(house, letter.id)
    assert await coverage(house) == {"searchable": 0, "waiting": 1, "failed": 0, "reasons": {}}
    async with house.services.db.begin() as tx:
        assert (await jobs.queue_depth(tx))[INDEX] >= 1


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
