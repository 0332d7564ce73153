"""Statements over customers and what they are matched by: put, read masked, know the companies.

Many customers are put with a handful of set-based statements, so that an import of 100,000 lines is quick. Identity
code and account are sealed here and never leave in the clear. Links to contacts are in `archive.store.links`.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

import orjson
from sqlalchemy import RowMapping, Text, bindparam, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from archive.domain.customers import (
    Billing,
    Customer,
    CustomerView,
    Energy,
    Feedback,
    Identifier,
    IdentifierKind,
    Kind,
    Marketing,
    Site,
)
from archive.domain.identifiers import mask_iban
from archive.errors import Ambiguous, NotFound
from archive.store import jobs
from archive.store.tables import companies, customers

RELINK = "relink"
_RELINK_CUSTOMERS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """What putting one customer did; `has_new_keys` means that earlier contacts may now belong to it."""

    company: str
    number: str
    created: bool
    changed: bool
    has_new_keys: bool


# One JSON parameter instead of thousands: the statement is planned once, whatever the size of the batch.
_PUT = text("""
    INSERT INTO customers AS c (company, number, name, kind, identifier_kind, identifier_sealed, identifier_hash,
                                iban_sealed, iban_hash, key_id, profile, digest, created_at, updated_at)
    SELECT r.company, r.number, r.name, r.kind, r.identifier_kind, r.identifier_sealed, r.identifier_hash,
           r.iban_sealed, r.iban_hash, r.key_id, r.profile, r.digest, :now, :now
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(
        company text, number text, name text, kind text, identifier_kind text, identifier_sealed bytea,
        identifier_hash bytea, iban_sealed bytea, iban_hash bytea, key_id text, profile jsonb, digest bytea)
    ORDER BY r.company, r.number
    ON CONFLICT (company, number) DO UPDATE SET
        name = excluded.name, kind = excluded.kind, identifier_kind = excluded.identifier_kind,
        identifier_sealed = excluded.identifier_sealed, identifier_hash = excluded.identifier_hash,
        iban_sealed = excluded.iban_sealed, iban_hash = excluded.iban_hash, key_id = excluded.key_id,
        profile = excluded.profile, digest = excluded.digest, updated_at = excluded.updated_at
    WHERE c.digest <> excluded.digest
    RETURNING new.company, new.number, old.number IS NULL AS created
""").bindparams(bindparam("rows", type_=Text))

# NOT IN is hashed, where NOT EXISTS over a function of unknown size would be tried pair by pair.
_DROP_KEYS = text("""
    DELETE FROM customer_keys k
    USING jsonb_to_recordset(CAST(:changed AS jsonb)) AS c(company text, number text)
    WHERE k.company = c.company AND k.customer_number = c.number
      AND (k.company, k.kind, k.value, k.customer_number) NOT IN (
        SELECT n.company, n.kind, n.value, n.customer_number
        FROM jsonb_to_recordset(CAST(:keys AS jsonb))
             AS n(company text, kind text, value text, customer_number text))
""").bindparams(bindparam("keys", type_=Text), bindparam("changed", type_=Text))
_ADD_KEYS = text("""
    INSERT INTO customer_keys (company, kind, value, customer_number)
    SELECT n.company, n.kind, n.value, n.customer_number
    FROM jsonb_to_recordset(CAST(:keys AS jsonb)) AS n(company text, kind text, value text, customer_number text)
    ON CONFLICT DO NOTHING
    RETURNING company, customer_number
""").bindparams(bindparam("keys", type_=Text))


class Keys(Protocol):
    """What sealing a field needs; `archive.objects.keyring.Keyring` is it. Rows do not import objects."""

    @property
    def active_id(self) -> str:
        """The id of the key that seals now."""

    def seal_text(self, text: str, context: bytes) -> bytes:
        """Seal a field, bound to its context."""

    def open_text(self, sealed: bytes, context: bytes) -> str:
        """The field again."""

    def keyed_hash(self, label: str, text: str) -> bytes:
        """A hash for matching without reading."""


def seal_context(company: str, number: str, field: str) -> bytes:
    """What a sealed field is bound to, so that it does not open in another row; `field` is identifier or iban."""
    return b"\0".join(part.encode() for part in ("customer", company, number, field))


async def put_many(tx: AsyncConnection, keys: Keys, many: Sequence[Customer], now: datetime) -> list[Put]:
    """Insert or replace customers, each at most once in `many`, and queue `relink` for those with new keys.

    A customer who is sent again just as kept changes nothing. Answers are in the order of `many`.
    """
    if not many:
        return []
    rows = [_row(keys, customer) for customer in many]
    kept = await tx.execute(_PUT, {"rows": orjson.dumps(rows).decode(), "now": now})
    created = {(row.company, row.number): bool(row.created) for row in kept}
    changed = [customer for customer in many if (customer.company, customer.number) in created]
    renewed = await _put_keys(tx, changed)
    await _queue_relink(tx, sorted(renewed))
    return [
        Put(
            company=customer.company,
            number=customer.number,
            created=created.get(name, False),
            changed=name in created,
            has_new_keys=name in renewed,
        )
        for customer in many
        for name in [(customer.company, customer.number)]
    ]


async def put(tx: AsyncConnection, keys: Keys, customer: Customer, now: datetime) -> Put:
    """Insert or replace one customer; see `put_many`."""
    return (await put_many(tx, keys, [customer], now))[0]


async def get(tx: AsyncConnection, keys: Keys, scope: frozenset[str] | None, number: str) -> CustomerView:
    """Read one customer within the companies of the actor, masked.

    Raises:
        NotFound: no such customer in these companies.
        Ambiguous: several of these companies have a customer of this number.

    """
    wanted = select(customers).where(customers.c.number == number)
    if scope is not None:
        wanted = wanted.where(customers.c.company.in_(sorted(scope)))
    rows = (await tx.execute(wanted.limit(2))).mappings().all()
    if not rows:
        raise NotFound
    if len(rows) > 1:
        raise Ambiguous
    return _view(keys, rows[0])


async def names(tx: AsyncConnection, company: str, numbers: Iterable[str]) -> dict[str, str]:
    """The names of customers of one company, by number."""
    wanted = select(customers.c.number, customers.c.name)
    rows = await tx.execute(wanted.where(customers.c.company == company, customers.c.number.in_(sorted(set(numbers)))))
    return {row.number: row.name for row in rows}


async def known_companies(tx: AsyncConnection, scope: frozenset[str] | None) -> frozenset[str]:
    """The codes of the companies that exist, as far as the scope reaches."""
    found = frozenset(await tx.scalars(select(companies.c.code)))
    return found if scope is None else found & scope


async def _put_keys(tx: AsyncConnection, changed: Sequence[Customer]) -> set[tuple[str, str]]:
    """Make the keys of changed customers what they now are; return those that got a new one."""
    if not changed:
        return set()
    pairs = [
        {"company": customer.company, "kind": key.kind, "value": key.value, "customer_number": customer.number}
        for customer in changed
        for key in customer.match_keys()
    ]
    told = {
        "keys": orjson.dumps(sorted(pairs, key=lambda pair: (pair["company"], pair["kind"], pair["value"]))).decode()
    }
    numbers = [{"company": customer.company, "number": customer.number} for customer in changed]
    await tx.execute(_DROP_KEYS, {**told, "changed": orjson.dumps(numbers).decode()})
    return {(row.company, row.customer_number) for row in await tx.execute(_ADD_KEYS, told)}


async def _queue_relink(tx: AsyncConnection, renewed: Sequence[tuple[str, str]]) -> None:
    by_company: defaultdict[str, list[str]] = defaultdict(list)
    for company, number in renewed:
        by_company[company].append(number)
    payloads = [
        {"company": company, "customers": "\n".join(numbers[at : at + _RELINK_CUSTOMERS])}
        for company, numbers in by_company.items()
        for at in range(0, len(numbers), _RELINK_CUSTOMERS)
    ]
    await jobs.enqueue_many(tx, RELINK, payloads)


def _row(keys: Keys, customer: Customer) -> dict[str, Any]:
    identifier, account = customer.identifier, customer.billing.iban
    profile = {
        "phones": customer.phones,
        "emails": customer.emails,
        "sites": customer.sites,
        "billing": replace(customer.billing, iban=None),
        "marketing": customer.marketing,
        "feedback": customer.feedback,
        "attributes": customer.attributes,
    }
    secret = (identifier.kind, identifier.value) if identifier else None
    told = orjson.dumps([customer.name, customer.kind, secret, account, profile], option=orjson.OPT_SORT_KEYS)
    sealed = identifier is not None or account is not None
    return {
        "company": customer.company,
        "number": customer.number,
        "name": customer.name,
        "kind": customer.kind,
        "identifier_kind": identifier.kind if identifier else None,
        "identifier_sealed": _sealed(keys, customer, "identifier", identifier.value if identifier else None),
        "identifier_hash": _hex(keys.keyed_hash(identifier.kind, identifier.value)) if identifier else None,
        "iban_sealed": _sealed(keys, customer, "iban", account),
        "iban_hash": _hex(keys.keyed_hash("iban", account)) if account else None,
        "key_id": keys.active_id if sealed else None,
        "profile": profile,
        "digest": _hex(keys.keyed_hash("customer", told.decode())),
    }


def _sealed(keys: Keys, customer: Customer, field: str, value: str | None) -> str | None:
    if value is None:
        return None
    return _hex(keys.seal_text(value, seal_context(customer.company, customer.number, field)))


def _hex(data: bytes) -> str:
    """PostgreSQL's own spelling of bytes, for a value that travels inside JSON."""
    return f"\\x{data.hex()}"


def _view(keys: Keys, row: RowMapping) -> CustomerView:
    company, number, profile = row["company"], row["number"], row["profile"]
    kind = IdentifierKind(row["identifier_kind"]) if row["identifier_kind"] else None
    identifier = _opened(keys, row["identifier_sealed"], seal_context(company, number, "identifier"))
    account = _opened(keys, row["iban_sealed"], seal_context(company, number, "iban"))
    return CustomerView(
        company=company,
        number=number,
        name=row["name"],
        kind=Kind(row["kind"]),
        identifier_kind=kind,
        identifier_mask=Identifier(kind=kind, value=identifier).mask if kind and identifier else None,
        phones=tuple(profile["phones"]),
        emails=tuple(profile["emails"]),
        sites=tuple(Site(**{**site, "energy": Energy(site["energy"])}) for site in profile["sites"]),
        billing=Billing(**profile["billing"]),
        account_mask=mask_iban(account) if account else None,
        marketing=Marketing(**{name: tuple(words) for name, words in profile["marketing"].items()}),
        feedback=tuple(Feedback(**{**note, "at": datetime.fromisoformat(note["at"])}) for note in profile["feedback"]),
        attributes=profile["attributes"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _opened(keys: Keys, sealed: bytes | None, context: bytes) -> str | None:
    return None if sealed is None else keys.open_text(bytes(sealed), context)
