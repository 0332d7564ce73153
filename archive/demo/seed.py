"""Fill an empty installation with the demo, through the same doors that a real one is filled by.

What there is to fill in is `people`, `calls`, `sounds` and `chats`. Nothing here writes a row by itself: companies,
users, policies, customers, contacts and holds go through their use cases, so that a demo is what real work would leave
behind. A start that is cut short is taken up by the next one; a demo that is complete is left alone.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import orjson

from archive import accounts
from archive.custody import Services
from archive.customer_import import import_customers
from archive.demo.calls import Call, calls
from archive.demo.chats import Chat, chats
from archive.demo.people import COMPANIES, people, request
from archive.demo.sounds import render
from archive.domain.access import HOUSE, Action, Actor, Role
from archive.domain.customer_file import Form
from archive.domain.retention import Period, Rule
from archive.errors import ArchiveError, Conflict
from archive.store import accounts as store
from archive.store import holds as hold_store
from ingest import chat, intake
from ingest.metadata import judge
from retention import holds, rules

__all__ = ["FLAG", "Progress", "seed", "sign_in_links"]

Progress = Callable[[str], None]
"""Is told a line of text at each step."""

FLAG: Final = "demo"
"""The fact about the installation that says it is a demo, since when, and whether it is complete."""

AT_ONCE: Final = 16
PUSHED_BY: Final = "puhelinvaihde"


@dataclass(frozen=True, slots=True, kw_only=True)
class _User:
    email: str
    name: str
    role: Role
    codes: list[str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hold:
    reason: str
    by: Role
    dialogues: tuple[str, ...]
    chats: tuple[str, ...] = ()
    released: str | None = None


USERS: Final = (
    _User(email="kasittelija@salpa.example", name="Helmi Karvonen", role=Role.HANDLER, codes=None),
    _User(email="verkko@salpa.example", name="Tuomas Ranta", role=Role.HANDLER, codes=[COMPANIES["network"].code]),
    _User(email="laatu@salpa.example", name="Satu Niemelä", role=Role.REVIEWER, codes=None),
    _User(email="tietosuoja@salpa.example", name="Kari Lehtinen", role=Role.DPO, codes=None),
    _User(email="yllapito@salpa.example", name="Anna Salo", role=Role.ADMIN, codes=None),
)
RULES: Final = (
    Rule(name="puhelut", company=None, channel="call", category=None, keep=Period(months=24)),
    Rule(name="keskustelut", company=None, channel="chat", category=None, keep=Period(months=24)),
    Rule(name="ohjauspuhelut", company=None, channel="call", category="ohjaus", keep=Period(months=6)),
    Rule(name="hintavalitukset", company=None, channel="call", category="hintavalitus", keep=Period(months=36)),
    Rule(name="vaaratilanteet", company="salpa-verkko", channel="call", category="vaaratilanne", keep=Period(years=5)),
)
HOLDS: Final = (
    _Hold(
        reason="Reklamaatio: hinta muuttui kesken määräaikaisen sopimuksen",
        by=Role.HANDLER,
        dialogues=("price-holds-until-may", "price-rose-after-all", "a-copy-of-my-own-call"),
        chats=("price-promise-in-writing",),
    ),
    _Hold(
        reason="Korvaushakemus myrskyn sähkökatkosta",
        by=Role.HANDLER,
        dialogues=("storm-in-asikkala", "compensation-for-an-outage"),
    ),
    _Hold(reason="Laskun selvitys", by=Role.HANDLER, dialogues=("bill-twice-as-large",), released="Lasku oli oikein"),
)
OLD_CASE: Final = "Kuluttajariitalautakunnan lausuntopyyntö vanhasta puhelusta"
"""Why one call that is past its policy's time is held all the same."""


async def seed(services: Services, now: datetime, progress: Progress) -> None:
    """Make this installation a demo, or find that it is one; then tell fresh one-time sign-in links.

    Raises:
        Conflict: the installation has companies of its own, so it may have real contacts; nothing was changed.
        StoreUnavailable: the database or the object store went away; the next start goes on from here.

    """
    began_at = await _claim(services, now)
    if began_at is not None:
        await _found(services, now, progress)
    links = await sign_in_links(services, now)
    if began_at is not None:
        await _fill(services, began_at, now, progress)
    for email, link in links.items():
        progress(f"demo: sign in as {email}: {link}")


async def _claim(services: Services, now: datetime) -> datetime | None:
    """The moment from which the demo's calls are dated back; None when everything is there."""
    async with services.db.begin() as tx:
        known = await store.get_flag(tx, FLAG)
        if known is not None:
            return None if known["complete"] else datetime.fromisoformat(known["began_at"])
        if await store.list_companies(tx, None):
            raise Conflict("--demo is for an empty installation; this one has companies of its own")
        await store.set_flag(tx, FLAG, {"began_at": now.isoformat(), "complete": False})
        return now


async def sign_in_links(services: Services, now: datetime) -> dict[str, str]:
    """A one-time link for each demo user, by e-mail address; it sets a password and is good for two days."""
    base = services.settings.public_url.rstrip("/")
    made = {}
    for user in USERS:
        secret = await accounts.create_user(
            services, HOUSE, email=user.email, role=user.role, codes=user.codes, now=now, name=user.name
        )
        made[user.email] = f"{base}/welcome/{secret}"
    return made


async def _found(services: Services, now: datetime, progress: Progress) -> None:
    progress("demo: two companies and their policies")
    for company in COMPANIES.values():
        with suppress(Conflict):  # an earlier start came this far
            await accounts.create_company(services, HOUSE, company, now)
    for rule in RULES:
        await rules.put_policy(services, HOUSE, rule, now)


async def _fill(services: Services, began_at: datetime, now: datetime, progress: Progress) -> None:
    progress(f"demo: {len(people())} customers")
    report = await import_customers(services, HOUSE, _customers(began_at), Form.NDJSON)
    assert not report.rejected, report.errors
    everything = calls(began_at)
    progress(f"demo: {len(everything)} calls")
    pusher = await _pusher(services, now)
    kept = await _push_all(services, pusher, everything, now)
    written = chats(began_at)
    progress(f"demo: {len(written)} chats")
    read = {one.written: await _push_chat(services, pusher, one, now) for one in written}
    await _hold_some(services, everything, kept, read, now)
    async with services.db.begin() as tx:
        await store.set_flag(tx, FLAG, {"began_at": began_at.isoformat(), "complete": True})
        await services.record(
            tx, HOUSE, Action.DEMO_SEEDED, now=now, companies=None, detail={"calls": len(kept), "chats": len(read)}
        )


async def _customers(began_at: datetime) -> AsyncIterator[bytes]:
    for person in people():
        yield orjson.dumps(request(person, began_at), option=orjson.OPT_APPEND_NEWLINE)


# --------------------------------------------------------------------- calls


async def _push_all(services: Services, pusher: Actor, everything: tuple[Call, ...], now: datetime) -> dict[str, UUID]:
    """Push every call, some at once; the contacts' ids by external id."""
    places = asyncio.Semaphore(AT_ONCE)

    async def push(call: Call) -> tuple[str, UUID]:
        async with places:
            return call.external_id, await _push(services, pusher, call, now)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(push(call)) for call in everything]
    except* ArchiveError as failed:
        # What stopped one has likely stopped them all: the first says it.
        raise failed.exceptions[0] from None
    return dict(task.result() for task in tasks)


async def _push(services: Services, pusher: Actor, call: Call, now: datetime) -> UUID:
    push = intake.recording(call.source, call.external_id, judge(orjson.dumps(call.metadata), now))
    receipt = await intake.receive(services, pusher, push, _once(render(call.sound)), now)
    return UUID(receipt.document["id"])


async def _push_chat(services: Services, pusher: Actor, one: Chat, now: datetime) -> UUID:
    judged = chat.judge(one.body, now, services.settings.max_chat_bytes)
    push = intake.chat(one.source, one.external_id, judged)
    receipt = await intake.receive(services, pusher, push, _once(one.body), now)
    return UUID(receipt.document["id"])


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def _pusher(services: Services, now: datetime) -> Actor:
    """The telephony system: a token whose secret is thrown away at once."""
    for _ in range(2):
        async with services.db.begin() as tx:
            known = [token for token in await store.list_tokens(tx, None) if token.name == PUSHED_BY]
        if known:
            return known[0].actor()
        await accounts.create_token(services, HOUSE, name=PUSHED_BY, role=Role.TELEPHONY, codes=None, now=now)
    raise AssertionError("a token that was made is not there")


# --------------------------------------------------------------------- holds


async def _hold_some(
    services: Services,
    everything: tuple[Call, ...],
    kept: Mapping[str, UUID],
    read: Mapping[str, UUID],
    now: datetime,
) -> None:
    async with services.db.begin() as tx:
        if await hold_store.page(tx, None, limit=1):
            return
    actors = await _actors(services)
    spoken = {call.dialogue: kept[call.external_id] for call in everything if call.spoken}
    for hold in HOLDS:
        ids = [spoken[dialogue] for dialogue in hold.dialogues] + [read[one] for one in hold.chats]
        placed = await holds.place(services, actors[hold.by], reason=hold.reason, ids=ids, now=now)
        if hold.released:
            await holds.release(services, actors[hold.by], placed.id, reason=hold.released, now=now)
    oldest = min(everything, key=lambda call: str(call.metadata["started_at"]))
    await holds.place(services, actors[Role.DPO], reason=OLD_CASE, ids=[kept[oldest.external_id]], now=now)


async def _actors(services: Services) -> dict[Role, Actor]:
    """The demo user of each role who covers every company."""
    async with services.db.begin() as tx:
        users = await store.list_users(tx, None)
    emails = {user.email for user in USERS if user.codes is None}
    return {user.role: user.actor() for user in users if user.email in emails}
