"""Masking: nothing of an identity code, a card or an account stays, and ordinary numbers stay as they are."""

import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.demo import spoken
from archive.domain import sensitive
from archive.domain.number_gate import has_numbers, worth_reading
from archive.domain.sensitive import Found, Kind, Masked, find, mask, moments
from archive.domain.transcripts import Segment, Word
from tests import dictation
from tests.dictation import Value
from tests.ordinary_numbers import MAKERS

MAKE: tuple[Callable[[Random], Value], ...] = (dictation.hetu, dictation.card, dictation.iban)
CARRIERS = ("{}", "se on {}", "joo {} kiitos", "Hei, lähetän sen tässä: {}. Terveisin Maija")
LIKE = {"niin", "kuin", "as", "in", "som", "i"}
"""Words between a letter and its name; alone they tell nothing."""


def kinds(masked: Masked) -> list[str]:
    return [found.kind.value for found in masked.found]


def left(value: Value, words: Sequence[str], texts: Sequence[str]) -> list[str]:
    """What the texts still tell of a value: four of its digits in a row in any spacing, or a word that was dictated."""
    rest = " ".join(texts).lower()
    joined = re.sub(r"[^0-9a-z]", "", rest)
    digits = re.sub(r"\D", "", value.compact)
    told = [digits[at : at + 4] for at in range(len(digits) - 3) if digits[at : at + 4] in joined]
    free = LIKE | (dictation.LETTER_WORDS if value.kind == "iban" else set())  # a country is no secret
    return told + sorted({word.lower() for word in words} & set(re.findall(r"[\w-]+", rest)) - free)


def assert_masked(value: Value, words: Sequence[str], texts: Sequence[str], speakers: Sequence[str] | None) -> None:
    masked = mask(texts, speakers=speakers)
    assert masked.found, (value, texts)
    assert not left(value, words, masked.texts), (value, texts, masked.texts)
    assert f"[{value.kind}]" in " ".join(masked.texts), (value, texts, masked.texts)
    assert mask(masked.texts, speakers=speakers).texts == masked.texts


def test_of_500_written_values_none_is_left() -> None:
    chance = Random(1)
    for at in range(500):
        value = MAKE[at % 3](chance)
        assert_masked(value, [], [chance.choice(CARRIERS).format(dictation.written(value, chance))], None)


@pytest.mark.parametrize("language", ["fi", "sv", "en"])
def test_of_500_spoken_values_none_is_left(language: dictation.Language) -> None:
    chance = Random(language)
    for at in range(500):
        value = MAKE[at % 3](chance)
        words = dictation.spoken(value, language, chance)
        assert_masked(value, words, [chance.choice(CARRIERS).format(" ".join(words))], None)


def cut(words: Sequence[str], chance: Random) -> list[str]:
    """The words in texts of one to five, with a filler now and then."""
    texts, at = [], 0
    while at < len(words):
        size = chance.randint(1, 5)
        texts.append(chance.choice(("", "", "öö ", "elikkä ")) + " ".join(words[at : at + size]))
        at += size
    return texts


def test_of_300_values_across_texts_none_is_left() -> None:
    chance = Random(4)
    for at in range(300):
        value = MAKE[at % 3](chance)
        words = dictation.spoken(value, "fi", chance)
        assert_masked(value, words, cut(words, chance), None)


@pytest.mark.parametrize("known", [True, False], ids=["speakers-known", "one-channel"])
def test_of_300_values_with_a_listener_who_answers_none_is_left(known: bool) -> None:
    chance = Random(5)
    for at in range(300):
        value = MAKE[at % 3](chance)
        words = dictation.spoken(value, "fi", chance)
        texts = []
        for said in cut(words, chance):
            texts += [said, chance.choice(("joo", "kyllä", "okei sitten", re.sub(r"^(öö|elikkä) ", "", said)))]
        speakers = ["customer", "agent"] * (len(texts) // 2)
        assert_masked(value, words, texts, speakers if known else None)


def test_of_10000_ordinary_numbers_almost_none_is_masked() -> None:
    chance = Random(6)
    made: Counter[str] = Counter()
    alarms: list[str] = []
    for at in range(10_000):
        maker = MAKERS[at % len(MAKERS)]
        text = maker(chance)
        made[maker.__name__] += 1
        alarms += [f"{maker.__name__}: {text}"] if mask([text]).found else []
    print(f"{len(alarms)} false alarms in {made.total()}: {dict(made)}", *alarms, sep="\n")  # noqa: T201 - the figure
    assert len(alarms) < 0.005 * made.total()


SPELLINGS = (
    ("plain", "hetu", "Hetuni on 010594-9032."),
    ("lower-case", "hetu", "hetu: 010594y9032"),
    ("spaces", "hetu", "0 1 0 5 9 4 - 9 0 3 2"),
    ("no-separator", "hetu", "010594 9032"),
    ("recogniser-groups", "hetu", "010 594 9 03 2"),
    ("long-dash", "hetu", "010594–9032"),
    ("with-century", "hetu", "01051994-9032"),
    ("glued-words", "hetu", "nollayksnollaviis yheksäneljä viiva yheksännollakolmekaks"),
    ("colloquial-tens", "hetu", "nolla yks nolla viis yheksänkytäneljä viiva yheksän nolla kolme kaks"),
    ("hundreds", "hetu", "ensimmäinen viidettä yhdeksänkymmentäneljä väliviiva yhdeksänsataakolme kaksi"),
    ("year-in-words", "hetu", "yks viidettä tuhatyhdeksänsataayhdeksänkymmentäneljä viiva yhdeksän nolla kolme kaksi"),
    ("letter-spelled", "hetu", "nolla yks nolla viis yheksän neljä yy niin kuin Yrjö yheksän nolla kolme kaks"),
    ("correction", "hetu", "nolla yks nolla kuus eiku viis yheksän neljä viiva yheksän nolla kolme kaks"),
    ("misheard-words", "hetu", "nolla yksi nola vis yheksan nelja viva yheksän nolla kolma kaks, hetu siis"),
    ("swedish", "hetu", "noll ett noll fem nittiofyra streck nio noll tre två"),
    ("english", "hetu", "oh one oh five ninety-four dash nine oh three two"),
    ("card-groups", "card", "4111 1111 1111 1111"),
    ("card-dashes", "card", "4111-1111-1111-1111"),
    ("card-english", "card", "four triple one double one double one one one double one one one double one"),
    ("card-amex", "card", "378282 246310 005 on korttini numero"),
    ("iban", "iban", "FI21 1234 5600 0007 85"),
    ("iban-without-country", "iban", "tilinumero on 21 1234 5600 0007 85"),
    ("iban-letters", "iban", "GB29 NWBK 6016 1331 9268 19"),
    ("full-width", "card", "４１１１　１１１１　１１１１　１１１１"),
    ("arabic-indic", "card", "٤١١١ ١١١١ ١١١١ ١١١١"),
    ("mathematical", "hetu", "𝟎𝟏𝟎𝟓𝟗𝟒-𝟗𝟎𝟑𝟐"),
    ("beside-a-letter-that-grows", "hetu", "İ NOLLA YKS NOLLA VIIS YHEKSÄN NELJÄ VIIVA YHEKSÄN NOLLA KOLME KAKS"),
    ("underscore-in-a-code", "hetu", "010594_9032"),
    ("underscores-around", "hetu", "hetu_010594-9032_"),
    ("underscores-between", "card", "4539_5787_6362_1486"),
    ("spelled", "iban", "F I kaks yks kakstoista kolkytneljä viiskytkuus nolla nolla nolla nolla nolla seiska 85"),
)  # fmt: skip


@pytest.mark.parametrize(("kind", "text"), [row[1:] for row in SPELLINGS], ids=[row[0] for row in SPELLINGS])
def test_a_spelling_is_masked(kind: str, text: str) -> None:
    masked = mask([text])
    assert kinds(masked) == [kind]
    assert not re.search(r"\d|nolla|noll|oh |kaks|yks", masked.texts[0].lower())


TOUCHED = (
    ("code", "hetu", "abc010594-9032xyz"),
    ("code-and-letters-before", "hetu", "hetu010594-9032"),
    ("code-and-letters-behind", "hetu", "010594-9032kiitos"),
    ("check-letter", "hetu", "abc020594X903Pxyz"),
    ("code-with-a-long-dash", "hetu", "id010594–9032ok"),
    ("account", "iban", "abcFI2112345600000785xyz"),
    ("account-in-groups", "iban", "tiliFI21 1234 5600 0007 85kiitos"),
    ("foreign-account", "iban", "DE89370400440532013000xyz"),
    ("card", "card", "abc4111111111111111xyz"),
    ("card-in-groups", "card", "visa4111 1111 1111 1111voimassa"),
)


@pytest.mark.parametrize(("kind", "text"), [row[1:] for row in TOUCHED], ids=[row[0] for row in TOUCHED])
def test_letters_that_touch_a_value_do_not_hide_it(kind: str, text: str) -> None:
    masked = mask([text])
    assert kinds(masked) == [kind]
    assert not re.search(r"\d", masked.texts[0])
    assert mask(masked.texts).texts == masked.texts


def test_of_500_written_values_with_letters_on_both_sides_none_is_left() -> None:
    chance = Random(8)
    for at in range(500):
        value = MAKE[at % 3](chance)
        if value.kind == "iban" and not value.compact.startswith("FI"):
            continue  # letters before another country's make a word of it
        before, behind = ("".join(chance.choices("abcdefghijklmnopqrstuvwxyzåäö", k=size)) for size in (3, 4))
        shown = mask([f"{before}{value.compact}{behind}"]).texts[0]
        assert not re.search(r"\d", shown), (value, shown)


def test_of_10000_codes_with_letters_and_digits_almost_none_is_masked() -> None:
    chance = Random(9)
    alarms = []
    for _ in range(10_000):
        text = order_code(chance)
        alarms += [text] if mask([text]).found else []
    print(f"{len(alarms)} false alarms in 10000:", *alarms)  # noqa: T201 - the figure
    assert len(alarms) < 50


def order_code(chance: Random) -> str:
    """A code of an order, a parcel, a device or a contract, with letters in it."""
    letters = ["".join(chance.choices("ABCDEFGHKLMNPRSTUVXYZ", k=chance.randint(1, 3))) for _ in range(2)]
    digits = ["".join(chance.choices("0123456789", k=size)) for size in (6, 4, chance.randint(5, 12))]
    return chance.choice(
        (
            f"{letters[0]}{digits[0]}-{digits[1]}{letters[1]}",
            f"{digits[0]}-{digits[1]}{letters[1]}",
            f"{letters[0]}{digits[2]}{letters[1]}",
            f"tilausnumero {letters[0]}-{digits[2]}",
            f"JJFI{digits[0]}{digits[0]}{digits[0]}{digits[1][:3]}",
            f"RR{digits[0]}{digits[1][:3]}FI",
            f"sarjanumero {digits[0]}{letters[0]}{digits[1]}",
            f"sopimus {letters[0]}{digits[1]}-{digits[0]}{letters[1]}",
        )
    )


UNPROVEN = (
    ("misheard-digit", "hetu", "Henkilötunnukseni on 010594-9033."),
    ("misheard-spoken", "hetu", "hetu on nolla yks nolla viis yheksän neljä viiva yheksän nolla kolme kolme"),
    ("end-part", "hetu", "loppuosa on 903 2"),
    ("end-part-swedish", "hetu", "slutdelen är nio noll tre två"),
    ("spoken-form", "hetu", "nolla yks nolla viis yheksän neljä viiva yheksän nolla kolme kolme"),
    ("letter-form", "hetu", "010594Y903K"),
    ("social-security", "hetu", "my social security number is 010594-9033"),
    ("card-mistyped", "card", "kortin numero 4111 1111 1111 1112"),
    ("account-mistyped", "iban", "tilinumero FI21 1234 5600 0007 86"),
)


@pytest.mark.parametrize(("kind", "text"), [row[1:] for row in UNPROVEN], ids=[row[0] for row in UNPROVEN])
def test_what_is_announced_is_masked_though_no_checksum_proves_it(kind: str, text: str) -> None:
    masked = mask([text])
    assert kinds(masked) == [kind]
    assert not masked.found[0].proven
    assert not re.search(r"\d{3}|nolla|noll", masked.texts[0])


LEFT_ALONE = (
    "Soita 040 123 4567 tai 0401234567, olen Maija Virtanen, Kuusitie 4 A 12, 16300 Orimattila",
    "käyttöpaikka 643099900000000123 ja mittarin lukema 12 345 kWh",
    "lasku 12345 67890 12345 67894 eräpäivä 1.5.2026-31.5.2026, summa 123,45 €",
    "kaksikymmentäyksi euroa viisikymmentä senttiä, nolla neljä nolla yksi kaksi kolme neljä viisi kuusi seitsemän",
    "kaksi viivaa, yksi piste ja kuusi kaunista kuusta",
    "tilille tuli 120 euroa 1.4.2026 ja 130 euroa 1.5.2026",
    "maksoin kortilla 89,90 euroa kello 12.30",
    "4111 1111 1111 1112",
    "010594-9033",
    "9999 9999 9999 9999 9999",
)


@pytest.mark.parametrize("text", LEFT_ALONE, ids=[f"ordinary-{at}" for at in range(len(LEFT_ALONE))])
def test_ordinary_text_is_left_as_it_is(text: str) -> None:
    assert mask([text]) == Masked(texts=(text,), found=())


def test_a_word_that_corrects_is_no_part_of_the_account_behind_it() -> None:
    assert mask(["siis no FI21 1234 5600 0007 85"]).texts == ("siis no [iban]",)


def test_the_date_and_the_end_said_apart_are_one_code() -> None:
    texts = ["Olen syntynyt 1.5.1994.", "Kiitos, ja tunnuksen loppuosa?", "Se on 9032."]
    masked = mask(texts, speakers=["customer", "agent", "customer"])
    assert kinds(masked) == ["hetu"]
    assert masked.found[0].proven
    assert "9032" not in "".join(masked.texts)


def test_a_repetition_of_the_end_is_masked_too() -> None:
    masked = mask(["hetu on 010594-9032", "eli 9032, ja asiakasnumero 5566", "nolla viisi yhdeksän neljä oli alku"])
    assert masked.texts[1] == "eli [hetu], ja asiakasnumero 5566"
    assert masked.texts[2] == "[hetu] oli alku"


SPEECH_KEPT = (
    (
        "Tilinumero on vaihtunut",
        "Kyllä. Lasku 2024 maksettiin, hinta pysyy 2025 ja 2026 samana, lupasitte niin 2027 asti",
    ),
    ("kortin numero on 4539 5787", "Maksoitte laskun jo viime kuussa 2024 ja hinta pysyy samana toukokuuhun 2025"),
)


@pytest.mark.parametrize("texts", SPEECH_KEPT, ids=["account-and-years", "card-and-years"])
def test_years_said_after_an_announcement_are_no_number(texts: tuple[str, ...]) -> None:
    assert mask(texts).texts == texts


def test_words_between_the_digits_of_an_unproven_number_stay() -> None:
    masked = mask(["tilinumero on 1234 5678 ja sitten loput perässä 4321 87"])
    assert masked.texts == ("tilinumero on [iban] ja sitten loput perässä ",)


def test_what_is_said_between_two_mentions_of_a_code_stays() -> None:
    texts = [
        "hetuni on 010594-",
        "9032, ja osoite on Mäkikatu 5 A 12",
        "kiitos, ja asutte Mäkikatu 5 A 12 ja lasku 250 euroa",
        "eli 010594-9032",
    ]
    masked = mask(texts, speakers=["customer", "customer", "agent", "customer"])
    assert masked.texts == ("hetuni on [hetu]", ", ja osoite on Mäkikatu 5 A 12", texts[2], "eli [hetu]")


def test_amounts_between_a_birth_date_and_the_end_part_stay() -> None:
    texts = ["Olen syntynyt 1.5.1994, lasku oli 250,50 euroa ja kulutus 12 345 kWh.", "Entä loppuosa?", "Se on 9032."]
    masked = mask(texts, speakers=["customer", "agent", "customer"])
    assert masked.texts[0] == "Olen syntynyt [hetu], lasku oli 250,50 euroa ja kulutus 12 345 kWh."
    assert masked.texts[2] == "Se on ."


def test_a_price_with_the_digits_of_a_card_is_no_repetition_of_it() -> None:
    masked = mask(["kortti 4539 5787 6362 1486", "lasku 4539 euroa, ja kortti siis 4539"])
    assert masked.texts[1] == "lasku 4539 euroa, ja kortti siis [card]"


def test_a_value_has_one_marker_where_it_begins() -> None:
    texts = ["Se on nolla yks nolla viis", "joo", "yheksän neljä viiva", "yheksän nolla kolme kaks, kiitos"]
    masked = mask(texts, speakers=["customer", "agent", "customer", "customer"])
    assert masked.texts == ("Se on [hetu]", "joo", "", ", kiitos")
    assert [piece.index for piece in masked.found[0].pieces] == [0, 2, 3]


def test_several_values_of_a_message_are_masked_each() -> None:
    text = "hetu 010594-9032, tili FI21 1234 5600 0007 85 ja kortti 4111 1111 1111 1111, puh. 040 123 4567"
    assert mask([text]).texts == ("hetu [hetu], tili [iban] ja kortti [card], puh. 040 123 4567",)


def test_values_side_by_side_are_all_masked() -> None:
    assert "0" not in mask(["010594-9032 020594X903P 030594W903B"]).texts[0]


def test_one_speaker_for_each_text_is_asked_for() -> None:
    with pytest.raises(ValueError, match="one speaker"):
        find(["a", "b"], speakers=["agent"])


def said(start_s: float, text: str) -> Segment:
    """A segment in which every word lasts half a second."""
    words = tuple(
        Word(start_s=start_s + at / 2, end_s=start_s + at / 2 + 0.5, text=word, confidence=1.0)
        for at, word in enumerate(text.split())
    )
    return Segment(start_s=start_s, end_s=start_s + len(words) / 2, speaker="customer", text=text, words=words)


def test_the_moments_of_a_value_are_those_of_its_words() -> None:
    segments = [
        said(0, "se on nolla yks nolla viis"),
        said(10, "yheksän neljä viiva yheksän"),
        said(20, "nolla kolme kaks kiitos"),
    ]
    texts = [segment.text for segment in segments]
    found = find(texts)
    assert moments(found, texts, segments) == ((1.0, 3.0), (10.0, 12.0), (20.0, 21.5))
    bare = [Segment(start_s=one.start_s, end_s=one.end_s, speaker="", text=one.text) for one in segments]
    assert moments(found, texts, bare) == ((0.0, 3.0), (10.0, 12.0), (20.0, 22.0))
    assert moments((), texts, segments) == ()


PIECES = ("nolla", "yks", "kaksikymmentä", "viiva", "-", "+", "010594", "9032", "4111", "1111", "FI21", "1234", "5600",
          "0007", "85", "A", "niin", "kuin", "Aarne", "eiku", "joo", "hetu", "kortti", "tilille",
          "loppuosa", "euroa", "1.5.1994", ",", "İ", "[hetu]", "nollayks")  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(st.sampled_from(PIECES), max_size=14).map(" ".join), max_size=5), st.booleans())
def test_masking_again_changes_nothing_and_spans_are_in_order(texts: list[str], known: bool) -> None:
    speakers = [("agent", "customer")[at % 2] for at in range(len(texts))] if known else None
    masked = mask(texts, speakers=speakers)
    assert mask(masked.texts, speakers=speakers).texts == masked.texts
    pieces = sorted((p for one in masked.found for p in one.pieces), key=lambda p: (p.index, p.start))
    assert all(0 <= p.start < p.end <= len(texts[p.index]) for p in pieces)
    assert all(one.index < two.index or one.end <= two.start for one, two in pairwise(pieces))
    assert rebuilt(texts, masked.found) == masked.texts


def rebuilt(texts: Sequence[str], found: Sequence[Found]) -> tuple[str, ...]:
    """The texts with each piece replaced by its mark, from the back, by somebody who only has the spans."""
    rest = list(texts)
    for piece in sorted((p for one in found for p in one.pieces), key=lambda p: (p.index, -p.start)):
        rest[piece.index] = rest[piece.index][: piece.start] + piece.mark + rest[piece.index][piece.end :]
    return tuple(rest)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(max_size=60), max_size=4))
def test_any_text_can_be_masked(texts: list[str]) -> None:
    masked = mask(texts)
    assert len(masked.texts) == len(texts)
    assert all(isinstance(one.kind, Kind) for one in masked.found)


TALK = ("se", "jo", "no", "te", "niin", "kuin", "mutta", "tämä", "kesäkuuta", "toista", "satanen", "noll", "tupla",
        "syntynyt", "päättyy", "tili", "numero", "F", "I", "GI", "NWBK", "5", "12", "2024", "9032", "040", "Maija", "€",
        "kortti", "as", "in", "double u", "viides", "kolkyt", "tuhat", "s", "sn", "öö", "–", "903K")  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(TALK + PIECES), max_size=9).map(" ".join), max_size=6),
    st.lists(st.sampled_from(("agent", "customer", "bot")), min_size=6, max_size=6),
    st.booleans(),
)
def test_what_is_passed_over_unread_holds_nothing_to_mask(texts: list[str], voices: list[str], known: bool) -> None:
    speakers = voices[: len(texts)] if known else None
    assert worth_reading(texts, speakers) or not has_numbers(texts) or not sensitive._read(texts, speakers)


@pytest.mark.parametrize("known", [True, False], ids=["speakers-known", "one-channel"])
def test_of_1500_values_in_every_shape_the_shortest_look_misses_none(known: bool) -> None:
    chance = Random(7)
    for at in range(1_500):
        value = MAKE[at % 3](chance)
        language: dictation.Language = chance.choice(("fi", "sv", "en"))
        texts = cut(dictation.spoken(value, language, chance), chance)
        texts = chance.choice((texts, [dictation.written(value, chance)]))
        if chance.random() < 0.3:
            texts[-1] = texts[-1][:-2]  # a digit or two were not heard
        speakers = [chance.choice(("agent", "customer")) for _ in texts] if known else None
        assert worth_reading(texts, speakers) or not sensitive._read(texts, speakers), (texts, speakers)


def test_ordinary_dialogues_are_passed_over() -> None:
    talks = [[turn.text for turn in talk.turns] for talk in spoken.dialogues()]
    assert sum(worth_reading(talk, None) for talk in talks) < len(talks) / 4


HOSTILE = (
    "7",
    "1 2 3 ",
    "kaksi nolla ",
    "kaksikymmentä yksi ",
    "kaksi eiku ",
    "F I 2 1 ",
    "010594-",
    "010594-9032 ",
    "hetu 1 ",
    "nollayks",
)


def seconds(text: str) -> float:
    """Processor seconds of one masking."""
    started = time.process_time()
    mask([text])
    return time.process_time() - started


@pytest.mark.parametrize("unit", HOSTILE, ids=[f"hostile-{at}" for at in range(len(HOSTILE))])
def test_the_time_grows_no_faster_than_the_text(unit: str) -> None:
    # The best of three: what else the machine does makes single figures longer, and never shorter.
    short, long = (min(seconds((unit * size)[:size]) for _ in range(3)) for size in (6_000, 24_000))
    assert long < 8 * short + 0.2


def test_100_kilobytes_of_number_words_take_seconds() -> None:
    assert seconds("kaksikymmentä yksi nolla " * 4_000) < 20


@pytest.mark.parametrize(
    ("said", "left"),
    [
        (["hetun loppu on 903 2"], ["903", "9032"]),
        (["syntymäaika 010594 ja loppu 9032"], ["9032"]),
        (["hetun viimeiset neljä on 903 2"], ["903"]),
        (["hetu, päättyy 9032"], ["9032"]),
        (["hetun neljä viimeistä?", "Joo se on 903M"], ["903"]),
        (["hetun loppuosa 903M", "hinta nousee 5 ja sitten pysyy 12 kuukautta"], ["903"]),
        (["personnummer, de fyra sista är 903M"], ["903"]),
    ],
    ids=["loppu", "birth", "viimeiset", "paattyy", "viimeista", "before-an-amount", "sista"],
)
def test_an_end_part_is_masked_however_it_is_announced(said: list[str], left: list[str]) -> None:
    shown = " ".join(mask(said).texts)
    assert not [one for one in left if one in shown], shown
    assert "[hetu]" in shown


@pytest.mark.parametrize(
    "said",
    [
        ["Laskun loppu 120 euroa maksetaan"],
        ["sopimus loppui 2024, hetu annettu jo"],
        ["asiakastunnus päättyy 1234"],
        ["hetun loppuosa puuttuu, hinta pysyy samana koko ajan vuoteen 2026 asti"],
    ],
    ids=["bill", "contract", "customer", "year"],
)
def test_an_end_of_something_else_stays(said: list[str]) -> None:
    assert list(mask(said).texts) == said
