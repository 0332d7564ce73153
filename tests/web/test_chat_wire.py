"""Chats over a bad line: cut, slow, lying about their length, or with the store away; nothing half is ever kept."""

import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from aiohttp.test_utils import TestClient, TestServer

from archive.app import create_app
from archive.domain.access import Role
from archive.objects.s3 import Bucket
from tests.chats import JSON, chat
from tests.house import House
from tests.rubbish import Case
from tests.serving import Server, serving
from tests.web.test_rubbish import NO_ANSWER, kept, status_of

SEED = 20261124
COUNT = 300


@pytest.fixture
async def server(services_env: dict[str, str], tmp_path: Path) -> AsyncIterator[Server]:
    """`tallenne api` with little patience and a small limit."""
    limits = {"upload_idle_s": "1", "max_chat_bytes": "100000", "log_level": "error"}
    async with serving(services_env, tmp_path / "api.log", **limits) as running:
        yield running


def head(token: str, length: int | str, *more: str) -> bytes:
    lines = ["PUT /api/v1/chats/chat/1 HTTP/1.1", "Host: localhost", f"Authorization: Bearer {token}"]
    lines += [f"Content-Type: {JSON}", f"Content-Length: {length}" if length != "" else "X-None: 1", *more]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def spoilt(dice: Random, token: str, body: bytes) -> Case:
    """A push that must not be kept, in one of seven ways."""
    cut = body[: dice.randrange(1, len(body) - 1)]
    long = b" " * 100_001
    kind, wire, hang_up = dice.choice(
        [
            ("gone", head(token, len(body)) + cut, True),
            ("short", head(token, len(cut)) + cut, False),
            ("more promised", head(token, len(body) + 9) + body, True),
            ("too long", head(token, len(long)) + long, False),
            ("chunks cut", head(token, "", "Transfer-Encoding: chunked") + b"%x\r\n" % len(body) + cut, True),
            ("chunks too long", head(token, "", "Transfer-Encoding: chunked") + b"%x\r\n" % len(long) + long, False),
            ("noise", head(token, len(body)) + dice.randbytes(len(body)), False),
        ]
    )
    return Case(name=kind, number=0, wire=wire, hang_up=hang_up)


async def test_nothing_half_is_kept(house: House, server: Server) -> None:
    token, dice = await house.token(Role.TELEPHONY), Random(SEED)
    body = json.dumps(chat(house.company)).encode()
    answers = Counter([await status_of(server, spoilt(dice, token, body)) for _ in range(COUNT)])
    assert set(answers) <= {NO_ANSWER, 400, 408, 413, 422}, answers
    assert await kept(house) == (0, 0)
    assert await status_of(server, Case(name="whole", number=0, wire=head(token, len(body)) + body)) == 201
    assert await kept(house) == (1, 1)


async def test_a_sender_that_goes_silent_is_given_up(house: House, server: Server) -> None:
    token = await house.token(Role.TELEPHONY)
    body = json.dumps(chat(house.company)).encode()
    assert await status_of(server, Case(name="silent", number=0, wire=head(token, len(body)) + body[:-9])) == 408
    assert await kept(house) == (0, 0)


async def test_a_length_beyond_what_is_taken_is_refused_before_the_body_is_sent(house: House, server: Server) -> None:
    token = await house.token(Role.TELEPHONY)
    assert (
        await status_of(server, Case(name="head", number=0, wire=head(token, 100_001, "Expect: 100-continue"))) == 413
    )


async def test_with_the_store_away_a_chat_is_asked_for_again(house: House) -> None:
    settings = house.services.settings.model_copy(update={"s3_endpoint": "127.0.0.1:1"})
    away = replace(house.services, bucket=Bucket.open(settings))
    headers = await house.headers(Role.TELEPHONY)
    async with TestClient(TestServer(create_app(settings, away))) as client:
        answer = await client.put("/api/v1/chats/chat/1", json=chat(house.company), headers=headers)
        assert answer.status == 503
        assert int(answer.headers["Retry-After"]) > 0
    await away.bucket.close()
    assert await kept(house) == (0, 0)
    answer = await house.client.put("/api/v1/chats/chat/1", json=chat(house.company), headers=headers)
    assert answer.status == 201
