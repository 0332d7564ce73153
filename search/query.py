"""What a search asks: the query string read into filters, fields of `q` among them.

Words are not searched yet: `q` takes only the fields `agent:`, `queue:`, `phone:` and `customer:`, and a bare word is
refused with its own code, so that nobody takes no hits for no contacts. Pure; SQL is in `search.index`.
"""

import re
from dataclasses import replace
from enum import StrEnum
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field, StringConstraints

from archive.domain.filters import Absent, FilterRequest, Filters
from archive.domain.identifiers import read_phone
from archive.errors import Complaint, Invalid

DEFAULT_LIMIT = 50
MAX_LIMIT = 500
MAX_QUERY_CHARS = 500
FIELDS = ("agent", "queue", "phone", "customer")

_TOKEN = re.compile(r"""(?P<field>[A-Za-z_]+):(?:"(?P<quoted>[^"]*)"|(?P<plain>[^\s"]+))|(?P<word>\S+)""")


class Sort(StrEnum):
    """The order of hits; without words every hit is as relevant as the next, so both are newest first."""

    NEWEST = "newest"
    RELEVANCE = "relevance"


class WordsNotSearchable(Invalid):
    """Words of a call are not searchable yet; use agent:, queue:, phone: or customer:."""

    code = "words-not-searchable"


class SearchRequest(FilterRequest):
    """The query string of `GET /search`: filters, `q`, and where to go on."""

    q: Annotated[Annotated[str, StringConstraints(max_length=MAX_QUERY_CHARS)] | None, Absent] = None
    sort: Annotated[Sort | None, Absent] = None
    cursor: Annotated[Annotated[str, StringConstraints(max_length=1_000)] | None, Absent] = None
    limit: Annotated[Annotated[int, Field(ge=1, le=MAX_LIMIT)] | None, Absent] = None

    def asked(self, zone: ZoneInfo) -> Filters:
        """The filters, those of `q` among them.

        Raises:
            WordsNotSearchable: `q` has a word outside a field.
            Invalid: a field of `q` is unknown, or is asked twice with different values.

        """
        given = self.filters(zone)
        found = read_fields(self.q or "")
        clashes = [name for name, value in found.items() if getattr(given, name) not in {None, value}]
        if clashes:
            raise Invalid(Complaint(field="q", message=f"{name}: is asked twice") for name in clashes)
        return replace(
            given,
            agent=found.get("agent", given.agent),
            queue=found.get("queue", given.queue),
            phone=found.get("phone", given.phone),
            customer=found.get("customer", given.customer),
        )


def read_fields(text: str) -> dict[str, str]:
    """The fields of `q`, by name; a value with spaces stands in quotes.

    Raises:
        WordsNotSearchable: a word outside a field.
        Invalid: an unknown field, or one that is there twice.

    """
    found: dict[str, str] = {}
    wrong = []
    words = 0
    for token in _TOKEN.finditer(text):
        name, value = (token["field"] or "").lower(), (token["quoted"] or token["plain"] or "").strip()
        if token["word"] or name not in FIELDS:
            words += 1
        elif not value or name in found:
            wrong.append(Complaint(field="q", message=f"{name}: needs one value"))
        else:
            found[name] = _read_value(name, value)
    if words:
        hint = 'only agent:, queue:, phone: and customer: are searched, such as phone:0401234567 or agent:"Maija M"'
        raise WordsNotSearchable([*wrong, Complaint(field="q", message=hint)])
    if wrong:
        raise Invalid(wrong)
    return found


def _read_value(name: str, value: str) -> str:
    if name == "phone":
        try:
            return read_phone(value)
        except ValueError:
            return value
    return value
