"""Languages: which one a request gets, and the catalogs of every package.

Catalogs are the `.po` files under each package's `locale/`, read and merged once at start; English is the language of
the message ids and has none. How times and numbers are written is in `archive.web.formats`.
"""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from aiohttp import web
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations

LANGUAGE_COOKIE = "tallenne_language"


class Language(StrEnum):
    """The languages of the pages, in the order in which they are offered."""

    FI = "fi"
    SV = "sv"
    EN = "en"

    @property
    def own_name(self) -> str:
        """The language's name in itself."""
        return {"fi": "Suomi", "sv": "Svenska", "en": "English"}[self.value]

    @property
    def locale(self) -> str:
        """The Babel locale: the languages as they are written in Finland."""
        return {"fi": "fi_FI", "sv": "sv_FI", "en": "en_GB"}[self.value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogs:
    """The merged translations, one for each language, and every message id that is known."""

    translations: dict[Language, NullTranslations]
    known: frozenset[str]


def load(folders: Iterable[Path]) -> Catalogs:
    """Read `FOLDER/<language>/messages.po` of every folder and merge them; a missing file adds nothing."""
    places = tuple(folders)
    merged = {language: _merge(language, places) for language in Language}
    known = frozenset(str(message.id) for message in merged[Language.FI] if isinstance(message.id, str))
    return Catalogs(translations={lang: _compile(catalog) for lang, catalog in merged.items()}, known=known)


def _merge(language: Language, folders: tuple[Path, ...]) -> Catalog:
    merged = Catalog(locale=language.value)
    for folder in folders:
        path = folder / language.value / "messages.po"
        if not path.is_file():
            continue
        with path.open("rb") as file:
            for message in read_po(file, locale=language.value):
                if message.id and message.string and not message.fuzzy:
                    merged.add(message.id, message.string, context=message.context)
    return merged


def _compile(catalog: Catalog) -> NullTranslations:
    # The compiled form is made in memory, so that no built file can lag behind its source.
    file = io.BytesIO()
    write_mo(file, catalog)
    file.seek(0)
    return Translations(file)


def choose(request: web.Request) -> Language:
    """The language of a request: the chosen one (cookie), else the browser's wish, else Finnish."""
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    if chosen in set(Language):
        return Language(chosen)
    return wished(request.headers.get("Accept-Language", ""))


def wished(header: str) -> Language:
    """The best of our languages in an `Accept-Language` header (RFC 9110, 12.5.4); Finnish when none fits."""
    wishes: list[tuple[float, int, Language]] = []
    for place, item in enumerate(header.split(",")[:20]):
        tag, _, quality = item.strip().partition(";")
        code = tag.strip().lower().partition("-")[0]
        if code in set(Language):
            wishes.append((-_quality(quality), place, Language(code)))
    wishes.sort(key=lambda wish: wish[:2])
    return wishes[0][2] if wishes and wishes[0][0] < 0 else Language.FI


def _quality(text: str) -> float:
    name, _, value = text.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
