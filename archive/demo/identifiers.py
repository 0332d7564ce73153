"""Identifiers that are valid by their check digits and yet belong to nobody.

Each takes its digits from a range that the issuer leaves free, so that no sample is ever somebody's own:

* personal identity codes with an individual number of 900 to 999, which the register never gives to a person;
* business ids above 9,000,000, far beyond those given out;
* account numbers of group 9, which no Finnish bank has;
* mobile numbers of +358 48, which the numbering plan knows as mobile and libphonenumber as no operator's;
* foreign numbers of ranges set aside for fiction: the Swedish regulator's (PTS) 070-1740605 to 070-1740699 and the
  British regulator's (Ofcom) 07700 900000 to 900999.
"""

from datetime import date

from stdnum import ean, luhn

__all__ = ["british_phone", "business_id", "gsrn", "hetu", "iban", "phone", "swedish_phone"]

_CHECKS = "0123456789ABCDEFHJKLMNPRSTUVWXY"
_SEPARATORS = {18: "+", 19: "-YXWVU", 20: "ABCDEF"}
_ISSUER = "6430999"
_FINLAND_IN_DIGITS = "1518"
"""The letters FI as ISO 13616 counts them: A is 10."""


def hetu(born: date, number: int, separator: int = 0) -> str:
    """A personal identity code; `number` is 900 to 999, even for women; `separator` counts from the oldest one.

    The check character is the remainder of the nine digits by 31; the separator (a decree of 2022 gave each century
    more of them) does not enter it.
    """
    if not 900 <= number <= 999:  # noqa: PLR2004 - the range that no person is given
        raise ValueError("only 900 to 999 are free to be made up")
    known = _SEPARATORS[born.year // 100]
    day = f"{born:%d%m%y}"
    return f"{day}{known[separator % len(known)]}{number}{_CHECKS[int(f'{day}{number}') % 31]}"


def business_id(serial: int) -> str:
    """A business id: seven digits weighed 7 9 10 5 8 4 2, modulo 11; one number in eleven has no check digit."""
    number = 9_000_000 + serial * 11
    while (rest := _weighed(number)) == 1:
        number += 1
    return f"{number}-{0 if rest == 0 else 11 - rest}"


def _weighed(number: int) -> int:
    return sum(weight * int(digit) for weight, digit in zip((7, 9, 10, 5, 8, 4, 2), str(number), strict=True)) % 11


def gsrn(serial: int) -> str:
    """The GSRN of a metering point: 18 digits with the check digit of GS1."""
    digits = f"{_ISSUER}{serial:010d}"
    return digits + str(ean.calc_check_digit(digits))


def iban(serial: int) -> str:
    """A Finnish account number as IBAN: a Luhn digit inside (the banks' own), modulo 97 around (ISO 13616)."""
    account = f"9{serial:012d}"
    account += str(luhn.calc_check_digit(account))
    check = 98 - int(f"{account}{_FINLAND_IN_DIGITS}00") % 97
    return f"FI{check:02d}{account}"


def phone(serial: int) -> str:
    """A Finnish mobile number in E.164."""
    return f"+35848{serial:07d}"


def swedish_phone(serial: int) -> str:
    """A Swedish mobile number of fiction in E.164; there are 95 of them."""
    return f"+46701740{605 + serial % 95}"


def british_phone(serial: int) -> str:
    """A British mobile number of fiction in E.164; there are 1,000 of them."""
    return f"+447700900{serial % 1000:03d}"
