"""Contacts for tests and measurements, kept quickly: real sealed objects and real rows, without a door in front."""

import asyncio
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from uuid_utils.compat import uuid7

from archive import custody
from archive.custody import Services, Upload
from archive.domain.access import HOUSE, Action
from archive.domain.companies import Company, CompanyKind
from archive.domain.interactions import (
    Channel,
    DeriveState,
    Direction,
    Facts,
    Interaction,
    Part,
    PartKind,
    Party,
    State,
)
from archive.domain.retention import Period, Rule, Trigger, choose, retain_until
from archive.objects.age_header import new_identity
from archive.store import accounts, destruction, hot, policies, trail
from archive.store.hot import Deposit

LONG_AGO = datetime(2022, 3, 1, 12, 0, tzinfo=UTC)


async def new_company(services: Services) -> str:
    """A company that only the caller knows; returns its code."""
    code = f"c{uuid4().hex[:12]}"
    company = Company(code=code, name="Testi Energia Oy", business_id="1234567-1", kind=CompanyKind.RETAIL)
    async with services.db.begin() as tx:
        assert await accounts.add_company(tx, company)
    return code


async def ruled_company(services: Services) -> str:
    """A company of its own with a rule of 24 months; returns its code."""
    code = await new_company(services)
    await new_rule(services, rule_of(code))
    return code


def rule_of(company: str | None, *, keep: str = "P24M", name: str = "", channel: str | None = None) -> Rule:
    """A rule for every contact of a company, counted from its end."""
    return Rule(
        name=name or f"p-{company}",
        company=company,
        channel=channel,
        category=None,
        keep=Period.parse(keep),
        trigger=Trigger.INTERACTION_END,
    )


async def new_rule(services: Services, rule: Rule) -> Rule:
    """Write a rule without its consequences."""
    async with services.db.begin() as tx:
        await policies.put(tx, rule, written_by="test", written_at=datetime.now(UTC))
    return rule


async def keep(
    services: Services,
    company: str,
    count: int = 1,
    *,
    ended_at: datetime = LONG_AGO,
    size_bytes: int = 600,
    parts: int = 1,
    category: str | None = None,
    at_once: int = 16,
) -> list[UUID]:
    """Keep contacts of a company with random bytes; returns their ids in order."""
    async with services.db.begin() as tx:
        rules = await policies.rules(tx)
    gate = asyncio.Semaphore(at_once)

    async def one(number: int) -> UUID:
        async with gate:
            return await _keep_one(services, facts(company, number, ended_at, category), rules, size_bytes, parts)

    return sorted(await asyncio.gather(*(one(number) for number in range(count))))


def facts(company: str, number: int, ended_at: datetime, category: str | None = None) -> Facts:
    """What a door would say of a call; the external id has the number in it."""
    return Facts(
        company=company,
        channel=Channel.CALL,
        direction=Direction.INBOUND,
        started_at=ended_at - timedelta(minutes=3),
        ended_at=ended_at,
        source="pbx",
        external_id=f"{number}-{uuid4().hex[:8]}",
        duration_s=180,
        category=category,
        agent_name="Aino Asiakaspalvelija",
        parties=(Party(role="customer", phone="+358401234567"),),
    )


async def _keep_one(services: Services, told: Facts, rules: Sequence[Rule], size_bytes: int, parts: int) -> UUID:
    contact, identity, now = uuid7(), new_identity(), datetime.now(UTC)
    rule = choose(rules, company=told.company, channel=told.channel, category=told.category)
    until = retain_until(rule, told.ended_at, ZoneInfo(services.settings.timezone))
    lock = until if until is not None and until > now else None
    kept: list[Part] = []
    for kind in (PartKind.RECORDING, PartKind.PEAKS)[:parts]:
        upload = Upload(services.bucket, custody.object_key(told.company, contact, uuid7(), now), identity, lock)
        await upload.write(os.urandom(size_bytes))
        kept.append(
            await upload.finish(
                interaction_id=contact, company=told.company, kind=kind, media_type="audio/wav", now=now
            )
        )
    interaction = Interaction(
        id=contact,
        facts=told,
        state=State.KEPT,
        received_at=now,
        retain_until=until,
        policy=None if rule is None else rule.name,
        derive_state=DeriveState.WAITING,
        media=None,
        receipt={},
        parts=tuple(kept),
    )
    wrapped = services.keyring.wrap(identity.secret, contact.bytes)
    event = services.event(HOUSE, Action.RECORDING_KEPT, now=now, companies=[told.company], interaction_id=contact)
    async with services.db.begin() as tx:
        new = Deposit(
            interaction=interaction,
            identity_hash=destruction.identity_hash(
                services.keyring.keyed_hash, told.company, told.source, told.external_id
            ),
            key_id=wrapped.key_id,
            wrapped=wrapped.data,
            links=[],
            link_events=[],
            event=trail.row_of(event, services.mac),
        )
        assert await hot.deposit(tx, new)
    return contact
