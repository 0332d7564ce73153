"""About three hundred calls of two years: when, who with whom, what about, and what can be heard.

Pure: the same calls every time, dated back from the moment that is given. Forty are spoken in whole; the others are a
sentence or two cut from those, of the same queue and category, or a phone that nobody answers. What a telephony system
would know of each is said as the contract's metadata.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from archive.demo import identifiers
from archive.demo.people import COMPANIES, Market, Person, people
from archive.demo.sounds import Kind, Sound, whole_of
from archive.demo.spoken import Dialogue, Speaker, dialogues, voiced

__all__ = ["SHORT_CALLS", "Call", "calls"]

SHORT_CALLS: Final = 260
_TRANSFERS: Final = 6
_RINGING: Final = 12
_TODAY: Final = 6
_DAYS: Final = 728
_PAST_DUE: Final = 5
"""So many calls are older than 24 months, so that a policy of that length has something to destroy."""
_OLD_RECORDER_DAYS: Final = 500
_SHORT_S: Final = 8.0
_SATURDAY: Final = 5
_HOME: Final = ZoneInfo("Europe/Helsinki")
_ROUND_THE_CLOCK: Final = {"viat", "kaukolämpö"}
_AGENT_IDS: Final = {name: f"a{100 + at}" for at, name in enumerate(sorted({call.agent for call in dialogues()}))}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One push: its two names, what is said about it, and its sound."""

    source: str
    external_id: str
    metadata: dict[str, Any]
    sound: Sound
    dialogue: str
    """Whose words these are; for a spoken call its own id."""

    @property
    def spoken(self) -> bool:
        """Whether a whole conversation can be heard."""
        return self.sound.kind is Kind.WHOLE


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """A short call before it is given its names."""

    about: Dialogue
    sound: Sound
    started_at: datetime
    person: Person
    direction: str
    conversation: str | None = None


def calls(now: datetime) -> tuple[Call, ...]:
    """Every call, the spoken ones first so that they are understood first; none begins after `now`."""
    chance = random.Random("the calls of Salpa")  # noqa: S311 - made-up calls are no secret
    spoken = [_spoken(at, about, now) for at, about in enumerate(dialogues(), start=1)]
    cases = sorted(_cases(now, chance), key=lambda case: case.started_at)
    short = [_short(at, case, now, chance) for at, case in enumerate(cases, start=len(spoken) + 1)]
    return (*spoken, *_hurt(short))


# ------------------------------------------------------------ spoken in whole


def _spoken(serial: int, about: Dialogue, now: datetime) -> Call:
    sound = whole_of(about.id)
    chance = random.Random(about.conversation or about.id)  # noqa: S311 - the legs of a call are of one moment
    started_at = _moment(now, about.days_ago, about.queue, chance) + timedelta(minutes=about.minutes_after)
    person = next(one for one in people() if (one.market, one.name) == (about.company, about.customer))
    metadata = _metadata(about, sound, started_at, direction=about.direction, conversation=about.conversation)
    metadata["parties"].append({"role": "customer", "phone": person.phone})
    metadata["sha256"] = voiced()[about.id].sha256
    if about.customer_number:
        metadata["customer_number"] = about.customer_number
    return _named(serial, metadata, sound, about.id, now)


def _moment(now: datetime, days_ago: int, queue: str, chance: random.Random) -> datetime:
    """A time of day when the queue is served: office hours, or any hour for faults."""
    always = queue in _ROUND_THE_CLOCK
    first, last = (0, 23) if always else (8, 15)
    day = now.astimezone(_HOME) - timedelta(days=max(days_ago, 1))
    if not always and day.weekday() >= _SATURDAY:
        day -= timedelta(days=day.weekday() - _SATURDAY + 1)
    at = day.replace(hour=chance.randint(first, last), minute=chance.randint(0, 59), second=chance.randint(0, 59))
    return at.replace(microsecond=0).astimezone(UTC)


def _metadata(
    about: Dialogue, sound: Sound, started_at: datetime, *, direction: str, conversation: str | None
) -> dict[str, Any]:
    """What every call says of itself; the customer is added by who makes the call."""
    said = {
        "company": COMPANIES[about.company].code,
        "started_at": started_at.isoformat(),
        "direction": direction,
        "duration_s": sound.duration_s,
        "queue": about.queue,
        "category": about.category,
        "agent": {"id": _AGENT_IDS[about.agent], "name": about.agent},
        "parties": [{"role": "agent", "name": about.agent}],
        "channels": ["agent", "customer"],
        "language": "fi",
        "attributes": {"demo": "made up"},
    }
    return said | ({"call_id": conversation} if conversation else {})


def _named(serial: int, metadata: dict[str, Any], sound: Sound, dialogue: str, now: datetime) -> Call:
    started_at = datetime.fromisoformat(metadata["started_at"])
    old = started_at < now - timedelta(days=_OLD_RECORDER_DAYS)
    return Call(
        source="vanha-tallennin" if old else "puhelinvaihde",
        external_id=f"{started_at:%Y%m%d}-{serial:04d}",
        metadata=metadata,
        sound=sound,
        dialogue=dialogue,
    )


# ------------------------------------------------------------ a sentence or two


def _cases(now: datetime, chance: random.Random) -> Iterator[_Case]:
    """The short calls without their names: ordinary ones, transferred ones in two legs, and unanswered ones."""
    plain = SHORT_CALLS - 2 * _TRANSFERS - _RINGING
    for at in range(plain):
        about = chance.choice(dialogues())
        days_ago = chance.randint(734, 745) if at < _TODAY + _PAST_DUE else _days_ago(chance)
        moment = _ago(now, chance) if at < _TODAY else _moment(now, days_ago, about.queue, chance)
        yield _case(about, moment, chance, about.direction)
    switchboard = next(call for call in dialogues() if call.queue == "vaihde")
    billing = [call for call in dialogues() if call.queue == "laskutus"]
    for at in range(_TRANSFERS):
        first = _case(switchboard, _moment(now, _days_ago(chance), "vaihde", chance), chance, "inbound", f"siirto-{at}")
        yield first
        later = first.started_at + timedelta(minutes=1, seconds=chance.randint(0, 40))
        yield replace(_case(chance.choice(billing), later, chance, "inbound", f"siirto-{at}"), person=first.person)
    outbound = [call for call in dialogues() if call.direction == "outbound"]
    for _ in range(_RINGING):
        about = replace(chance.choice(outbound), category="ei vastausta")
        case = _case(about, _moment(now, _days_ago(chance), about.queue, chance), chance, "outbound")
        yield replace(case, sound=Sound(kind=Kind.RINGING, end_s=float(chance.randint(3, 6))))


def _case(
    about: Dialogue, started_at: datetime, chance: random.Random, direction: str, conversation: str | None = None
) -> _Case:
    customers = [person for person in people() if person.market == about.company]
    return _Case(
        about=about,
        sound=_sentences(about, chance),
        started_at=started_at,
        person=chance.choice(customers),
        direction=direction,
        conversation=conversation,
    )


def _days_ago(chance: random.Random) -> int:
    """More of the last months than of the first."""
    return 1 + int(_DAYS * chance.random() ** 1.4)


def _ago(now: datetime, chance: random.Random) -> datetime:
    return (now - timedelta(seconds=chance.randint(300, 24_000))).astimezone(UTC).replace(microsecond=0)


def _sentences(about: Dialogue, chance: random.Random) -> Sound:
    """One turn, or two that are short, with a breath of air around them."""
    turns = voiced()[about.id].turns
    first = chance.randrange(len(turns) - 1)
    last = first + 1 if turns[first + 1].end_s - turns[first].start_s <= _SHORT_S else first
    start_s, end_s = turns[first].start_s - 0.2, turns[last].end_s + 0.2
    return Sound(kind=Kind.CUT, dialogue=about.id, start_s=round(start_s, 2), end_s=round(end_s, 2))


def _short(serial: int, case: _Case, now: datetime, chance: random.Random) -> Call:
    said = _metadata(case.about, case.sound, case.started_at, direction=case.direction, conversation=case.conversation)
    if case.sound.kind is Kind.RINGING:
        del said["channels"]
    evidence = chance.choices(_EVIDENCE, weights=[weight for _, weight in _EVIDENCE])[0][0]
    evidence(said, case.person, chance)
    return _named(serial, said, case.sound, case.about.id, now)


# ------------------------------------------------------------ what tells who it was


def _by_phone(said: dict[str, Any], person: Person, chance: random.Random) -> None:
    said["parties"].append({"role": "customer", "phone": _spelled(person.phone, chance)})


def _by_number(said: dict[str, Any], person: Person, _: random.Random) -> None:
    said["customer_number"] = person.number
    said["parties"].append({"role": "customer"})


def _by_metering_point(said: dict[str, Any], person: Person, _: random.Random) -> None:
    said["attributes"]["metering_point"] = person.metering_point
    said["parties"].append({"role": "customer", "phone": "anonymous"})


def _by_shared_phone(said: dict[str, Any], person: Person, chance: random.Random) -> None:
    """From a phone that two customers have, so that it can only be suggested."""
    said["parties"].append({"role": "customer", "phone": _spelled(chance.choice(_shared(person.market)), chance)})


def _by_nothing(said: dict[str, Any], _: Person, chance: random.Random) -> None:
    """A withheld number, or one that no customer has."""
    unknown = identifiers.phone(9_900_000 + chance.randint(0, 99_999))
    said["parties"].append({"role": "customer", "phone": chance.choice(("anonymous", unknown))})


_EVIDENCE: Final = (
    (_by_phone, 70),
    (_by_number, 8),
    (_by_metering_point, 6),
    (_by_shared_phone, 5),
    (_by_nothing, 11),
)


def _shared(market: Market) -> Sequence[str]:
    phones = [person.phone for person in people() if person.market == market]
    return sorted({phone for phone in phones if phones.count(phone) > 1})


def _spelled(phone: str, chance: random.Random) -> str:
    """The number as one exchange or another writes it."""
    if not phone.startswith("+358"):
        return chance.choice((phone, f"00{phone[1:]}"))
    local = f"0{phone[4:]}"
    spaced = f"{local[:3]} {local[3:6]} {local[6:]}"
    return chance.choice((phone, local, spaced, f"00{phone[1:]}", f"+358 (0){phone[4:]}", f"tel:{phone}"))


# ------------------------------------------------------------ two files that are hurt


def _hurt(short: list[Call]) -> list[Call]:
    """Damage two of the newest calls: one inside, which is kept and marked, one so that nobody can decode it."""
    cuts = [place for place, call in enumerate(short) if call.sound.kind is Kind.CUT]
    for kind, place in ((Kind.DAMAGED, cuts[-20]), (Kind.UNREADABLE, cuts[-25])):
        call = short[place]
        sound = whole_of(call.dialogue, kind)
        metadata = call.metadata | {"duration_s": sound.duration_s, "channels": list[Speaker](("agent", "customer"))}
        short[place] = replace(call, sound=sound, metadata=metadata)
    return short
