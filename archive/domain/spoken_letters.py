"""What is said between the digits of a number or behind it: letters by name, dashes, fillers, corrections, units."""

from typing import Final

__all__ = ["CORRECTIONS", "DASHES", "FILLERS", "LETTERS", "PLUSES", "UNITS"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


DASHES: Final = _words("viiva väliviiva miinus tavuviiva viivaa väliviivaa streck bindestreck minus dash hyphen")
PLUSES: Final = _words("plus plussa plussaa")
FILLERS: Final = _words(
    "öö ööö öh ööh äh ää hm hmm hmmm mm mmm aha ahaa elikkä eli elikä niin niinku niinkun joo juu jooh joojoo jep "
    "kyllä okei ok ja sit sitten sitte no tota tuota noin aivan selvä selvästi kiitos hyvä jatka just justiin eh "
    "näin vielä alltså och sen så precis jaha jo jaa okej tack bra uh um er erm so and then yes yeah yep okay right "
    "thanks got it"
)
CORRECTIONS: Final = _words(
    "eiku eikun eikö eikai ei vaan anteeksi anteeks sori korjaan siis tarkoitan nej förlåt eller menar ursäkta no "
    "sorry mean rather correction actually"
)

_UNIT_WORDS: Final = (
    "€ % euroa euro euron eurolla eurot eur senttiä sentti sent cent cents euros kilowattituntia kilowattitunti kwh "
    "megawattituntia mwh kilowattia kw kilowattimmar kilowattimme kilowattimmar kilowattimmars kilowatt prosenttia "
    "prosentti procent percent astetta metriä neliötä neliömetriä neliöö kuukautta vuotta päivää viikkoa tuntia "
    "minuuttia sekuntia vuotiaana kertaa kpl kappaletta ampeeria volttia gradet kronor kilowatthours kilowatthour "
    "hours minutes days weeks months years månader dagar veckor timmar minuter år öre amps volts"
)
UNITS: Final = frozenset(_UNIT_WORDS.split())
"""Words behind an amount: no number of ours goes across them."""

_LETTER_NAMES: Final = {
    "A": "a aa ah ay",
    "B": "b bee be pee pe beta",
    "C": "c cee see ce se kee sea",
    "D": "d dee de tee te",
    "E": "e ee eh",
    "F": "f äf äffä äffi eff ef effi ff",
    "G": "g gee ge kee gé",
    "H": "h hoo hå ho aitch",
    "I": "i ii iii eye",
    "J": "j jii ji jay jiit",
    "K": "k koo kå ko kay",
    "L": "l äl ällä äll ell el",
    "M": "m äm ämmä em ämm",
    "N": "n än ännä en änn ännän",
    "O": "o oo oh",
    "P": "p pee pe bee be",
    "Q": "q kuu ku cue quu",
    "R": "r är ärrä ärr ar",
    "S": "s äs ässä äss ess es",
    "T": "t tee te dee de tea",
    "U": "u uu you",
    "V": "v vee ve we",
    "W": "w kaksoisvee tuplavee kaksoisv tuplaveé dubbelve",
    "X": "x äks äksä ex äx äksy eks",
    "Y": "y yy why yyy",
    "Z": "z tset tseta zed zee säta",
}
_ALPHABETS: Final = (
    "aarne bertta celsius daavid eemeli faarao gideon heikki iivari jussi kalle lauri matti niilo otto paavo quu risto "
    "sakari tyyne urho vihtori wiski äksä yrjö tseta "
    "adam bertil caesar david erik filip gustav helge ivar johan kalle ludvig martin niklas olof petter rudolf sigurd "
    "tore urban viktor wilhelm xerxes yngve zäta "
    "alfa alpha bravo charlie delta echo foxtrot golf hotel india juliett juliet kilo lima mike november oscar papa "
    "quebec romeo sierra tango uniform victor whiskey xray yankee zulu"
)


_TWICE: Final = ("double", "tupla", "kaksois", "dubbel")


def _letters() -> dict[str, str]:
    table: dict[str, str] = {}
    for letter, names in _LETTER_NAMES.items():
        for name in names.split():
            table[name] = table.get(name, "") + letter
    table |= {f"{twice}{mark}{name}": "W" for twice in _TWICE for mark in " -" for name in ("u", "v", "ve", "vee")}
    named = {name: name[0].upper() for name in _ALPHABETS.split() if name != "äksä"}
    return {**table, **named}


LETTERS: Final = _letters()
"""The letters that a lower-case word may name, the likeliest first."""
