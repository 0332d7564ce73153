"""The made-up customers of two made-up companies, in the shape of the contract's `PUT /customers`.

Pure: the same people every time, and only feedback has a date, relative to now. Callers who speak in the dialogues
come first, as the dialogues know them; the rest are put together from names.toml.
"""

import random
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal

from archive.demo import identifiers
from archive.demo.spoken import dialogues
from archive.domain.companies import Company, CompanyKind

__all__ = ["COMPANIES", "COUNTS", "SHARED_PHONES", "Market", "Person", "people", "request"]

Market = Literal["retail", "network"]

COMPANIES: Final[dict[Market, Company]] = {
    "retail": Company(
        code="salpa-energia",
        name="Salpa Energia Oy",
        business_id=identifiers.business_id(1),
        kind=CompanyKind.RETAIL,
    ),
    "network": Company(
        code="salpa-verkko", name="Salpa Verkko Oy", business_id=identifiers.business_id(2), kind=CompanyKind.NETWORK
    ),
}
COUNTS: Final[dict[Market, int]] = {"retail": 120, "network": 80}
SHARED_PHONES: Final = 6
"""So many couples of a company have one phone between them, so that a call from it could be either's."""

_FIRST_NUMBER: Final[dict[Market, int]] = {"retail": 400_100, "network": 700_100}
_ALSO_WITH_THE_NETWORK: Final = 40
_FOREIGN_EVERY: Final = 37


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One customer of one company. `line` is the body of the contract's PUT without the feedback."""

    market: Market
    number: str
    name: str
    phone: str
    line: dict[str, Any]

    @property
    def metering_point(self) -> str:
        """The GSRN of the first site."""
        return str(self.line["sites"][0]["metering_point"])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Who:
    """A person or organisation, whichever company it is a customer of."""

    name: str
    street: str
    postal_code: str
    city: str
    legal: bool
    serial: int
    phone: str


def _legal(name: str) -> bool:
    return name in _sources()["legal"]["names"] or name.endswith((" Oy", " Ky")) or name.startswith("Asunto Oy ")


@cache
def _sources() -> dict[str, Any]:
    return tomllib.loads((files("archive.demo") / "names.toml").read_text("utf-8"))


def _callers(market: Market) -> dict[str, str | None]:
    """Who speaks in the dialogues of a company, and the customer number where it is said aloud."""
    spoken = [call for call in dialogues() if call.company == market]
    return {call.customer: call.customer_number for call in spoken}


def _speaker(name: str, serial: int) -> _Who:
    address = next(call.address for call in dialogues() if call.customer == name)
    street, _, place = address.partition(", ")
    postal_code, _, city = place.partition(" ")
    return _Who(
        name=name,
        street=street,
        postal_code=postal_code,
        city=city,
        legal=_legal(name),
        serial=serial,
        phone=_phone(serial),
    )


def _phone(serial: int) -> str:
    """Mostly Finnish; a few customers have a foreign number."""
    if serial % _FOREIGN_EVERY == _FOREIGN_EVERY - 1:
        return identifiers.swedish_phone(serial)
    if serial % _FOREIGN_EVERY == _FOREIGN_EVERY - 2:
        return identifiers.british_phone(serial)
    return identifiers.phone(1_000_003 + serial * 40_009 % 8_000_000)


def _strangers(chance: random.Random) -> Iterator[_Who]:
    """Organisations first, then people without end."""
    names = _sources()
    for number, name in enumerate(names["legal"]["names"]):
        yield _somebody(chance, name, legal=True, serial=100 + number)
    used: set[str] = set()
    for serial in range(200, 10_000):
        first = chance.choice(names["first"][chance.choice(("female", "male"))])
        name = f"{first} {chance.choice(names['last']['names'])}"
        if name not in used:
            used.add(name)
            yield _somebody(chance, name, legal=False, serial=serial)


def _somebody(chance: random.Random, name: str, *, legal: bool, serial: int) -> _Who:
    places = _sources()["places"]
    place = chance.choices(places, weights=[place["weight"] for place in places])[0]
    door = f" {chance.choice('ABC')} {chance.randint(1, 40)}" if place["city"] == "Lahti" and not legal else ""
    return _Who(
        name=name,
        street=f"{chance.choice(place['streets'])} {chance.randint(1, 98)}{door}",
        postal_code=chance.choice(place["postal_codes"]),
        city=place["city"],
        legal=legal,
        serial=serial,
        phone=_phone(serial),
    )


@cache
def people() -> tuple[Person, ...]:
    """Every customer, the retailer's first; about 200, the same each time."""
    chance = random.Random("the people of Salpa")  # noqa: S311 - made-up people are no secret
    speakers = {name: at for at, name in enumerate(dict.fromkeys(call.customer for call in dialogues()))}
    strangers = _strangers(chance)
    retail = [_speaker(name, speakers[name]) for name in _callers("retail")]
    retail += [next(strangers) for _ in range(COUNTS["retail"] - len(retail))]
    network = [_speaker(name, speakers[name]) for name in _callers("network")]
    known = {who.name for who in network}
    network += [who for who in retail[-_ALSO_WITH_THE_NETWORK:] if who.name not in known]
    network += [next(strangers) for _ in range(COUNTS["network"] - len(network))]
    return (*_customers("retail", retail, chance), *_customers("network", network, chance))


def _customers(market: Market, everybody: list[_Who], chance: random.Random) -> Iterator[Person]:
    said = _callers(market)
    homes = _shared_phones(everybody)
    for at, who in enumerate(everybody):
        number = said.get(who.name) or str(_FIRST_NUMBER[market] + 13 * (at + 1))
        line = _line(market, who, homes.get(who.name, who.phone), chance)
        yield Person(market=market, number=number, name=who.name, phone=line["phones"][0], line=line)


def _shared_phones(everybody: list[_Who]) -> dict[str, str]:
    """Couples near the end of the list: the second has the phone of the first."""
    couples = [who for who in everybody if not who.legal][-2 * SHARED_PHONES :]
    return {second.name: first.phone for first, second in zip(couples[::2], couples[1::2], strict=True)}


def _line(market: Market, who: _Who, phone: str, chance: random.Random) -> dict[str, Any]:
    identity = (
        {"kind": "legal", "business_id": identifiers.business_id(1_000 + who.serial)}
        if who.legal
        else {"kind": "natural", "hetu": _hetu(who)}
    )
    return {
        "company": COMPANIES[market].code,
        "name": who.name,
        **identity,
        "phones": [phone],
        "emails": [] if chance.random() < 0.2 else [_email(who)],  # noqa: PLR2004 - one in five has none
        "sites": _sites(market, who, chance),
        "billing": {
            "address": who.street,
            "postal_code": who.postal_code,
            "city": who.city,
            "rhythm": chance.choice(("kuukausittain", "kahden kuukauden välein", "neljännesvuosittain")),
            "method": chance.choice(("verkkolasku", "sähköposti", "suoramaksu", "paperilasku")),
            "iban": identifiers.iban(7_000_000 + who.serial * 7_919),
        },
        "marketing": _marketing(chance),
        "attributes": {"kieli": "sv" if "gård" in who.name or "backa" in who.name else "fi"},
    }


def _hetu(who: _Who) -> str:
    """Born between 1938 and 2005; the number's parity, which tells a sex, is left to chance."""
    born = date(1938, 1, 1) + timedelta(days=who.serial * 7_919 % 24_800)
    return identifiers.hetu(born, 900 + who.serial % 100, separator=who.serial)


def _email(who: _Who) -> str:
    """Under `.example`, which no mail ever reaches (RFC 2606)."""
    letters = who.name.lower().translate(str.maketrans("åäö ", "aao.", "&"))
    return f"{letters}@{'yritys' if who.legal else 'posti'}.example"


def _sites(market: Market, who: _Who, chance: random.Random) -> list[dict[str, Any]]:
    """Electricity everywhere; heat, gas and steam from the retailer, for some in Lahti and Hollola."""
    kinds = ["electricity"]
    if market == "retail" and who.city in {"Lahti", "Hollola"}:
        kinds += ["district_heat"] if who.legal or chance.random() < 0.15 else []  # noqa: PLR2004 - a few houses
        kinds += chance.choice(([], ["gas"], ["gas", "steam"])) if who.legal and "Asunto" not in who.name else []
    return [_site(market, who, energy, place, chance) for place, energy in enumerate(kinds)]


def _site(market: Market, who: _Who, energy: str, place: int, chance: random.Random) -> dict[str, Any]:
    use = chance.randint(20, 400) * 1_000 if who.legal else chance.randint(14, 210) * 100
    contracts = (
        ("Yleissiirto", "Aikasiirto", "Kausisiirto")
        if market == "network"
        else ("Kiinteä 24 kk", "Kiinteä 12 kk", "Pörssisähkö", "Toistaiseksi voimassa")
    )
    site = {
        # The metering point belongs to the place, so both companies name the same one.
        "metering_point": identifiers.gsrn(who.serial * 10 + place),
        "address": who.street,
        "postal_code": who.postal_code,
        "city": who.city,
        "energy": energy,
        "contract": chance.choice(contracts) if energy == "electricity" else "Toistaiseksi voimassa",
        "connection": f"L-{20_000 + who.serial}",
        "annual_use_kwh": use,
    }
    fuse = chance.choice((63, 100, 160)) if who.legal else chance.choice((25, 25, 25, 35))
    return site | ({"main_fuse_a": fuse} if energy == "electricity" else {})


def _marketing(chance: random.Random) -> dict[str, list[str]]:
    means = ["sähköposti", "puhelin", "tekstiviesti", "posti"]
    chance.shuffle(means)
    allowed = chance.randint(0, 3)
    return {"permissions": sorted(means[:allowed]), "prohibitions": sorted(means[allowed : chance.randint(allowed, 4)])}


_FEEDBACK: Final = (
    (5, "Asia hoitui yhdellä soitolla."),
    (4, "Ystävällinen palvelu, mutta jono oli pitkä."),
    (3, "Lasku on vaikea ymmärtää."),
    (2, "Jouduin soittamaan samasta asiasta kolmesti."),
    (1, "Luvattua takaisinsoittoa ei tullut."),
)


def request(person: Person, now: datetime) -> dict[str, Any]:
    """One line of an import: the body of the PUT, its customer number, and for one in six some feedback."""
    chance = random.Random(f"{person.market} {person.number}")  # noqa: S311 - as above
    feedback = []
    if chance.random() < 1 / 6:
        score, text = chance.choice(_FEEDBACK)
        at = now - timedelta(days=chance.randint(3, 600), minutes=chance.randint(0, 600))
        feedback = [{"at": at.isoformat(), "text": text, "satisfaction": score, "channel": "puhelu"}]
    return person.line | {"customer_number": person.number, "feedback": feedback}
