"""Customers over HTTP: put, shown masked, imported by the line."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from stdnum import ean

from archive.domain.access import Role
from archive.store.tables import customer_keys, customers, trail_events
from tests.house import House

HETU, IBAN, PHONE = "010594Y9032", "FI2112345600000785", "+358401234567"


def gsrn(number: int) -> str:
    body = f"6430075{number:010d}"
    return f"{body}{ean.calc_check_digit(body)}"


def customer(company: str, **more: Any) -> dict[str, Any]:
    return {
        "company": company,
        "name": "Aino Esimerkki",
        "kind": "natural",
        "hetu": HETU,
        "phones": ["040 123 4567"],
        "emails": ["aino@esimerkki.fi"],
        "sites": [{"metering_point": gsrn(1), "city": "Lahti", "energy": "district_heat", "main_fuse_a": 25}],
        "billing": {"rhythm": "monthly", "iban": IBAN},
        "marketing": {"prohibitions": ["phone"]},
        "feedback": [{"at": "2026-03-01T10:00:00+02:00", "satisfaction": 9}],
        "attributes": {"segment": "B"},
        **more,
    }


async def put(house: House, number: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    answer = await house.client.put(
        f"/api/v1/customers/{number}", json=body, headers=await house.headers(Role.ADMIN, None)
    )
    return answer.status, await answer.json()


async def get(house: House, address: str, companies: Any = "own") -> tuple[int, dict[str, Any]]:
    answer = await house.client.get(
        f"/api/v1/customers/{address}", headers=await house.headers(Role.HANDLER, companies)
    )
    return answer.status, await answer.json()


async def test_a_customer_is_new_then_replaced_then_the_same(house: House) -> None:
    assert (await put(house, "1001", customer(house.company)))[0] == 201
    assert (await put(house, "1001", customer(house.company, phones=["050 111 2222"])))[0] == 200
    assert (await put(house, "1001", customer(house.company, phones=["050 111 2222"])))[0] == 200
    status, shown = await get(house, "1001")
    assert status == 200
    assert shown["phones"] == ["+358501112222"]
    async with house.services.db.begin() as tx:
        keys = await tx.scalars(
            customer_keys.select()
            .with_only_columns(customer_keys.c.value)
            .where(customer_keys.c.company == house.company)
        )
        assert sorted(keys) == sorted(["1001", "+358501112222", "aino@esimerkki.fi", gsrn(1)])


async def test_every_section_comes_back_with_identifiers_masked(house: House) -> None:
    await put(house, "1001", customer(house.company))
    _, shown = await get(house, "1001")
    assert shown["hetu"] == "010594-****"
    assert shown["billing"]["iban"] == "FI************0785"
    assert shown["sites"][0]["metering_point"] == gsrn(1)
    assert shown["sites"][0]["energy"] == "district_heat"
    assert shown["marketing"] == {"permissions": [], "prohibitions": ["phone"]}
    assert shown["feedback"][0]["satisfaction"] == 9
    assert shown["attributes"] == {"segment": "B"}
    assert shown["interactions"] == f"/api/v1/search?company={house.company}&customer=1001"


async def test_identifiers_lie_sealed_in_the_database(house: House) -> None:
    await put(house, "1001", customer(house.company))
    async with house.services.db.begin() as tx:
        row = (await tx.execute(customers.select().where(customers.c.company == house.company))).one()
        events = await tx.scalars(
            trail_events.select()
            .with_only_columns(trail_events.c.detail)
            .where(trail_events.c.companies.contains([house.company]))
        )
        told = json.dumps(list(events))
    kept = repr(tuple(row))
    for secret in (HETU, HETU[:6], HETU[7:], IBAN, IBAN[4:]):
        assert secret not in kept
        assert secret not in told
    assert house.services.keyring.keyed_hash("hetu", HETU) == row.identifier_hash
    assert house.services.keyring.keyed_hash("iban", IBAN) == row.iban_hash


async def test_every_complaint_comes_at_once_and_repeats_nothing(house: House) -> None:
    wrong = customer(house.company, hetu="010190-999K", phones=["x"], typo=1)
    wrong["billing"] = {"iban": "FI2112345600000786"}
    status, problem = await put(house, "1001", wrong)
    assert (status, problem["code"]) == (422, "invalid")
    assert {error["field"] for error in problem["errors"]} == {"hetu", "phones.0", "typo", "billing.iban"}
    assert "010190" not in json.dumps(problem)
    assert "0786" not in json.dumps(problem)


async def test_an_unknown_company_and_another_ones_customer_are_equally_unknown(house: House) -> None:
    other = await house.another_company()
    assert (await put(house, "1001", customer("nowhere")))[0] == 404
    assert (await put(house, "77", customer(other)))[0] == 201
    answer = await house.client.put(
        "/api/v1/customers/77", json=customer(other), headers=await house.headers(Role.ADMIN)
    )
    assert answer.status == 404
    for address in ("77", f"77?company={other}", "78", f"78?company={house.company}"):
        status, problem = await get(house, address)
        assert (status, problem["code"]) == (404, "not-found")


async def test_a_number_of_two_companies_is_ambiguous_to_who_sees_both(house: House) -> None:
    other = await house.another_company()
    await put(house, "1001", customer(house.company))
    await put(house, "1001", customer(other, name="Toinen"))
    both = (house.company, other)
    status, problem = await get(house, "1001", both)
    assert (status, problem["code"]) == (409, "ambiguous")
    assert (await get(house, f"1001?company={other}", both))[1]["name"] == "Toinen"
    assert (await get(house, "1001"))[1]["name"] == "Aino Esimerkki"


@pytest.mark.parametrize("role", [Role.TELEPHONY, Role.HANDLER, Role.REVIEWER, Role.DPO])
async def test_only_the_admin_writes_customers(house: House, role: Role) -> None:
    headers = await house.headers(role)
    answer = await house.client.put("/api/v1/customers/1", json=customer(house.company), headers=headers)
    assert answer.status == 403
    answer = await house.client.post(
        "/api/v1/customers/import", data=b"", headers={**headers, "Content-Type": "application/x-ndjson"}
    )
    assert answer.status == 403


async def send(house: House, data: Any, media_type: str = "application/x-ndjson") -> tuple[int, dict[str, Any]]:
    headers = await house.headers(Role.ADMIN, **{"Content-Type": media_type})
    answer = await house.client.post("/api/v1/customers/import", data=data, headers=headers)
    return answer.status, await answer.json()


async def test_good_lines_are_kept_and_bad_ones_told_by_number_and_field(house: House) -> None:
    lines = [
        json.dumps({"customer_number": "1", **customer(house.company)}),
        "{not json",
        "",
        json.dumps({"customer_number": "2", **customer(house.company, hetu="010190-999K", phones=["x"])}),
        json.dumps({"customer_number": "3", **customer("nowhere")}),
        json.dumps({"customer_number": "1", **customer(house.company, name="Uusi Nimi")}),
        json.dumps({"customer_number": "4", **customer(house.company)}),
    ]
    status, report = await send(house, "\r\n".join(lines).encode())
    assert status == 200
    assert (report["created"], report["updated"], report["rejected"], report["lines"]) == (2, 1, 3, 6)
    assert {(error["line"], error["field"]) for error in report["errors"]} == {
        (2, None), (4, "hetu"), (4, "phones.0"), (5, "company"),
    }  # fmt: skip
    assert (await get(house, "1"))[1]["name"] == "Uusi Nimi"
    assert "010190" not in json.dumps(report)


async def test_csv_with_repeated_columns_and_lines_inside_quotes(house: House) -> None:
    header = (
        "customer_number;company;name;kind;business_id;phone;phone;email_1;email_2;site_1_metering_point;site_1_energy;"
        "site_2_address;site_2_energy;billing_iban;marketing_permissions;attribute_segment;feedback_at;feedback_text"
    )
    rows = [
        header,
        (
            f'10;{house.company};"Lahden\nRauta; Oy";legal;2077474-0;0401234567;;a@b.fi;c@d.fi;{gsrn(5)};gas;'
            f"Katu 1;steam;{IBAN};email|sms;B;2026-01-02T03:04:05+02:00;hyvä"
        ),
        f'11;{house.company};"auki;legal;2077474-0;;;;;;;;;;;;;',
        f"12;{house.company};Kaksi;legal;2077474-1;;;;;;;;;;;;;",
        f"13;{house.company};Kolme;legal;;;;;;;;;;;;;;",
        "14;x",
    ]
    status, report = await send(house, ("\n".join(rows) + "\n").encode("utf-8-sig"), "text/csv; charset=utf-8")
    assert (status, report["created"], report["rejected"]) == (200, 2, 3)
    assert {(error["line"], error["field"]) for error in report["errors"]} == {
        (4, None), (5, "business_id"), (7, None),
    }  # fmt: skip
    _, shown = await get(house, "10")
    assert shown["name"] == "Lahden\nRauta; Oy"
    assert (shown["phones"], shown["emails"]) == ([PHONE], ["a@b.fi", "c@d.fi"])
    assert [site["energy"] for site in shown["sites"]] == ["gas", "steam"]
    assert shown["marketing"]["permissions"] == ["email", "sms"]
    assert shown["business_id"] == "207****-*"
    assert (await get(house, "13"))[0] == 200


async def test_a_csv_header_that_is_wrong_stops_before_anything_is_read(house: House) -> None:
    status, problem = await send(house, b"customer_number,company,nmae,kind\n1,a,b,legal\n", "text/csv")
    assert status == 422
    assert {error["field"] for error in problem["errors"]} == {"column 3", "name"}
    assert (await send(house, b"x", "application/json"))[0] == 415


@pytest.mark.parametrize(
    ("more", "twice"),
    [
        ("name", {"column 5": "the same as column 3"}),
        ("site_1_city,site_city", {"column 6": "the same as column 5"}),
        ("attribute_Foo,attribute_foo,ATTRIBUTE_Foo", {"column 7": "the same as column 5"}),
        ("phone,phone,phone_2,attribute_a,attribute_A", {}),
    ],
)
async def test_a_column_that_comes_twice_stops_an_import(house: House, more: str, twice: dict[str, str]) -> None:
    count = more.count(",") + 1
    text = f"customer_number,company,name,kind,{more}\n1,{house.company},A,legal{',' * count}\n"
    status, said = await send(house, text.encode(), "text/csv")
    assert status == (422 if twice else 200)
    assert {error["field"]: error["message"] for error in said["errors"]} == twice
    assert (await get(house, "1"))[0] == (404 if twice else 200)


async def test_the_name_of_an_attribute_keeps_its_letter_case(house: House) -> None:
    text = f"Customer_Number,COMPANY,name,kind,Attribute_FooBar\n1,{house.company},A,legal,x\n"
    assert (await send(house, text.encode(), "text/csv"))[1]["created"] == 1
    assert (await get(house, "1"))[1]["attributes"] == {"FooBar": "x"}


@pytest.mark.parametrize("text", [b"", b"\n\r\n \n"])
async def test_a_csv_file_without_a_header_is_told_so(house: House, text: bytes) -> None:
    status, problem = await send(house, text, "text/csv")
    assert status == 422
    assert problem["errors"] == [{"field": "header", "message": "the file has none: it is empty"}]
    needed = "customer_number,company,name,kind\n"
    assert (await send(house, needed.encode(), "text/csv"))[1]["lines"] == 0


async def test_a_long_stream_is_imported_in_batches_and_errors_are_bounded(house: House) -> None:
    async def lines() -> AsyncIterator[bytes]:
        for number in range(2600):
            yield (
                b"[" + b"x" * 100 + b"\n"
                if number % 2
                else json.dumps(
                    {"customer_number": str(number), "company": house.company, "name": "N", "kind": "legal"}
                ).encode()
                + b"\n"
            )
        yield b'{"name": "' + b"x" * 400_000 + b'"}\n'

    status, report = await send(house, lines())
    assert (status, report["created"], report["rejected"]) == (200, 1300, 1301)
    assert (len(report["errors"]), report["errors_left_out"]) == (1000, 301)
