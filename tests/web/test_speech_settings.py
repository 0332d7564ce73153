"""The settings of speech: rules are added, replaced and removed, words are kept as lines, nobody reaches too far."""

import re

import pytest

from archive.domain.access import HOUSE, Role
from archive.domain.transcripts import Mode, SpeechRule
from ingest import speech
from tests.house import House


async def posted(
    house: House, path: str, form: dict[str, str], role: Role = Role.ADMIN, language: str = "en"
) -> tuple[int, str]:
    headers = await house.headers(role, **{"Accept-Language": language})
    answer = await house.client.post(path, data=form, headers=headers, allow_redirects=False)
    return answer.status, await answer.text()


async def rules(house: House) -> list[SpeechRule]:
    return [rule for rule in await speech.rules(house.services, HOUSE) if rule.company == house.company]


async def test_a_rule_is_added_replaced_and_removed(house: House) -> None:
    form = {"company": house.company, "queue": "Laskutus", "category": "", "mode": "off"}
    assert (await posted(house, "/settings/speech", form))[0] == 303
    assert await rules(house) == [SpeechRule(mode=Mode.OFF, company=house.company, queue="Laskutus")]
    assert (await posted(house, "/settings/speech", form | {"mode": "on-demand"}))[0] == 303
    assert [rule.mode for rule in await rules(house)] == [Mode.ON_DEMAND]
    answer = await house.client.get("/settings/speech", headers=await house.headers(Role.ADMIN))
    text = await answer.text()
    assert "Laskutus" in text
    assert "vain pyydetyt" in text
    assert (await posted(house, "/settings/speech/remove", form))[0] == 303
    assert await rules(house) == []


async def test_a_rule_for_every_company_needs_every_grant(house: House) -> None:
    status, text = await posted(house, "/settings/speech", {"company": "", "queue": "x", "category": "", "mode": "off"})
    assert status == 422
    assert "needs a grant for every company" in text
    status, _ = await posted(house, "/settings/speech", {"company": "not-ours", "mode": "off"})
    assert status == 422


async def test_words_are_lines_and_come_back_tidy(house: House) -> None:
    form = {"company": house.company, "words": "Pörssisähkö Plus\n\n  Asikkala \r\nasikkala\n"}
    assert (await posted(house, "/settings/vocabulary", form))[0] == 303
    assert await speech.vocabulary(house.services, HOUSE, house.company) == ("Pörssisähkö Plus", "Asikkala")
    answer = await house.client.get("/settings/vocabulary", headers=await house.headers(Role.ADMIN))
    assert "Pörssisähkö Plus\nAsikkala</textarea>" in await answer.text()
    status, text = await posted(house, "/settings/vocabulary", form | {"words": "x" * 61})
    assert status == 422
    assert "x" * 61 in text
    assert (await posted(house, "/settings/vocabulary", form | {"words": ""}))[0] == 303
    assert await speech.vocabulary(house.services, HOUSE, house.company) == ()
    answer = await house.client.get("/settings/vocabulary", headers=await house.headers(Role.ADMIN))
    assert not re.search(r"<textarea[^>]*\srequired", await answer.text())


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        pytest.param("x" * (speech.MAX_WORD_CHARS + 1), f"enintään {speech.MAX_WORD_CHARS} merkkiä", id="long"),
        pytest.param("a\x07b", "merkki, jota ei voi käyttää", id="odd"),
        pytest.param(
            "\n".join(f"sana{n}" for n in range(speech.MAX_WORDS + 1)), f"enintään {speech.MAX_WORDS}<", id="many"
        ),
    ],
)
async def test_what_is_wrong_with_words_is_said_in_finnish(house: House, words: str, complaint: str) -> None:
    form = {"company": house.company, "words": words}
    status, text = await posted(house, "/settings/vocabulary", form, language="fi")
    assert status == 422
    assert complaint in text


async def test_only_those_who_may_change_settings_reach_them(house: House) -> None:
    other = await house.another_company()
    assert (await posted(house, "/settings/vocabulary", {"company": other, "words": "a"}))[0] == 404
    for role in (Role.HANDLER, Role.REVIEWER, Role.DPO):
        assert (await posted(house, "/settings/vocabulary", {"company": house.company, "words": "a"}, role))[0] == 403
