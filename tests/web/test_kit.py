"""The kit: requests become values, values become answers; languages, formats, static files. No services are needed."""

import hashlib
import re
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st
from multidict import MultiDict
from pydantic import BaseModel, ConfigDict, Field

from archive.domain.retention import Period
from archive.errors import Invalid, NotFound, StoreUnavailable, Unauthenticated
from archive.web import i18n, kit, parsing, static_files
from archive.web.formats import Formats
from archive.web.i18n import Language
from archive.web.words import period_parts

ZONE = ZoneInfo("Europe/Helsinki")
FI, SV, EN = (Formats(language=language, zone=ZONE) for language in Language)
OTHER_YEAR = datetime(2024, 11, 24, 7, 15, 9, tzinfo=UTC)


class Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    name: str
    count: int = Field(default=1, ge=1)
    tags: list[str] = []


def test_every_complaint_comes_at_once_and_repeats_nothing() -> None:
    with pytest.raises(Invalid) as caught:
        parsing.judge(Asked, {"count": "0", "typo": "131052-308T"})
    fields = {complaint.field for complaint in caught.value.complaints}
    assert fields == {"name", "count", "typo"}
    assert "131052-308T" not in "".join(complaint.message for complaint in caught.value.complaints)


def test_what_is_no_json_is_a_complaint() -> None:
    with pytest.raises(Invalid) as caught:
        parsing.judge_json(Asked, b'{"name": ')
    assert "JSON" in caught.value.complaints[0].message


def test_a_form_drops_empty_fields_and_collects_repeated_ones() -> None:
    form = MultiDict([("csrf", "x"), ("name", "a"), ("count", ""), ("tags", "b"), ("tags", "c")])
    assert parsing.fields_of(Asked, form, skip=("csrf",)) == {"name": "a", "tags": ["b", "c"]}
    assert parsing.judge(Asked, parsing.fields_of(Asked, form, skip=("csrf",))).count == 1


@given(st.lists(st.one_of(st.integers(-(2**53), 2**53), st.text(max_size=40)), min_size=1, max_size=4))
def test_a_cursor_is_read_as_it_was_written(values: list[Any]) -> None:
    assert parsing.read_cursor(parsing.write_cursor(values), len(values)) == values


@given(st.text(max_size=80))
def test_a_made_up_cursor_is_a_complaint(text: str) -> None:
    with suppress(Invalid):
        assert len(parsing.read_cursor(text, 2)) == 2


def test_an_id_that_is_none_is_not_found() -> None:
    request = make_mocked_request("GET", "/", match_info={"id": "x"})
    with pytest.raises(NotFound):
        kit.path_id(request)


@pytest.mark.parametrize(
    ("url", "stays"),
    [("/trail?a=b", True), ("//elsewhere.example", False), ("/\\elsewhere", False), ("https://x.example", False)],
)
def test_a_redirect_stays_on_this_site(url: str, *, stays: bool) -> None:
    assert kit.local(url) == (url if stays else "/")


def test_a_problem_says_what_to_do_and_when() -> None:
    answer = kit.problem(StoreUnavailable(retry_after_s=7))
    assert answer.content_type == "application/problem+json"
    assert answer.headers["Retry-After"] == "7"
    assert kit.problem(Unauthenticated()).headers["WWW-Authenticate"] == "Bearer"


def test_json_keeps_zones_bytes_and_sets() -> None:
    answer = kit.json_answer({"at": datetime(2026, 1, 2, tzinfo=UTC), "sha": b"\x01", "codes": frozenset({"b", "a"})})
    assert answer.body == b'{"at":"2026-01-02T00:00:00Z","sha":"01","codes":["a","b"]}'


def test_json_is_kept_nowhere_unless_said_otherwise() -> None:
    answer = kit.json_answer({})
    assert (answer.headers["Cache-Control"], answer.headers["X-Content-Type-Options"]) == ("no-store", "nosniff")
    kept = kit.json_answer({}, headers={"Cache-Control": "max-age=60"})
    assert kept.headers.getall("Cache-Control") == ["max-age=60"]


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", Language.FI),
        ("de, fr;q=0.5", Language.FI),
        ("sv-FI,sv;q=0.9,en;q=0.8", Language.SV),
        ("de, en;q=0.3, sv;q=0.2", Language.EN),
        ("sv;q=0, en;q=nonsense", Language.FI),
    ],
)
def test_the_language_is_the_browsers_best_of_ours(header: str, language: Language) -> None:
    assert i18n.wished(header) is language


def test_a_chosen_language_wins() -> None:
    headers = {"Cookie": f"{i18n.LANGUAGE_COOKIE}=sv", "Accept-Language": "en"}
    assert i18n.choose(make_mocked_request("GET", "/", headers=headers)) is Language.SV


def test_times_are_short_with_the_exact_one_in_the_title() -> None:
    this_year = datetime.now(ZONE).replace(month=3, day=9, hour=9, minute=5, second=7, microsecond=0)
    weekday = ("ma", "ti", "ke", "to", "pe", "la", "su")[this_year.weekday()]
    assert FI.when(this_year) == f"{weekday} 9.3. 09.05"
    assert FI.when(OTHER_YEAR) == "24.11.2024 09.15"
    assert EN.when(OTHER_YEAR) == "24 Nov 2024 09:15"
    assert "klo 09.15.09" in str(FI.time(OTHER_YEAR))
    assert 'datetime="2024-11-24T07:15:09+00:00"' in str(SV.time(OTHER_YEAR))
    assert "<time" not in str(FI.time(None))


def test_days_follow_the_zone() -> None:
    late = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)
    assert FI.day_text(late) == "25.11.2026"
    assert FI.day_text(date(2026, 11, 24)) == "24.11.2026"


@pytest.mark.parametrize(
    ("seconds", "fi", "en"),
    [(None, "–", "–"), (0.4, "0.00", "0:00"), (75, "1.15", "1:15"), (3723, "1.02.03", "1:02:03")],
)
def test_durations_are_minutes_and_seconds(seconds: float | None, fi: str, en: str) -> None:
    assert (FI.duration(seconds), EN.duration(seconds)) == (fi, en)


def test_numbers_and_sizes_are_written_as_in_the_language() -> None:
    assert FI.number(10400.5) == "10\N{NO-BREAK SPACE}400,5"
    assert FI.size(97_400) == "97,4\N{NO-BREAK SPACE}kt"
    assert EN.size(999) == "999\N{NO-BREAK SPACE}B"
    assert "…" in str(FI.digest("a" * 64))
    assert "a" * 64 in str(FI.digest("a" * 64))


def test_a_period_is_told_in_its_own_units() -> None:
    assert [unit[2] for unit in period_parts(Period.parse("P1Y6M"))] == [1, 6]
    assert [unit[2] for unit in period_parts(Period.parse("P24M"))] == [24]


def test_static_addresses_change_with_the_content() -> None:
    tree = static_files.read_tree()
    assert tree.url("style.css") == f"/static/{tree.digest}/style.css"
    assert "vendor/htmx.min.js" in tree.files, "build the vendor files: pip install -e ."
    assert not [path for path in tree.files if path.rpartition("/")[2].startswith(".")]
    with pytest.raises(KeyError):
        tree.url("missing.css")


def test_vendor_files_are_those_of_the_lock_file() -> None:
    root = Path(__file__).parents[2]
    folder = root / "archive/web/static/vendor"
    stamp = (folder / ".from-lock").read_text(encoding="ascii")
    parts = re.findall(r'"([\w.]+/[\w./-]+)": "([\w.]+)",', (root / "hatch_build.py").read_text())
    listed = "".join(f"{source}>{name};" for source, name in parts)
    lock = (root / "package-lock.json").read_bytes()
    assert stamp == hashlib.sha256(lock + listed.encode()).hexdigest(), "run pip install -e . again"
    assert b"resolved" not in lock, "the lock file names no registry"


async def test_static_files_are_kept_for_ever_only_under_their_own_digest(aiohttp_client: Any) -> None:
    app = web.Application()
    app[static_files.TREE] = tree = static_files.read_tree()
    app.router.add_get("/static/{digest}/{path:.+}", static_files.serve)
    client = await aiohttp_client(app)
    answer = await client.get(tree.url("style.css"))
    assert "immutable" in answer.headers["Cache-Control"]
    assert answer.headers["Content-Encoding"] == "gzip"
    assert (await client.get("/static/old/style.css")).headers["Cache-Control"] == "no-store"
