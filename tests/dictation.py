"""Values as people write and say them: identity codes, cards and accounts in three languages, and harmless numbers.

Everything is drawn from the `random.Random` that the caller gives, so that a run can be had again. What is made belongs
to nobody: individual numbers of 900 to 999, test card ranges of the payment industry, bank group 9.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Final, Literal

from stdnum import luhn

from archive.demo import identifiers

Language = Literal["fi", "sv", "en"]
Kind = Literal["hetu", "card", "iban"]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


UNITS: Final[dict[str, tuple[str, ...]]] = {
    "fi": _words("nolla yksi kaksi kolme neljä viisi kuusi seitsemän kahdeksan yhdeksän"),
    "fi-colloquial": _words("nolla yks kaks kolme neljä viis kuus seittemän kaheksan yheksän"),
    "fi-short": _words("nolla ykkönen kakkonen kolmonen nelonen vitonen kutonen seiska kasi ysi"),
    "sv": _words("noll ett två tre fyra fem sex sju åtta nio"),
    "en": _words("zero one two three four five six seven eight nine"),
    "en-oh": _words("oh one two three four five six seven eight nine"),
}
_TENS: Final[dict[str, tuple[str, ...]]] = {
    "fi": tuple(f"{unit}kymmentä" for unit in UNITS["fi"]),
    "fi-colloquial": _words("- - kakskyt kolkyt nelkyt viiskyt kuuskyt seittemänkyt kaheksankyt yheksänkyt"),
    "sv": _words("- - tjugo trettio fyrtio femtio sextio sjuttio åttio nittio"),
    "en": _words("- - twenty thirty forty fifty sixty seventy eighty ninety"),
}
_TEENS: Final[dict[str, tuple[str, ...]]] = {
    "fi": ("kymmenen", *(f"{unit}toista" for unit in UNITS["fi"][1:])),
    "fi-colloquial": ("kymppi", *(f"{unit}toista" for unit in UNITS["fi-colloquial"][1:])),
    "sv": _words("tio elva tolv tretton fjorton femton sexton sjutton arton nitton"),
    "en": _words("ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"),
}
_DASHES: Final = {"fi": ("viiva", "väliviiva", "miinus"), "sv": ("streck", "bindestreck"), "en": ("dash", "hyphen")}
_PLUSES: Final = {"fi": ("plus", "plussa"), "sv": ("plus",), "en": ("plus",)}
_NAMES: Final[dict[str, dict[str, str]]] = {
    "fi": dict(
        zip(
            "ABCDEFHIJKLMNOPRSTUVWXY",
            _words("aa bee see dee ee äf hoo ii jii koo äl äm än oo pee är äs tee uu vee kaksoisvee äks yy"),
            strict=True,
        )
    ),
    "sv": dict(
        zip(
            "ABCDEFHIJKLMNOPRSTUVWXY",
            _words("a be ce de e eff hå i ji kå ell em en o pe ärr ess te u ve dubbelve ex y"),
            strict=True,
        )
    ),
    "en": dict(
        zip(
            "ABCDEFHIJKLMNOPRSTUVWXY",
            _words("ay bee cee dee ee eff aitch eye jay kay ell em en oh pee ar ess tee you vee double-u ex why"),
            strict=True,
        )
    ),
}
_RADIO: Final = dict(
    zip(
        "ABCDEFHIJKLMNOPRSTUVWXY",
        _words(
            "Aarne Bertta Celsius Daavid Eemeli Faarao Heikki Iivari Jussi Kalle Lauri Matti Niilo Otto Paavo Risto "
            "Sakari Tyyne Urho Vihtori Wiski Äksä Yrjö"
        ),
        strict=True,
    )
)
_SWEDISH_RADIO: Final = dict(
    zip(
        "ABCDEFHIJKLMNOPRSTUVWXY",
        _words(
            "Adam Bertil Caesar David Erik Filip Helge Ivar Johan Kalle Ludvig Martin Niklas Olof Petter Rudolf Sigurd "
            "Tore Urban Viktor Wilhelm Xerxes Yngve"
        ),
        strict=True,
    )
)
LETTER_WORDS: Final = frozenset(
    word.lower() for names in (*_NAMES.values(), _RADIO, _SWEDISH_RADIO) for pair in names.items() for word in pair
)
"""Every letter and every name of one that `letter` may give, lower case."""
_CARDS: Final = (("400000", 16), ("411111", 16), ("555555", 16), ("222300", 16), ("378282", 15), ("353011", 16))
_ACCOUNTS: Final = {"EE": 16, "SE": 20, "DE": 18, "NO": 11, "DK": 14, "BE": 12}
"""Countries whose account numbers are digits only, with the number of digits after the check digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One made-up secret; `compact` is its spelling without spaces, upper case (a hetu with its separator)."""

    kind: Kind
    compact: str


def hetu(chance: Random) -> Value:
    """An identity code of any century and separator, of the 900 series."""
    born = date(1890, 1, 1) + timedelta(days=chance.randrange(49_000))
    return Value(kind="hetu", compact=identifiers.hetu(born, chance.randint(900, 999), chance.randrange(6)))


def card(chance: Random) -> Value:
    """A card number of a test range with its Luhn digit."""
    prefix, size = chance.choice(_CARDS)
    body = prefix + "".join(chance.choices("0123456789", k=size - 1 - len(prefix)))
    return Value(kind="card", compact=body + str(luhn.calc_check_digit(body)))


def iban(chance: Random, *, finnish: bool | None = None) -> Value:
    """An account; three in four are Finnish unless it is said."""
    if finnish if finnish is not None else chance.random() < 0.75:
        return Value(kind="iban", compact=identifiers.iban(chance.randrange(10**12)))
    country, size = chance.choice(sorted(_ACCOUNTS.items()))
    if country == "NO":
        return Value(kind="iban", compact=_with_check("NO", _norwegian(chance)))
    if country == "BE":
        body = "999" + "".join(chance.choices("0123456789", k=7))
        return Value(kind="iban", compact=_with_check("BE", f"{body}{int(body) % 97 or 97:02d}"))
    return Value(kind="iban", compact=_with_check(country, "9" + "".join(chance.choices("0123456789", k=size - 1))))


def _norwegian(chance: Random) -> str:
    """Ten digits of a bank that is none and their check digit of modulus 11."""
    while True:
        body = "9999" + "".join(chance.choices("0123456789", k=6))
        rest = sum(int(digit) * weight for digit, weight in zip(body, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2), strict=True)) % 11
        if rest != 1:
            return f"{body}{(11 - rest) % 11}"


def _with_check(country: str, account: str) -> str:
    numeric = "".join(str(int(each, 36)) for each in f"{account}{country}00")
    return f"{country}{98 - int(numeric) % 97:02d}{account}"


def written(value: Value, chance: Random) -> str:
    """The value in one of the spellings that people type."""
    text = value.compact if chance.random() < 0.7 else value.compact.lower()
    if value.kind == "hetu":
        day, mark, end = text[:6], text[6], text[7:]
        spaced = f"{day} {mark} {end}"
        return chance.choice((text, text, spaced, f"{day} {mark}{end}", f"{day}{mark} {end}", " ".join(text)))
    step = chance.choice((4, 4, 4, 30, 5, 2))
    return chance.choice((" ", " ", "-", ".")).join(text[at : at + step] for at in range(0, len(text), step))


def units(text: str, style: str) -> list[str]:
    """Digit by digit."""
    return [UNITS[style][int(digit)] for digit in text]


def pair(text: str, style: str, chance: Random) -> list[str]:
    """Two digits as one number; a leading zero is said."""
    tens, unit = int(text[0]), int(text[1])
    if tens == 0 or style not in _TENS:
        return units(text, style)
    if tens == 1:
        return [_TEENS[style][unit]]
    stem = _TENS[style][tens]
    if unit == 0:
        return [stem]
    if style == "en":
        return chance.choice(([f"{stem}-{UNITS[style][unit]}"], [stem, UNITS[style][unit]]))
    if style == "fi-colloquial" and chance.random() < 0.3:
        stem += "ä"
    return chance.choice(([stem + UNITS[style][unit]], [stem, UNITS[style][unit]]))


def number(text: str, style: str, chance: Random) -> list[str]:
    """A group of digits: all one by one, or by pairs (an odd one first), or English doubles."""
    how = chance.random()
    if how < 0.45:
        return units(text, style)
    if style.startswith("en") and how < 0.6:
        return _doubled(text, style)
    odd = len(text) % 2
    said = units(text[:odd], style)
    for at in range(odd, len(text), 2):
        said += pair(text[at : at + 2], style, chance)
    return said


def _doubled(text: str, style: str) -> list[str]:
    said, at = [], 0
    while at < len(text):
        run = len(text[at:]) - len(text[at:].lstrip(text[at]))
        run = min(run, 3)
        said += [{1: "", 2: "double", 3: "triple"}[run], UNITS[style][int(text[at])]]
        at += run
    return [word for word in said if word]


def letter(text: str, language: str, chance: Random) -> list[str]:
    """One letter by its name, by itself, or by a name of the telephone alphabet."""
    radio = _SWEDISH_RADIO if language == "sv" else _RADIO
    like = {"fi": ["niin", "kuin"], "sv": ["som", "i"], "en": ["as", "in"]}[language]
    return chance.choice(
        ([_NAMES[language][text]], [text], [text, *like, radio[text]], [_NAMES[language][text], *like, radio[text]])
        if language == "en"
        else ([_NAMES[language][text]], [text], [radio[text]], [text, *like, radio[text]])
    )


def spoken(value: Value, language: Language, chance: Random) -> list[str]:
    """The value as the words of one who dictates it."""
    style = chance.choice([style for style in UNITS if style.partition("-")[0] == language])
    text = value.compact
    if value.kind == "card":
        return [word for at in range(0, len(text), 4) for word in number(text[at : at + 4], style, chance)]
    if value.kind == "iban":
        said = letter(text[0], language, chance) + letter(text[1], language, chance)
        return said + [word for at in range(2, len(text), 2) for word in number(text[at : at + 2], style, chance)]
    said = [word for at in (0, 2, 4) for word in number(text[at : at + 2], style, chance)]
    said += _mark(text[6], language, chance) + number(text[7:10], style, chance)
    return said + (units(text[10], style) if text[10].isdigit() else letter(text[10], language, chance))


def _mark(mark: str, language: Language, chance: Random) -> list[str]:
    if mark == "-":
        return [chance.choice(_DASHES[language])]
    return [chance.choice(_PLUSES[language])] if mark == "+" else letter(mark, language, chance)
