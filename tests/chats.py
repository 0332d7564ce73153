"""Chats for tests: one that says the least, and pushing it."""

import io
import json
from typing import Any
from uuid import uuid4

from aiohttp import ClientResponse

from archive.domain.access import Role
from tests.house import House

JSON = "application/json"


def said(at: str, sender: str, text: str) -> dict[str, str]:
    """A message of 2 November 2026; `at` is a time of that day in Finland."""
    return {"at": f"2026-11-02T{at}+02:00", "from": sender, "text": text}


def chat(company: str, **more: Any) -> dict[str, Any]:
    """The least that a chat must say, and more."""
    return {
        "company": company,
        "started_at": "2026-11-02T09:15:00+02:00",
        "participants": [{"id": "c1", "role": "customer"}, {"id": "a1", "role": "agent", "name": "Aino Esimerkki"}],
        "messages": [said("09:15:00", "c1", "Hei, laskuni on väärin."), said("09:16:30", "a1", "Katsotaan.")],
        **more,
    }


async def push(
    house: House,
    external_id: str | None = None,
    *,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
    source: str = "chat",
    **more: Any,
) -> ClientResponse:
    """Push a chat of the house's company as its chat system."""
    data = json.dumps(chat(**{"company": house.company, **more})).encode() if body is None else body
    sent = {"Content-Type": JSON} | (headers or {})
    return await house.client.put(
        f"/api/v1/chats/{source}/{external_id or uuid4()}",
        data=io.BytesIO(data),
        headers=await house.headers(Role.TELEPHONY, **sent),
    )


async def kept(house: House, external_id: str | None = None, **more: Any) -> dict[str, Any]:
    """Push and return the receipt."""
    answer = await push(house, external_id, **more)
    assert answer.status == 201, await answer.text()
    receipt: dict[str, Any] = await answer.json()
    return receipt
