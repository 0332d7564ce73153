"""Templates get exactly the fields of their context, say nothing untranslated, and keep to the content policy."""

import ast
import dataclasses
import importlib
import inspect
import re
import typing
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import jinja2
import pytest
from babel.messages.extract import extract
from jinja2 import meta, nodes
from jinja2.ext import babel_extract

from archive.web import templating
from archive.web.formats import Formats
from archive.web.i18n import Catalogs, Language, load
from archive.web.static_files import read_tree
from archive.web.words import ALL
from ingest.decoding import Reason
from ingest.pages_speech import REASONS
from ingest.transcribe import WHY

ROOT = Path(__file__).parents[2]
WALLS = ("ingest", "search", "retention")
FOLDERS = {wall: ROOT / wall for wall in WALLS}
TEMPLATES = sorted(path for package in ("archive/web", *WALLS) for path in (ROOT / package).rglob("*.html"))
KEYWORDS: dict[str, typing.Any] = {"_": None, "gettext": None, "ngettext": (1, 2), "N_": None, "NN_": (1, 2)}
OPTIONS = {"trim_blocks": "true", "lstrip_blocks": "true", "silent": "false"}


def environment() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=templating.loader_of(FOLDERS), extensions=["jinja2.ext.i18n"], trim_blocks=True, autoescape=True
    )
    zone = ZoneInfo("Europe/Helsinki")
    templating.furnish(made, Formats(language=Language.FI, zone=zone), catalogs(), read_tree())
    return made


def catalogs() -> Catalogs:
    return load((ROOT / "archive/web/locale", *(folder / "locale" for folder in FOLDERS.values())))


ENVIRONMENT = environment()


# ------------------------------------------------------------ contexts are complete


def handlers() -> Iterator[tuple[str, str, type]]:
    """Each call of `kit.page` or `kit.render`: where it is, its template, and the class of its context."""
    for path in sorted(path for package in ("archive/web", *WALLS) for path in (ROOT / package).rglob("*.py")):
        text = path.read_text()
        if "kit.page(" not in text and "kit.render(" not in text:
            continue
        module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
        for function in ast.walk(ast.parse(text)):
            if isinstance(function, ast.AsyncFunctionDef | ast.FunctionDef):
                for call in ast.walk(function):
                    if _renders(call):
                        template = typing.cast("ast.Constant", call.args[1]).value
                        context = _class_of(call.args[2], function, module)
                        yield f"{path.name}:{function.name}", str(template), context


def _renders(node: ast.AST) -> typing.TypeGuard[ast.Call]:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"page", "render"}
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "kit"
        and len(node.args) > 2
        and isinstance(node.args[1], ast.Constant)
    )


def _class_of(value: ast.expr, function: ast.AST, module: object) -> type:
    """The dataclass that an expression makes: written out, by a call of a typed function, or by a name for one."""
    if isinstance(value, ast.Await):
        return _class_of(value.value, function, module)
    if isinstance(value, ast.Name):
        made = [
            node.value
            for node in ast.walk(function)
            if isinstance(node, ast.Assign)
            and any(isinstance(target, ast.Name) and target.id == value.id for target in node.targets)
        ]
        if not made:
            arguments = {a.arg: a.annotation for a in ast.walk(function) if isinstance(a, ast.arg)}
            named: type = _named(typing.cast("ast.expr", arguments[value.id]), module)
            return named
        return _class_of(made[-1], function, module)
    assert isinstance(value, ast.Call), ast.dump(value)
    called = _named(value.func, module)
    context: type = called if inspect.isclass(called) else typing.get_type_hints(called)["return"]
    return context


def _named(expression: ast.expr, module: object) -> typing.Any:
    if isinstance(expression, ast.Attribute):
        return getattr(_named(expression.value, module), expression.attr)
    assert isinstance(expression, ast.Name), ast.dump(expression)
    return getattr(module, expression.id)


def wanted_by(template: str, seen: set[str]) -> set[str]:
    """The names that a template, what it extends and what it includes take from the context."""
    if template in seen:
        return set()
    seen.add(template)
    assert ENVIRONMENT.loader is not None
    source = ENVIRONMENT.loader.get_source(ENVIRONMENT, template)[0]
    tree = ENVIRONMENT.parse(source)
    given = {name.name for name in tree.find_all(nodes.Name) if name.ctx == "store"}
    given |= {macro.name for macro in tree.find_all(nodes.Macro)}
    given |= {imported.target for imported in tree.find_all(nodes.Import)}
    wanted = set(meta.find_undeclared_variables(tree))
    for part in tree.find_all((nodes.Include, nodes.Extends)):
        assert isinstance(part, nodes.Include | nodes.Extends)
        assert isinstance(part.template, nodes.Const)
        wanted |= wanted_by(part.template.value, seen)
    return wanted - given - set(ENVIRONMENT.globals) - {"self"}


@pytest.mark.parametrize(("place", "template", "context"), [pytest.param(*case, id=case[1]) for case in handlers()])
def test_a_template_uses_exactly_the_fields_of_its_context(place: str, template: str, context: type) -> None:
    assert dataclasses.is_dataclass(context), place
    fields = {field.name for field in dataclasses.fields(context)}
    assert wanted_by(template, set()) - {"shell"} == fields


# ---------------------------------------------------------------- words


def messages(path: Path) -> Iterator[str | tuple[str, ...]]:
    # Jinja's extractor is typed more narrowly than Babel calls it.
    method: typing.Any = babel_extract if path.suffix == ".html" else "python"
    with path.open("rb") as file:
        for _, message, _, _ in extract(method, file, keywords=KEYWORDS, options=OPTIONS):
            if message:
                yield message


@pytest.mark.parametrize("package", ["archive/web", *WALLS])
def test_every_message_is_told_in_finnish_and_swedish(package: str) -> None:
    said = catalogs()
    paths = [*(ROOT / package).rglob("*.html"), *(ROOT / package).rglob("*.py")]
    found = {message for path in paths for message in messages(path)}
    for language in (Language.FI, Language.SV):
        known = said.translations[language]._catalog
        missing = {m for m in found if (m if isinstance(m, str) else (m[0], 0)) not in known}
        assert not missing, language


def test_every_reason_of_a_failed_job_is_told_in_finnish_and_swedish() -> None:
    for language in (Language.FI, Language.SV):
        assert {*WHY.values(), *Reason} <= catalogs().translations[language]._catalog.keys(), language
    assert set(WHY) <= set(REASONS)


def test_places_in_a_message_are_those_of_its_translation() -> None:
    places = re.compile(r"%\(\w+\)s")
    for language in (Language.FI, Language.SV):
        for message, told in catalogs().translations[language]._catalog.items():
            if isinstance(message, str) and message:
                assert set(places.findall(message)) == set(places.findall(told)), message


def test_words_of_the_domain_do_not_overlap() -> None:
    assert ALL["archive:recording:kept"] == "Recording kept"
    assert len(ALL) == len(set(ALL))


# ---------------------------------------------------------------- policy


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_keeps_to_the_content_policy(path: Path) -> None:
    text = re.sub(r"{#.*?#}", "", path.read_text(), flags=re.DOTALL)
    assert not re.search(r"<[^>]*\s(style|on[a-z]+|hx-on[\w:-]*)\s*=", text), "no inline style or handler"
    assert not re.search(r"<script(?![^>]*\ssrc=)", text), "no inline script"
    assert not re.search(r"""(src|href|action|hx-[a-z]+)=["'](https?:)?//""", text), "no foreign host"
    assert not re.search(r"\|\s*safe\b", text), "nothing is let through unescaped"


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_every_form_that_changes_something_carries_the_secret(path: Path) -> None:
    for form in re.findall(r'<form[^>]*method="post".*?</form>', path.read_text(), flags=re.DOTALL):
        assert "csrf(" in form, form[:120]
