"""Tables of who acts: companies, users, sessions, tokens. See `archive.store.tables` for all of them."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY

from archive.store.schema import id_column, json_column, metadata, text_column, time_column

installation = Table("installation", metadata, Column("key", Text, primary_key=True), json_column("value"))

companies = Table(
    "companies",
    metadata,
    Column("code", Text, primary_key=True),
    text_column("name"),
    text_column("business_id"),
    text_column("kind"),
    time_column("created_at", now=True),
    CheckConstraint("kind IN ('retail', 'network')", name="kind"),
)

# ------------------------------------------------------------------ who acts

users = Table(
    "users",
    metadata,
    id_column(),
    Column("email", Text, nullable=False, unique=True),
    text_column("name"),
    text_column("role"),
    Column("companies", ARRAY(Text), nullable=True),  # NULL: every company
    text_column("password_hash", nullable=True),
    text_column("language", nullable=True),
    time_column("disabled_at", nullable=True),
    time_column("created_at", now=True),
)

signin_links = Table(
    "signin_links",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("user_id", Uuid, ForeignKey("users.id"), nullable=False),
    time_column("expires_at"),
    time_column("used_at", nullable=True),
)

sessions = Table(
    "sessions",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("user_id", Uuid, ForeignKey("users.id"), nullable=False),
    text_column("csrf"),
    text_column("company", nullable=True),  # the hat that is worn
    text_column("language", nullable=True),
    time_column("created_at"),
    time_column("expires_at"),
    Index(None, "user_id"),
    Index(None, "expires_at"),
)

session_purposes = Table(
    "session_purposes",
    metadata,
    Column("session_digest", LargeBinary, ForeignKey("sessions.digest", ondelete="CASCADE"), nullable=False),
    Column("interaction_id", Uuid, nullable=False),
    text_column("purpose"),
    time_column("stated_at"),
    time_column("opened_at", nullable=True),  # when the listening that is on the trail began
    PrimaryKeyConstraint("session_digest", "interaction_id"),
)

signin_attempts = Table(
    "signin_attempts",
    metadata,
    id_column(),
    Column("account", LargeBinary, nullable=False),  # keyed hash of the e-mail typed
    text_column("address"),
    time_column("at"),
    Index(None, "account", "at"),
    Index(None, "address", "at"),
)

tokens = Table(
    "tokens",
    metadata,
    id_column(),
    text_column("name"),
    text_column("role"),
    Column("companies", ARRAY(Text), nullable=True),  # NULL: every company
    Column("digest", LargeBinary, nullable=False, unique=True),
    time_column("created_at", now=True),
    time_column("revoked_at", nullable=True),
)
