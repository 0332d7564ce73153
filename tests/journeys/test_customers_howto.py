"""docs/howto/customers.md: its customer is kept, its import answers as told, its table of columns is the code's."""

import json
import re
from pathlib import Path
from typing import Any

from archive.domain.access import Role
from archive.domain.customer_file import Form, Reader
from archive.domain.customers import Billing, CustomerLine, Feedback, Marketing, Site
from tests.house import House

PAGE = (Path(__file__).parents[2] / "docs/howto/customers.md").read_text()
DOCUMENTS = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", PAGE, flags=re.DOTALL)]


def columns() -> list[str]:
    """Every column that the table names."""
    rows = [line for line in PAGE.splitlines() if line.startswith("| `")]
    return [name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])]


def test_the_table_names_every_column_that_is_read() -> None:
    fields = {
        "site_1": Site.__dataclass_fields__,
        "feedback_1": Feedback.__dataclass_fields__,
        "billing": Billing.__dataclass_fields__,
        "marketing": Marketing.__dataclass_fields__,
    }
    plain = set(CustomerLine.model_fields) - {
        "phones", "emails", "sites", "billing", "marketing", "feedback", "attributes",
    }  # fmt: skip
    known = {f"{prefix}_{name}" for prefix, names in fields.items() for name in names if not name.startswith("_")}
    assert set(columns()) == plain | known | {"phone", "email", "attribute_NAME"}


def test_every_column_of_the_table_is_read() -> None:
    reader = Reader(Form.CSV)
    reader.read_header(";".join(columns()).encode())
    assert not reader.needs_header


async def test_the_customer_of_the_page_is_kept_and_its_import_answers_as_told(house: House) -> None:
    document: dict[str, Any] = DOCUMENTS[0] | {"company": house.company}
    headers = await house.headers(Role.ADMIN)
    answer = await house.client.put("/api/v1/customers/1001", json=document, headers=headers)
    assert answer.status == 201, await answer.text()
    assert (await answer.json())["hetu"] == "010594-****"
    lines = [
        document | {"customer_number": "2"},
        document | {"customer_number": "3"},
        document | {"customer_number": "4", "hetu": "010594Y9033"},
    ]
    answer = await house.client.post(
        "/api/v1/customers/import",
        data="\n".join(json.dumps(line) for line in lines).encode(),
        headers={**headers, "Content-Type": "application/x-ndjson"},
    )
    assert await answer.json() == DOCUMENTS[1]
