"""The settings of speech: rules are added, replaced and removed, words are kept as lines, nobody reaches too far."""

import asyncio
import re
from dataclasses import replace

import pytest

from archive.domain.access import HOUSE, Action, Role
from archive.domain.transcripts import Mode, SpeechRule
from archive.store import trail
from ingest import speech
from tests.house import House, now


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


async def test_a_rule_for_every_company_is_not_removed_without_every_grant(house: House) -> None:
    queue = f"jono-{house.company}"
    rule = SpeechRule(mode=Mode.ON_DEMAND, queue=queue)
    await speech.put_rule(house.services, HOUSE, rule, now())
    form = {"company": "", "queue": queue, "category": "", "mode": "on-demand"}
    status, text = await posted(house, "/settings/speech/remove", form)
    left = await speech.rules(house.services, HOUSE)
    await speech.drop_rule(house.services, HOUSE, rule, now())  # it is every company's, also other tests'
    assert status == 422
    assert "needs a grant for every company" in text
    assert rule in left
    assert rule not in await speech.rules(house.services, HOUSE)


async def test_what_two_admins_add_at_once_is_kept_and_written_down(house: House) -> None:
    wanted = [SpeechRule(mode=Mode.OFF, company=house.company, queue=str(n)) for n in range(8)]
    forms = [{"company": house.company, "queue": rule.queue or "", "category": "", "mode": "off"} for rule in wanted]
    answers = await asyncio.gather(*(posted(house, "/settings/speech", form) for form in forms))
    assert {status for status, _ in answers} == {303}
    assert sorted(await rules(house), key=lambda rule: rule.queue or "") == wanted
    assert (await posted(house, "/settings/speech/remove", forms[0]))[0] == 303
    async with house.services.db.begin() as tx:
        page = await trail.page(tx, frozenset({house.company}), action=Action.SPEECH_RULES_WRITTEN)
    told = [one.event.detail for one in page]
    assert told[0] == {"rules": 7, "changed": f"-off {house.company}/0/*"}
    assert {one["changed"] for one in told[1:]} == {f"+off {house.company}/{n}/*" for n in range(8)}


async def test_more_changed_rules_than_the_trail_has_room_for_are_counted(house: House) -> None:
    wanted = [SpeechRule(mode=Mode.OFF, company=house.company, queue=f"{n:03}" * 20) for n in range(99)]
    actor = replace(HOUSE, companies=frozenset({house.company}))
    await speech.set_rules(house.services, actor, wanted, now())
    async with house.services.db.begin() as tx:
        (one,) = await trail.page(tx, frozenset({house.company}), action=Action.SPEECH_RULES_WRITTEN)
    assert one.event.detail["rules"] == 99
    *told, more = str(one.event.detail["changed"]).split("; ")
    assert set(told) <= {f"+off {house.company}/{rule.queue}/*" for rule in wanted}
    assert len(told) >= 5
    assert more == f"and {99 - len(told)} more"


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
        pytest.param(
            "\n".join(["x" * 60] * 600 + ["y" * 61]), f"enintään {speech.MAX_WORD_CHARS} merkkiä", id="pasted"
        ),
    ],
)
async def test_what_is_wrong_with_words_is_said_in_finnish(house: House, words: str, complaint: str) -> None:
    form = {"company": house.company, "words": words}
    status, text = await posted(house, "/settings/vocabulary", form, language="fi")
    assert status == 422
    assert complaint in text


@pytest.mark.parametrize("company", ["", "a\x00b", "x" * 65], ids=["none", "nul", "long"])
async def test_words_of_what_cannot_be_a_company_are_refused(house: House, company: str) -> None:
    headers = await house.headers(Role.ADMIN, None)
    form = {"company": company, "words": "a"}
    answer = await house.client.post("/settings/vocabulary", data=form, headers=headers, allow_redirects=False)
    assert answer.status == 422


async def test_only_those_who_may_change_settings_reach_them(house: House) -> None:
    other = await house.another_company()
    assert (await posted(house, "/settings/vocabulary", {"company": other, "words": "a"}))[0] == 404
    for role in (Role.HANDLER, Role.REVIEWER, Role.DPO):
        assert (await posted(house, "/settings/vocabulary", {"company": house.company, "words": "a"}, role))[0] == 403
