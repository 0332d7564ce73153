"""Tables of the words: transcripts, what is searched in, and what the operator wants heard. See `tables` for all."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY, TSVECTOR

from archive.store.schema import company_column, id_column, metadata, text_column, time_column


def _contact_column() -> Column[object]:
    return Column("interaction_id", Uuid, ForeignKey("interactions.id"), primary_key=True)


transcripts = Table(
    "transcripts",
    metadata,
    _contact_column(),
    company_column(),
    text_column("language"),
    Column("language_found", Boolean, nullable=False),  # by listening; false where the door had said it
    text_column("model"),
    Column("audio_s", Double, nullable=False),  # how much speech there was to hear, all channels together
    Column("took_s", Double, nullable=False),  # how long the model took
    Column("words", Integer, nullable=False),
    time_column("made_at"),
    Index(None, "model", "made_at"),
)

# What a person asked to have transcribed, or transcribed again; gone when it is done.
speech_requests = Table(
    "speech_requests",
    metadata,
    _contact_column(),
    company_column(),
    text_column("asked_by"),
    time_column("asked_at"),
)

speech_rules = Table(
    "speech_rules",
    metadata,
    id_column(),
    Column("company", Text, ForeignKey("companies.code"), nullable=True),
    text_column("queue", nullable=True),
    text_column("category", nullable=True),
    text_column("mode"),
    UniqueConstraint("company", "queue", "category", postgresql_nulls_not_distinct=True),
    CheckConstraint("mode IN ('all', 'on-demand', 'off')", name="mode"),
)

vocabularies = Table(
    "vocabularies",
    metadata,
    company_column(),
    Column("words", ARRAY(Text), nullable=False, server_default="{}"),  # products, places, tariffs
    time_column("updated_at"),
    PrimaryKeyConstraint("company"),
)

# The words of a contact for the index. Every lexeme begins with the bucket, which stands for the company and the month,
# so that what the index lists for a word is only one company's month: docs/decisions/072-words-by-month.md.
search_rows = Table(
    "search_rows",
    metadata,
    _contact_column(),
    company_column(),
    time_column("started_at"),
    text_column("bucket"),
    Column("terms", TSVECTOR, nullable=False),
    text_column("analyser"),
    time_column("indexed_at"),
    Index("ix_search_rows_newest", "company", "started_at", "interaction_id"),
    # Without a list of what is pending: every search would read through it.
    Index("ix_search_rows_terms", "terms", postgresql_using="gin", postgresql_with={"fastupdate": "off"}),
    Index("ix_search_rows_analyser", "company", "analyser", "interaction_id"),
)

# What snippets are cut from: the contact's segments or messages, masked, as compressed JSON; and how they sound, which
# near hits are compared by.
search_texts = Table(
    "search_texts",
    metadata,
    _contact_column(),
    company_column(),
    Column("segments", LargeBinary, nullable=False),
    Column("sounds", Text, nullable=False, server_default=""),
)
