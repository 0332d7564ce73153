"""The load generator: pushes one recording again and again over kept-open connections, and prints one JSON line.

A process of its own that costs the two cores as little as it can: one thread, plain sockets, requests made beforehand.
It is no HTTP client: it knows only what our own server answers. Standard input: one JSON document, see `Job`.
"""

import json
import re
import selectors
import socket
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

BOUNDARY = "bench-boundary"
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to push: `count` times the file `audio`, `in_flight` at once, under ids that begin with `prefix`."""

    port: int
    token: str
    company: str
    audio: str
    count: int
    in_flight: int
    prefix: str


@dataclass(slots=True)
class Slot:
    """One connection and what is under way on it."""

    link: socket.socket
    out: list[memoryview] = field(default_factory=list)
    answer: bytes = b""
    began: float = 0.0


def envelope(company: str) -> tuple[bytes, bytes]:
    """The part of the body before the audio, and the body's end."""
    said = {"company": company, "started_at": "2026-11-02T09:15:00+02:00", "direction": "inbound"}
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="metadata"\r\nContent-Type: application/json\r\n\r\n'
        f"{json.dumps(said)}\r\n"
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="audio"; filename="call.wav"\r\n'
        f"Content-Type: audio/wav\r\n\r\n"
    ).encode()
    return head, f"\r\n--{BOUNDARY}--\r\n".encode()


def request_line(job: Job, number: int, length: int) -> bytes:
    """The head of one push."""
    return (
        f"PUT /api/v1/recordings/bench/{job.prefix}-{number} HTTP/1.1\r\nHost: 127.0.0.1:{job.port}\r\n"
        f"Authorization: Bearer {job.token}\r\nContent-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
        f"Content-Length: {length}\r\n\r\n"
    ).encode()


class Pusher:
    """Runs one job to its end."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.audio = Path(job.audio).read_bytes()
        self.head, self.tail = envelope(job.company)
        self.length = len(self.head) + len(self.audio) + len(self.tail)
        self.next = 0
        self.statuses: Counter[int] = Counter()
        self.times_s: list[float] = []
        self.ready = selectors.DefaultSelector()

    def run(self) -> dict[str, object]:
        """Push everything; the figures."""
        slots = [self._connect() for _ in range(self.job.in_flight)]
        began, cpu = time.perf_counter(), time.process_time()
        for slot in slots:
            self._begin(slot)
        while len(self.times_s) < self.job.count:
            for key, events in self.ready.select():
                self._turn(key.data, events)
        spent_s = time.perf_counter() - began
        times = sorted(self.times_s)
        return {
            "rate": self.job.count / spent_s,
            "seconds": spent_s,
            "cpu_us": (time.process_time() - cpu) / self.job.count * 1e6,
            "statuses": dict(self.statuses),
            "p50_ms": times[len(times) // 2] * 1000,
            "p95_ms": times[int(len(times) * 0.95)] * 1000,
        }

    def _connect(self) -> Slot:
        link = socket.create_connection(("127.0.0.1", self.job.port))
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link.setblocking(False)  # noqa: FBT003 - the standard library takes it by position
        slot = Slot(link)
        self.ready.register(link, selectors.EVENT_READ, slot)
        return slot

    def _begin(self, slot: Slot) -> None:
        if self.next >= self.job.count:
            self.ready.unregister(slot.link)
            slot.link.close()
            return
        line = request_line(self.job, self.next, self.length) + self.head
        slot.out = [memoryview(line), memoryview(self.audio), memoryview(self.tail)]
        slot.answer, slot.began = b"", time.perf_counter()
        self.next += 1
        self._send(slot)

    def _send(self, slot: Slot) -> None:
        while slot.out:
            try:
                sent = slot.link.sendmsg(slot.out)
            except BlockingIOError:
                break
            while slot.out and sent >= len(slot.out[0]):
                sent -= len(slot.out.pop(0))
            if slot.out and sent:
                slot.out[0] = slot.out[0][sent:]
        both = selectors.EVENT_READ | selectors.EVENT_WRITE
        self.ready.modify(slot.link, both if slot.out else selectors.EVENT_READ, slot)

    def _turn(self, slot: Slot, events: int) -> None:
        if events & selectors.EVENT_WRITE:
            self._send(slot)
        if events & selectors.EVENT_READ:
            piece = slot.link.recv(65536)
            if not piece:
                raise SystemExit("the server closed a connection")
            slot.answer += piece
            head, found, body = slot.answer.partition(b"\r\n\r\n")
            length = _LENGTH.search(head)
            if found and length and len(body) >= int(length[1]):
                self.times_s.append(time.perf_counter() - slot.began)
                self.statuses[int(head[9:12])] += 1
                self._begin(slot)


if __name__ == "__main__":
    print(json.dumps(Pusher(Job(**json.load(sys.stdin))).run()))
