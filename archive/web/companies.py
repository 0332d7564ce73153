"""The companies that a page offers, with their names and colours.

The list is the same for everyone and changes a few times a year, so each process keeps it for half a minute; which of
them an actor gets is decided on every request.
"""

import time
from dataclasses import dataclass

from aiohttp import web

from archive.domain.access import Actor
from archive.store import accounts as store
from archive.web import keys
from archive.web.shell import Company, coloured

KEPT_S = 30.0


@dataclass(slots=True, kw_only=True)
class CompanyList:
    """What was read last, and when by the monotonic clock."""

    read_at_s: float = float("-inf")
    all: tuple[Company, ...] = ()


COMPANY_LIST: web.AppKey[CompanyList] = web.AppKey("company_list", CompanyList)


async def company_choices(request: web.Request, actor: Actor) -> tuple[Company, ...]:
    """The companies that the actor is granted, by code."""
    kept = request.config_dict[COMPANY_LIST]
    if time.monotonic() - kept.read_at_s > KEPT_S:
        async with request.config_dict[keys.SERVICES].db.begin() as tx:
            listed = await store.list_companies(tx, None)
        kept.all = coloured([(company.code, company.name) for company in listed])
        kept.read_at_s = time.monotonic()
    return tuple(company for company in kept.all if actor.covers(company.code))


def forget(request: web.Request) -> None:
    """Read the list again at the next page: this process has just changed it."""
    request.config_dict[COMPANY_LIST].read_at_s = float("-inf")
