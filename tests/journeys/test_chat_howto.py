"""docs/howto/chats.md: its commands are run, its answers compared, its table held against the code."""

import json
import re
from pathlib import Path
from uuid import UUID

from archive.domain.access import Role
from archive.domain.companies import Company, CompanyKind
from archive.domain.interactions import Direction
from archive.settings import Settings
from archive.store import accounts, interactions
from ingest import chat
from ingest.chat import Chat, Message, Participant
from tests.house import House
from tests.journeys.test_telephony_howto import agrees, blocks, run
from tests.serving import serving

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "chats.md"


async def test_every_command_on_the_page_does_what_the_page_says(
    house: House, services_env: dict[str, str], tmp_path: Path
) -> None:
    async with house.services.db.begin() as tx:
        company = Company(code="chatlahti", name="Lahti", business_id="0112038-9", kind=CompanyKind.RETAIL)
        await accounts.add_company(tx, company)
    kept, ran = "", 0
    async with serving(services_env, tmp_path / "api.log") as server:
        environment = {"TALLENNE": server.url, "TOKEN": await house.token(Role.TELEPHONY, ("chatlahti",))}
        for script, told in blocks(PAGE):
            output = await run(script.replace('"lahti"', '"chatlahti"'), tmp_path, environment)
            if told is not None and told.startswith("{"):
                assert agrees(json.loads(told), json.loads(output)), output
            else:
                assert output == told
            kept = kept or json.loads(output)["id"]
            ran += 1
    assert ran == 4
    async with house.services.db.read() as tx:
        found = await interactions.get(tx, UUID(kept), None)
    assert found is not None
    assert (found.facts.direction, found.facts.agent_name) == (Direction.INBOUND, "Aino Esimerkki")


def test_the_table_names_every_field_and_bound() -> None:
    page = PAGE.read_text()
    table = page.partition("## The fields")[2]
    fields = {*Chat.model_fields, *Participant.model_fields, *Message.model_fields, "from"} - {"sender"}
    assert fields <= set(re.findall(r"`(\w+)`", table))
    for bound in (chat.MAX_PARTICIPANTS, chat.MAX_MESSAGES, chat.MAX_TEXT_CHARS):
        assert f"{bound:,} " in table
    assert chat.SLACK.total_seconds() == 5 * 60
    assert f"{Settings.model_fields['max_chat_bytes'].default // 1024**2} MiB" in page
