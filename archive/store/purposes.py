"""References that a session has named before, so that the next contact of the same case need not be typed.

Stating a purpose, and what has been stated for one contact, are `archive.store.accounts`.
"""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from archive.store.tables import session_purposes


async def references(tx: AsyncConnection, digest: bytes, kind: str, limit: int = 10) -> list[str]:
    """The references that this session has stated with a kind of purpose, the latest first."""
    c = session_purposes.c
    rows = await tx.scalars(
        select(c.purpose)
        .where(c.session_digest == digest, c.purpose.startswith(f"{kind}:", autoescape=True))
        .group_by(c.purpose)
        .order_by(func.max(c.stated_at).desc())
        .limit(limit)
    )
    return [purpose.partition(":")[2] for purpose in rows]
