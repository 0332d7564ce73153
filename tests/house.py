"""What the store and web tests share: a company of one's own, tokens for it, sounds, pushes.

`House` is one application over the real services; the fixtures that make it are in `tests/conftest.py`.
"""

import io
import json
import math
import wave
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from aiohttp import ClientResponse, FormData
from aiohttp.test_utils import TestClient

from archive import accounts
from archive.custody import Services
from archive.domain.access import HOUSE, Role
from archive.domain.companies import Company, CompanyKind

BUSINESS_ID = "0112038-9"


def now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(UTC)


def sound(seconds: float = 1.0, *, rate: int = 8000, channels: int = 2, pitch: float = 440.0) -> bytes:
    """A WAV of tones: 16-bit PCM, a little higher on each channel."""
    frames = bytearray()
    for i in range(int(seconds * rate)):
        for channel in range(channels):
            value = int(12000 * math.sin(2 * math.pi * pitch * (1 + channel / 4) * i / rate))
            frames += value.to_bytes(2, "little", signed=True)
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(bytes(frames))
    return out.getvalue()


def metadata(company: str, **more: Any) -> dict[str, Any]:
    """The least that a push must say, and more."""
    return {"company": company, "started_at": "2026-11-02T09:15:00+02:00", "direction": "inbound", **more}


def envelope(said: dict[str, Any] | bytes, audio: bytes | None) -> FormData:
    """The multipart body of a push."""
    form = FormData(default_to_multipart=True)
    document = said if isinstance(said, bytes) else json.dumps(said).encode()
    form.add_field("metadata", document, content_type="application/json", filename="metadata.json")
    if audio is not None:
        form.add_field("audio", io.BytesIO(audio), content_type="application/octet-stream", filename="call.wav")
    return form


@dataclass(slots=True)
class House:
    """One application, and a company that no other test uses."""

    client: TestClient[Any, Any]
    services: Services
    company: str
    _tokens: dict[tuple[Role, tuple[str, ...] | None], str] = field(default_factory=dict)

    async def another_company(self, kind: CompanyKind = CompanyKind.NETWORK) -> str:
        """A further company; its code."""
        return await new_company(self.services, kind)

    async def token(self, role: Role, companies: tuple[str, ...] | str | None = "own") -> str:
        """A token of a role: for this house's company, for others, or (None) for every one."""
        codes = (self.company,) if companies == "own" else companies
        assert codes is None or isinstance(codes, tuple)
        if (role, codes) not in self._tokens:
            self._tokens[role, codes] = await accounts.create_token(
                self.services,
                HOUSE,
                name=role.value,
                role=role,
                codes=None if codes is None else list(codes),
                now=now(),
            )
        return self._tokens[role, codes]

    async def headers(self, role: Role, companies: tuple[str, ...] | str | None = "own", **more: str) -> dict[str, str]:
        """The headers of a request by a role."""
        return {"Authorization": f"Bearer {await self.token(role, companies)}", **more}

    async def push(
        self, external_id: str | None = None, *, audio: bytes | None = None, source: str = "pbx", **said: Any
    ) -> ClientResponse:
        """Push a recording of this house's company as its telephony system."""
        return await self.client.put(
            f"/api/v1/recordings/{source}/{external_id or uuid4()}",
            data=envelope(metadata(**{"company": self.company, **said}), sound() if audio is None else audio),
            headers=await self.headers(Role.TELEPHONY),
        )

    async def kept(self, external_id: str | None = None, **said: Any) -> dict[str, Any]:
        """Push and return the receipt."""
        answer = await self.push(external_id, **said)
        assert answer.status == 201, await answer.text()
        receipt: dict[str, Any] = await answer.json()
        return receipt


async def new_company(services: Services, kind: CompanyKind = CompanyKind.RETAIL) -> str:
    """A company of a fresh code."""
    code = f"t{uuid4().hex[:12]}"
    await accounts.create_company(
        services, HOUSE, Company(code=code, name=code.title(), business_id=BUSINESS_ID, kind=kind), now()
    )
    return code
