"""Searching by facts over HTTP: filters, pages, totals, coverage, companies, the trail."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from archive.domain.access import Action, Role
from archive.store.tables import hold_items, holds, interactions, trail_events
from tests import dooming
from tests.house import House

PHONE = "+358401234567"
COVERED: dict[str, Any] = {
    "searchable": 0, "waiting": 0, "failed": 0, "off": 0, "reasons": {}, "relation": "eq", "outdated": 0,
}  # fmt: skip


async def search(house: House, query: str = "", companies: Any = "own", role: Role = Role.HANDLER) -> dict[str, Any]:
    answer = await house.client.get(f"/api/v1/search?{query}", headers=await house.headers(role, companies))
    assert answer.status == 200, await answer.text()
    found: dict[str, Any] = await answer.json()
    return found


async def ids(house: House, query: str = "", companies: Any = "own") -> list[str]:
    return [hit["id"] for hit in (await search(house, query, companies))["items"]]


async def many(house: House, count: int, company: str | None = None, minutes: int = 1) -> list[str]:
    """Rows of contacts without objects, newest first; some share their moment."""
    begin = datetime(2026, 5, 1, tzinfo=UTC)
    rows: list[dict[str, Any]] = [
        {
            "id": uuid4(),
            "company": company or house.company,
            "channel": "call",
            "direction": "inbound",
            "started_at": begin + timedelta(minutes=n // minutes),
            "ended_at": begin + timedelta(minutes=n // minutes + 1),
            "source": "pbx",
            "external_id": f"row-{n}",
            "queue": "even" if n % 2 == 0 else "odd",
            "received_at": begin,
            "receipt": {},
        }
        for n in range(count)
    ]
    async with house.services.db.begin() as tx:
        await tx.execute(interactions.insert(), rows)
    ordered = sorted(rows, key=lambda row: (row["started_at"], row["id"].int), reverse=True)
    return [str(row["id"]) for row in ordered]


async def test_a_hit_shows_what_the_contract_says(house: House) -> None:
    answer = await house.client.put(
        "/api/v1/customers/1001",
        json={"company": house.company, "name": "Aino", "kind": "natural", "phones": [PHONE]},
        headers=await house.headers(Role.ADMIN),
    )
    assert answer.status == 201
    parties = [{"role": "customer", "phone": "040 123 4567"}]
    contact = await house.kept(parties=parties, agent={"id": "A1", "name": "Kalle"}, queue="laskutus", duration_s=61.5)
    found = await search(house)
    assert found == {
        "items": [
            {
                "id": contact["id"], "channel": "call", "company": house.company, "direction": "inbound",
                "started_at": "2026-11-02T07:15:00Z", "duration_s": 61.5, "agent": {"id": "A1", "name": "Kalle"},
                "customer": {"customer_number": "1001", "name": "Aino"}, "subject": None, "queue": "laskutus",
                "category": None, "on_hold": False, "snippets": [], "match": None,
            }
        ],
        "next": None,
        "total": {"value": 1, "relation": "eq"},
        "coverage": COVERED | {"waiting": 1, "reasons": found["coverage"]["reasons"]},
        "understood": [],
        "facets": None,
    }  # fmt: skip


async def test_every_filter_finds_its_own(house: House) -> None:
    parties = [{"role": "customer", "phone": PHONE}]
    one = (
        await house.kept(
            parties=parties, agent={"id": "A1", "name": "Kalle Ö"}, queue="q 1", category="c", duration_s=600,
            started_at="2026-03-01T10:00:00+02:00", direction="outbound",
        )
    )["id"]  # fmt: skip
    other = (await house.kept(duration_s=5, agent={"id": "Kalle Ö"}))["id"]
    for query in (
        "phone=0401234567", "phone=%2B358401234567", "phone=+358401234567", "q=phone:0401234567", "agent=A1",
        "agent=kalle+ö&queue=q+1", 'q=agent:"Kalle+Ö"+queue:"q+1"', "queue=q+1", "category=c", "min_duration_s=600",
        "to=2026-03-01", "from=2026-03-01&to=2026-03-01", "from=2026-03-01T08:00:00Z&to=2026-03-01T08:00:01Z",
        "direction=outbound", f"company={house.company}&channel=call&direction=outbound",
    ):  # fmt: skip
        assert await ids(house, query) == [one], query
    assert await ids(house, "agent=Kalle+Ö") == [other, one]
    for query in ("channel=email", "case=C-1", "phone=4012", "customer=1", "to=2026-02-28", "company=nowhere"):
        assert await ids(house, query) == [], query


async def test_the_customer_filter_follows_links_as_they_are_now(house: House) -> None:
    await house.client.put(
        "/api/v1/customers/7",
        json={"company": house.company, "name": "N", "kind": "legal"},
        headers=await house.headers(Role.ADMIN),
    )
    contact = (await house.kept())["id"]
    headers, links = await house.headers(Role.HANDLER), f"/api/v1/interactions/{contact}/links"
    await house.client.post(links, json={"customer_number": "7"}, headers=headers)
    assert await ids(house, "customer=7") == [contact]
    assert await ids(house, "q=customer:7") == [contact]
    await house.client.delete(f"{links}/7", headers=headers)
    assert await ids(house, "customer=7") == []


@pytest.mark.parametrize("limit", [1, 7, 50])
async def test_pages_follow_one_another_without_gap_or_repeat(house: House, limit: int) -> None:
    other = await house.another_company()
    first, second = await many(house, 40, minutes=3), await many(house, 30, other, minutes=2)
    both = (house.company, other)
    seen: list[str] = []
    cursor: str | None = ""
    totals = set()
    while cursor is not None:
        page = await search(house, f"limit={limit}" + (f"&cursor={cursor}" if cursor else ""), both)
        seen += [hit["id"] for hit in page["items"]]
        totals.add((page["total"]["value"], page["total"]["relation"]))
        cursor = page["next"]
    assert (len(seen), set(seen), totals) == (70, {*first, *second}, {(70, "eq")})
    assert [one for one in seen if one in set(first)] == first
    assert [one for one in seen if one in set(second)] == second


async def test_totals_stop_at_their_cap(house: House) -> None:
    await many(house, 2100)
    assert (await search(house, "limit=1"))["total"] == {"value": 1000, "relation": "gte"}
    assert (await search(house, "limit=1&queue=even&to=2026-05-01"))["total"] == {"value": 630, "relation": "eq"}


async def test_nobody_sees_another_companys_contacts_not_even_a_count(house: House) -> None:
    other = await house.another_company()
    await many(house, 3, other)
    for query in ("", f"company={other}", "queue=even"):
        found = await search(house, query)
        assert (found["items"], found["total"]["value"]) == ([], 0)
        assert found["coverage"] == COVERED
    assert len((await search(house, "", (house.company, other)))["items"]) == 3
    page = await search(house, "limit=1", (other,))
    answer = await house.client.get(
        f"/api/v1/search?limit=1&cursor={page['next']}", headers=await house.headers(Role.HANDLER)
    )
    assert answer.status == 422


async def test_contacts_being_destroyed_are_not_found_and_held_ones_say_so(house: House) -> None:
    going, held = (await house.kept())["id"], (await house.kept())["id"]
    async with house.services.db.begin() as tx:
        await dooming.mark(tx, house.company, [UUID(going)])
        now = datetime.now(UTC)
        hold = UUID(held)
        await tx.execute(
            holds.insert().values(id=hold, company=house.company, reason="r", placed_by="x", placed_at=now)
        )
        await tx.execute(hold_items.insert().values(hold_id=hold, interaction_id=hold, company=house.company))
    found = (await search(house))["items"]
    assert [(hit["id"], hit["on_hold"]) for hit in found] == [(held, True)]


async def test_every_search_is_on_the_trail_without_its_words(house: House) -> None:
    await search(house, "phone=0401234567&queue=x")
    async with house.services.db.begin() as tx:
        event = (
            await tx.execute(
                trail_events.select().where(
                    trail_events.c.companies == [house.company], trail_events.c.action == Action.SEARCHED
                )
            )
        ).one()
    veil = house.services.veil
    assert event.detail == {
        "phone": veil("phone", "+358401234567"),
        "queue": veil("queue", "x"),
        "hits": 0,
        "first_page": True,
    }


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ("q=-lasku", "invalid", "q"),
        ("q=%22lasku", "invalid", "q"),
        ("q=lasku+-", "invalid", "q"),
        ("q=%F0%9F%99%82", "invalid", "q"),
        ("q=agent:A1&agent=A2", "invalid", "q"),
        (f"q={'x' * 501}", "invalid", "q"),
        ("limit=0", "invalid", "limit"),
        ("limit=501", "invalid", "limit"),
        ("cursor=AAAA", "invalid", "cursor"),
        ("channel=fax", "invalid", "channel"),
        ("phones=1", "invalid", "phones"),
        ("sort=oldest", "invalid", "sort"),
        ("from=2026-01-01T00:00:00", "invalid", "from"),
    ],
)
async def test_what_cannot_be_asked_is_refused(house: House, query: str, code: str, field: str) -> None:
    answer = await house.client.get(f"/api/v1/search?{query}", headers=await house.headers(Role.HANDLER))
    problem = await answer.json()
    assert (answer.status, problem["code"], problem["errors"][0]["field"]) == (422, code, field)


@pytest.mark.parametrize(
    ("role", "status"),
    [(Role.TELEPHONY, 403), (Role.ADMIN, 403), (Role.HANDLER, 200), (Role.REVIEWER, 200), (Role.DPO, 200)],
)
async def test_only_those_who_look_may_search(house: House, role: Role, status: int) -> None:
    answer = await house.client.get("/api/v1/search?sort=relevance", headers=await house.headers(role))
    assert answer.status == status
    assert (await house.client.get("/api/v1/search")).status == 401
