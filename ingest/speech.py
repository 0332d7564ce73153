"""What people do about speech: ask for a transcript, say what is transcribed, teach words, see how long it will take.

Transcribing itself is `ingest.transcription`; HTTP is `ingest.speech_api`.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID
from weakref import WeakKeyDictionary

from sqlalchemy.ext.asyncio import AsyncConnection

from archive.custody import Services
from archive.domain.access import Action, Actor
from archive.domain.interactions import DeriveState
from archive.domain.transcripts import SpeechRule, TextState
from archive.errors import Complaint, Conflict, Destroyed, Invalid, NotFound
from archive.store import accounts, interactions, jobs
from archive.store import transcripts as store
from archive.store.unit_of_work import Database
from ingest import transcription
from ingest.transcribe.models import name_of
from ingest.transcription import CATCH_UP, TRANSCRIBE, Contact, Urgency

MAX_RULES: Final = 500
MAX_WORDS: Final = 500
MAX_WORD_CHARS: Final = 60

# Complaints are looked up in the catalogs as they stand, so the figures above are written out in them.
_LONG_WORD: Final = "a word may have 60 letters"
_ODD_WORD: Final = "a word holds a letter that cannot be used"
_MANY_WORDS: Final = "there may be 500 words"
_MANY_RULES: Final = "there may be 500 rules"
_NOT_YOURS: Final = "a rule for every company needs a grant for every company"
_MAX_TOLD: Final = 1_000


class CannotBeHeard(Conflict):
    """This contact cannot be transcribed."""

    code = "cannot-be-heard"


class SpeechIsOff(Conflict):
    """Speech is not turned into text here."""

    code = "speech-off"


async def ask(services: Services, actor: Actor, interaction_id: UUID, now: datetime) -> TextState:
    """Have a recording transcribed before those that nobody asked for; again, where it has been.

    An earlier transcript stays, and stays searchable, until the new one is whole. Returns how far its words have come.

    Raises:
        NotFound, Destroyed: there is no such contact for this actor, or no more.
        SpeechIsOff: by the setting, or by a rule for contacts like this one.
        CannotBeHeard: it has no recording, or one that cannot be decoded.

    """
    async with services.db.begin() as tx:
        await interactions.lock(tx, interaction_id)
        kept = await interactions.get(tx, interaction_id, actor.companies)
        if kept is None:
            gone = await interactions.is_tombstone(tx, interaction_id, actor.companies)
            raise Destroyed if gone else NotFound
        if kept.recording is None or kept.derive_state is DeriveState.FAILED:
            raise CannotBeHeard
        contact, company = Contact.of(kept), kept.facts.company
        mode = await transcription.mode_for(tx, contact)
        if transcription.why_off(services.settings, mode, asked=True) is not None:
            raise SpeechIsOff
        under_way = await store.is_asked_and_queued(tx, TRANSCRIBE, interaction_id)
        await store.ask(tx, interaction_id, company, asked_by=actor.id, asked_at=now)
        state = kept.text_state
        if await store.made(tx, interaction_id) is None:
            state = TextState.WAITING
            await interactions.set_text(tx, interaction_id, state)
        # What has not been decoded is queued as soon as it has been.
        if kept.derive_state is DeriveState.DONE and not under_way:
            await transcription.queue(tx, contact, Urgency.ASKED_FOR, now)
        await services.record(
            tx, actor, Action.TRANSCRIPTION_ASKED, now=now, companies=[company], interaction_id=interaction_id
        )
    return state


# -------------------------------------------------------------------------- rules


async def rules(services: Services, actor: Actor) -> list[SpeechRule]:
    """The rules that concern the actor's companies; those for every company concern everyone."""
    async with services.db.read() as tx:
        return [rule for rule in await store.rules(tx) if _is_told(actor, rule)]


async def set_rules(services: Services, actor: Actor, wanted: Sequence[SpeechRule], now: datetime) -> None:
    """Put these rules in place of those of the actor's companies, and ask them about what has no transcript yet.

    Rules for every company are left as they are by an actor whose grants do not reach as far, who may name them.

    Raises:
        Invalid: two rules for the same, or one that is not the actor's to change.

    """
    async with services.db.begin() as tx:
        await store.lock_rules(tx)
        await _replace(services, tx, actor, wanted, now)


async def put_rule(services: Services, actor: Actor, rule: SpeechRule, now: datetime) -> None:
    """Put a rule beside the others, or in the place of the one for the same contacts.

    Raises:
        Invalid: too many rules, or one that is not the actor's to change.

    """
    async with services.db.begin() as tx:
        await store.lock_rules(tx)
        await _replace(services, tx, actor, [*await _others(tx, actor, rule), rule], now)


async def drop_rule(services: Services, actor: Actor, rule: SpeechRule, now: datetime) -> None:
    """Take away the rule for the same contacts, if there is one.

    Raises:
        Invalid: it is not the actor's to change.

    """
    if rule.company is None and actor.companies is not None:
        raise Invalid([Complaint(field="company", message=_NOT_YOURS)])
    async with services.db.begin() as tx:
        await store.lock_rules(tx)
        await _replace(services, tx, actor, await _others(tx, actor, rule), now)


async def _others(tx: AsyncConnection, actor: Actor, rule: SpeechRule) -> list[SpeechRule]:
    """The rules that the actor is told of, without the one for the same contacts."""
    return [one for one in await store.rules(tx) if _is_told(actor, one) and one.contacts != rule.contacts]


async def _replace(
    services: Services, tx: AsyncConnection, actor: Actor, wanted: Sequence[SpeechRule], now: datetime
) -> None:
    """Put these in place of the actor's rules, which are locked."""
    before = await store.rules(tx)
    _judge_rules(actor, wanted, before, {company.code for company in await accounts.list_companies(tx, None)})
    own = [rule for rule in wanted if rule.company is not None or actor.companies is None]
    await store.set_rules(tx, actor.companies, own)
    await jobs.enqueue(tx, CATCH_UP, {})
    replaced = [rule for rule in before if actor.companies is None or rule.company in actor.companies]
    detail = {"rules": len(own), "changed": _changes(replaced, own)}
    companies = None if actor.companies is None else sorted(actor.companies)
    await services.record(tx, actor, Action.SPEECH_RULES_WRITTEN, now=now, companies=companies, detail=detail)


def _changes(before: Sequence[SpeechRule], after: Sequence[SpeechRule]) -> str:
    """What the trail is told: `+off salpa/Laskutus/*`, company, queue and category, `-` for those that are gone.

    As many as find room in `_MAX_TOLD` characters, each of them whole, and how many more there are.
    """
    marked = [("-", rule) for rule in before if rule not in after]
    marked += [("+", rule) for rule in after if rule not in before]
    told = [f"{mark}{rule.mode} {'/'.join(value or '*' for value in rule.contacts)}" for mark, rule in marked]
    room = _MAX_TOLD
    for number, one in enumerate(told):
        room -= len(one) + len("; ")
        if room < 0:
            return "; ".join([*told[:number], f"and {len(told) - number} more"])
    return "; ".join(told)


def _is_told(actor: Actor, rule: SpeechRule) -> bool:
    return rule.company is None or actor.covers(rule.company)


def _judge_rules(actor: Actor, wanted: Sequence[SpeechRule], before: Sequence[SpeechRule], companies: set[str]) -> None:
    complaints = []
    seen = set()
    for number, rule in enumerate(wanted):
        field = f"rules.{number}"
        if rule.contacts in seen:
            complaints.append(Complaint(field=field, message="another rule is for the same contacts"))
        seen.add(rule.contacts)
        if rule.company is None:
            if actor.companies is not None and rule not in before:
                complaints.append(Complaint(field=f"{field}.company", message=_NOT_YOURS))
        elif not actor.covers(rule.company) or rule.company not in companies:
            complaints.append(Complaint(field=f"{field}.company", message="there is no such company"))
    if len(wanted) > MAX_RULES:
        complaints.append(Complaint(field="rules", message=_MANY_RULES))
    if complaints:
        raise Invalid(complaints)


# --------------------------------------------------------------------- vocabulary


async def vocabulary(services: Services, actor: Actor, company: str) -> tuple[str, ...]:
    """The words that a company's calls are likely to hold, the most important first.

    Raises:
        NotFound: there is no such company for this actor.

    """
    actor.must_cover(company)
    async with services.db.read() as tx:
        await _must_exist(tx, company)
        return await store.vocabulary(tx, company)


async def set_vocabulary(
    services: Services, actor: Actor, company: str, words: Sequence[str], now: datetime
) -> tuple[str, ...]:
    """Put these words in place of a company's; they count from the next recording on. Returns them as they are kept.

    Raises:
        NotFound: there is no such company for this actor.
        Invalid: too many words, or one that is too long.

    """
    actor.must_cover(company)
    kept = tidy(words)
    async with services.db.begin() as tx:
        await _must_exist(tx, company)
        await store.set_vocabulary(tx, company, kept, now)
        detail = {"words": len(kept)}
        await services.record(tx, actor, Action.VOCABULARY_WRITTEN, now=now, companies=[company], detail=detail)
    return kept


def tidy(words: Sequence[str]) -> tuple[str, ...]:
    """Words without surplus spaces, empty ones and repetitions, in their order.

    Raises:
        Invalid: too many, or one that is too long or holds what no word does.

    """
    kept: dict[str, str] = {}
    complaints = []
    for number, word in enumerate(words):
        plain = " ".join(word.split())
        if len(plain) > MAX_WORD_CHARS:
            complaints.append(Complaint(field=f"words.{number}", message=_LONG_WORD))
        elif not plain.isprintable():
            complaints.append(Complaint(field=f"words.{number}", message=_ODD_WORD))
        elif plain:
            kept.setdefault(plain.casefold(), plain)
    if len(kept) > MAX_WORDS:
        complaints.append(Complaint(field="words", message=_MANY_WORDS))
    if complaints:
        raise Invalid(complaints)
    return tuple(kept.values())


async def _must_exist(tx: AsyncConnection, company: str) -> None:
    if company not in {known.code for known in await accounts.list_companies(tx, frozenset({company}))}:
        raise NotFound


# ------------------------------------------------------------------------ backlog


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """How fast a model was of late, and how long it would take for what waits now; None where nothing was seen.

    `rate` is recorded seconds a second, all workers together; `current` is what the setting names.
    """

    model: str
    current: bool
    seen: int
    rate: float | None
    expected_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What waits to be transcribed: recordings, seconds of them, and a forecast for each model, the current first."""

    model: str | None
    waiting: int
    waiting_s: float
    forecasts: tuple[Forecast, ...]


async def backlog(services: Services, companies: frozenset[str] | None, now: datetime) -> Backlog:
    """What waits of these companies (None is every company), and how long that will take at the rate seen."""
    async with services.db.read() as tx:
        waiting, waiting_s = await store.waiting(tx, companies)
        paces = {pace.model: pace for pace in await store.paces(tx, now)}
    current = name_of(services.settings)
    names = sorted({*paces, *([current] if current else [])}, key=lambda name: (name != current, name))
    forecasts = []
    for name in names:
        pace = paces.get(name)
        rate = None if pace is None else pace.rate
        forecasts.append(
            Forecast(
                model=name,
                current=name == current,
                seen=0 if pace is None else pace.count,
                rate=rate,
                expected_s=waiting_s / rate if rate else None,
            )
        )
    return Backlog(model=current, waiting=waiting, waiting_s=waiting_s, forecasts=tuple(forecasts))


@dataclass(slots=True, kw_only=True)
class _Recent:
    counting: asyncio.Lock
    found: Backlog | None = None
    good_until: float = 0.0


async def recent_backlog(services: Services, companies: frozenset[str] | None, now: datetime) -> Backlog:
    """As `backlog`, a few seconds old at most, or ten times as old as counting took.

    Every page that waits for a transcript asks again and again, and a queue of a million is not counted in a moment.

    Raises:
        StoreUnavailable: the database cannot be reached.

    """
    clock = asyncio.get_running_loop().time
    recent = _RECENT.setdefault(services.db, {}).setdefault(companies, _Recent(counting=asyncio.Lock()))
    async with recent.counting:
        began = clock()
        if recent.found is None or began >= recent.good_until:
            recent.found = await backlog(services, companies, now)
            ended = clock()
            recent.good_until = ended + _RECENT_S + _RECENT_FACTOR * (ended - began)
        return recent.found


_RECENT: Final[WeakKeyDictionary[Database, dict[frozenset[str] | None, _Recent]]] = WeakKeyDictionary()
_RECENT_S: Final = 4.0
_RECENT_FACTOR: Final = 10.0
