"""Tables of how long and who looked: holds, disposal, trail, operations. See `archive.store.tables` for all of them."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from archive.store.schema import company_column, id_column, json_column, metadata, text_column, time_column

holds = Table(
    "holds",
    metadata,
    id_column(),
    company_column(),
    text_column("reason"),
    text_column("placed_by"),
    time_column("placed_at"),
    text_column("released_by", nullable=True),
    time_column("released_at", nullable=True),
    text_column("release_reason", nullable=True),
)

hold_items = Table(
    "hold_items",
    metadata,
    Column("hold_id", Uuid, ForeignKey("holds.id"), nullable=False),
    Column("interaction_id", Uuid, nullable=False),
    company_column(),
    time_column("released_at", nullable=True),
    Column("mirrored", Boolean, nullable=False, server_default=text("false")),
    PrimaryKeyConstraint("hold_id", "interaction_id"),
    Index("ix_hold_items_active", "interaction_id", postgresql_where=text("released_at IS NULL")),
    Index("ix_hold_items_interaction_id", "interaction_id"),
)

policies = Table(
    "policies",
    metadata,
    text_column("name"),
    Column("company", Text, ForeignKey("companies.code"), nullable=True),
    text_column("channel", nullable=True),
    text_column("category", nullable=True),
    text_column("keep"),
    text_column("trigger"),
    text_column("written_by"),
    time_column("written_at"),
    # A company's names are its own. A primary key takes no NULL, which here is every company.
    UniqueConstraint("name", "company", postgresql_nulls_not_distinct=True),
    UniqueConstraint("company", "channel", "category", postgresql_nulls_not_distinct=True),
)

disposals = Table(
    "disposals",
    metadata,
    id_column(),
    text_column("status"),  # planned | running | done
    text_column("requested_by"),
    Column("companies", ARRAY(Text), nullable=True),
    time_column("as_of"),
    time_column("started_at"),
    time_column("finished_at", nullable=True),
    json_column("counts"),
    json_column("certificate", nullable=True),
    Index("ix_disposals_open", "status", postgresql_where=text("status <> 'done'")),
)

disposal_items = Table(
    "disposal_items",
    metadata,
    Column("disposal_id", Uuid, ForeignKey("disposals.id"), nullable=False),
    Column("interaction_id", Uuid, nullable=False),
    company_column(),
    text_column("status"),  # marked | destroyed | destroyed-elsewhere | held | failed
    text_column("policy"),
    text_column("rule"),
    time_column("retain_until"),
    json_column("digests"),
    json_column("checks"),
    text_column("failure", nullable=True),
    time_column("destroyed_at", nullable=True),
    PrimaryKeyConstraint("disposal_id", "interaction_id"),
    Index(None, "interaction_id"),
    Index(None, "disposal_id", "status"),
)

tombstones = Table(
    "tombstones",
    metadata,
    Column("identity_hash", LargeBinary, primary_key=True),  # keyed hash of company, source and external id
    Column("interaction_id", Uuid, nullable=False, unique=True),
    company_column(),
    Column("disposal_id", Uuid, ForeignKey("disposals.id"), nullable=False),
    time_column("destroyed_at"),
)

# --------------------------------------------------------------------- trail

trail_events = Table(
    "trail_events",
    metadata,
    id_column(),
    time_column("at"),
    Column("companies", ARRAY(Text), nullable=True),  # NULL: not about one company's contacts
    text_column("actor_id"),
    text_column("actor_name"),
    text_column("role", nullable=True),
    text_column("action"),
    Column("interaction_id", Uuid, nullable=True),
    text_column("purpose", nullable=True),
    json_column("detail"),
    Column("mac", LargeBinary, nullable=False),  # HMAC over all the above
    Column("xid", BigInteger, nullable=False, server_default=text("(pg_current_xact_id()::text::bigint)")),
    Column("seq", BigInteger, nullable=True, unique=True),  # set once, by the sealer
    Column("chain", LargeBinary, nullable=True),
    Index(None, "at", "id"),
    Index(
        "ix_trail_events_interaction_id", "interaction_id", "at", postgresql_where=text("interaction_id IS NOT NULL")
    ),
    Index("ix_trail_events_unsealed", "xid", "id", postgresql_where=text("seq IS NULL")),
)

trail_head = Table(
    "trail_head",
    metadata,
    Column("one", Boolean, primary_key=True, server_default=text("true")),
    Column("seq", BigInteger, nullable=False),
    Column("chain", LargeBinary, nullable=False),
    time_column("sealed_at"),
    Column("anchored_seq", BigInteger, nullable=False, server_default=text("0")),
    CheckConstraint("one", name="one_row"),
)

# ---------------------------------------------------------------- operations

dead_letters = Table(
    "dead_letters",
    metadata,
    id_column(),
    text_column("entrypoint"),
    json_column("payload"),
    Column("company", Text, nullable=True),
    Column("interaction_id", Uuid, nullable=True),
    text_column("reason"),
    Column("attempts", Integer, nullable=False),
    time_column("failed_at"),
    time_column("retried_at", nullable=True),
    Index(None, "failed_at"),
    Index("ix_dead_letters_interaction_id", "interaction_id"),
)

refusals = Table(
    "refusals",
    metadata,
    time_column("hour"),
    text_column("source"),
    text_column("code"),
    Column("count", Integer, nullable=False),
    PrimaryKeyConstraint("hour", "source", "code"),
)

sweeps = Table(
    "sweeps",
    metadata,
    id_column(),
    time_column("at"),
    Column("orphans", Integer, nullable=False),
    Column("orphan_bytes", BigInteger, nullable=False),
    Column("uploads", Integer, nullable=False),
    Index(None, "at"),
)

timer_runs = Table(
    "timer_runs",
    metadata,
    Column("name", Text, primary_key=True),
    time_column("started_at"),
    time_column("finished_at", nullable=True),
    text_column("failure", nullable=True),
)
