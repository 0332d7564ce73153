"""Progress of a command on standard error: a line for each step, with a spinner when it is a terminal."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape

_console = Console(stderr=True, highlight=False)


@contextmanager
def step(text: str) -> Iterator[None]:
    """Say what is being done, and when it is done how long it took. A failure is left to whoever catches it."""
    began = time.monotonic()
    if _console.is_terminal:
        with _console.status(escape(text)):
            yield
    else:
        yield
    say(f"{text} ({time.monotonic() - began:.1f} s)")


def say(text: str) -> None:
    """One line."""
    if _console.is_terminal:
        _console.print(f"[dim]·[/dim] {escape(text)}")
    else:
        print(text, file=sys.stderr, flush=True)  # noqa: T201  # a command's progress
