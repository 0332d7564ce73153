"""Links over HTTP: by hand, undone with a reason, suggestions accepted and refused."""

from typing import Any

from archive.domain.access import Role
from tests.house import House

PHONE = "+358401234567"


async def put(house: House, number: str, **more: Any) -> None:
    answer = await house.client.put(
        f"/api/v1/customers/{number}",
        json={"company": house.company, "name": f"Asiakas {number}", "kind": "legal", **more},
        headers=await house.headers(Role.ADMIN),
    )
    assert answer.status == 201


async def test_a_link_by_hand_is_made_once_and_undone_with_its_reason(house: House) -> None:
    await put(house, "1001")
    contact = (await house.kept())["id"]
    headers, links = await house.headers(Role.HANDLER), f"/api/v1/interactions/{contact}/links"
    made = await house.client.post(links, json={"customer_number": "1001"}, headers=headers)
    again = await house.client.post(links, json={"customer_number": "1001"}, headers=headers)
    assert (made.status, again.status) == (201, 200)
    link = await made.json()
    assert (link["status"], link["evidence"], link["customer_name"]) == ("linked", ["by_hand"], "Asiakas 1001")
    undone = await house.client.delete(f"{links}/1001", json={"reason": "väärä asiakas"}, headers=headers)
    assert undone.status == 200
    link = await undone.json()
    assert (link["status"], link["reason"]) == ("undone", "väärä asiakas")
    assert (await house.client.delete(f"{links}/1001", headers=headers)).status == 404
    back = await house.client.post(links, json={"customer_number": "1001"}, headers=headers)
    assert (back.status, (await back.json())["reason"]) == (201, None)
    assert (await house.client.delete(f"{links}/1001", headers=headers)).status == 200


async def test_suggestions_are_accepted_and_refused(house: House) -> None:
    await put(house, "1", phones=[PHONE])
    await put(house, "2", phones=[PHONE])
    contact = (await house.kept(parties=[{"role": "customer", "phone": PHONE}]))["id"]
    headers, links = await house.headers(Role.HANDLER), f"/api/v1/interactions/{contact}/links"
    refused = await house.client.post(f"{links}/2/refuse", json={"reason": "ei ole"}, headers=headers)
    accepted = await house.client.post(f"{links}/1/accept", headers=headers)
    assert [(await answer.json())["status"] for answer in (refused, accepted)] == ["refused", "linked"]
    assert (await house.client.post(f"{links}/1/accept", headers=headers)).status == 409
    assert (await house.client.post(f"{links}/9/accept", headers=headers)).status == 404


async def test_wrong_customers_roles_and_companies_are_refused(house: House) -> None:
    other = await house.another_company()
    contact = (await house.kept())["id"]
    links, body = f"/api/v1/interactions/{contact}/links", {"customer_number": "404"}
    answer = await house.client.post(links, json=body, headers=await house.headers(Role.HANDLER))
    assert answer.status == 422
    answer = await house.client.post(links, json=body, headers=await house.headers(Role.HANDLER, (other,)))
    assert answer.status == 404
    for role in (Role.TELEPHONY, Role.REVIEWER, Role.DPO, Role.ADMIN):
        answer = await house.client.post(links, json=body, headers=await house.headers(role))
        assert answer.status == 403
