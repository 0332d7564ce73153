"""Every table, by one name: the migrations make just these (a test compares the two).

pgqueuer's own tables are made by its installer and are not here. Every table about contacts carries the company, so
that the database can be spread by it, and no hot path takes a number from a global sequence.
"""

from archive.store.schema import metadata
from archive.store.tables_access import (
    companies,
    installation,
    session_purposes,
    sessions,
    signin_attempts,
    signin_links,
    tokens,
    users,
)
from archive.store.tables_contacts import (
    customer_keys,
    customers,
    interaction_keys,
    interactions,
    link_events,
    links,
    parties,
    parts,
)
from archive.store.tables_keeping import (
    dead_letters,
    disposal_items,
    disposals,
    hold_items,
    holds,
    policies,
    refusals,
    sweeps,
    timer_runs,
    tombstones,
    trail_events,
    trail_head,
)
from archive.store.tables_search import (
    search_rows,
    search_texts,
    speech_requests,
    speech_rules,
    transcripts,
    vocabularies,
)

__all__ = [
    "companies",
    "customer_keys",
    "customers",
    "dead_letters",
    "disposal_items",
    "disposals",
    "hold_items",
    "holds",
    "installation",
    "interaction_keys",
    "interactions",
    "link_events",
    "links",
    "metadata",
    "parties",
    "parts",
    "policies",
    "refusals",
    "search_rows",
    "search_texts",
    "session_purposes",
    "sessions",
    "signin_attempts",
    "signin_links",
    "speech_requests",
    "speech_rules",
    "sweeps",
    "timer_runs",
    "tokens",
    "tombstones",
    "trail_events",
    "trail_head",
    "transcripts",
    "users",
    "vocabularies",
]
