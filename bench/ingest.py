"""Ingest: pushes a second over HTTP against raw PUT of the same bytes to the same SeaweedFS by the minio SDK.

16 in flight on either side, in turns in one run, with as many api processes as `tallenne up` starts by itself, its
worker and timers beside them. The load generator, both services and all roles share the machine. Processor time a push
is printed by process, so that it is seen where it goes.

Run as `python -m bench.ingest [ROUNDS] [SIZE ...]`; sizes in bytes.
"""

import sys
import tempfile
from pathlib import Path

from bench import _load
from bench._load import Running

SIZES = {100_000: 1500, 1_000_000: 300, 2_400_000: 120}
ROUNDS = 5
WANTED = {100_000: 0.6, 1_000_000: 0.8}
_PARTS = ("api", "worker", "postgres", "weed")


def measure(running: Running, audio: Path, size_bytes: int, rounds: int) -> None:
    """Print both rates and their ratio, round by round; who begins changes."""
    count, ratios = SIZES.get(size_bytes, 200), list[float]()
    _load.push_all(running, audio, max(50, count // 10))
    for number in range(rounds):
        rates: dict[str, float] = {}
        spent = ""
        for side in ("raw", "ours") if number % 2 == 0 else ("ours", "raw"):
            running.settle()
            before = _used(running)
            figures = (_load.put_all if side == "raw" else _load.push_all)(running, audio, count)
            rates[side] = figures["rate"]
            if side == "ours":
                used = {part: (now - before[part]) / count * 1e6 for part, now in _used(running).items()}
                spent = ", ".join(f"{part} {micros:.0f}" for part, micros in used.items())
                spent += f", generator {figures['cpu_us']:.0f} us; p95 {figures['p95_ms']:.0f} ms"
        ratios.append(rates["ours"] / rates["raw"])
        print(
            f"  raw {rates['raw']:.0f}/s, ours {rates['ours']:.0f}/s, ratio {ratios[-1]:.2f}; a push: {spent}",
            flush=True,
        )
    wanted = f", wanted {WANTED[size_bytes]}" if size_bytes in WANTED else ""
    print(f"{size_bytes} bytes: ratio {_load.spread(ratios)} of {rounds} rounds{wanted}", flush=True)


def _used(running: Running) -> dict[str, float]:
    return {part: sum(map(_load.cpu_s, running.role(part))) for part in _PARTS}


def main() -> None:
    """Measure every size."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    sizes = [int(word) for word in sys.argv[2:]] or list(SIZES)
    with _load.installation() as running, tempfile.TemporaryDirectory() as folder:
        print(f"{len(running.role('api'))} api processes")
        for size_bytes in sizes:
            measure(running, _load.write_wav(Path(folder) / "call.wav", size_bytes), size_bytes, rounds)


if __name__ == "__main__":
    main()
