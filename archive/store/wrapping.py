"""Statements over what is wrapped with the installation's keys, for re-wrapping a batch at a time.

Which tables hold wrapped things is known here and nowhere else. What wrapping is: `archive.objects.keyring`. A batch is
taken with SKIP LOCKED, so that re-wrapping never waits for a disposal or an import, nor one of them for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, LargeBinary, bindparam, func, literal, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from archive.store.tables import customers, interaction_keys

FIELDS = {"identifier": customers.c.identifier_sealed, "iban": customers.c.iban_sealed}
"""The sealed fields of a customer, by the name that their context has (`archive.store.customers.seal_context`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrappedIdentity:
    """One contact's identity as it lies in the database."""

    interaction_id: UUID
    key_id: str
    wrapped: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedCustomer:
    """One customer's sealed fields by name, empty ones left out."""

    company: str
    number: str
    fields: dict[str, bytes]


async def stale_identities(
    tx: AsyncConnection, active_id: str, after: UUID | None, limit: int
) -> list[WrappedIdentity]:
    """Take the next contacts, in order of id, whose identity is under another key than the active one."""
    k = interaction_keys.c
    wanted = select(k.interaction_id, k.key_id, k.wrapped).where(k.key_id != active_id)
    if after is not None:
        wanted = wanted.where(k.interaction_id > after)
    rows = await tx.execute(wanted.order_by(k.interaction_id).limit(limit).with_for_update(skip_locked=True))
    return [
        WrappedIdentity(interaction_id=row.interaction_id, key_id=row.key_id, wrapped=bytes(row.wrapped))
        for row in rows
    ]


async def rewrap_identities(tx: AsyncConnection, renewed: Sequence[WrappedIdentity]) -> None:
    """Write identities that were taken in this transaction, under their new key."""
    k = interaction_keys.c
    if renewed:
        await tx.execute(
            update(interaction_keys)
            .where(k.interaction_id == bindparam("of"))
            .values(key_id=bindparam("new_key"), wrapped=bindparam("new_wrapped")),
            [{"of": one.interaction_id, "new_key": one.key_id, "new_wrapped": one.wrapped} for one in renewed],
        )


async def stale_customers(
    tx: AsyncConnection, active_prefix: bytes, after: tuple[str, str] | None, limit: int
) -> list[SealedCustomer]:
    """Take the next customers, in order of company and number, with a field under another key than the active one.

    `active_prefix` is what a field begins with that is sealed under the active key.
    """
    c = customers.c
    wanted = select(c.company, c.number, *FIELDS.values()).where(_is_stale(active_prefix))
    if after is not None:
        wanted = wanted.where(tuple_(c.company, c.number) > tuple_(literal(after[0]), literal(after[1])))
    rows = await tx.execute(wanted.order_by(c.company, c.number).limit(limit).with_for_update(skip_locked=True))
    return [
        SealedCustomer(
            company=row["company"],
            number=row["number"],
            fields={name: bytes(row[column.name]) for name, column in FIELDS.items() if row[column.name] is not None},
        )
        for row in rows.mappings()
    ]


async def reseal_customers(tx: AsyncConnection, key_id: str, renewed: Sequence[SealedCustomer]) -> None:
    """Write fields of customers that were taken in this transaction, under their new key."""
    c = customers.c
    if renewed:
        await tx.execute(
            update(customers)
            .where(c.company == bindparam("of_company"), c.number == bindparam("of_number"))
            .values(
                key_id=key_id,
                **{column.name: bindparam(f"new_{name}", type_=LargeBinary) for name, column in FIELDS.items()},
            ),
            [
                {"of_company": one.company, "of_number": one.number}
                | {f"new_{name}": one.fields.get(name) for name in FIELDS}
                for one in renewed
            ],
        )


async def count_stale(tx: AsyncConnection, active_id: str, active_prefix: bytes) -> tuple[int, int]:
    """How many contacts and how many customers have something under another key than the active one."""
    identities = await tx.scalar(
        select(func.count()).select_from(interaction_keys).where(interaction_keys.c.key_id != active_id)
    )
    fields = await tx.scalar(select(func.count()).select_from(customers).where(_is_stale(active_prefix)))
    return identities or 0, fields or 0


def _is_stale(active_prefix: bytes) -> ColumnElement[bool]:
    # The fields themselves are asked, not the column key_id: a key that became active between the sealing of a row's
    # two fields must not leave one of them behind.
    size = len(active_prefix)
    return or_(*(func.substring(column, 1, size) != literal(active_prefix, LargeBinary) for column in FIELDS.values()))
