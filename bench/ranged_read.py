"""Ranged reads in the middle of a two-hour recording over HTTP, against ranged GETs of the raw object by the minio SDK.

Both read as many bytes, from random places, over one connection each, one read after the other, in turns. Ours looks
at the right and the purpose, writes the trail event, commits, reads the sealed chunks and opens them. Also the time to
the first byte of audio of the whole recording, as a page's player asks for it.

Run as `python -m bench.ranged_read [READS] [SECONDS]`; seconds of recording.
"""

import http.client
import random
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import urllib3
from minio import Minio

from bench import _load, _pusher
from bench._load import Running

READS = 300
ROUNDS = 5
SECONDS = 2 * 60 * 60
BYTES_PER_S = 2 * 8000
RANGES = (64 * 1024, 256 * 1024, 1024 * 1024)
FIRST_BYTE_READS = 50


class Ours:
    """Reads over HTTP as a reviewer."""

    def __init__(self, running: Running, token: str, contact: str) -> None:
        self._link = http.client.HTTPConnection("127.0.0.1", running.port)
        self._path = f"/api/v1/interactions/{contact}/audio"
        self._headers = {"Authorization": f"Bearer {token}", "Purpose": "development"}

    def read(self, first: int, size: int) -> None:
        """One range, to its end."""
        self._link.request("GET", self._path, headers={**self._headers, "Range": f"bytes={first}-{first + size - 1}"})
        answer = self._link.getresponse()
        assert (answer.status, len(answer.read())) == (206, size), answer.status

    def first_byte_s(self) -> float:
        """Ask for everything on a connection of its own and stop at the first byte."""
        link = http.client.HTTPConnection(self._link.host, self._link.port)
        began = time.perf_counter()
        link.request("GET", self._path, headers={**self._headers, "Range": "bytes=0-"})
        answer = link.getresponse()
        assert answer.read(1)
        spent_s = time.perf_counter() - began
        link.close()
        return spent_s


class Raw:
    """Reads the same object as it lies in the store."""

    def __init__(self, running: Running, contact: str) -> None:
        settings = running.settings
        self._bucket = settings.s3_bucket
        self._client = Minio(
            settings.s3_endpoint,
            access_key=settings.s3_access_key,
            secret_key=settings.s3_secret_key.get_secret_value(),
            region=settings.s3_region,
            secure=False,
            http_client=urllib3.PoolManager(maxsize=4),
        )
        found = self._client.list_objects(self._bucket, prefix=f"{_load.COMPANY}/", recursive=True)
        sizes = [(one.size or 0, one.object_name or "") for one in found if contact in (one.object_name or "")]
        self.size_bytes, self._key = max(sizes)

    def read(self, first: int, size: int) -> None:
        """One range, to its end."""
        answer: Any = self._client.get_object(self._bucket, self._key, offset=first, length=size)
        assert len(answer.read()) == size
        answer.close()
        answer.release_conn()


def measure(ours: Ours, raw: Raw, size: int, reads: int) -> None:
    """Print the 95th percentiles of both sides and their ratio."""
    ratios, p95_ms = list[float](), {"ours": list[float](), "raw": list[float]()}
    sides: dict[str, Ours | Raw] = {"ours": ours, "raw": raw}
    for _ in range(ROUNDS):
        times: dict[str, list[float]] = {"ours": [], "raw": []}
        for number in range(reads // ROUNDS):
            first = random.randrange(raw.size_bytes // 4, raw.size_bytes // 2)
            for side in ("ours", "raw") if number % 2 else ("raw", "ours"):
                began = time.perf_counter()
                sides[side].read(first, size)
                times[side].append((time.perf_counter() - began) * 1000)
        for side, values in times.items():
            p95_ms[side].append(_load.percentile(values, 0.95))
        ratios.append(p95_ms["ours"][-1] / p95_ms["raw"][-1])
    print(
        f"{size // 1024} KiB: p95 ours {_load.spread(p95_ms['ours'], 1)} ms, raw {_load.spread(p95_ms['raw'], 1)} ms, "
        f"ratio {_load.spread(ratios)}, wanted at most 1.5",
        flush=True,
    )


def push(running: Running, seconds: int) -> str:
    """Push a recording of so many seconds; its id."""
    with TemporaryDirectory() as folder:
        audio = _load.write_wav(Path(folder) / "call.wav", seconds * BYTES_PER_S + 44).read_bytes()
    head, tail = _pusher.envelope(_load.COMPANY)
    link = http.client.HTTPConnection("127.0.0.1", running.port)
    kind = f"multipart/form-data; boundary={_pusher.BOUNDARY}"
    headers = {"Authorization": f"Bearer {running.token}", "Content-Type": kind}
    link.request("PUT", "/api/v1/recordings/bench/two-hours", body=head + audio + tail, headers=headers)
    answer = link.getresponse()
    location = answer.read().decode()
    assert answer.status == 201, location
    return location.partition('"id":"')[2].partition('"')[0]


def main() -> None:
    """Every size of range, and the first byte."""
    reads = int(sys.argv[1]) if len(sys.argv) > 1 else READS
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else SECONDS
    with _load.installation() as running:
        contact = push(running, seconds)
        token = running.command("token", "create", "reader", "--role", "reviewer", "--company", _load.COMPANY)
        ours, raw = Ours(running, token, contact), Raw(running, contact)
        running.settle()
        for size in RANGES:
            ours.read(0, size)
            raw.read(0, size)
            measure(ours, raw, size, reads)
        first = [ours.first_byte_s() * 1000 for _ in range(FIRST_BYTE_READS)]
        middle, high = (_load.percentile(first, share) for share in (0.5, 0.95))
        print(f"first byte of audio: median {middle:.0f} ms, p95 {high:.0f} ms, wanted under 200")


if __name__ == "__main__":
    main()
