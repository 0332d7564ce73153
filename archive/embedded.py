"""The two services that `tallenne up` starts by itself: PostgreSQL and SeaweedFS under one data directory.

This is the door to them: prepare, start together, make what the program needs in them, stop. How each is run is in
`archive.embedded_database` and `archive.embedded_objects`; who restarts them is `archive.supervisor`.
"""

import asyncio
from asyncio.subprocess import Process
from dataclasses import dataclass
from pathlib import Path

from archive import embedded_database, embedded_objects
from archive.embedded_database import EmbeddedDatabase
from archive.embedded_objects import EmbeddedObjects
from archive.layout import Layout, Secrets, make_layout, make_secrets
from archive.processes import Part, start, stop

BUCKET = "tallenne"


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """The prepared services of one data directory, and how the program reaches them."""

    layout: Layout
    secrets: Secrets
    database: EmbeddedDatabase
    objects: EmbeddedObjects

    @property
    def parts(self) -> tuple[Part, Part]:
        """Both, in no order: they do not need each other."""
        return self.database.part, self.objects.part

    def environment(self) -> dict[str, str]:
        """The TALLENNE_* settings with which every command finds these services."""
        return {
            "TALLENNE_DATABASE_URL": self.database.url,
            "TALLENNE_S3_ENDPOINT": self.objects.endpoint,
            "TALLENNE_S3_ACCESS_KEY": self.secrets.s3_access_key,
            "TALLENNE_S3_SECRET_KEY": self.secrets.s3_secret_key,
            "TALLENNE_S3_BUCKET": BUCKET,
            "TALLENNE_S3_SECURE": "false",
            "TALLENNE_S3_REGION": embedded_objects.REGION,
            "TALLENNE_KEYRING_FILE": str(self.secrets.keyring_file),
            "TALLENNE_INDEX_KEY_FILE": str(self.secrets.index_key_file),
            "TALLENNE_SIGNING_KEY_FILE": str(self.secrets.signing_key_file),
        }


async def prepare(root: Path, *, durable: bool = True) -> Embedded:
    """Make directories and secrets, end leftovers of a killed run, make the database cluster when there is none.

    `durable=False` is for tests: the database then forgets its last writes when the machine (not the process) dies.

    Raises:
        OSError: the directory cannot be made or written.
        PartFailed: a service cannot be prepared.

    """
    layout = make_layout(root)
    secrets = make_secrets(layout)
    database, objects = await asyncio.gather(
        embedded_database.prepare(layout, secrets, durable=durable), embedded_objects.prepare(layout, secrets)
    )
    return Embedded(layout=layout, secrets=secrets, database=database, objects=objects)


async def start_all(embedded: Embedded) -> dict[Part, Process]:
    """Start both at once; when one fails the other is stopped again.

    Raises:
        PartFailed: one did not start; the text names its log.

    """
    started = await asyncio.gather(*(start(part) for part in embedded.parts), return_exceptions=True)
    running = {part: it for part, it in zip(embedded.parts, started, strict=True) if not isinstance(it, BaseException)}
    for failure in started:
        if isinstance(failure, BaseException):
            await stop_all(running)
            raise failure
    return running


async def stop_all(running: dict[Part, Process]) -> None:
    """Stop both at once."""
    await asyncio.gather(*(stop(part, process) for part, process in running.items()))


async def make_room(embedded: Embedded, bucket: str = BUCKET) -> None:
    """Make the program's database and its bucket with object lock, when they are missing.

    Raises:
        PartFailed: the bucket could not be made.

    """
    await asyncio.gather(
        embedded_database.make_database(embedded.database.admin_url, embedded.secrets),
        embedded_objects.make_bucket(embedded.layout, embedded.secrets, embedded.objects, bucket),
    )
