"""Plain media never touches a disk: what waits in a temporary file while an upload runs is sealed."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import MultipartWriter

from archive.domain.access import Role
from tests.house import House, metadata, sound

MARK = b"the spoken word, unsealed, " * 40


def files_without_a_name() -> list[bytes]:
    """What lies in this process's open files that have no name any more."""
    found = []
    for link in Path("/proc/self/fd").iterdir():
        try:
            target = os.readlink(link)  # noqa: PTH115  # deleted files have no path
        except OSError:
            continue
        if target.endswith("(deleted)") and target.startswith(tempfile.gettempdir()):
            found.append(link.read_bytes())
    return found


async def test_only_sealed_bytes_wait_on_the_disk(house: House) -> None:
    go_on, looked = asyncio.Event(), asyncio.Event()

    async def audio() -> AsyncIterator[bytes]:
        yield sound(1.0) + MARK * 3000  # more than is held in memory, less than a part
        await go_on.wait()
        yield MARK

    form = MultipartWriter("form-data")
    form.append_json(metadata(house.company)).set_content_disposition("form-data", name="metadata")
    form.append(audio()).set_content_disposition("form-data", name="audio")

    async def push() -> int:
        headers = await house.headers(Role.TELEPHONY)
        answer = await house.client.put("/api/v1/recordings/pbx/spool", data=form, headers=headers)
        return answer.status

    async def look() -> list[bytes]:
        for _ in range(100):
            await asyncio.sleep(0.05)
            if any(len(data) > 1_000_000 for data in files_without_a_name()):
                break
        looked.set()
        return files_without_a_name()

    pushing = asyncio.create_task(push())
    waiting = await look()
    go_on.set()
    assert await pushing == 201
    assert any(len(data) > 1_000_000 for data in waiting)
    assert not [data for data in waiting if MARK in data]
