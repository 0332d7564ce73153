"""Whom a contact belongs to: at the push, when customers arrive or change, and by hand."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from archive import link_decisions
from archive.domain.access import Action, Actor, Role
from archive.domain.customers import CustomerLine, KeyKind
from archive.domain.links import (
    MAX_SUGGESTIONS,
    Link,
    LinkCandidate,
    LinkChange,
    LinkStatus,
    Match,
    amend,
    judge,
)
from archive.errors import Conflict, Invalid, NotFound
from archive.store import customers, links
from archive.store.tables import trail_events
from ingest import linking
from tests.house import House

PHONE = "+358401234567"
HANDLER = Actor(id="u-1", name="Kaisa Käsittelijä", role=Role.HANDLER)


def now() -> datetime:
    return datetime.now(UTC)


async def put(house: House, number: str, company: str | None = None, **more: Any) -> None:
    line = CustomerLine.model_validate(
        {"customer_number": number, "company": company or house.company, "name": "N", "kind": "legal", **more}
    )
    async with house.services.db.begin() as tx:
        await customers.put(tx, house.services.keyring, line.value(), now())


async def relink(house: House, *numbers: str) -> int:
    payload = {"company": house.company, "customers": "\n".join(numbers)}
    return await linking.relink(house.services.db, payload)


async def of(house: House, interaction_id: str) -> dict[str, str]:
    async with house.services.db.begin() as tx:
        found = await links.of_interaction(tx, house.company, UUID(interaction_id))
    return {link.customer_number: link.status.value for link in found}


async def push(house: House, **said: Any) -> str:
    return str((await house.kept(**said))["id"])


def caller(phone: str = "040 123 4567", email: str | None = None) -> list[dict[str, str | None]]:
    return [{"role": "agent", "phone": "+358501111111"}, {"role": "customer", "phone": phone, "email": email}]


@pytest.mark.parametrize(
    ("has", "said", "evidence"),
    [
        ({"phones": ["0401234567"]}, {"parties": caller("+358 (0)40 123 4567")}, "phone"),
        ({"emails": ["Maija@Esimerkki.fi"]}, {"parties": caller("anonymous", "maija@esimerkki.FI")}, "email"),
        ({}, {"customer_number": "1001"}, "customer_number"),
        (
            {"sites": [{"metering_point": "643007574000000015"}]},
            {"attributes": {"metering_point": "643007574000000015"}},
            "metering_point",
        ),
    ],
)
async def test_one_customer_is_linked_with_its_evidence(
    house: House, has: dict[str, Any], said: dict[str, Any], evidence: str
) -> None:
    await put(house, "1001", **has)
    receipt = await house.kept(**said)
    assert receipt["links"] == [{"customer_number": "1001", "evidence": evidence, "status": "linked"}]
    assert await of(house, receipt["id"]) == {"1001": "linked"}


async def test_several_customers_are_suggested_and_none_is_nothing(house: House) -> None:
    assert (await house.kept(parties=caller()))["links"] == []
    await put(house, "1", phones=[PHONE])
    await put(house, "2", phones=[PHONE])
    receipt = await house.kept(parties=caller())
    assert {(link["customer_number"], link["status"]) for link in receipt["links"]} == {
        ("1", "suggested"), ("2", "suggested"),
    }  # fmt: skip


async def test_another_companys_customers_and_the_agents_own_phone_are_no_evidence(house: House) -> None:
    other = await house.another_company()
    await put(house, "1", company=other, phones=[PHONE])
    await put(house, "2", phones=["+358501111111"])
    assert (await house.kept(parties=caller()))["links"] == []


async def test_a_customer_who_arrives_later_picks_up_earlier_contacts(house: House) -> None:
    by_phone = await push(house, parties=caller())
    by_number = await push(house, customer_number="7")
    stranger = await push(house, parties=caller("0509999999"))
    await put(house, "7", phones=[PHONE])
    assert await relink(house, "7") == 2
    assert await of(house, by_phone) == {"7": "linked"}
    assert await of(house, by_number) == {"7": "linked"}
    assert await of(house, stranger) == {}
    assert await relink(house, "7") == 0


async def test_a_changed_customer_picks_up_contacts_by_the_new_address(house: House) -> None:
    contact = await push(house, parties=caller())
    await put(house, "7")
    assert await relink(house, "7") == 0
    await put(house, "7", phones=[PHONE])
    assert await relink(house, "7") == 1
    assert await of(house, contact) == {"7": "linked"}


async def test_a_newcomer_with_the_same_phone_is_only_suggested(house: House) -> None:
    await put(house, "1", phones=[PHONE])
    contact = await push(house, parties=caller())
    await put(house, "2", phones=[PHONE])
    await relink(house, "2")
    assert await of(house, contact) == {"1": "linked", "2": "suggested"}


async def test_links_made_or_undone_by_hand_are_never_touched(house: House) -> None:
    await put(house, "1")
    by_hand, undone = await push(house, parties=caller()), await push(house, parties=caller())
    await link_decisions.make(house.services, HANDLER, UUID(by_hand), "1", now())
    await put(house, "2", phones=[PHONE])
    await relink(house, "2")
    await link_decisions.undo(house.services, HANDLER, UUID(undone), "2", now(), reason="vaimon puhelin")
    await put(house, "2", phones=[PHONE], emails=["a@b.fi"])
    assert await relink(house, "1", "2") == 0
    assert await of(house, by_hand) == {"1": "linked"}
    assert await of(house, undone) == {"2": "undone"}


async def test_accepting_one_suggestion_refuses_the_others_and_keeps_the_history(house: House) -> None:
    for number in ("1", "2", "3"):
        await put(house, number, phones=[PHONE])
    contact = UUID(await push(house, parties=caller()))
    link = await link_decisions.accept(house.services, HANDLER, contact, "2", now())
    assert (link.status, link.by_hand, link.made_by, link.evidence) == ("linked", True, HANDLER.name, ("phone",))
    assert await of(house, str(contact)) == {"1": "refused", "2": "linked", "3": "refused"}
    with pytest.raises(Conflict):
        await link_decisions.refuse(house.services, HANDLER, contact, "1", now())
    await link_decisions.undo(house.services, HANDLER, contact, "2", now(), reason="väärä")
    async with house.services.db.begin() as tx:
        told = [(event.what, event.customer_number, event.by) for event in
                await links.history(tx, house.company, contact)]  # fmt: skip
        actions = list(
            await tx.scalars(
                trail_events.select()
                .with_only_columns(trail_events.c.action)
                .where(trail_events.c.interaction_id == contact, trail_events.c.actor_id == HANDLER.id)
                .order_by(trail_events.c.id)
            )
        )
    assert sorted(told[:3]) == [(LinkChange.SUGGESTED, number, None) for number in ("1", "2", "3")]
    assert (LinkChange.ACCEPTED, "2", HANDLER.name) in told
    assert told[-1] == (LinkChange.UNDONE, "2", HANDLER.name)
    assert actions == [Action.LINK_ACCEPTED, Action.LINK_REFUSED, Action.LINK_REFUSED, Action.LINK_UNDONE]


async def test_the_inbox_lists_unsure_contacts_and_counts_them(house: House) -> None:
    await put(house, "1", phones=[PHONE])
    await put(house, "2", phones=[PHONE])
    contact, _ = await push(house, parties=caller(), queue="laskutus"), await push(house)
    async with house.services.db.begin() as tx:
        found = await links.inbox(tx, [house.company])
        assert (await links.unsure(tx, [house.company]), await links.unlinked(tx, [house.company], EPOCH)) == (1, 1)
        assert await links.inbox(tx, ["nowhere"]) == []
    assert [(str(item.interaction_id), item.queue) for item in found] == [(contact, "laskutus")]
    assert {link.customer_number for link in found[0].suggestions} == {"1", "2"}


async def test_what_cannot_be_linked_is_refused(house: House) -> None:
    contact = UUID(await push(house))
    stranger = Actor(id="u-2", name="X", role=Role.HANDLER, companies=frozenset({"elsewhere"}))
    with pytest.raises(Invalid):
        await link_decisions.make(house.services, HANDLER, contact, "404", now())
    with pytest.raises(NotFound):
        await link_decisions.make(house.services, stranger, contact, "404", now())
    with pytest.raises(NotFound):
        await link_decisions.undo(house.services, HANDLER, contact, "404", now())


EPOCH = datetime(2020, 1, 1, tzinfo=UTC)


def test_a_given_number_says_who_it_was_whoever_owns_the_phone() -> None:
    found = judge(
        [
            Match(customer_number="mother", kind=KeyKind.CUSTOMER_NUMBER),
            Match(customer_number="daughter", kind=KeyKind.PHONE),
        ]
    )
    assert [(one.customer_number, one.status) for one in found] == [("mother", LinkStatus.LINKED)]


def test_suggestions_are_bounded_and_the_best_supported_come_first() -> None:
    crowd = [Match(customer_number=f"c{n:03}", kind=KeyKind.PHONE) for n in range(200)]
    found = judge([*crowd, Match(customer_number="c150", kind=KeyKind.EMAIL)])
    assert len(found) == MAX_SUGGESTIONS
    assert (found[0].customer_number, found[0].evidence) == ("c150", ("phone", "email"))


def test_a_suggestion_becomes_a_link_when_the_number_arrives() -> None:
    old = Link(
        interaction_id=UUID(int=1), company="c", customer_number="1", customer_name=None, status=LinkStatus.SUGGESTED,
        evidence=("phone",), by_hand=False, made_by=None, made_at=EPOCH, ended_by=None, ended_at=None, reason=None,
    )  # fmt: skip
    sure = LinkCandidate(customer_number="1", status=LinkStatus.LINKED, evidence=("customer_number", "phone"))
    assert amend([old], [sure]) == (sure,)
