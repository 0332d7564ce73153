"""Tables of what is kept: customers, interactions, parts and links. See `archive.store.tables` for all of them."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
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

customers = Table(
    "customers",
    metadata,
    company_column(),
    text_column("number"),
    text_column("name"),
    text_column("kind"),
    text_column("identifier_kind", nullable=True),  # hetu | business_id
    Column("identifier_sealed", LargeBinary, nullable=True),
    Column("identifier_hash", LargeBinary, nullable=True),
    Column("iban_sealed", LargeBinary, nullable=True),
    Column("iban_hash", LargeBinary, nullable=True),
    text_column("key_id", nullable=True),  # the wrapping key of the two sealed fields
    json_column("profile"),  # the register's other sections, account and identifier left out
    Column("digest", LargeBinary, nullable=False),  # keyed hash of the request, so that a replay changes nothing
    time_column("created_at"),
    time_column("updated_at"),
    PrimaryKeyConstraint("company", "number"),
    Index(None, "number"),
    Index(
        "ix_customers_identifier", "company", "identifier_hash", postgresql_where=text("identifier_hash IS NOT NULL")
    ),
    Index("ix_customers_iban", "company", "iban_hash", postgresql_where=text("iban_hash IS NOT NULL")),
    Index("ix_customers_name", "company", text("lower(name) text_pattern_ops")),
    Index(None, "key_id"),
    CheckConstraint("kind IN ('natural', 'legal')", name="kind"),
)

customer_keys = Table(
    "customer_keys",
    metadata,
    company_column(),
    text_column("kind"),  # customer_number | phone | email | metering_point
    text_column("value"),
    text_column("customer_number"),
    PrimaryKeyConstraint("company", "kind", "value", "customer_number"),
    ForeignKeyConstraint(["company", "customer_number"], ["customers.company", "customers.number"], ondelete="CASCADE"),
    Index(None, "company", "customer_number"),
)

# -------------------------------------------------------------- interactions

interactions = Table(
    "interactions",
    metadata,
    id_column(),
    company_column(),
    text_column("channel"),
    text_column("direction"),
    time_column("started_at"),
    time_column("ended_at"),
    Column("duration_s", Double, nullable=True),
    text_column("source"),
    text_column("external_id"),
    text_column("call_id", nullable=True),
    text_column("queue", nullable=True),
    text_column("category", nullable=True),
    text_column("agent_id", nullable=True),
    text_column("agent_name", nullable=True),
    text_column("language", nullable=True),
    text_column("subject", nullable=True),
    Column("channel_roles", ARRAY(Text), nullable=False, server_default="{}"),
    text_column("given_customer_number", nullable=True),
    text_column("given_metering_point", nullable=True),
    json_column("attributes"),
    Column("state", Text, nullable=False, server_default="kept"),
    time_column("received_at"),
    time_column("retain_until", nullable=True),
    text_column("policy", nullable=True),
    Column("derive_state", Text, nullable=False, server_default="waiting"),  # waiting | done | failed
    json_column("media", nullable=True),
    Column("text_state", Text, nullable=False, server_default="waiting"),  # waiting | done | failed | off
    text_column("text_reason", nullable=True),  # why its words are not searchable, as a code
    json_column("receipt"),
    UniqueConstraint("company", "source", "external_id"),
    Index(None, "company", "started_at", "id"),
    Index(None, "company", "received_at"),
    Index(
        "ix_interactions_agent",
        "company",
        "agent_id",
        "started_at",
        "id",
        postgresql_where=text("agent_id IS NOT NULL"),
    ),
    Index(
        "ix_interactions_agent_name",
        "company",
        text("lower(agent_name)"),
        "started_at",
        "id",
        postgresql_where=text("agent_name IS NOT NULL"),
    ),
    Index("ix_interactions_queue", "company", "queue", "started_at", "id", postgresql_where=text("queue IS NOT NULL")),
    Index(
        "ix_interactions_category",
        "company",
        "category",
        "started_at",
        "id",
        postgresql_where=text("category IS NOT NULL"),
    ),
    Index("ix_interactions_duration", "company", "duration_s"),
    Index("ix_interactions_call_id", "company", "call_id", postgresql_where=text("call_id IS NOT NULL")),
    Index("ix_interactions_due", "retain_until", postgresql_where=text("retain_until IS NOT NULL")),
    Index("ix_interactions_state", "state", postgresql_where=text("state <> 'kept'")),
    Index("ix_interactions_derive_state", "company", "derive_state", postgresql_where=text("derive_state <> 'done'")),
    # Not the month's hundred thousands that are done, but the few that are not.
    Index(
        "ix_interactions_text_state",
        "company",
        "text_state",
        "started_at",
        postgresql_include=["text_reason", "state"],
        postgresql_where=text("text_state <> 'done'"),
    ),
    Index(
        "ix_interactions_given_customer_number",
        "company",
        "given_customer_number",
        postgresql_where=text("given_customer_number IS NOT NULL"),
    ),
    Index(
        "ix_interactions_given_metering_point",
        "company",
        "given_metering_point",
        postgresql_where=text("given_metering_point IS NOT NULL"),
    ),
    CheckConstraint("state IN ('kept', 'destroying')", name="state"),
    CheckConstraint("derive_state IN ('waiting', 'done', 'failed')", name="derive_state"),
    CheckConstraint("text_state IN ('waiting', 'done', 'failed', 'off')", name="text_state"),
    CheckConstraint("channel IN ('call', 'email', 'chat')", name="channel"),
    CheckConstraint("direction IN ('inbound', 'outbound', 'internal')", name="direction"),
)

interaction_keys = Table(
    "interaction_keys",
    metadata,
    Column("interaction_id", Uuid, ForeignKey("interactions.id"), primary_key=True),
    company_column(),
    text_column("key_id"),
    Column("wrapped", LargeBinary, nullable=False),
    Index(None, "key_id"),
)

parties = Table(
    "parties",
    metadata,
    Column("interaction_id", Uuid, ForeignKey("interactions.id"), nullable=False),
    Column("ordinal", Integer, nullable=False),
    company_column(),
    text_column("role"),
    text_column("name", nullable=True),
    text_column("phone", nullable=True),  # E.164 where it could be read, else as given
    text_column("email", nullable=True),  # lower case
    PrimaryKeyConstraint("interaction_id", "ordinal"),
    Index("ix_parties_phone", "company", "phone", "interaction_id", postgresql_where=text("phone IS NOT NULL")),
    Index("ix_parties_email", "company", "email", "interaction_id", postgresql_where=text("email IS NOT NULL")),
)

parts = Table(
    "parts",
    metadata,
    id_column(),
    Column("interaction_id", Uuid, ForeignKey("interactions.id"), nullable=False),
    company_column(),
    text_column("kind"),  # recording | peaks | message | attachment | transcript | redacted
    text_column("media_type"),
    Column("size_bytes", BigInteger, nullable=False),
    Column("sealed_size_bytes", BigInteger, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("sealed_sha256", LargeBinary, nullable=False),
    Column("object_key", Text, nullable=False, unique=True),
    text_column("version_id"),
    Column("header", LargeBinary, nullable=False),  # the age header and nonce, so that a range is one GET
    time_column("created_at"),
    Index(None, "interaction_id"),
)

links = Table(
    "links",
    metadata,
    Column("interaction_id", Uuid, ForeignKey("interactions.id"), nullable=False),
    company_column(),
    text_column("customer_number"),  # no foreign key: the mirror of the CRM may lag
    text_column("status"),  # linked | suggested | refused | undone
    Column("evidence", ARRAY(Text), nullable=False),  # kinds only, never values
    Column("by_hand", Boolean, nullable=False, server_default=text("false")),
    text_column("made_by", nullable=True),  # NULL: the house
    time_column("made_at"),
    text_column("ended_by", nullable=True),
    time_column("ended_at", nullable=True),
    text_column("reason", nullable=True),
    PrimaryKeyConstraint("interaction_id", "customer_number"),
    Index(
        "ix_links_customer", "company", "customer_number", "interaction_id", postgresql_where=text("status = 'linked'")
    ),
    Index("ix_links_inbox", "company", "made_at", "interaction_id", postgresql_where=text("status = 'suggested'")),
    CheckConstraint("status IN ('linked', 'suggested', 'refused', 'undone')", name="status"),
)

link_events = Table(
    "link_events",
    metadata,
    id_column(),
    Column("interaction_id", Uuid, ForeignKey("interactions.id"), nullable=False),
    company_column(),
    text_column("customer_number"),
    time_column("at"),
    text_column("what"),  # linked | suggested | accepted | refused | undone
    text_column("by", nullable=True),  # NULL: the house
    Column("evidence", ARRAY(Text), nullable=False),
    text_column("reason", nullable=True),
    Index(None, "interaction_id", "id"),
)
