"""Finnish identifiers: every spelling to one, wrong ones refused without repeating them."""

import re
from datetime import date

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from archive.domain import identifiers

CHECKS = "0123456789ABCDEFHJKLMNPRSTUVWXY"
SEPARATORS = {1800: "+", 1900: "-YXWVU", 2000: "ABCDEF"}
WEIGHTS = (7, 9, 10, 5, 8, 4, 2)
DVV_TEST_PEOPLE = (
    "010594Y9032", "020594X903P", "030594W903B", "040594V9030", "050594U903M", "010516B903X", "020516C903K",
    "030516D9037", "010501E9032", "020502E902X", "020503F9037", "020504A902E",
)  # fmt: skip


@st.composite
def hetus(draw: st.DrawFn) -> str:
    """Valid codes of the 900 series, of every century and separator."""
    born = draw(st.dates(min_value=date(1850, 1, 1), max_value=date(2099, 12, 31)))
    separator = draw(st.sampled_from(SEPARATORS[born.year // 100 * 100]))
    digits = f"{born:%d%m%y}{draw(st.integers(900, 999))}"
    return f"{digits[:6]}{separator}{digits[6:]}{CHECKS[int(digits) % 31]}"


@st.composite
def metering_points(draw: st.DrawFn) -> str:
    body = draw(st.from_regex(r"[0-9]{17}", fullmatch=True))
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(body))
    return f"{body}{-total % 10}"


@pytest.mark.parametrize("code", DVV_TEST_PEOPLE)
def test_the_separators_of_2023_are_known(code: str) -> None:
    assert identifiers.read_hetu(f" {code.lower()} ") == code


@settings(max_examples=40)
@given(hetus())
def test_every_made_up_code_is_read_and_masked(code: str) -> None:
    assert identifiers.read_hetu(code) == code
    masked = identifiers.mask_hetu(code)
    assert masked == f"{code[:6]}-****"
    assert code[7:] not in masked


@given(hetus(), st.sampled_from(CHECKS))
def test_a_wrong_check_character_is_refused_without_repeating_it(code: str, check: str) -> None:
    assume(check != code[-1])
    with pytest.raises(ValueError, match="identity code") as caught:
        identifiers.read_hetu(code[:-1] + check)
    assert code[:6] not in str(caught.value)


@pytest.mark.parametrize(
    "code", ["310201A900X", "010190-999K", "010594 9032", "٠10594Y9032", "010594Y903", "", "010594Z9032"]
)
def test_what_is_no_identity_code_is_refused(code: str) -> None:
    with pytest.raises(ValueError, match="identity code"):
        identifiers.read_hetu(code)


@settings(max_examples=40)
@given(st.from_regex(r"[0-9]{7}", fullmatch=True))
def test_business_ids_have_one_spelling(body: str) -> None:
    rest = sum(weight * int(digit) for weight, digit in zip(WEIGHTS, body, strict=True)) % 11
    assume(rest != 1)
    check = 0 if rest == 0 else 11 - rest
    for spelling in (f"{body}-{check}", f"{body}{check}", f"FI{body}{check}", f" {body}-{check} "):
        assert identifiers.read_business_id(spelling) == f"{body}-{check}"
    with pytest.raises(ValueError, match="business id"):
        identifiers.read_business_id(f"{body}-{(check + 1) % 10}")
    assert body not in identifiers.mask_business_id(f"{body}-{check}")


def test_accounts_are_read_with_spaces_and_masked() -> None:
    account = identifiers.read_iban("fi21 1234 5600 0007 85")
    assert account == "FI2112345600000785"
    assert identifiers.mask_iban(account) == "FI************0785"


@pytest.mark.parametrize("account", ["FI2112345600000786", "", "XX00", "FI21", "FI21 1234 5600 0007 8５"])
def test_what_is_no_account_is_refused(account: str) -> None:
    with pytest.raises(ValueError, match="IBAN"):
        identifiers.read_iban(account)


@settings(max_examples=40)
@given(metering_points())
def test_metering_points_carry_their_check_digit(gsrn: str) -> None:
    assert identifiers.read_metering_point(f" {gsrn[:6]} {gsrn[6:]}") == gsrn
    wrong = gsrn[:-1] + str((int(gsrn[-1]) + 1) % 10)
    with pytest.raises(ValueError, match="metering point"):
        identifiers.read_metering_point(wrong)
    assert len(identifiers.mask_metering_point(gsrn)) == 18
    assert identifiers.mask_metering_point(gsrn).endswith(gsrn[-4:])


@given(st.from_regex(r"(40|41|44|45|46|50)[0-9]{7}", fullmatch=True), st.data())
def test_every_finnish_spelling_is_one_number(body: str, data: st.DataObject) -> None:
    prefix = data.draw(
        st.sampled_from(["0", "+358", "00358", "+358 (0)", "+358-", "tel:+358", "tel:0", "sip:+358", " 0"])
    )
    gap = data.draw(st.sampled_from(["", " ", "-", ".", "/", " "]))
    spelling = f"{prefix}{body[:2]}{gap}{body[2:5]}{gap}{body[5:]}"
    if prefix.startswith("sip"):
        spelling = f"sip:+358{body}@pbx.example.fi"
    assert identifiers.read_phone(spelling) == f"+358{body}"


@given(
    st.sampled_from(["+4681234567", "+4540123456", "+390612345678", "+441632960961", "+358931016000", "+35831234567"])
)
def test_foreign_numbers_and_landlines_keep_their_country(number: str) -> None:
    for spelling in (number, number.replace("+", "00"), f"tel:{number}", f"{number[:3]} {number[3:]}"):
        assert identifiers.read_phone(spelling) == number
    assert identifiers.read_phone(identifiers.read_phone(number)) == number


@pytest.mark.parametrize(
    "text", ["", "112", "4012", "1018", "anonymous", "+", "0" * 40, "+35840123456789012", "5" * 400]
)
def test_what_cannot_be_dialled_from_abroad_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a phone number"):
        identifiers.read_phone(text)


@given(st.text(max_size=80))
def test_reading_any_text_as_a_phone_gives_e164_or_refuses(text: str) -> None:
    try:
        number = identifiers.read_phone(text)
    except ValueError:
        return
    assert re.fullmatch(r"\+[1-9][0-9]{5,16}", number)
    assert identifiers.read_phone(number) == number


@pytest.mark.parametrize(
    ("spelling", "address"),
    [
        ("Maija.Virtanen@Esimerkki.FI", "maija.virtanen@esimerkki.fi"),
        (" mailto:a+b@x.example ", "a+b@x.example"),
        ("<me@sähkö.fi>", "me@xn--shk-qla6g.fi"),
    ],
)
def test_addresses_have_one_spelling(spelling: str, address: str) -> None:
    assert identifiers.read_email(spelling) == address
    assert identifiers.read_email(address) == address


@pytest.mark.parametrize(
    "text", ["", "a", "a@", "@b.fi", "a b@c.fi", "a@b", "a@-b.fi", "a@b..fi", "a@b.fi\nBcc: c@d.fi", "x" * 65 + "@b.fi"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an e-mail address"):
        identifiers.read_email(text)


@given(st.text(max_size=60).map(lambda text: f"{text}@example.fi"))
def test_reading_an_address_twice_changes_nothing(text: str) -> None:
    try:
        address = identifiers.read_email(text)
    except ValueError:
        return
    assert identifiers.read_email(address) == address
    assert identifiers.mask_email(address).endswith("***@example.fi")
