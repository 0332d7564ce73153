"""Numbers that nobody minds, written and said: prices, readings, dates, phones, metering points and the rest.

Drawn from the `random.Random` that the caller gives. In Finnish mostly, some in Swedish and English.
"""

from collections.abc import Callable
from datetime import date, timedelta
from random import Random
from typing import Final

from archive.demo import identifiers
from tests.dictation import UNITS, number, pair

_STYLES: Final = ("fi", "fi", "fi-colloquial", "fi-colloquial", "fi-short", "sv", "en", "en-oh")
_MONTHS: Final = (
    "tammikuuta", "helmikuuta", "maaliskuuta", "huhtikuuta", "toukokuuta", "kesäkuuta", "heinäkuuta", "elokuuta",
    "syyskuuta", "lokakuuta", "marraskuuta", "joulukuuta",
)  # fmt: skip
_STREETS: Final = ("Kuusitie", "Kolmas linja", "Viisikulma", "Seitsemän veljeksen katu", "Storgatan", "Rantakatu")


def _digits(chance: Random, size: int) -> str:
    return "".join(chance.choices("0123456789", k=size))


def _said(text: str, chance: Random) -> str:
    style = chance.choice(_STYLES)
    cut = chance.choice((2, 3, 4, len(text)))
    groups = [text[at : at + cut] for at in range(0, len(text), cut)]
    return chance.choice((" ", ", ")).join(" ".join(number(group, style, chance)) for group in groups)


def _grouped(text: str, size: int, mark: str) -> str:
    return mark.join(text[at : at + size] for at in range(0, len(text), size))


def price(chance: Random) -> str:
    """An amount of money."""
    euros, cents = chance.randrange(1, 2000), chance.randrange(100)
    said = f"{_said(str(euros), chance)} euroa {_said(f'{cents:02d}', chance)} senttiä"
    return chance.choice((f"{euros},{cents:02d} €", f"{euros}.{cents:02d} euroa", f"EUR {euros},{cents:02d}", said))


def reading(chance: Random) -> str:
    """What an electricity meter shows."""
    figures = str(chance.randrange(100, 1_000_000))
    said = f"{_said(figures, chance)} kilowattituntia"
    return chance.choice(
        (f"lukema on {figures} kWh", f"mittarin lukema {_said(figures, chance)}", said, f"{figures} kWh")
    )


def day(chance: Random) -> str:
    """A date, often with a time or another date."""
    when = date(1940, 1, 1) + timedelta(days=chance.randrange(32_000))
    clock = f"{chance.randrange(24):02d}.{chance.randrange(60):02d}"
    year = f"{when:%y}"
    tens = " ".join(pair(year, "fi", chance))
    return chance.choice(
        (
            f"{when.day}.{when.month}.{when.year}",
            f"{when:%d.%m.%Y} kello {clock}",
            f"{when:%d.%m.%Y} {clock}",
            f"{when:%d.%m.}-{when + timedelta(days=30):%d.%m.%Y}",
            f"{when.day}.{when.month}.{when.year}-{when.day}.{when.month}.{when.year + 2}",
            f"{when:%d%m%y}",
            f"{when:%Y-%m-%d}T{clock.replace('.', ':')}:00",
            f"{UNITS['fi'][when.day % 10]} {_MONTHS[when.month - 1]} {tens}",
            f"syntynyt {_said(f'{when:%d%m%y}', chance)}",
        )
    )


def phone(chance: Random) -> str:
    """A phone number, announced or not."""
    head = chance.choice(("040", "044", "045", "050", "041", "046", "010", "020", "09", "03", "029"))
    digits = head + _digits(chance, 10 - len(head) - chance.randrange(2))
    abroad = f"+358 {digits[1:]}"
    spelled = chance.choice(
        (
            digits,
            abroad,
            f"{head} {digits[len(head) :]}",
            f"{head}-{digits[len(head) :]}",
            _said(digits, chance),
            f"{head} {digits[len(head) : len(head) + 3]} {digits[len(head) + 3 :]}",
        )
    )
    return chance.choice((spelled, f"puhelinnumeroni on {spelled}", f"soita {spelled}", f"numerosta {spelled}"))


def metering_point(chance: Random) -> str:
    """A GSRN in figures or words."""
    digits = identifiers.gsrn(chance.randrange(10**9))
    spelled = chance.choice(
        (
            digits,
            _grouped(digits, 3, " "),
            _grouped(digits, 4, " "),
            _grouped(digits, 6, "-"),
            _said(digits, chance),
            _said(digits, chance),
        )
    )
    return chance.choice((spelled, f"käyttöpaikka on {spelled}", f"mittauspisteen tunnus {spelled}"))


def customer_number(chance: Random) -> str:
    """A customer, order or contract number of the company's own."""
    digits = _digits(chance, chance.randrange(5, 11))
    spelled = chance.choice((digits, f"{digits[:4]}-{digits[4:]}", _said(digits, chance)))
    what = chance.choice(
        ("asiakasnumero", "tilausnumero", "sopimusnumero", "asiakastunnus", "kundnummer", "laskun numero")
    )
    return f"{what} on {spelled}"


def reference(chance: Random) -> str:
    """A Finnish invoice reference: weights 7, 3, 1 from the right."""
    body = str(chance.randrange(1, 10)) + _digits(chance, chance.randrange(3, 19))
    total = sum(int(digit) * (7, 3, 1)[at % 3] for at, digit in enumerate(reversed(body)))
    digits = f"{body}{-total % 10}"
    from_right = _grouped(digits[::-1], 5, " ")[::-1]
    spelled = chance.choice((digits, from_right, _said(digits, chance)))
    return f"{chance.choice(('viite', 'viitenumero', 'referensnummer'))} {spelled}"


def address(chance: Random) -> str:
    """A street with a postal code."""
    code = f"{chance.randrange(100_000):05d}"
    return (
        f"{chance.choice(_STREETS)} {chance.randrange(1, 200)} {chance.choice('ABC')} {chance.randrange(1, 90)}, {code}"
    )


def business_id(chance: Random) -> str:
    """A business id."""
    return f"Y-tunnus {identifiers.business_id(chance.randrange(80_000))}"


def talk(chance: Random) -> str:
    """Numbers in running speech."""
    one, two = chance.randrange(1, 30), chance.randrange(30, 400)
    return chance.choice(
        (
            f"maksoin kortilla {two},90 euroa {one}.5.2024",
            f"tilille tuli {two} euroa ja sitten vielä {one} euroa",
            f"yks kaks kolme, kuuluuko ääni, {_said(str(one), chance)} minuuttia jonotin",
            f"hinta on {one},{two % 100:02d} senttiä kilowattitunnilta ja kuukausimaksu {one} euroa",
            f"viisas kuusi ja seiska-talon kakkoskerros, {_said(str(two), chance)} neliötä",
            f"kello {one % 24}.{two % 60:02d} ja {one % 12}.{two % 60:02d}",
            f"jag betalade {two} kronor den {one % 28 + 1} maj och {one} kronor i juni",
            f"it was {two} euros and the contract ends in {one % 24 + 1} months",
        )
    )


MAKERS: Final[tuple[Callable[[Random], str], ...]] = (
    price, reading, day, phone, phone, metering_point, customer_number, reference, address, business_id, talk,
)  # fmt: skip


def ordinary(chance: Random) -> str:
    """One harmless number of any sort."""
    return chance.choice(MAKERS)(chance)
