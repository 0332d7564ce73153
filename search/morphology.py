"""The dictionaries behind the words: Voikko by libvoikko, Voikko by pip, or only Snowball; chosen and loaded once.

Only loading and calling; what is made of the answers is `search.finnish` and `search.words`. libvoikko is called by its
C interface, of which a few functions are enough; the binding on PyPI is of 2019.
"""

import ctypes
import importlib
import importlib.metadata
import importlib.util
import zlib
from collections.abc import Callable
from enum import StrEnum
from functools import cache
from threading import Lock
from typing import Any

from archive.domain import sensitive
from archive.errors import Misconfigured
from search import pairs, sounds
from search.finnish import Lookup, forms
from search.words import LANGUAGES, RULES, Analyser, Stem

_LIBRARY = "libvoikko.so.1"
_SNOWBALL = {"fi": "finnish", "sv": "swedish", "en": "english"}
_MAX_WORD_CHARS = 64
# Words whose answers tell one dictionary from another.
_PROBES = (
    *("sähkölaskustani", "hinnankorotuksesta", "kaukolämmöstä", "lupasitte", "maksettu", "irtisanominen", "mittaamme"),
    *("kuusi", "lahdessa", "isännöitsijältä", "kahdessakymmenessäviidessä", "etäluettava", "aurinkopaneeleita"),
    *("latauspisteeseen", "verkkopalvelumaksu", "vikavirtasuojasta", "spotti", "tallenne", "nettisivuilta"),
)


class Kind(StrEnum):
    """Which dictionary; the best that is there comes first."""

    LIBVOIKKO = "libvoikko"
    PYVOIKKO = "pyvoikko"
    SNOWBALL = "snowball"


AUTO = "auto"
MISSING = {
    Kind.LIBVOIKKO: "libvoikko is not there: install Debian's libvoikko1 and voikko-fi",
    Kind.PYVOIKKO: "pyvoikko is not there: install the extra `voikko` with pip",
}


@cache
def analyser(wanted: str = AUTO) -> Analyser:
    """The analyser of this process; loading pyvoikko takes a second and 230 MiB, the others next to nothing.

    Raises:
        Misconfigured: the setting names a dictionary that is not there.

    """
    kind = choose(wanted)
    lookup = _libvoikko() if kind is Kind.LIBVOIKKO else _pyvoikko() if kind is Kind.PYVOIKKO else None
    finnish = "guessed" if lookup is None else f"voikko-{_fingerprint(lookup)}"
    version = ".".join(importlib.metadata.version("snowballstemmer").split(".")[:2])
    # What rows hold beside words is made by rules too: a row is as old as the oldest of them.
    rules = f"{RULES};{pairs.RULES};{sounds.RULES};{sensitive.RULES}"
    return Analyser(name=f"{finnish};snowball-{version};{rules}", stems=_stems(), lookup=lookup)


def choose(wanted: str) -> Kind:
    """The dictionary that will be used, without loading it for good.

    Raises:
        Misconfigured: the setting names a dictionary that is not there.

    """
    if wanted != AUTO:
        kind = Kind(wanted)
        if not is_there(kind):
            raise Misconfigured(f"TALLENNE_WORDS_ANALYSER: {MISSING[kind]}")
        return kind
    return next(kind for kind in Kind if is_there(kind))


def describe(wanted: str) -> str:
    """What an operator should know: which dictionary is used, and how to get a better one.

    Raises:
        Misconfigured: the setting names a dictionary that is not there.

    """
    kind = choose(wanted)
    said = f"{kind} {version(kind)}"
    if kind is Kind.PYVOIKKO:
        return f"{said}; {MISSING[Kind.LIBVOIKKO]} for faster and smaller workers" if wanted == AUTO else said
    if kind is Kind.SNOWBALL:
        missing = [how for other, how in MISSING.items() if not is_there(other)]
        return "; ".join([f"{said}: base forms of Finnish words are guessed by their endings", *missing])
    return said


def is_there(kind: Kind) -> bool:
    """Whether a dictionary can be loaded on this machine."""
    if kind is Kind.LIBVOIKKO:
        return _open_libvoikko() is not None
    if kind is Kind.PYVOIKKO:
        return all(importlib.util.find_spec(name) is not None for name in ("pyvoikko", "kfst_rs"))
    return True


def version(kind: Kind) -> str:
    """The version of a dictionary that is there, for people."""
    if kind is Kind.LIBVOIKKO:
        return str(_declared().voikkoGetVersion().decode())
    return importlib.metadata.version("pyvoikko" if kind is Kind.PYVOIKKO else "snowballstemmer")


def _fingerprint(lookup: Lookup) -> str:
    """What tells dictionaries apart that give other terms; both Voikkos with the same dictionary give the same."""
    answers = "\n".join(str(forms(lookup(word))) for word in _PROBES)
    return f"{zlib.crc32(answers.encode()):08x}"


# ------------------------------------------------------------------ snowball


def _stems() -> dict[str, Stem]:
    return {language: _stem(_SNOWBALL[language]) for language in LANGUAGES}


def _stem(algorithm: str) -> Stem:
    """One stemmer behind a lock, for it keeps the word in itself while it works."""
    library: Any = importlib.import_module("snowballstemmer")
    stemmer, lock = library.stemmer(algorithm), Lock()

    def stem(word: str) -> str:
        with lock:
            return str(stemmer.stemWord(word))

    return stem


# ------------------------------------------------------------------ pyvoikko


def _pyvoikko() -> Lookup:
    """Only the transducer is used: its answers are those of libvoikko, and reading them is ours."""
    transducer = importlib.import_module("pyvoikko").VOIKKO_FST
    unknown_letter = importlib.import_module("kfst").TokenizationException

    def lookup(word: str) -> tuple[str, ...]:
        if len(word) > _MAX_WORD_CHARS:
            return ()
        try:
            return tuple(answer for answer, _ in transducer.lookup(word))
        except unknown_letter:
            return ()

    return lookup


# ----------------------------------------------------------------- libvoikko


@cache
def _declared() -> Any:
    """The C library with its functions declared. PyDLL keeps Python's lock, for a handle is not for two threads.

    Raises:
        OSError: it is not installed.

    """
    library = ctypes.PyDLL(_LIBRARY)
    text, handle, answers = ctypes.c_char_p, ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p)
    for name, returns, takes in (
        ("voikkoGetVersion", text, []),
        ("voikkoInit", handle, [ctypes.POINTER(text), text, text]),
        ("voikkoAnalyzeWordCstr", answers, [handle, text]),
        ("voikko_mor_analysis_value_cstr", handle, [ctypes.c_void_p, text]),
        ("voikko_free_mor_analysis_value_cstr", None, [handle]),
        ("voikko_free_mor_analysis", None, [answers]),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = returns, takes
    return library


@cache
def _open_libvoikko() -> int | None:
    """A handle with the Finnish dictionary for the rest of the process, or None."""
    try:
        library = _declared()
    except OSError:
        return None
    complaint = ctypes.c_char_p()
    handle: int | None = library.voikkoInit(ctypes.byref(complaint), b"fi", None)
    return handle


def _libvoikko() -> Lookup:
    library, handle = _declared(), _open_libvoikko()
    value_of: Callable[[int, bytes], int | None] = library.voikko_mor_analysis_value_cstr

    def lookup(word: str) -> tuple[str, ...]:
        if len(word) > _MAX_WORD_CHARS:
            return ()
        answers = library.voikkoAnalyzeWordCstr(handle, word.encode())
        if not answers:
            return ()
        found = []
        try:
            place = 0
            while answers[place]:
                # Absent where libvoikko adds a name that it guesses from two readings.
                value = value_of(answers[place], b"FSTOUTPUT")
                if value:
                    found.append(ctypes.string_at(value).decode())
                    library.voikko_free_mor_analysis_value_cstr(value)
                place += 1
        finally:
            library.voikko_free_mor_analysis(answers)
        return tuple(found)

    return lookup
