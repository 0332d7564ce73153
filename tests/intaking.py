"""Keeping recordings and chats in tests without HTTP: the intake's use case itself."""

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

from archive.custody import Services
from archive.domain.access import HOUSE
from ingest import chat, intake
from ingest.metadata import judge
from tests import chats
from tests.house import metadata, new_company, now, sound

make_company = new_company


async def keep(services: Services, company: str, audio: bytes | None = None, **said: Any) -> dict[str, Any]:
    """Keep one recording; its receipt."""
    described = judge(json.dumps(metadata(company, **said)).encode(), now())
    push = intake.recording("pbx", str(uuid4()), described)
    receipt = await intake.receive(services, HOUSE, push, _once(audio or sound()), now())
    assert receipt.created
    return receipt.document


async def keep_chat(services: Services, company: str, **said: Any) -> dict[str, Any]:
    """Keep one chat; its receipt."""
    body = json.dumps(chats.chat(company, **said)).encode()
    push = intake.chat("chat", str(uuid4()), chat.judge(body, now(), services.settings.max_chat_bytes))
    receipt = await intake.receive(services, HOUSE, push, _once(body), now())
    assert receipt.created
    return receipt.document


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
