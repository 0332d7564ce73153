"""Which customer a contact belongs to, and why: at the push, and again when customers arrive or change.

The rule itself is `archive.domain.links`; the statements are `archive.store.links`. Links that a person made, refused
or undid are never touched here.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection

from archive.domain.customers import KeyKind, MatchKey
from archive.domain.identifiers import read_email, read_metering_point, read_phone
from archive.domain.interactions import Facts
from archive.domain.links import LinkCandidate, amend, judge
from archive.store import jobs, links
from archive.store.customers import RELINK
from archive.store.unit_of_work import Database

CUSTOMER_ROLE = "customer"
SECOND_LOOK_S = 30
_BATCH = 500


def traces(facts: Facts) -> tuple[MatchKey, ...]:
    """What a contact can be matched by: the number and metering point given, and the customer parties' addresses."""
    found = []
    if facts.given_customer_number:
        found.append(MatchKey(kind=KeyKind.CUSTOMER_NUMBER, value=facts.given_customer_number))
    spelled = [(KeyKind.METERING_POINT, facts.given_metering_point)]
    for party in facts.parties:
        if party.role == CUSTOMER_ROLE:
            spelled += [(KeyKind.PHONE, party.phone), (KeyKind.EMAIL, party.email)]
    found += [key for kind, text in spelled if text and (key := _read(kind, text))]
    return tuple(dict.fromkeys(found))


async def evidence(connection: asyncpg.Connection, contacts: Sequence[Facts]) -> list[tuple[LinkCandidate, ...]]:
    """The links and suggestions of each new contact; one round trip in the transaction that writes them."""
    found = await links.matches(connection, [(facts.company, traces(facts)) for facts in contacts])
    return [judge(matches) for matches in found]


async def relink(db: Database, payload: dict[str, str], now: datetime | None = None) -> int:
    """Job `relink`: earlier contacts of customers who arrived or changed; return how many links it made.

    `customers` holds customer numbers, one a line. A push that was looking for its customer while the customer was
    being written sees neither the other's row, so each job looks a second time a little later.
    """
    company, numbers = payload["company"], payload["customers"].split("\n")
    made, after = 0, None
    while True:
        async with db.begin() as tx:
            ids = await links.traced(tx, company, numbers, after, _BATCH)
            made += await _amend(tx, company, ids, now or datetime.now(UTC))
            if len(ids) < _BATCH:
                if "second" not in payload:
                    await jobs.enqueue(tx, RELINK, {**payload, "second": "true"}, delay_s=SECOND_LOOK_S)
                return made
            after = ids[-1]


async def _amend(tx: AsyncConnection, company: str, ids: list[UUID], now: datetime) -> int:
    kept = await links.lock_kept(tx, company, ids) if ids else []
    if not kept:
        return 0
    found = await links.matches_of(tx, company, kept)
    existing = await links.links_of(tx, company, kept)
    lacking = {one: amend(existing[one], judge(found[one])) for one in kept if one in found}
    return await links.add(tx, company, {one: new for one, new in lacking.items() if new}, now)


def _read(kind: KeyKind, text: str) -> MatchKey | None:
    read = {KeyKind.METERING_POINT: read_metering_point, KeyKind.PHONE: read_phone, KeyKind.EMAIL: read_email}[kind]
    try:
        return MatchKey(kind=kind, value=read(text))
    except ValueError:
        return None  # withheld numbers and extensions are kept as given, and match nobody
