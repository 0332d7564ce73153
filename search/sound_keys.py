"""What a word that is asked for may sound like: the beginnings that its inflected forms have in common. Pure.

Finnish changes the end of a word and, with it, the consonants before ("sopimus", "sopimuksen"; "virta", "virran"). As
sounds little of that is left: kk, pp and tt are k, p and t; d is t, nk and ng are alike. What is left are the few
changes below. A key ends before the case ending, so it is found in every form, alone and inside of compounds.
"""

from collections.abc import Iterable, Iterator

from search.sounds import VOWELS, letters

MIN_CHARS = 6
"""Words with fewer sounds have no near hits: four letters in a row are in every long call."""

_WEAK = (("mp", "m"), ("nt", "n"), ("lt", "l"), ("rt", "r"))
"""Strong and weak grade of the consonants before the last vowel, where they still differ as sounds."""
_LIQUIDS = VOWELS | frozenset("lr")


def keys(bases: Iterable[str]) -> tuple[str, ...]:
    """The letters that words of these base forms begin with in all their forms, the longest of each first.

    As `search.sounds.letters`, dots and voice included. None for words that are too short.
    """
    found = dict.fromkeys(key for base in bases for key in _forms(base.lower()))
    return tuple(key for key in found if len(key) >= MIN_CHARS)


def _forms(base: str) -> Iterator[str]:
    own = letters(base)
    if not own:
        return
    for ends, change in _CHANGES:
        if base.endswith(ends):
            yield from change(own)
            return
    yield from _by_last_vowel(own)


def _by_last_vowel(own: str) -> Iterator[str]:
    """Nouns and the like, by the vowel they end in; other words stay as they are."""
    yield own
    stem, last = own[:-1], own[-1]
    weak = _weak(stem)
    for vowel in {"a": "oi", "ä": "öi", "i": "e"}.get(last, ""):
        yield stem + vowel
    if weak is not None:
        for vowel in {"a": "aoi", "ä": "äöi"}.get(last, last if last in "oöuyi" else ""):
            yield weak + vowel


def _weak(stem: str) -> str | None:
    """The stem in its weak grade; None where nothing changes that is heard as another sound."""
    for strong, weak in _WEAK:
        if stem.endswith(strong):
            return stem[: -len(strong)] + weak
    if len(stem) <= 2:  # noqa: PLR2004 - no consonant between vowels yet
        return None
    before = stem[-2].translate(_PLAIN)
    if stem[-1] == "p" and before in _LIQUIDS:
        return stem[:-1] + "v"
    if stem[-1] == "k" and before in _LIQUIDS | {"h"}:
        return {"i": stem[:-2] + "j", "u": stem[:-1] + "v"}.get(before, stem[:-1])
    return None


_PLAIN = str.maketrans("äöy", "aou")


def _us(own: str) -> Iterator[str]:
    """hyvitys: hyvityksen, hyvitystä."""
    yield from (own, own[:-1] + "ks")


def _nen(own: str) -> Iterator[str]:
    """vuokralainen: vuokralaisen, vuokralaista."""
    yield from (own, own[:-3] + "s")


def _as(own: str) -> Iterator[str]:
    """pylväs: pylvään."""
    yield from (own, own[:-1])


def _in(own: str) -> Iterator[str]:
    """vaihdin: vaihtimen."""
    yield from (own, own[:-1] + "m")


def _oida(own: str) -> Iterator[str]:
    """reklamoida: reklamoin."""
    yield own[:-2]


def _long_a(own: str) -> Iterator[str]:
    """laskuttaa: laskutan, laskutti, laskutetaan."""
    yield from (own[:-1] + vowel for vowel in (own[-1], "i", "e"))


def _off(own: str) -> Iterator[str]:
    """irtisanoa: irtisanoin; uhkailla: uhkailen."""
    yield own[:-1]


_CHANGES = (
    (("us", "ys", "os", "ös"), _us),
    (("nen",), _nen),
    (("as", "äs"), _as),
    (("in",), _in),
    (("oida", "öidä"), _oida),
    (("aa", "ää"), _long_a),
    (("oa", "öä", "ua", "yä", "ea", "eä", "ia", "iä", "lla", "llä", "nna", "nnä", "rra", "rrä"), _off),
)
