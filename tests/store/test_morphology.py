"""Both Voikkos give the same terms, and without either everything still works; here, since pyvoikko is slow to load."""

import re
import subprocess
import sys
from pathlib import Path

from search import morphology
from tests.unit import word_pairs

ROOT = Path(__file__).parents[2]
TEXTS = [
    *(ROOT / "archive" / "demo" / "dialogues").glob("*.toml"),
    *ROOT.glob("*/locale/fi/messages.po"),
    *ROOT.glob("archive/*/locale/fi/messages.po"),
    ROOT / "tests" / "unit" / "word_pairs.toml",
]
# Neither Voikko can be imported or opened in a process that begins so.
BLOCKED = """
import sys
def refuse(event, arguments):
    if event == "ctypes.dlopen" and "voikko" in str(arguments[0]):
        raise OSError("blocked")
sys.addaudithook(refuse)
sys.modules["pyvoikko"] = sys.modules["kfst"] = sys.modules["kfst_rs"] = None
"""


def words() -> list[str]:
    """What is said and written in Finnish in this repository, each word once."""
    return sorted({word for path in TEXTS for word in re.findall(r"[^\W\d_][\w'-]*", path.read_text())})


def test_both_voikkos_give_the_same_terms() -> None:
    library, by_pip = morphology.analyser("libvoikko"), morphology.analyser("pyvoikko")
    text = "\n".join(words())
    tokens = library.tokens(text, "fi")
    assert len(tokens) >= 2_000
    assert tokens == by_pip.tokens(text, "fi")
    assert library.query(text) == by_pip.query(text)
    assert library.name == by_pip.name


def test_pairs_are_found_by_pyvoikko_too() -> None:
    share, false = word_pairs.figures(morphology.analyser("pyvoikko"))
    sys.stdout.write(f"pyvoikko: {share:.1%} of the pairs found, {false} look-alikes\n")
    assert share >= 0.98
    assert false == 0


def test_without_voikko_words_are_found_by_guessing() -> None:
    code = f"""{BLOCKED}
from search import morphology
from tests.unit import word_pairs
print(morphology.choose("auto"))
print(morphology.describe("auto"))
print(*word_pairs.figures(morphology.analyser("auto")))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    chosen, said, figures = done.stdout.splitlines()
    assert chosen == "snowball"
    assert "libvoikko1 and voikko-fi" in said
    assert "extra `voikko`" in said
    share, false = map(float, figures.split())
    assert share >= 0.85
    assert false == 0
