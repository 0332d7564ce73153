"""Text to index terms: what each word of a text is found by, and what a word that is asked for is looked for by.

A term is one of two things. Plain: a folded word, a base form or a part of a compound ("lasku"). Stemmed: the language,
`~` and a stem that Snowball cut ("sv~räkning"); stems of one language so never meet words or stems of another. The
rules are here and in `search.tokens` and `search.finnish`; the dictionaries come in from `search.morphology`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from search import finnish, guessing, tokens
from search.tokens import MAX_TERM_CHARS, UNITS

RULES = "words-1"
"""Changes whenever the same text would give other terms, so that older rows are known."""
LANGUAGES = ("fi", "sv", "en")
CACHED_WORDS = 32_768
_MAX_KEY_CHARS = 4 * MAX_TERM_CHARS

Stem = Callable[[str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A word of a text: from `start` to before `end` in characters, folded, and every term that finds it.

    `keys` are those terms that pairs of words are made of; none where no dictionary is there. Whatever asks for a word
    by a term that is no stem has one of its keys among its own.
    """

    start: int
    end: int
    plain: str
    terms: tuple[str, ...]
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A word of a query: any one of `any_of` is a hit; `understood` is what a person may be shown of that.

    A word of a text that is hit has one of `keys` among its own or is hit by one of `stems`.
    """

    start: int
    end: int
    plain: str
    any_of: tuple[str, ...]
    keys: tuple[str, ...]

    @property
    def understood(self) -> tuple[str, ...]:
        """The word and its base forms, without the stems."""
        return tuple(term for term in self.any_of if "~" not in term)

    @property
    def stems(self) -> tuple[str, ...]:
        """What only words that no dictionary knows are found by."""
        return _stems_in(self.any_of)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Word:
    """What is known of a word: itself, its whole forms (asked for and found), and what is inside (only found)."""

    plain: str
    whole: tuple[str, ...]
    inside: tuple[str, ...]


class Analyser:
    """One way to understand words, with a cache of the forms met lately. May be shared by threads."""

    def __init__(
        self,
        *,
        name: str,
        stems: Mapping[str, Stem],
        lookup: finnish.Lookup | None = None,
        cached_words: int = CACHED_WORDS,
    ) -> None:
        self.name = name
        """Which analyser made a row: the same name, the same terms."""
        self._stems = stems
        self._lookup = lookup
        self._found = lru_cache(cached_words)(self._find)
        self._asked = lru_cache(cached_words // 8)(self._ask)

    def tokens(self, text: str, language: str | None = None) -> tuple[Token, ...]:
        """The words of a text in their order, each with its terms; the place in the tuple is the word's position.

        `language` is that of the text, as "fi" or "fi-FI". Where it is unknown, other or mixed, words that Finnish
        does not know are stemmed as Swedish and English too.
        """
        languages = _languages(language)
        found = tokens.spans(text)
        made = tokens.joined(text, found)
        out = []
        for place, span in enumerate(found):
            plain, terms, keys = self._found(_key(span), languages)
            if not terms:
                continue  # a character that nothing is left of
            if place in made and made[place] not in terms:
                terms, keys = (*terms, made[place]), (*keys, made[place])
            out.append(Token(start=span.start, end=span.end, plain=plain, terms=terms, keys=keys))
        return tuple(out)

    def query(self, text: str, language: str | None = None) -> tuple[Asked, ...]:
        """The words of a query in their order; without a language in all of them."""
        languages = _languages(language)
        out = []
        for span in tokens.spans(text):
            plain, any_of = self._asked(_key(span), languages)
            if not any_of:
                continue
            whole = tokens.joined(text, [span]).get(0, plain)
            any_of = any_of if whole in any_of else (*any_of, whole)
            keys = self._keys_of(any_of, languages)
            out.append(Asked(start=span.start, end=span.end, plain=plain, any_of=any_of, keys=keys))
        return tuple(out)

    def asked(self, word: str, language: str | None = None) -> tuple[str, ...]:
        """The alternatives of one word; of several, those of the first; nothing where there is no word."""
        words = self.query(word, language)
        return words[0].any_of if words else ()

    # -------------------------------------------------------------- a word, once

    def _find(self, surface: str, languages: tuple[str, ...]) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
        word = self._understand(surface, languages, is_asked=False)
        terms = _unique([word.plain, *word.whole, *word.inside])
        if self._lookup is None:
            return word.plain, terms, ()
        # A word that the dictionary knows, spelt as it is compared: whoever asks for just this form asks for what the
        # dictionary says of it too.
        is_known = bool(word.whole) and word.plain == surface and not _stems_in(word.whole)
        keys = _unique([*word.whole, *word.inside]) if is_known else terms
        return word.plain, terms, tuple(key for key in keys if "~" not in key)

    def _keys_of(self, any_of: Iterable[str], languages: tuple[str, ...]) -> tuple[str, ...]:
        """The terms that are no stems, and what a word that is one of them is known by where that is none of them."""
        if self._lookup is None:
            return ()
        terms = [term for term in any_of if "~" not in term]
        known = [self._found(term, languages)[2] for term in terms]
        return _unique([*terms, *(key for keys in known if set(keys).isdisjoint(terms) for key in keys)])

    def _ask(self, surface: str, languages: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
        word = self._understand(surface, languages, is_asked=True)
        return word.plain, _unique([word.plain, *word.whole])

    def _understand(self, surface: str, languages: tuple[str, ...], *, is_asked: bool) -> _Word:
        words = [self._piece(piece, languages, is_asked=is_asked) for piece in tokens.pieces(surface)]
        if len(words) == 1:
            return words[0]
        plains = [word.plain for word in words]
        if all(plain[:1].isdigit() for plain in plains):
            return _Word(plain=_cut("-".join(plains)), whole=(), inside=tuple(plains))
        before, plain = "".join(plains[:-1]), "".join(plains)
        whole = [before + base for base in words[-1].whole if "~" not in base]
        return _Word(
            plain=_cut(plain),
            whole=(*map(_cut, whole), *(() if whole else self._stemmed(_cut(plain), languages))),
            inside=tuple(term for word in words for term in (word.plain, *word.whole, *word.inside)),
        )

    def _piece(self, piece: str, languages: tuple[str, ...], *, is_asked: bool) -> _Word:
        plain = tokens.plain(piece)
        if plain[:1].isdigit():
            return _Word(plain=plain, whole=(), inside=_without_unit(plain))
        known = self._finnish(piece, plain, is_asked=is_asked) if "fi" in languages else None
        if known is None:
            whole = self._stemmed(plain, languages)
            return _Word(plain=plain, whole=whole, inside=_guessed_parts(whole))
        if not is_asked:
            return _Word(plain=plain, whole=known.bases, inside=known.inside)
        # Of the Swedish and English words of this trade Voikko knows one in forty, so a word that it knows is not
        # stemmed as theirs: "hinta" does not ask for "hint". Guesses are asked for too: misspelt words have them.
        guesses = [f"fi~{base}" for base in known.bases if base.isalpha()]
        return _Word(plain=plain, whole=(*known.bases, *map(_cut, guesses)), inside=())

    def _finnish(self, piece: str, plain: str, *, is_asked: bool) -> finnish.Forms | None:
        """What Voikko knows of a word, as it is written or as it is said; None when it knows nothing."""
        if self._lookup is None:
            return None
        for spelling in finnish.spellings(piece, plain, is_asked=is_asked):
            outputs = self._lookup(spelling)
            if outputs:
                return finnish.forms(outputs)
        return None

    def _stemmed(self, plain: str, languages: Iterable[str]) -> tuple[str, ...]:
        """Stems; not of what has digits in it, which nobody inflects, nor English ones of what has dots."""
        if not plain.isalpha():
            return ()
        stems: list[str] = []
        for language in languages:
            if language == "en" and not plain.isascii():
                continue
            roots = (
                guessing.bases(plain, verbs=self._lookup is None)
                if language == "fi"
                else (self._stems[language](plain),)
            )
            stems.extend(_cut(f"{language}~{root}") for root in roots)
        return tuple(stems)


def _stems_in(terms: Iterable[str]) -> tuple[str, ...]:
    return tuple(term for term in terms if "~" in term)


def _key(span: tokens.Span) -> str:
    return span.surface[:_MAX_KEY_CHARS].lower()


def _languages(language: str | None) -> tuple[str, ...]:
    primary = (language or "").partition("-")[0].lower()
    return (primary,) if primary in LANGUAGES else LANGUAGES


def _without_unit(plain: str) -> tuple[str, ...]:
    """Of "3x25a" also "3x25", of "10kwh" also "10" and "kwh"."""
    number = plain.rstrip("abcdefghijklmnopqrstuvwxyz")
    unit = plain[len(number) :]
    return tuple(term for term in (number, unit) if term[:1].isdigit() or len(term) > 1) if unit in UNITS else ()


def _guessed_parts(stems: tuple[str, ...]) -> tuple[str, ...]:
    """The parts of a compound that Voikko does not know, as guessed bases too."""
    return tuple(f"fi~{part}" for stem in stems if stem.startswith("fi~") for part in guessing.parts(stem[3:]))


def _cut(term: str) -> str:
    return term[:MAX_TERM_CHARS]


def _unique(terms: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(term for term in terms if term))
