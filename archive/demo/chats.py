"""The written chats of the demo: what is written in them (written/*.toml), when, and how they come from a chat system.

Pure: the same chats every time, dated back from the moment that is given, as the contract's `PUT /chats`. Identity
codes and account numbers are those of the made-up customers, so that there is something to mask.
"""

import random
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

import orjson

from archive.demo.people import COMPANIES, Market, Person, people

__all__ = ["SOURCE", "Chat", "Written", "chats", "written"]

SOURCE: Final = "chat-palvelu"
Role = Literal["customer", "agent", "bot"]

_HOME: Final = ZoneInfo("Europe/Helsinki")
_BOT: Final = "Valo"
_LETTERS: Final[dict[str, Role]] = {"A": "agent", "C": "customer", "B": "bot"}
_SATURDAY: Final = 5
_OFFICE: Final = (9, 14)
_CHARS_PER_S: Final = 5
"""So fast somebody types; a bot answers at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """One chat as written; `lines` are roles and texts with places in braces for what the customer's record holds."""

    id: str
    language: str
    company: Market
    queue: str
    category: str
    days_ago: int
    agent: str
    customer: str
    known_by: Literal["number", "phone", "email", "metering_point"]
    lines: tuple[tuple[Role, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """One push: its two names and its document."""

    source: str
    external_id: str
    document: dict[str, Any]
    written: str
    """The id of what is written in it."""

    @property
    def body(self) -> bytes:
        """The bytes that are pushed."""
        return orjson.dumps(self.document)


@cache
def written() -> tuple[Written, ...]:
    """Every chat as written, those of one language after those of another."""
    texts = {language: files("archive.demo") / "written" / f"{language}.toml" for language in ("fi", "sv", "en")}
    return tuple(
        _read(language, one)
        for language, text in texts.items()
        for one in tomllib.loads(text.read_text("utf-8"))["chats"]
    )


def _read(language: str, one: dict[str, Any]) -> Written:
    lines = [line.partition(": ") for line in one.pop("said").strip().splitlines()]
    return Written(language=language, lines=tuple((_LETTERS[letter], text) for letter, _, text in lines), **one)


def chats(now: datetime) -> tuple[Chat, ...]:
    """Every chat of the demo; all have ended before `now`."""
    return tuple(_chat(serial, one, now) for serial, one in enumerate(written(), start=1))


def _chat(serial: int, about: Written, now: datetime) -> Chat:
    chance = random.Random(about.id)  # noqa: S311 - made-up chats are no secret
    person = next(one for one in people() if (one.market, one.name) == (about.company, about.customer))
    started_at = _moment(now, about.days_ago, chance)
    messages = list(_messages(about, person, started_at, chance))
    document = {
        "company": COMPANIES[about.company].code,
        "started_at": started_at.isoformat(),
        "ended_at": messages[-1]["at"],
        "queue": about.queue,
        "category": about.category,
        "language": about.language,
        "participants": _participants(about, person),
        "messages": messages,
        "attributes": {"demo": "made up"},
    }
    if about.known_by == "number":
        document["customer_number"] = person.number
    if about.known_by == "metering_point":
        document["attributes"] = {"demo": "made up", "metering_point": person.metering_point}
    name = f"{started_at:%Y%m%d}-c{serial:02d}"
    return Chat(source=SOURCE, external_id=name, document=document, written=about.id)


def _moment(now: datetime, days_ago: int, chance: random.Random) -> datetime:
    """A time of a working day's office hours."""
    day = now.astimezone(_HOME) - timedelta(days=days_ago)
    if day.weekday() >= _SATURDAY:
        day -= timedelta(days=day.weekday() - _SATURDAY + 1)
    at = day.replace(hour=chance.randint(*_OFFICE), minute=chance.randint(0, 59), second=chance.randint(0, 59))
    return at.replace(microsecond=0).astimezone(UTC)


def _participants(about: Written, person: Person) -> list[dict[str, str]]:
    customer = {"id": "asiakas", "role": "customer", "name": person.name}
    if about.known_by == "phone":
        customer["phone"] = person.phone
    if about.known_by == "email":
        customer["email"] = person.line["emails"][0]
    agent = {"id": about.agent.split()[0].lower(), "role": "agent", "name": about.agent}
    return [customer, {"id": "valo", "role": "bot", "name": _BOT}, agent]


def _messages(about: Written, person: Person, started_at: datetime, chance: random.Random) -> Iterator[dict[str, str]]:
    known = {
        "number": person.number,
        "hetu": person.line.get("hetu", ""),
        "iban": person.line["billing"]["iban"],
        "email": next(iter(person.line["emails"]), ""),
        "metering_point": person.metering_point,
    }
    senders = {
        role: one["id"] for role, one in zip(("customer", "bot", "agent"), _participants(about, person), strict=True)
    }
    at = started_at
    for place, (role, text) in enumerate(about.lines):
        said = text.format(**known)
        if place:
            at += timedelta(seconds=1 if role == "bot" else chance.randint(4, 40) + len(said) // _CHARS_PER_S)
        yield {"at": at.isoformat(), "from": senders[role], "text": said}
