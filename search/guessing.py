"""Base forms that a Finnish word may have, told from its ending alone: where no dictionary is, or knows no answer.

Not one answer but all that the endings allow: "maton" may be of "matto" as of "mato". What is no word does no harm, for
nobody asks for it. Pure; names and products that Voikko does not know are guessed here too.
"""

import re
from collections.abc import Iterator

MIN_STEM_CHARS = 3
_VOWELS = "aeiouyäö"
_CLITIC = re.compile(rf"(?<=...[{_VOWELS}nts])(?:kohan|köhän|kin|kaan|kään|han|hän|ko|kö|pa|pä)$")
_POSSESSIVE = re.compile(rf"(?<=..[{_VOWELS}])(?:ni|mme|nne|nsa|nsä|(?<=a)an|(?<=ä)än)$")
MIN_FRONT_CHARS = 2
_TRADE = """
lasku laskutus maksu maksaja hinta korotus alennus vero sopimus ehto tarjous tilaus toimitus takuu erä kausi
mittari mittaus luenta lukema luku kulutus tuotanto sulake sähkö lämpö kaukolämpö kaasu höyry vesi energia teho virta
liittymä siirto verkko linja kaapeli muuntamo keskus johto katko katkos häiriö vika hälytys korjaus huolto
asennus asentaja työ laite pumppu lämpöpumppu paneeli auto lataus piste lamppu valo asiakas palvelu puhelin puhelu
posti kirje viesti sähköposti numero osoite ilmoitus muistutus perintä korvaus hyvitys palautus valitus päätös
suunnitelma muutto koti talo asunto mökki tontti kiinteistö yhtiö tieto tili pankki päivä viikko kuukausi vuosi aika
tunti
"""
TRADE = frozenset(_TRADE.split())
"""Of what compounds are made on these telephones; what Voikko knows does not need this list."""
_TRAILING = re.compile(rf"[{_VOWELS}]+$")
_THRICE = re.compile(r"(.)\1\1")
# Forms of nouns alone, and of verbs alone.
_CASE = re.compile(r"(?:ss[aä]|lt[aä]|ll[aä]|lle|st[aä]|ihin|i[st]*iin|jen|iden|ja|jä)$")
_VERBAL = re.compile(r"(?<=..)(?:ttiin|tt[uy]|taan|tään|n[uy]t|neet|tte|(?<=..)v[aä]t)$")

# Endings before which the stem is in its weak grade, and in its strong one.
_WEAK = ("ssa", "ssä", "sta", "stä", "lla", "llä", "lta", "ltä", "lle", "ksi", "tta", "ttä", "n", "t")
_STRONG = ("na", "nä", "a", "ä", "seen")
_PLURAL = ("ita", "itä", "iden", "itten", "ihin", "iin", "isiin", "ia", "iä", "ja", "jä", "jen", "ien")
_PLURAL_WEAK = (*(f"i{ending}" for ending in _WEAK if len(ending) > 1), "ina", "inä")
# Weak consonants and the strong ones that may stand in the base form instead.
_GRADES = (
    *(("nn", "nt"), ("mm", "mp"), ("ll", "lt"), ("rr", "rt"), ("ng", "nk"), ("lj", "lk"), ("rj", "rk")),
    *(("d", "t"), ("v", "p"), ("k", "kk"), ("p", "pp"), ("t", "tt")),
)
_PERSONS = ("n", "t", "mme", "tte", "vat", "vät")
_PARTICIPLES: dict[str, tuple[str, ...]] = {
    "n": (),
    "nn": ("ta", "nna"),
    "ss": ("sta",),
    "ll": ("lla",),
    "rr": ("rra",),
}
# Verbs so short or uneven that no rule reaches them.
_UNEVEN = {
    form: (verb,)
    for verb, forms in {
        "saada": "saan saat saa saamme saatte saavat sain sait sai saimme saitte saivat saanut saaneet saatu saisi",
        "tulla": "tulen tulet tulee tulemme tulette tulevat tulin tulit tuli tulimme tulitte tulivat tullut tulleet",
        "mennä": "menen menet menee menemme menette menevät menin menit meni menimme menitte menivät mennyt menneet",
        "tehdä": "teen teet tekee teemme teette tekevät tein teit teki teimme teitte tekivät tehnyt tehneet tehty",
        "lukea": "luen luet lukee luemme luette lukevat luin luit luki luimme luitte lukivat lukenut luettu",
        "nähdä": "näen näet näkee näemme näette näkevät näin näit näki näimme näitte näkivät nähnyt nähty",
    }.items()
    for form in forms.split()
}


def bases(word: str, *, verbs: bool = True) -> tuple[str, ...]:
    """Every base form that a folded word may have, itself first.

    Without `verbs` as a noun only: what Voikko does not know are names and products; of the verbs it knows nearly all.
    """
    found = [word]
    for form in (word, *_written(word)):
        bare = _CLITIC.sub("", form)
        owned = _POSSESSIVE.sub("", bare)
        found += [bare, *_UNEVEN.get(bare, ())]
        verb = _VERBAL.search(bare)
        if not verb or bare.endswith("n"):
            found += [*_nouns(bare), *(_of_owned(owned) if owned != bare else ())]
        if verbs and (verb or not (_CASE.search(bare) or owned != bare) or bare.endswith("mme")):
            found += _verbs(bare)
    return tuple(dict.fromkeys(base for base in found if len(base) >= MIN_STEM_CHARS and not _THRICE.search(base)))


def parts(base: str) -> Iterator[str]:
    """The words of this trade that a compound ends with, and the one that stands before that."""
    for at in range(MIN_FRONT_CHARS, len(base) - MIN_STEM_CHARS):
        if base[at:] in TRADE:
            yield base[at:]
            front = base[:at].removesuffix("-")
            yield from (one for one in (front, front[:-1]) if one in TRADE)


def _written(word: str) -> Iterator[str]:
    """What people say without its last letter: luvannu, laskust."""
    if word.endswith(("nu", "ny")):
        yield word + "t"
    elif word.endswith(("st", "lt")):
        yield word + _a("a", word)


# --------------------------------------------------------------------- nouns


def _nouns(form: str) -> Iterator[str]:
    yield from _of_comparative(form)
    for stem in _ended(form, _WEAK):
        yield from _of_stem(stem, is_weak=True)
    for stem in _ended(form, _STRONG):
        yield from _of_stem(stem, is_weak=False)
    if re.search(rf"([{_VOWELS}])\1n$", form):
        yield from _of_stem(form[:-2], is_weak=False)  # laskuun
    for stem in _ended(form, _PLURAL, after_vowel=False):
        yield from _of_plural(stem, is_weak=True)
    for stem in _ended(form, _PLURAL_WEAK, after_vowel=False):
        yield from _of_plural(stem, is_weak=True)
    if form.endswith(("sta", "stä", "sten")):  # sopimusta, virtasten
        consonant_stem = form[: -3 if form.endswith("n") else -2]
        yield consonant_stem
        yield consonant_stem[:-1] + "nen"


def _of_owned(form: str) -> Iterator[str]:
    """The base forms of what a possessive stood on: a stem, or a case without its n."""
    yield form
    yield from _nouns(form)
    if form[-1] in _VOWELS:
        yield from _of_stem(form, is_weak=False)


def _ended(form: str, endings: tuple[str, ...], *, after_vowel: bool = True) -> Iterator[str]:
    for ending in endings:
        stem = form.removesuffix(ending)
        if len(stem) < len(form) and len(stem) >= MIN_STEM_CHARS - 1 and (stem[-1] in _VOWELS or not after_vowel):
            yield stem


def _of_stem(stem: str, *, is_weak: bool) -> Iterator[str]:
    """The base forms of a stem that ends in a vowel."""
    stems = [stem, *(_strong(stem) if is_weak else ())]
    yield from stems
    if stem.endswith("kse"):
        yield stem[:-3] + "s"  # sopimukse-n
    if re.search(rf"[{_VOWELS}]se$", stem):
        yield stem[:-2] + "nen"  # virtase-n
    if re.search(rf"[{_VOWELS}nlr][dt]e$", stem):
        yield stem[:-2] + "si"  # vuode-n
    if stem.endswith(("uude", "uute", "yyde", "yyte")):
        yield stem[:-2] + "s"  # suuruude-n
    if stem.endswith("ee"):
        yield from (stem[:-1], *_weak(stem[:-1]))  # osoittee-n
    elif stem[-2:] in {"aa", "ää", "ii"}:
        yield from (one + "s" for one in (stem[:-1], *_weak(stem[:-1])))  # asiakkaa-n
    elif stem.endswith("e"):
        yield from (one[:-1] + "i" for one in stems)  # suure-n
    yield from _of_comparative(stem)


def _of_plural(stem: str, *, is_weak: bool) -> Iterator[str]:
    """The base forms of what stands before the i of the plural."""
    if stem[-1] in "oö":
        yield from _of_stem(stem[:-1] + {"o": "a", "ö": "ä"}[stem[-1]], is_weak=is_weak)  # hinno-i-ssa
    if stem[-1] == "e":
        yield from _of_stem(stem[:-1] + "i", is_weak=is_weak)  # mittare-i-ssa
    if stem[-1] in _VOWELS:
        yield from _of_stem(stem, is_weak=is_weak)  # lasku-i-ssa
        yield from _of_stem(stem + stem[-1], is_weak=is_weak)  # asiakka-i-ta
    else:
        for vowel in (_a("a", stem), "e", "i"):
            yield from _of_stem(stem + vowel, is_weak=is_weak)  # sopimuks-i-ssa


def _of_comparative(form: str) -> Iterator[str]:
    found = re.search(r"(?<=..)(?:mpi|mpa|mpä|mma|mmä)$", form)
    if not found:
        return
    stem = form[: found.start()]
    yield from _of_stem(stem, is_weak=True)  # kalliimpi, suurempi
    if stem.endswith("e"):
        vowel = _a("a", stem)
        yield from (stem[:-1] + vowel, *_strong(stem[:-1] + vowel))  # halvempi


# --------------------------------------------------------------------- verbs


def _verbs(form: str) -> Iterator[str]:
    """Infinitives: of persons, of the past, of the passive, of participles."""
    passive = re.search(r"(?<=..)(?:ttiin|ttu|tty|taan|tään)$", form)
    if passive:
        stem = form[: passive.start()]
        yield from (_infinitive(stem), stem + _a("ta", stem))
        if stem.endswith("e"):
            vowel = _a("a", stem)
            yield from map(_infinitive, (stem[:-1] + vowel, *_strong(stem[:-1] + vowel)))  # maksettu
    participle = re.search(r"(?<=..)(n|ss|nn|ll|rr)(?:ut|yt|eet)$", form)
    if participle:
        stem = form[: participle.start()]
        if participle[1] in {"n", "nn"}:
            yield _infinitive(stem)  # maksanut
        yield from (stem + _a(one, stem) for one in _PARTICIPLES[participle[1]])  # luvannut, noussut
    if form[-1] in _VOWELS:
        yield from _of_finite(form, is_weak=False)
    for stem in _ended(form, _PERSONS):
        yield from _of_finite(stem, is_weak=True)


def _of_finite(stem: str, *, is_weak: bool) -> Iterator[str]:
    if len(stem) < MIN_STEM_CHARS:
        return
    stems = (stem, *(_strong(stem) if is_weak else ()))
    yield from map(_infinitive, stems)  # maksa-n
    if stem[-2:] in {"aa", "ää", "oa", "ua", "ea", "eä"}:
        yield from (one + _a("ta", one) for one in (stem[:-1], *_weak(stem[:-1])))  # lupaa-n
    if stem.endswith("oi"):
        yield _infinitive(stem[:-1])  # sanoi-n
        yield from (_infinitive(one[:-2] + "a") for one in stems)  # maksoi-n
    elif stem.endswith("si"):
        before = stem[:-2]
        yield before + _a("sta", before)  # nousi
        yield from (one + _a("ta", one) for one in (before, *_weak(before)))  # lupasi-n
    elif stem.endswith("i"):
        for vowel in (_a("a", stem), "e"):
            yield from (_infinitive(one[:-1] + vowel) for one in stems)  # muuti-n
    if stem.endswith("isi"):
        yield _infinitive(stem[:-3])  # pitäisi


def _infinitive(stem: str) -> str:
    return stem + _a("a", stem)


def _a(ending: str, stem: str) -> str:
    """The ending in the harmony of the stem."""
    return ending if re.search("[aou]", stem) else ending.replace("a", "ä")


# ----------------------------------------------------------------- gradation


def _strong(stem: str) -> Iterator[str]:
    """The stem with its last consonants in the strong grade; a weak one may come of several."""
    yield from _graded(stem, [(weak, strong) for weak, strong in _GRADES])
    if stem.endswith(("uvu", "yvy")):
        yield f"{stem[:-2]}k{stem[-1]}"  # luvu-n


def _weak(stem: str) -> Iterator[str]:
    """The stem with its last consonants in the weak grade."""
    return _graded(stem, [(strong, weak) for weak, strong in _GRADES])


def _graded(stem: str, changes: list[tuple[str, str]]) -> Iterator[str]:
    vowels = _TRAILING.search(stem)
    if not vowels:
        return
    head = stem[: vowels.start()]
    for old, new in changes:
        before = head.removesuffix(old)
        # A single consonant after itself or after s is no grade: "tt", "st".
        if len(before) < len(head) and before and not (old in {"k", "p", "t"} and before[-1] in {old, "s", "h"}):
            yield before + new + vowels[0]
