"""The answer to a push that was kept: what it says, and in which order. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from archive.domain.interactions import Interaction
from archive.domain.links import LinkCandidate


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The answer to a push; `created` is False when the same bytes were already kept."""

    document: dict[str, Any]
    created: bool


def receipt(kept: Interaction, candidates: Sequence[LinkCandidate]) -> dict[str, Any]:
    """The document of a contact that is being kept, its first part being what was pushed."""
    part = kept.parts[0]
    return {
        "id": str(kept.id),
        "source": kept.facts.source,
        "external_id": kept.facts.external_id,
        "sha256": part.sha256.hex(),
        "size_bytes": part.size_bytes,
        "received_at": _moment(kept.received_at),
        "links": [
            {"customer_number": c.customer_number, "evidence": c.strongest, "status": c.status} for c in candidates
        ],
        "retain_until": None if kept.retain_until is None else _moment(kept.retain_until),
        "policy": kept.policy,
    }


ORDER = ("id", "source", "external_id", "sha256", "size_bytes", "received_at", "links", "retain_until", "policy")


def in_order(document: dict[str, Any]) -> dict[str, Any]:
    """A receipt with its fields in the order of the contract; the database does not keep it."""
    return {name: document[name] for name in ORDER}


def _moment(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
