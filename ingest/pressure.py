"""Whether others wait for a processor: what can be done later, asks here first.

The kernel counts the time for which at least one task had to wait for a processor ("some" of
/proc/pressure/cpu, https://docs.kernel.org/accounting/psi.html). Where it does not, every moment is calm.
"""

import asyncio
from pathlib import Path
from typing import Final

BUSY: Final = 0.5
"""The share of a moment in which somebody waited, from which on it is not calm."""

_MOMENT_S: Final = 0.2
_FILE: Final = Path("/proc/pressure/cpu")


async def calm(limit_s: float, file: Path = _FILE) -> bool:
    """Wait until a moment was calm, for `limit_s` seconds at most; whether one was."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + limit_s
    while (before := _waited_us(file)) is not None:
        began = loop.time()
        await asyncio.sleep(_MOMENT_S)
        after = _waited_us(file)
        if after is None or (after - before) / 1e6 < BUSY * (loop.time() - began):
            break
        if loop.time() > deadline:
            return False
    return True


def _waited_us(file: Path) -> int | None:
    """Microseconds since the start in which some task waited; None where nobody counts them."""
    try:
        some = file.read_text(encoding="ascii").splitlines()[0]
        return int(some.rpartition("total=")[2])
    except (OSError, ValueError, IndexError):
        return None
