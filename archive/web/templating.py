"""Jinja: one environment for each language, with the formats and catalogs of that language built in.

A template of a wall is found by the wall's name: `ingest/intake.html` is the file `intake.html` in `ingest/templates`.
The floor's own templates have no prefix. What a page puts in is the business of `archive.web.kit`.
"""

import importlib
from collections.abc import Iterable
from pathlib import Path
from zoneinfo import ZoneInfo

import aiohttp_jinja2
import jinja2
from aiohttp import web

from archive.web import i18n, static_files
from archive.web.companies import COMPANY_LIST, CompanyList
from archive.web.formats import Formats
from archive.web.i18n import Catalogs, Language
from archive.web.words import ALL

HERE = Path(__file__).parent
ENVIRONMENTS: dict[Language, web.AppKey[jinja2.Environment]] = {
    language: web.AppKey(f"jinja_{language}", jinja2.Environment) for language in Language
}
CATALOGS: web.AppKey[Catalogs] = web.AppKey("catalogs", Catalogs)
FORMATS: web.AppKey[dict[Language, Formats]] = web.AppKey("formats", dict[Language, Formats])


def setup(app: web.Application, *, walls: Iterable[str], timezone: str) -> None:
    """Read templates, catalogs and static files of the floor and of the named walls.

    Args:
        app: the application that gets the environments.
        walls: package names; each may have `templates/` and `locale/`.
        timezone: the zone in which times are shown.

    """
    folders = {wall: package_folder(wall) for wall in walls}
    app[static_files.TREE] = static_files.read_tree()
    app[COMPANY_LIST] = CompanyList()
    app[CATALOGS] = i18n.load((HERE / "locale", *(folder / "locale" for folder in folders.values())))
    zone = ZoneInfo(timezone)
    app[FORMATS] = {language: Formats(language=language, zone=zone) for language in Language}
    loader = loader_of(folders)
    for language, key in ENVIRONMENTS.items():
        environment = aiohttp_jinja2.setup(
            app,
            app_key=key,
            default_helpers=False,
            loader=loader,
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
        )
        furnish(environment, app[FORMATS][language], app[CATALOGS], app[static_files.TREE])


def package_folder(package: str) -> Path:
    """Where an installed package lies."""
    return Path(str(importlib.import_module(package).__file__)).parent


def loader_of(walls: dict[str, Path]) -> jinja2.BaseLoader:
    """The loader of the floor's templates and, under their names, of the walls'."""
    prefixed = {name: jinja2.FileSystemLoader(folder / "templates") for name, folder in walls.items()}
    return jinja2.ChoiceLoader([jinja2.FileSystemLoader(HERE / "templates"), jinja2.PrefixLoader(prefixed)])


def furnish(
    environment: jinja2.Environment, formats: Formats, catalogs: Catalogs, tree: static_files.StaticTree
) -> None:
    """Give an environment the words and formats of one language."""
    translations = catalogs.translations[formats.language]
    environment.install_gettext_translations(translations, newstyle=True)  # type: ignore[attr-defined]
    environment.globals.update(static=tree.url, lang=formats.language.value)
    environment.filters.update(
        {
            "when": formats.time,
            "day": formats.day,
            "exact": formats.exact,
            "clock": formats.clock,
            "weekday": formats.weekday,
            "short_time": formats.when,
            "duration": formats.duration,
            "number": formats.number,
            "percent": formats.percent,
            "size": formats.size,
            "digest": formats.digest,
            # For words that are not known before they come, such as complaints: nothing is filled in.
            "tr": translations.gettext,
            "word": lambda value: translations.gettext(ALL.get(str(value), str(value))),
        }
    )
