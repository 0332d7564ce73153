"""Conditions over many ids at once, sent as one array parameter instead of one parameter each."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Text, Uuid, any_, bindparam, true


def among(column: ColumnElement[Any], ids: Iterable[UUID]) -> ColumnElement[bool]:
    """Whether the column is one of the ids; there may be a hundred thousand of them."""
    return column == any_(bindparam(None, list(ids), type_=ARRAY(Uuid), unique=True))


def within(column: ColumnElement[Any], companies: Iterable[str] | None) -> ColumnElement[bool]:
    """Whether the row's company is one of these; None is every company."""
    if companies is None:
        return true()
    return column == any_(bindparam(None, sorted(companies), type_=ARRAY(Text), unique=True))
