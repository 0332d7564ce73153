"""The other side of the pair: raw PUT of the same bytes by the minio SDK with threads; prints one JSON line."""

import io
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import urllib3
from minio import Minio


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to put: `count` times the file `audio`, by so many threads, under keys that begin with `prefix`."""

    endpoint: str
    access_key: str
    secret_key: str
    region: str
    bucket: str
    audio: str
    count: int
    threads: int
    prefix: str


def run(job: Job) -> dict[str, object]:
    """Put everything; the figures."""
    data = Path(job.audio).read_bytes()
    # The SDK's own pool holds ten connections; with sixteen threads it would open new ones all the time.
    pool = urllib3.PoolManager(maxsize=job.threads, retries=urllib3.Retry(0))
    client = Minio(
        job.endpoint,
        access_key=job.access_key,
        secret_key=job.secret_key,
        region=job.region,
        secure=False,
        http_client=pool,
    )

    def put(number: int) -> None:
        client.put_object(job.bucket, f"{job.prefix}/{number}", io.BytesIO(data), len(data))

    with ThreadPoolExecutor(job.threads) as threads:
        list(threads.map(put, range(-job.threads, 0)))  # connections are opened before the clock runs
        began, cpu = time.perf_counter(), time.process_time()
        list(threads.map(put, range(job.count)))
    spent_s = time.perf_counter() - began
    return {"rate": job.count / spent_s, "seconds": spent_s, "cpu_us": (time.process_time() - cpu) / job.count * 1e6}


if __name__ == "__main__":
    print(json.dumps(run(Job(**json.load(sys.stdin)))))
