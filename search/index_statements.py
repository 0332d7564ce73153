"""The statements of searching words, and how the conditions of filters come into them.

How they are used is `search.index_words`.

In each, `{fits}` stands for the conditions on the contact `i`, `{range:x}` for those on the time of the row `x`,
`{query:x}` for the `tsquery` in the bucket of `x`, and `{buckets}` for the months and companies that are looked at.
`{contact:x}` joins the contact `i` of the row `x` (`{perhaps:x}` if it fits), and is nothing where no filter asks
anything of it: a row is there only while its contact is kept (`archive.store.destruction.mark`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import Dialect, Text, and_, literal_column, select, text
from sqlalchemy.dialects.postgresql.asyncpg import dialect

from archive.store.selection import conditions_on, parameters
from archive.store.tables import interactions

_DIALECT: Dialect = dialect()  # type: ignore[no-untyped-call]
_SHAPES = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A statement as the driver takes it, and the names of its parameters in order."""

    sql: str
    names: tuple[str, ...]


@lru_cache(maxsize=_SHAPES)
def made(template: str, filters: tuple[str, ...]) -> Statement:
    """A statement of these templates for the filters with these names."""
    whole = template.replace("{buckets}", _BUCKETS)
    for row in ("f", "s"):
        joined = _CONTACT.replace("{row}", row) if filters else ""
        whole = whole.replace(f"{{contact:{row}}}", joined)
        whole = whole.replace(f"{{perhaps:{row}}}", "LEFT " + joined if filters else "")
    whole = whole.replace("{is_hit}", "i.id IS NOT NULL" if filters else "true").replace("{fits}", _fits(filters))
    for row in ("b", "f", "r", "s"):
        whole = whole.replace(f"{{range:{row}}}", _RANGE.replace("{row}", row))
        whole = whole.replace(f"{{query:{row}}}", _QUERY.replace("{row}", row))
    compiled = text(whole).compile(dialect=_DIALECT)
    return Statement(sql=str(compiled), names=tuple(compiled.positiontup or ()))


def _fits(filters: Iterable[str]) -> str:
    """The conditions on the contact `i`, with the names of the filters as parameters."""
    contact = interactions.alias("i")
    whole = (
        select(literal_column("1", Text()))
        .select_from(contact)
        .where(and_(*conditions_on(parameters(filters), contact)))
    )
    return str(whole).partition("WHERE ")[2]


HURRY = "SELECT set_config('statement_timeout', $1::text, true)"
# Binds the rest of the transaction: a limit of time holds from the next statement on.
STEER = """
    SELECT set_config('statement_timeout', $1::text, true), set_config('jit', 'off', true),
           set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
           set_config('enable_mergejoin', 'off', true), set_config('max_parallel_workers_per_gather', '0', true)
"""
SPAN = """
    SELECT c.code, (SELECT min(r.started_at) FROM search_rows r WHERE r.company = c.code) AS first,
           (SELECT max(r.started_at) FROM search_rows r WHERE r.company = c.code) AS last
    FROM companies c WHERE $1::text[] IS NULL OR c.code = ANY($1::text[])
"""
LINKED = """
    SELECT interaction_id FROM links
    WHERE company = ANY($1::text[]) AND customer_number = $2::text AND status = 'linked' LIMIT $3::integer
"""
PHONED = """
    SELECT DISTINCT interaction_id FROM (
        SELECT interaction_id FROM parties WHERE company = ANY($1::text[]) AND phone = $2::text LIMIT 2 * $3::integer
    ) p LIMIT $3::integer
"""
_QUERY = "replace(CAST(:template AS text), chr(1), {row}.bucket)::tsquery"
_RANGE = """{row}.started_at >= CAST(:since AS timestamptz) AND {row}.started_at < CAST(:until AS timestamptz)
        AND ({row}.started_at, {row}.interaction_id) < (CAST(:after_at AS timestamptz), CAST(:after_id AS uuid))"""
_BUCKETS = """unnest(CAST(:buckets AS text[]), CAST(:months AS text[]), CAST(:codes AS text[]))
        AS b (bucket, month, company)"""

_CONTACT = "JOIN interactions i ON i.id = {row}.interaction_id AND i.company = {row}.company AND {fits}"

# Of each month and company how many hits there are, up to the limit, and the newest of them; a row without a hit where
# none of them is needed.
GATHER = """
    SELECT b.month, b.company, n.hits, n.started_at, n.interaction_id FROM {buckets} CROSS JOIN LATERAL (
        WITH h AS MATERIALIZED (
            SELECT f.interaction_id, f.started_at FROM (
                SELECT r.interaction_id, r.started_at, r.company FROM search_rows r
                WHERE r.terms @@ {query:b} OFFSET 0
            ) f {contact:f}
            WHERE f.company = b.company AND {range:f}
            LIMIT CAST(:limit AS integer)
        )
        SELECT c.hits, m.started_at, m.interaction_id FROM (SELECT count(*) AS hits FROM h) c LEFT JOIN LATERAL (
            SELECT h.started_at, h.interaction_id FROM h WHERE c.hits < CAST(:limit AS integer)
            ORDER BY h.started_at DESC, h.interaction_id DESC LIMIT CAST(:need AS integer)
        ) m ON true WHERE c.hits > 0
    ) n
"""
COUNT = """
    SELECT count(*) AS hits FROM (
        SELECT FROM {buckets} CROSS JOIN LATERAL (
            SELECT FROM (
                SELECT r.interaction_id, r.started_at, r.company FROM search_rows r
                WHERE r.terms @@ {query:b} OFFSET 0
            ) f {contact:f}
            WHERE f.company = b.company AND {range:f}
        ) h LIMIT CAST(:limit AS integer)
    ) c
"""
SORTED = """
    SELECT f.interaction_id, f.started_at, {is_hit} AS is_hit FROM (
        SELECT h.interaction_id, h.started_at, b.company FROM {buckets} CROSS JOIN LATERAL (
            SELECT f.interaction_id, f.started_at FROM (
                SELECT r.interaction_id, r.started_at, r.company FROM search_rows r
                WHERE r.terms @@ {query:b} OFFSET 0
            ) f
            WHERE f.company = b.company AND {range:f}
            ORDER BY f.started_at DESC, f.interaction_id DESC LIMIT CAST(:limit AS integer)
        ) h ORDER BY h.started_at DESC, h.interaction_id DESC LIMIT CAST(:limit AS integer)
    ) f {perhaps:f}
    ORDER BY f.started_at DESC, f.interaction_id DESC
"""
SCAN = """
    SELECT s.interaction_id, s.started_at, h.found IS NOT NULL AS is_hit
    FROM (
        SELECT h.* FROM unnest(CAST(:companies AS text[])) AS c (code) CROSS JOIN LATERAL (
            SELECT r.interaction_id, r.started_at, r.company, r.bucket, r.terms FROM search_rows r
            WHERE r.company = c.code AND {range:r}
            ORDER BY r.started_at DESC, r.interaction_id DESC LIMIT CAST(:rows AS integer)
        ) h ORDER BY h.started_at DESC, h.interaction_id DESC LIMIT CAST(:rows AS integer)
    ) s LEFT JOIN LATERAL (
        SELECT true AS found FROM (SELECT 1) one {contact:s} WHERE s.terms @@ {query:s} OFFSET 0
    ) h ON true
    ORDER BY s.started_at DESC, s.interaction_id DESC
"""
KEYED = """
    SELECT r.interaction_id, r.started_at FROM unnest(CAST(:ids AS uuid[])) AS k (id)
    JOIN search_rows r ON r.interaction_id = k.id JOIN interactions i ON i.id = k.id
    WHERE r.company = ANY(CAST(:companies AS text[])) AND i.company = r.company AND {range:r}
        AND {fits} AND r.terms @@ {query:r}
"""
SCORES = """
    SELECT r.interaction_id, ts_rank_cd(r.terms, replace($1::text, chr(1), r.bucket)::tsquery, 1) AS score
    FROM unnest($2::uuid[]) AS k (id) JOIN search_rows r ON r.interaction_id = k.id
"""
TEXTS = """
    SELECT r.interaction_id, r.bucket, tsvectorsend(r.terms) AS terms, t.segments, i.language
    FROM unnest($1::uuid[]) AS k (id) JOIN search_rows r ON r.interaction_id = k.id
    JOIN search_texts t ON t.interaction_id = k.id JOIN interactions i ON i.id = k.id
"""
FACTS = """
    SELECT i.channel, i.queue, i.agent_id, i.agent_name, i.started_at
    FROM unnest($1::uuid[]) AS k (id) JOIN interactions i ON i.id = k.id
    WHERE i.state = 'kept' AND ($2::text[] IS NULL OR i.company = ANY($2::text[]))
"""
