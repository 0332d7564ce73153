"""The customer as the CRM tells it: all sections read, every complaint at once, no value repeated."""

import json

import pytest
from pydantic import ValidationError

from archive.domain.customers import (
    CustomerLine,
    CustomerRequest,
    Energy,
    IdentifierKind,
    KeyKind,
    MatchKey,
    complaints,
)

GSRN = "643007574000000015"
WHOLE = {
    "company": "energia",
    "name": "Aino Esimerkki",
    "kind": "natural",
    "hetu": "010594y9032",
    "phones": ["040 123 4567", "+358401234567", "+46 8 123 456 78"],
    "emails": ["Aino@Esimerkki.fi"],
    "sites": [
        {
            "metering_point": GSRN,
            "address": "Kauppakatu 1 A 2",
            "postal_code": "15110",
            "city": "Lahti",
            "main_fuse_a": 25,
            "energy": "electricity",
            "connection": "AMP-1",
            "contract": "S-100",
            "annual_use_kwh": 5200.5,
        },
        {"energy": "district_heat", "address": "Kauppakatu 1"},
    ],
    "billing": {"address": "PL 1", "rhythm": "monthly", "method": "e_invoice", "iban": "FI21 1234 5600 0007 85"},
    "marketing": {"permissions": ["email"], "prohibitions": ["phone", "phone"]},
    "feedback": [{"at": "2026-03-01T10:00:00+02:00", "text": "Nopea vastaus", "satisfaction": 9}],
    "attributes": {"segment": "B", "since": 2004, "vip": True},
}


def test_every_section_of_the_register_is_read() -> None:
    customer = CustomerRequest.model_validate_json(json.dumps(WHOLE)).customer("1001")
    assert customer.phones == ("+358401234567", "+46812345678")
    assert customer.emails == ("aino@esimerkki.fi",)
    assert customer.identifier is not None
    assert (customer.identifier.kind, customer.identifier.value) == (IdentifierKind.HETU, "010594Y9032")
    assert [site.energy for site in customer.sites] == [Energy.ELECTRICITY, Energy.DISTRICT_HEAT]
    assert customer.sites[0].annual_use_kwh == 5200.5
    assert customer.billing.iban == "FI2112345600000785"
    assert customer.marketing.prohibitions == ("phone",)
    assert customer.feedback[0].satisfaction == 9
    assert customer.attributes == {"segment": "B", "since": "2004", "vip": "true"}


def test_a_customer_is_matched_by_number_metering_point_phones_and_emails() -> None:
    customer = CustomerRequest.model_validate(WHOLE).customer("1001")
    assert set(customer.match_keys()) == {
        MatchKey(kind=KeyKind.CUSTOMER_NUMBER, value="1001"),
        MatchKey(kind=KeyKind.METERING_POINT, value=GSRN),
        MatchKey(kind=KeyKind.PHONE, value="+358401234567"),
        MatchKey(kind=KeyKind.PHONE, value="+46812345678"),
        MatchKey(kind=KeyKind.EMAIL, value="aino@esimerkki.fi"),
    }


def test_no_repr_shows_an_identifier_or_an_address() -> None:
    customer = CustomerRequest.model_validate(WHOLE).customer("1001")
    shown = f"{customer!r} {customer.match_keys()!r} {customer.billing!r} {customer.identifier!r}"
    for secret in ("010594", "FI2112345600000785", "+358401234567", "aino@", GSRN, "Aino"):
        assert secret not in shown


def test_every_complaint_comes_at_once_and_repeats_no_value() -> None:
    wrong = {
        "company": "ener gia",
        "kind": "person",
        "hetu": "010190-999K",
        "phones": ["soita", "040 123 4567"],
        "sites": [{"metering_point": f"{GSRN[:-1]}{(int(GSRN[-1]) + 1) % 10}", "fuse": 25}],
        "billing": {"iban": "FI2112345600000786"},
        "attributes": {"a": [1]},
        "typo": 1,
    }
    with pytest.raises(ValidationError) as caught:
        CustomerRequest.model_validate_json(json.dumps(wrong))
    found = complaints(caught.value)
    assert {c.field for c in found} == {
        "company", "name", "kind", "hetu", "phones.0", "sites.0.metering_point", "sites.0.fuse", "billing.iban",
        "attributes.a", "typo",
    }  # fmt: skip
    told = " ".join(c.message for c in found)
    for value in ("010190", "999K", "soita", "643007574", "0786", "ener gia", "person'"):
        assert value not in told


@pytest.mark.parametrize(
    ("change", "about"),
    [
        ({"business_id": "2077474-0"}, "give a hetu or a business_id"),
        ({"kind": "legal"}, "a legal person"),
    ],
)
def test_a_customer_has_one_identity_that_suits_its_kind(change: dict[str, str], about: str) -> None:
    with pytest.raises(ValidationError) as caught:
        CustomerRequest.model_validate({**WHOLE, **change})
    assert complaints(caught.value)[0].message.startswith(about)


def test_blank_fields_of_a_sloppy_export_are_absent() -> None:
    line = CustomerLine.model_validate(
        {"customer_number": "A-7", "company": "e", "name": "N", "kind": "legal", "hetu": "", "business_id": " ",
         "sites": [{"main_fuse_a": "", "city": ""}], "billing": {"iban": ""}}
    )  # fmt: skip
    customer = line.value()
    assert customer.identifier is None
    assert customer.sites[0].main_fuse_a is None
    assert customer.billing.iban is None


@pytest.mark.parametrize("number", ["", "../x", "a b", "a\x00", "a/b", "x" * 65, "ab\n"])
def test_a_customer_number_fits_in_an_address(number: str) -> None:
    with pytest.raises(ValidationError):
        CustomerLine.model_validate({**WHOLE, "customer_number": number if number != "ab\n" else "a\nb"})


def test_sizes_are_bounded() -> None:
    changes: tuple[dict[str, object], ...] = (
        {"name": "x" * 201},
        {"phones": ["0401234567"] * 51},
        {"sites": [{}] * 501},
        {"name": "a\x00b"},
    )
    for change in changes:
        with pytest.raises(ValidationError):
            CustomerRequest.model_validate({**WHOLE, **change})
