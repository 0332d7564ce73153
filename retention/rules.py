"""Changing retention policies, and bringing the dates of contacts after a change.

A change is written first and its consequences follow as jobs: dates in batches by key, then the object locks. Until
they have come by, nothing is destroyed against the new policy, because a disposal judges by the rules themselves.
"""

from datetime import datetime, tzinfo
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection

from archive.custody import Services
from archive.domain.access import Action, Actor
from archive.domain.retention import Rule, choose, retain_until, tied_with
from archive.errors import Conflict, Forbidden, NotFound
from archive.store import jobs
from archive.store import policies as store
from archive.store.policies import Dated, Policy

REDATE = "retention.redate"
RELOCK = "retention.relock"
BATCH = 500
# A push that read the old rules may commit after a batch has passed its id; the second round finds it.
SECOND_ROUND_S = 600
_BATCHES_A_JOB = 20


def may_see(actor: Actor, rule: Rule) -> bool:
    """Whether a policy concerns this actor: those for every company concern everyone."""
    return rule.company is None or actor.covers(rule.company)


def may_write(actor: Actor, rule: Rule) -> bool:
    """Whether the actor's grants reach as far as the policy does."""
    return actor.companies is None if rule.company is None else actor.covers(rule.company)


async def policies(services: Services, actor: Actor) -> list[Policy]:
    """The policies that concern the actor's companies, by name."""
    async with services.db.begin() as tx:
        return [policy for policy in await store.all_policies(tx) if may_see(actor, policy.rule)]


async def put_policy(services: Services, actor: Actor, rule: Rule, now: datetime) -> tuple[Policy, bool]:
    """Write a policy, new or changed, and queue what follows from it; returns it and whether it is new.

    Name and company together say which policy it is; other companies' names are neither in the way nor told.

    Raises:
        Forbidden: the policy is for every company, and the actor's grants are not.
        NotFound: there is no such company for this actor.
        Conflict: another policy has the same selectors, so that neither would win, or a contact could be under two
            policies of this name.

    """
    if rule.company is not None:
        actor.must_cover(rule.company)
    elif not may_write(actor, rule):
        raise Forbidden("a policy for every company needs a grant for every company")
    async with services.db.begin() as tx:
        if rule.company is not None and not await store.company_exists(tx, rule.company):
            raise NotFound
        await store.lock_rules(tx)
        known = await store.all_policies(tx)
        before = next((one for one in known if _name_of(one.rule) == _name_of(rule)), None)
        _must_be_free(rule, [policy.rule for policy in known])
        if before is not None and before.rule == rule:
            return before, False
        await store.put(tx, rule, written_by=actor.id, written_at=now)
        await _queue_dates(tx, [rule] if before is None else [before.rule, rule])
        await services.record(
            tx,
            actor,
            Action.POLICY_WRITTEN,
            now=now,
            companies=None if rule.company is None else (rule.company,),
            detail={"policy": rule.name, "keep": str(rule.keep), "trigger": rule.trigger.value},
        )
    return Policy(rule=rule, written_by=actor.id, written_at=now), before is None


def _name_of(rule: Rule) -> tuple[str, str | None]:
    return rule.name, rule.company


def _must_be_free(rule: Rule, known: list[Rule]) -> None:
    """Refuse what would leave a contact with two rules of one name or of equal rank.

    Everyone may see the policies for every company, and who writes one of those may see all: so nothing is told here
    that the actor may not know.
    """
    if any(other.name == rule.name and (other.company is None) != (rule.company is None) for other in known):
        wide, narrow = "a policy for every company has this name", "a company's own policy has this name"
        raise Conflict(f"{narrow if rule.company is None else wide}; choose another")
    if tied_with(rule, known) is not None:
        raise Conflict("another policy decides for the same company, channel and category")


async def _queue_dates(tx: AsyncConnection, rules: list[Rule]) -> None:
    payloads = {tuple(payload.items()): payload for payload in (_payload(rule, None) for rule in rules)}
    for delay_s in (0, SECOND_ROUND_S):
        await jobs.enqueue_many(tx, REDATE, list(payloads.values()), delay_s=delay_s)


def _payload(rule: Rule, after: UUID | None) -> dict[str, str]:
    selectors = {"company": rule.company, "channel": rule.channel, "category": rule.category}
    given = {name: value for name, value in selectors.items() if value is not None}
    return given if after is None else {**given, "after": str(after)}


# --------------------------------------------------------------------- what follows


async def redate(services: Services, payload: dict[str, str]) -> None:
    """Job: give the contacts that a change reaches their date and policy anew, some batches at a time."""
    after = UUID(payload["after"]) if "after" in payload else None
    selectors = store.Selectors(
        company=payload.get("company"), channel=payload.get("channel"), category=payload.get("category")
    )
    zone = ZoneInfo(services.settings.timezone)
    for _ in range(_BATCHES_A_JOB):
        async with services.db.begin() as tx:
            batch = await _redate_batch(tx, selectors, after, zone)
        if len(batch) < BATCH:
            return
        after = batch[-1].id
    async with services.db.begin() as tx:
        await jobs.enqueue(tx, REDATE, {**payload, "after": str(after)})


async def _redate_batch(
    tx: AsyncConnection, selectors: store.Selectors, after: UUID | None, zone: tzinfo
) -> list[Dated]:
    await store.share_rules(tx)
    rules = await store.rules(tx)
    batch = await store.dated_batch(tx, selectors, after, BATCH)
    fresh = [(one, *_date_of(one, rules, zone)) for one in batch]
    await store.redate(
        tx, [(one.id, until, name) for one, until, name in fresh if (until, name) != (one.retain_until, one.policy)]
    )
    moved = [str(one.id) for one, until, _ in fresh if until != one.retain_until]
    if moved:
        await jobs.enqueue(tx, RELOCK, {"ids": ",".join(moved)})
    return batch


def _date_of(one: Dated, rules: list[Rule], zone: tzinfo) -> tuple[datetime | None, str | None]:
    rule = choose(rules, company=one.company, channel=one.channel, category=one.category)
    return retain_until(rule, one.ended_at, zone), None if rule is None else rule.name
