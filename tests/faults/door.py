"""The archive's HTTP door as a telephony system and a data protection officer use it, while it breaks."""

import asyncio
import io
import json
from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.faults.ledger import Ledger, Push

OK, CREATED, ACCEPTED, NOT_FOUND, GONE, UNAVAILABLE = 200, 201, 202, 404, 410, 503
TOO_LATE = (GONE,)
_TIMEOUT = aiohttp.ClientTimeout(total=20)


class Wrong(AssertionError):
    """A promise was broken."""


@dataclass(slots=True, kw_only=True)
class Door:
    """Pushing, looking, holding and disposing; None stands for an answer that never came."""

    url: str
    company: str
    telephony: str
    dpo: str
    ledger: Ledger
    session: aiohttp.ClientSession

    async def push(self, push: Push) -> int | None:
        """Push once and note the receipt; the status.

        Raises:
            Wrong: the archive answers with another recording than was pushed, or with an error that is not its right.

        """
        form = aiohttp.FormData(default_to_multipart=True)
        form.add_field("metadata", json.dumps(push.metadata(self.company)), content_type="application/json")
        form.add_field("audio", io.BytesIO(push.body), content_type="audio/wav", filename="a.wav")
        path = f"/api/v1/recordings/faults/{push.external_id}"
        push.tries += 1
        status, answer = await self._ask("PUT", path, self.telephony, data=form)
        if status in (OK, CREATED):
            self._note(push, status, answer)
        elif status == UNAVAILABLE:
            self.ledger.refused_for_now += 1
        elif status is not None and not (status == GONE and push.due):
            raise Wrong(f"push {push.external_id}: status {status}")
        return status

    def _note(self, push: Push, status: int, receipt: dict[str, Any]) -> None:
        if receipt["sha256"] != push.sha256 or receipt["external_id"] != push.external_id:
            raise Wrong(f"push {push.external_id}: the receipt is for another recording")
        if push.interaction not in (None, receipt["id"]):
            raise Wrong(f"push {push.external_id}: kept twice")
        if push.interaction is None and status == OK:
            # It was kept, and the answer that said so was lost: found whole, and so acknowledged now.
            self.ledger.kept_unanswered += 1
            if push.tries == 1:
                raise Wrong(f"push {push.external_id}: known before it was pushed")
        push.interaction = receipt["id"]

    async def push_until_answered(self, push: Push, within_s: float = 60) -> None:
        """Push as a telephony system does: again and again, until it is answered for good."""
        async with asyncio.timeout(within_s):
            while await self.push(push) in (None, UNAVAILABLE):  # noqa: ASYNC110  # a caller outside knows no event
                await asyncio.sleep(0.2)

    async def audio(self, push: Push) -> tuple[int | None, bytes]:
        """Open the recording."""
        path = f"/api/v1/interactions/{push.interaction}/audio"
        async with asyncio.timeout(60):
            while True:
                status, body = await self._ask("GET", path, self.dpo, Purpose="subject-request:1")
                if status is not None and status < 500:  # ours to answer, not the outage's
                    return status, body
                await asyncio.sleep(0.2)

    async def hold(self, push: Push) -> bool | None:
        """Place a hold; True when it was acknowledged, False when it came too late, None when nobody answered.

        Raises:
            Wrong: neither of these.

        """
        body = {"reason": "faults", "ids": [push.interaction]}
        status, _ = await self._ask("POST", "/api/v1/holds", self.dpo, json=body)
        if status == CREATED:
            push.held = True
        elif status is not None and status < 500 and status not in TOO_LATE:
            raise Wrong(f"{push.external_id}: status {status} for a hold")
        return {CREATED: True, None: None}.get(status, None if (status or 0) >= 500 else False)

    async def hold_until_answered(self, push: Push, within_s: float = 60) -> None:
        """A hold whose answer was lost may be there: ask again until it is known."""
        async with asyncio.timeout(within_s):
            while await self.hold(push) is None:  # noqa: ASYNC110
                await asyncio.sleep(0.2)

    async def dispose(self) -> None:
        """Start a disposal of what is due, and remember it when that was acknowledged."""
        status, answer = await self._ask("POST", "/api/v1/disposals", self.dpo)
        if status == ACCEPTED:
            self.ledger.disposals.append(answer["id"])

    async def get(self, path: str) -> tuple[int | None, Any]:
        """Read something as the officer."""
        return await self._ask("GET", path, self.dpo)

    async def until_ready(self, within_s: float = 60) -> None:
        """Wait until it serves.

        Raises:
            Wrong: it does not come back.

        """
        try:
            async with asyncio.timeout(within_s):
                while (await self._ask("GET", "/readyz", self.dpo))[0] != OK:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise Wrong("it does not come back") from None

    async def _ask(self, method: str, path: str, token: str, **more: Any) -> tuple[int | None, Any]:
        headers = {"Authorization": f"Bearer {token}"}
        if "Purpose" in more:
            headers["Purpose"] = more.pop("Purpose")
        try:
            async with self.session.request(
                method, f"{self.url}{path}", headers=headers, timeout=_TIMEOUT, **more
            ) as answer:
                is_json = "json" in answer.content_type
                return answer.status, await answer.json(content_type=None) if is_json else await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError):
            return None, None
