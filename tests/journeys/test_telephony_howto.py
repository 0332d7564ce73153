"""docs/howto/telephony.md: its commands are run, its answers compared, its table held against the code."""

import asyncio
import json
import os
import re
from pathlib import Path
from typing import Any

from archive.domain.access import Role
from archive.domain.companies import Company, CompanyKind
from archive.store import accounts
from ingest import metadata
from ingest.metadata import RecordingMetadata
from tests.audio import call
from tests.house import House
from tests.serving import serving

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "telephony.md"
ANY = "…"


def blocks(page: Path = PAGE) -> list[tuple[str, str | None]]:
    """The shell commands of a page in order, each with the answer that follows it."""
    found = re.findall(r"^```(\w+)\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    answers = {at: text for at, (kind, text) in enumerate(found) if kind != "sh"}
    return [(text, answers.get(at + 1)) for at, (kind, text) in enumerate(found) if kind == "sh"]


def agrees(told: Any, found: Any) -> bool:
    """Whether an answer is the one on the page; an ellipsis stands for anything."""
    if isinstance(told, dict) and isinstance(found, dict):
        return list(told) == list(found) and all(agrees(told[name], found[name]) for name in told)
    if isinstance(told, list) and isinstance(found, list):
        return len(told) == len(found) and all(agrees(a, b) for a, b in zip(told, found, strict=True))
    return told == ANY or bool(told == found)


async def run(script: str, folder: Path, environment: dict[str, str]) -> str:
    """Run a block as the reader would."""
    process = await asyncio.create_subprocess_exec(
        *("bash", "-euo", "pipefail", "-c", script),
        cwd=folder,
        env={"PATH": os.environ["PATH"], **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return output.decode()


async def test_every_command_on_the_page_does_what_the_page_says(
    house: House, services_env: dict[str, str], tmp_path: Path
) -> None:
    async with house.services.db.begin() as tx:
        await accounts.add_company(
            tx, Company(code="lahti", name="Lahti", business_id="0112038-9", kind=CompanyKind.RETAIL)
        )
    (tmp_path / "call.wav").write_bytes(call(3, seed=1))
    (tmp_path / "other.wav").write_bytes(call(3, seed=2))
    ran = 0
    async with serving(services_env, tmp_path / "api.log") as server:
        environment = {"TALLENNE": server.url, "TOKEN": await house.token(Role.TELEPHONY, ("lahti",))}
        for script, told in blocks():
            output = await run(script, tmp_path, environment)
            if told is not None and told.startswith("{"):
                assert agrees(json.loads(told), json.loads(output)), output
            elif told is not None:
                assert output == told
            ran += 1
    assert ran == 6


def test_the_table_names_every_field() -> None:
    table = PAGE.read_text().partition("## The metadata")[2].partition("##")[0]
    assert set(RecordingMetadata.model_fields) <= set(re.findall(r"`(\w+)`", table))
    for bound in (metadata.MAX_PARTIES, metadata.MAX_ATTRIBUTES, metadata.MAX_CHANNELS):
        assert f"up to {bound} " in table or f"up to {bound};" in table or f"up to {bound} |" in table
    assert f"{metadata.METADATA_BYTES // 1024} KiB" in table
