"""Memory of the api process: what one 2 GiB push adds, and what 64 slow uploads at once add to all processes together.

Resident memory is sampled every 50 ms while the bytes run; the figure is the highest sample less the one before. The
audio is made as it is sent, so nothing of this size lies anywhere but in the object store.

Run as `python -m bench.memory [BYTES] [SLOW_UPLOADS]`.
"""

import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from bench import _load, _pusher
from bench._load import Running

MIB = 1024**2
BYTES = 2 * 1024**3
UPLOADS = 64
SLOW_BYTES = 12 * MIB
SLOW_S = 25.0
_WARM_UP = 200


class Sampler:
    """Watches the resident memory of processes from a thread of its own."""

    def __init__(self, processes: list[psutil.Process]) -> None:
        self._processes = processes
        self._stop = threading.Event()
        self.before = self._now()
        self.peak = list(self.before)
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def _now(self) -> list[int]:
        return [process.memory_info().rss for process in self._processes]

    def _watch(self) -> None:
        while not self._stop.wait(0.05):
            self.peak = [max(pair) for pair in zip(self.peak, self._now(), strict=True)]

    def added_mib(self, work: Callable[[], None]) -> list[float]:
        """Do the work; what each process had more at its highest, in MiB."""
        self._thread.start()
        work()
        self._stop.set()
        self._thread.join()
        return [(peak - before) / MIB for peak, before in zip(self.peak, self.before, strict=True)]


def push(running: Running, name: str, size_bytes: int, pause_s: float = 0) -> int:
    """Push so many bytes of noise over one connection, pausing after each 64 KiB; the status."""
    job = _pusher.Job(
        port=running.port, token=running.token, company=_load.COMPANY, audio="", count=1, in_flight=1, prefix=name
    )
    head, tail = _pusher.envelope(_load.COMPANY)
    with TemporaryDirectory() as folder:
        wav_head = _load.write_wav(Path(folder) / "head.wav", 64 * 1024).read_bytes()
    noise = os.urandom(64 * 1024)
    with socket.create_connection(("127.0.0.1", running.port)) as link:
        link.sendall(_pusher.request_line(job, 0, len(head) + size_bytes + len(tail)) + head + wav_head)
        for sent in range(len(wav_head), size_bytes, len(noise)):
            link.sendall(noise[: size_bytes - sent])
            if pause_s:
                time.sleep(pause_s)
        link.sendall(tail)
        return int(link.recv(65536)[9:12])


def large(running: Running, size_bytes: int) -> None:
    """One large push."""
    began, statuses = time.monotonic(), list[int]()
    sampler = Sampler(running.role("api"))
    added = sampler.added_mib(lambda: statuses.append(push(running, "large", size_bytes)))
    rate = size_bytes / MIB / (time.monotonic() - began)
    assert statuses == [201], statuses
    print(f"one push of {size_bytes / MIB:.0f} MiB at {rate:.0f} MiB/s adds {max(added):.0f} MiB, wanted less than 64")


def slow(running: Running, uploads: int) -> None:
    """Many slow pushes at once."""
    pause_s = SLOW_S / (SLOW_BYTES / (64 * 1024))
    statuses: list[int] = []

    def work() -> None:
        with ThreadPoolExecutor(uploads) as pool:
            statuses.extend(pool.map(lambda n: push(running, f"slow{n}", SLOW_BYTES, pause_s), range(uploads)))

    added = Sampler(running.role("api")).added_mib(work)
    assert set(statuses) == {201}, statuses
    print(
        f"{uploads} slow pushes of {SLOW_BYTES / MIB:.0f} MiB at once add {sum(added):.0f} MiB in all, "
        "wanted less than 256"
    )


def main() -> None:
    """Both figures."""
    size_bytes = int(sys.argv[1]) if len(sys.argv) > 1 else BYTES
    uploads = int(sys.argv[2]) if len(sys.argv) > 2 else UPLOADS
    with _load.installation() as running, TemporaryDirectory() as folder:
        # What a process loads at its first pushes is not what a push adds.
        _load.push_all(running, _load.write_wav(Path(folder) / "call.wav", 50_000), _WARM_UP)
        running.settle()
        large(running, size_bytes)
        slow(running, uploads)


if __name__ == "__main__":
    main()
