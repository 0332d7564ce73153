"""The demo's people, calls and voices, before anything is let in: valid, made up, the same every time."""

import hashlib
import io
import re
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files

import av
import numpy as np
import orjson
import pytest

from archive.demo import identifiers, spoken, voice
from archive.demo.calls import calls
from archive.demo.chats import chats, written
from archive.demo.people import COUNTS, SHARED_PHONES, people, request
from archive.demo.sounds import Kind, Sound, render
from archive.domain import identifiers as reading
from archive.domain.customers import Customer, CustomerLine, Energy
from archive.domain.customers import Kind as CustomerKind
from archive.domain.retention import choose
from archive.domain.sensitive import Kind as SecretKind
from archive.domain.sensitive import mask
from ingest import chat
from ingest.media import MediaType, sniff
from ingest.metadata import RecordingMetadata, judge, judge_names

NOW = datetime(2026, 11, 24, 6, 30, tzinfo=UTC)


def customers() -> list[Customer]:
    return [CustomerLine.model_validate_json(orjson.dumps(request(person, NOW))).value() for person in people()]


def pushed() -> list[RecordingMetadata]:
    return [judge(orjson.dumps(call.metadata), NOW) for call in calls(NOW)]


def decoded(data: bytes) -> tuple[np.ndarray, int]:
    """Samples of channels x time and their rate."""
    with av.open(io.BytesIO(data), "r") as source:
        frames = list(source.decode(audio=0))
    planar = [frame.to_ndarray() for frame in frames]
    return np.concatenate(planar, axis=1), frames[0].sample_rate


# ---------------------------------------------------------------- identifiers


@pytest.mark.parametrize("year", [1899, 1938, 1999, 2000, 2005])
def test_every_separator_makes_a_valid_identity_code_of_the_free_range(year: int) -> None:
    made = {identifiers.hetu(date(year, 2, 28), 900 + at, separator=at) for at in range(12)}
    assert {reading.read_hetu(code) for code in made} == made
    assert len({code[6] for code in made}) == {18: 1, 19: 6, 20: 6}[year // 100]


@pytest.mark.parametrize("number", [2, 899, 1000])
def test_no_identity_code_that_somebody_may_have_can_be_made(number: int) -> None:
    with pytest.raises(ValueError, match="900 to 999"):
        identifiers.hetu(date(1980, 1, 1), number)


def test_identifiers_are_valid_and_outside_what_is_given_out() -> None:
    for serial in range(300):
        assert reading.read_business_id(identifiers.business_id(serial)) > "9000000"
        assert reading.read_iban(identifiers.iban(serial * 7_919))[4] == "9"
        assert reading.read_metering_point(identifiers.gsrn(serial)).startswith("6430999")
        for made in (identifiers.phone(serial), identifiers.swedish_phone(serial), identifiers.british_phone(serial)):
            assert reading.read_phone(made) == made
    assert len({identifiers.business_id(serial) for serial in range(300)}) == 300


# --------------------------------------------------------------------- people


def test_customers_are_taken_by_the_register_and_differ() -> None:
    made = customers()
    assert len(made) == sum(COUNTS.values()) == 200
    assert len({(one.company, one.number) for one in made}) == 200
    assert all(one.identifier and one.billing.iban and one.sites for one in made)
    names = {one.identifier.value: one.name for one in made if one.identifier}
    assert len(names) == len({one.name for one in made}), "one identity, one name, in both companies"


def test_customers_are_of_every_kind() -> None:
    made = customers()
    assert {one.kind for one in made} == set(CustomerKind)
    assert {site.energy for one in made for site in one.sites} == set(Energy)
    assert {"Lahti", "Hollola", "Nastola", "Heinola", "Orimattila", "Asikkala", "Kärkölä"} <= {
        site.city for one in made for site in one.sites
    }
    codes = [one.identifier.value for one in made if one.kind is CustomerKind.NATURAL and one.identifier]
    assert {code[6] for code in codes} >= set("-YXWVUAB"), "old and new separators"
    assert any(one.feedback for one in made)


def test_some_couples_share_a_phone() -> None:
    for market in COUNTS:
        phones = [person.phone for person in people() if person.market == market]
        assert len(phones) - len(set(phones)) == SHARED_PHONES


def test_customer_numbers_that_are_said_aloud_are_those_of_the_register() -> None:
    numbers = {call.customer: call.customer_number for call in spoken.dialogues() if call.customer_number}
    assert numbers == {person.name: person.number for person in people() if person.number in numbers.values()}


# ---------------------------------------------------------------------- calls


def test_calls_are_taken_at_the_door_and_the_same_every_time() -> None:
    made = calls(NOW)
    assert len(made) == len(pushed()) == 300
    assert made == calls(NOW)
    for call in made:
        judge_names(call.source, call.external_id)
    assert len({(call.source, call.external_id) for call in made}) == 300
    assert [call.spoken for call in made[:41]] == [True] * 40 + [False]


@pytest.mark.parametrize("hour", range(0, 24, 3))
def test_no_call_begins_in_the_future_whatever_the_hour(hour: int) -> None:
    now = datetime(2027, 3, 28, hour, 59, tzinfo=UTC)  # the night in which the clocks are changed
    times = [datetime.fromisoformat(call.metadata["started_at"]) for call in calls(now)]
    assert max(times) <= now
    assert min(times) > now - timedelta(days=760)


def test_calls_tell_of_everything_that_the_archive_can_show() -> None:
    said = pushed()
    assert len({one.queue for one in said}) >= 10
    assert len({one.category for one in said}) >= 30
    assert len({one.agent.name for one in said if one.agent}) >= 6
    assert {one.direction for one in said} == {"inbound", "outbound"}
    conversations = [one.call_id for one in said if one.call_id]
    assert all(conversations.count(each) == 2 for each in conversations)
    assert len(set(conversations)) == 7
    assert {call.source for call in calls(NOW)} == {"puhelinvaihde", "vanha-tallennin"}
    kinds = [call.sound.kind for call in calls(NOW)]
    assert (kinds.count(Kind.WHOLE), kinds.count(Kind.DAMAGED), kinds.count(Kind.UNREADABLE)) == (40, 1, 1)


def test_some_calls_are_past_their_policy_and_most_are_not() -> None:
    from archive.demo.seed import RULES

    due = 0
    for one in pushed():
        rule = choose(RULES, company=one.company, channel="call", category=one.category)
        assert rule is not None
        due += rule.keep.after(one.ended_at, UTC) < NOW
    assert 5 <= due <= 20


# ---------------------------------------------------------------------- chats


def test_chats_are_taken_at_the_door_and_the_same_every_time() -> None:
    made = chats(NOW)
    assert made == chats(NOW)
    judged = [chat.judge(one.body, NOW, 100_000) for one in made]
    assert len({one.external_id for one in made}) == len(made) == 14
    assert sorted(one.language or "" for one in judged) == ["en", *["fi"] * 11, "sv", "sv"]
    assert {one.began for one in judged} == {"inbound"}
    assert {one.company for one in judged} == {"salpa-energia", "salpa-verkko"}
    assert all(one.over_at < NOW and one.over_at > one.started_at for one in judged)


@pytest.mark.parametrize("hour", range(0, 24, 6))
def test_no_chat_ends_in_the_future_whatever_the_hour(hour: int) -> None:
    now = datetime(2027, 3, 28, hour, 59, tzinfo=UTC)
    assert max(chat.judge(one.body, now, 100_000).over_at for one in chats(now)) < now


def test_some_chats_hold_what_must_be_masked_and_it_is_made_up() -> None:
    said = [message.text for one in chats(NOW) for message in chat.judge(one.body, NOW, 100_000).messages]
    assert not any("{" in text or "}" in text for text in said), "every place in braces is filled in"
    codes = [found for text in said for found in re.findall(r"\b\d{6}[-+A-FU-Y](\d{3})[0-9A-Y]\b", text)]
    assert len(codes) == 2
    assert all(900 <= int(number) <= 999 for number in codes)
    masked = mask(said).found
    assert {one.kind for one in masked} == {SecretKind.HETU, SecretKind.CARD, SecretKind.IBAN}


def test_each_chat_is_a_conversation() -> None:
    for one in written():
        assert {role for role, _ in one.lines} == {"customer", "agent", "bot"}
        assert len(one.lines) >= 8


# --------------------------------------------------------------------- voices


def test_every_dialogue_has_its_recording_and_the_recording_says_what_is_written() -> None:
    written, heard = spoken.dialogues(), spoken.voiced()
    assert len(written) == len({one.id for one in written}) == len(heard) == 40
    for one in written:
        recording = spoken.opus(one.id)
        manifest = heard[one.id]
        assert (hashlib.sha256(recording).hexdigest(), len(recording)) == (manifest.sha256, manifest.size_bytes)
        assert 20 <= manifest.duration_s <= 60
        assert [(turn.speaker, turn.text) for turn in manifest.turns] == [(t.speaker, t.text) for t in one.turns]
    assert sum(one.size_bytes for one in heard.values()) < 5_000_000
    stored = {entry.name for entry in (files("archive.demo") / "voices").iterdir()}
    assert stored == {f"{one.id}.opus" for one in written} | {"manifest.jsonl"}


def test_what_is_spoken_can_be_spoken() -> None:
    for one in spoken.dialogues():
        assert one.turns[0].speaker == "agent"
        for turn in one.turns:
            turn.text.encode("latin-1")
            assert re.fullmatch(r"[A-Za-zÅÄÖåäö ,.?!-]+", turn.text), "numbers and signs are written as words"


def test_each_channel_of_a_recording_carries_one_speaker() -> None:
    manifest = spoken.voiced()["smell-of-gas"]
    samples, rate = decoded(spoken.opus("smell-of-gas"))
    assert samples.shape[0] == 2
    assert samples.shape[1] / rate == pytest.approx(manifest.duration_s, abs=0.1)
    for turn in manifest.turns:
        span = samples[:, round(turn.start_s * rate) : round(turn.end_s * rate)]
        loud = np.sqrt(np.mean(span**2, axis=1))
        mine, other = loud if turn.speaker == "agent" else loud[::-1]
        assert mine > 0.03
        assert other < mine / 100


def test_a_telephone_lets_through_what_it_should() -> None:
    second = np.arange(voice.RATE) / voice.RATE
    level = {
        hz: np.sqrt(np.mean(voice.band(np.sin(2 * np.pi * hz * second).astype(np.float32)) ** 2))
        for hz in (60, 150, 1_000, 3_000, 3_800)
    }
    assert level[1_000] == pytest.approx(level[3_000], rel=0.05)
    assert max(level[60], level[150], level[3_800]) < level[1_000] / 30


# --------------------------------------------------------------------- sounds


def test_a_cut_holds_its_sentences_and_nothing_is_decoded_for_it() -> None:
    turn = spoken.voiced()["smell-of-gas"].turns[1]
    cut = Sound(kind=Kind.CUT, dialogue="smell-of-gas", start_s=turn.start_s, end_s=turn.end_s)
    data = render(cut)
    assert data == render(cut)
    assert sniff(data) is MediaType.OGG
    samples, rate = decoded(data)
    assert samples.shape[1] / rate == pytest.approx(cut.duration_s, abs=0.13)
    agent, customer = np.abs(samples[:, rate // 10 :]).max(axis=1)
    assert customer > 0.2
    assert agent < 0.05


def test_a_phone_that_nobody_answers_rings() -> None:
    data = render(Sound(kind=Kind.RINGING, end_s=3.0))
    assert sniff(data) is MediaType.WAV
    samples, rate = decoded(data)
    assert (samples.shape, rate) == ((1, 24_000), 8_000)
    assert np.abs(samples[0, 8_000:]).max() < np.abs(samples[0, :8_000]).max() / 20


def test_hurt_files_pass_the_door() -> None:
    for kind in (Kind.DAMAGED, Kind.UNREADABLE):
        assert sniff(render(Sound(kind=kind, dialogue="smell-of-gas"))) is MediaType.OGG
