"""The one MetaData and the column shorthands that every table module uses. Tables themselves are not here."""

from sqlalchemy import Column, DateTime, ForeignKey, MetaData, Text, Uuid, func, text
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


def id_column(name: str = "id") -> Column[object]:
    """A primary key of UUIDv7."""
    return Column(name, Uuid, primary_key=True)


def time_column(name: str, *, nullable: bool = False, now: bool = False) -> Column[object]:
    """A moment with zone."""
    return Column(name, DateTime(timezone=True), nullable=nullable, server_default=func.now() if now else None)


def text_column(name: str, *, nullable: bool = False) -> Column[str]:
    """A text."""
    return Column(name, Text, nullable=nullable)


def json_column(name: str, *, nullable: bool = False) -> Column[object]:
    """A JSON document, empty unless nullable."""
    return Column(name, JSONB, nullable=nullable, server_default=None if nullable else text("'{}'::jsonb"))


def company_column() -> Column[str]:
    """The data controller that the row belongs to."""
    return Column("company", Text, ForeignKey("companies.code"), nullable=False)
