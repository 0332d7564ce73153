"""What `tallenne verify` finds. How it looks is `archive.verify` and the modules beside it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is not as it was kept: what kind, and where (ids and keys only)."""

    kind: str
    where: str
