"""Finnish identifiers and addresses: one spelling of each, and its mask.

`read_*` takes any usual spelling and returns the one that is stored and compared; what it refuses it refuses with a
`ValueError` whose text never repeats the value. `mask_*` takes the stored spelling and returns what a view may
show. Sealing and keyed hashes are not here (see `archive.objects.keyring`).
"""

import re
import unicodedata

import phonenumbers
from phonenumbers import PhoneNumberFormat, ValidationResult
from stdnum import ean, iban
from stdnum.exceptions import ValidationError
from stdnum.fi import hetu, ytunnus

REGION = "FI"
MAX_PHONE_CHARS = 64
MAX_EMAIL_CHARS = 254
MAX_LOCAL_CHARS = 64
GSRN_DIGITS = 18
MIN_SUBSCRIBER_DIGITS = 6

_HETU_CHARS = 11
_URI = re.compile(r"(?:tel|sips?|callto):", re.IGNORECASE)
_LOCAL = re.compile(r"[^\s@<>()\[\],;:\\\"\x00-\x1f\x7f]+")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def read_hetu(text: str) -> str:
    """Return the 11 characters of a personal identity code, upper case.

    All separators of the decree of 2023 are known. The separator does not enter the check character, yet it is part
    of the identity: `010594Y9032` and `010594-9032` are two people. Temporary codes (900 to 999) are taken, since a
    mirror of the CRM meets them.

    Raises:
        ValueError: wrong form, no such date, or a wrong check character.

    """
    spelled = text.strip().upper()
    if len(spelled) != _HETU_CHARS or not spelled.isascii():
        raise ValueError("not a personal identity code (DDMMYY, separator, three digits, check character)")
    try:
        return str(hetu.validate(spelled, allow_temporary=True))
    except ValidationError:
        raise ValueError("not a personal identity code: its date or check character is wrong") from None


def mask_hetu(code: str) -> str:
    """Return `DDMMYY-****`; the dash is always a dash, so the century stays hidden."""
    return f"{code[:6]}-****"


def read_business_id(text: str) -> str:
    """Return a business id as `NNNNNNN-C`; the VAT spelling `FINNNNNNNC` is understood.

    Raises:
        ValueError: wrong form or check digit.

    """
    try:
        return str(ytunnus.format(ytunnus.validate(_ascii(text))))
    except ValidationError:
        raise ValueError("not a business id (seven digits, dash, check digit)") from None


def mask_business_id(code: str) -> str:
    """Return the business id with its last digits hidden."""
    return f"{code[:3]}****-*"


def read_iban(text: str) -> str:
    """Return an account number as IBAN without spaces, upper case.

    Raises:
        ValueError: unknown country, wrong length or check digits.

    """
    try:
        return str(iban.validate(_ascii(text)))
    except (ValidationError, IndexError):
        raise ValueError("not an account number (IBAN)") from None


def mask_iban(account: str) -> str:
    """Return country and last four characters of the account."""
    return f"{account[:2]}{'*' * (len(account) - 6)}{account[-4:]}"


def read_metering_point(text: str) -> str:
    """Return a metering point's GSRN: 18 digits with the check digit of GS1.

    Raises:
        ValueError: wrong length or check digit.

    """
    digits = re.sub(r"[ .-]", "", text.strip())
    if len(digits) != GSRN_DIGITS or not (digits.isascii() and digits.isdigit()):
        raise ValueError("not a metering point (GSRN of 18 digits)")
    if ean.calc_check_digit(digits[:-1]) != digits[-1]:
        raise ValueError("not a metering point: its check digit is wrong")
    return digits


def mask_metering_point(gsrn: str) -> str:
    """Return the last four digits of the metering point."""
    return f"{'*' * (len(gsrn) - 4)}{gsrn[-4:]}"


def read_phone(text: str) -> str:
    """Return a phone number as E.164 (`+358401234567`) from any Finnish or foreign spelling.

    National spellings are read as Finnish; `tel:` and `sip:` URIs, `00` and `+` prefixes, `(0)`, spaces and dashes
    are understood. Internal extensions and short service numbers have no E.164 form and are refused.

    Raises:
        ValueError: no phone number that can be dialled from abroad.

    """
    spelled = _URI.sub("", text.strip(), count=1)
    if spelled != text.strip():
        spelled = spelled.partition("@")[0]
    if len(spelled) > MAX_PHONE_CHARS:
        raise ValueError("not a phone number (too long)")
    try:
        number = phonenumbers.parse(spelled, REGION)
    except phonenumbers.NumberParseException:
        raise ValueError("not a phone number") from None
    # Length only: operators open new ranges faster than any table learns them.
    fits = phonenumbers.is_possible_number_with_reason(number) == ValidationResult.IS_POSSIBLE
    if not fits or len(str(number.national_number)) < MIN_SUBSCRIBER_DIGITS:
        raise ValueError("not a phone number (too short or too long)")
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def read_email(text: str) -> str:
    """Return an e-mail address in lower case with an ASCII domain (RFC 5321 sizes, RFC 3490 domain).

    Raises:
        ValueError: no address of the form local@domain.

    """
    spelled = unicodedata.normalize("NFC", text.strip().removeprefix("mailto:")).casefold()
    spelled = unicodedata.normalize("NFC", spelled.removeprefix("<").removesuffix(">"))
    local, at, domain = spelled.rpartition("@")
    try:
        domain = domain.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise ValueError("not an e-mail address") from None
    labels = domain.split(".")
    if not at or len(local) > MAX_LOCAL_CHARS or len(local) + 1 + len(domain) > MAX_EMAIL_CHARS or len(labels) < 2:  # noqa: PLR2004  # a name and a top-level domain
        raise ValueError("not an e-mail address")
    if not _LOCAL.fullmatch(local) or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError("not an e-mail address")
    return f"{local}@{domain}"


def mask_email(address: str) -> str:
    """Return the first letter and the domain of an address."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}***@{domain}"


def _ascii(text: str) -> str:
    """Refuse look-alike digits that the checksum libraries would take."""
    if not text.isascii():
        raise ValidationError
    return text.strip()
