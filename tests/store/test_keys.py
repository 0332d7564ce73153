"""Keys over real rows: rotation that may be killed anywhere, and the way out without us."""

import asyncio
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import warnings
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr
from sqlalchemy import delete, insert, select, update
from uuid_utils.compat import uuid7

from archive import keys
from archive.custody import Services, Upload, object_key, open_services
from archive.domain.access import HOUSE, Actor, Role
from archive.errors import Destroyed, NotFound
from archive.objects import keyfiles
from archive.objects.keyring import Keyring, Wrapped, text_key_id
from archive.objects.seal import CHUNK_BYTES, Identity, new_identity
from archive.settings import Settings
from archive.store import interactions as store
from archive.store.customers import seal_context
from archive.store.tables import (
    companies,
    customers,
    disposals,
    interaction_keys,
    interactions,
    parts,
    tombstones,
    trail_events,
)

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
COMPANY = "keys-co"


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """An archive of its own, and the file of its wrapping keys."""

    services: Services
    file: Path


@pytest.fixture
async def archive(fresh_settings: Settings, tmp_path: Path) -> AsyncIterator[Archive]:
    keyfiles.create_files(tmp_path)
    files = {
        "keyring_file": tmp_path / keyfiles.KEYRING,
        "index_key_file": tmp_path / keyfiles.INDEX_KEY,
        "signing_key_file": tmp_path / keyfiles.SIGNING_KEY,
    }
    services = open_services(fresh_settings.model_copy(update=files))
    async with services.db.begin() as tx:
        await tx.execute(
            insert(companies).values(
                code=COMPANY, name="Avain Oy", business_id="0000000-0", kind="retail", created_at=NOW
            )
        )
    yield Archive(services=services, file=tmp_path / keyfiles.KEYRING)
    await services.close()


async def add_contact(services: Services) -> tuple[UUID, Identity]:
    identity, contact = new_identity(), uuid7()
    wrapped = services.keyring.wrap(identity.secret, contact.bytes)
    row = {
        "id": contact,
        "company": COMPANY,
        "channel": "call",
        "direction": "inbound",
        "started_at": NOW,
        "ended_at": NOW,
        "source": "test",
        "external_id": str(contact),
        "attributes": {},
        "received_at": NOW,
        "receipt": {},
    }
    async with services.db.begin() as tx:
        await tx.execute(insert(interactions).values(row))
        await tx.execute(
            insert(interaction_keys).values(
                interaction_id=contact, company=COMPANY, key_id=wrapped.key_id, wrapped=wrapped.data
            )
        )
    return contact, identity


async def add_customer(services: Services, number: str, identifier: str | None, iban: str | None) -> None:
    ring = services.keyring

    def sealed(field: str, value: str | None) -> bytes | None:
        return None if value is None else ring.seal_text(value, seal_context(COMPANY, number, field))

    row: dict[str, Any] = {
        "company": COMPANY,
        "number": number,
        "name": "Aino Avain",
        "kind": "natural",
        "identifier_kind": "hetu" if identifier else None,
        "identifier_sealed": sealed("identifier", identifier),
        "iban_sealed": sealed("iban", iban),
        "key_id": ring.active_id,
        "profile": {},
        "digest": b"",
        "created_at": NOW,
        "updated_at": NOW,
    }
    async with services.db.begin() as tx:
        await tx.execute(insert(customers).values(row))


async def fields(services: Services) -> dict[str, tuple[bytes | None, bytes | None]]:
    async with services.db.begin() as tx:
        rows = await tx.execute(select(customers.c.number, customers.c.identifier_sealed, customers.c.iban_sealed))
        return {row.number: (row.identifier_sealed, row.iban_sealed) for row in rows}


async def wrapping_keys(services: Services) -> set[str]:
    async with services.db.begin() as tx:
        return set(await tx.scalars(select(interaction_keys.c.key_id)))


def nothing(done: int, total: int) -> None:
    assert 0 <= done <= total


async def test_everything_comes_under_a_new_key_and_the_old_one_is_no_longer_needed(archive: Archive) -> None:
    services = archive.services
    kept = [await add_contact(services) for _ in range(3)]
    await add_customer(services, "1", "020190-901A", "FI2112345600000785")
    await add_customer(services, "2", None, "FI2112345600000785")
    await add_customer(services, "3", None, None)
    old = services.keyring.active_id
    seen: list[tuple[int, int]] = []
    done = await keys.rotate(services, HOUSE, NOW, lambda *counts: seen.append(counts))
    assert (done.added, done.identities, done.customers, done.unopened, done.left) == (True, 3, 2, 0, 0)
    assert done.key_id == services.keyring.active_id != old
    assert seen[-1] == (5, 5)
    lines = archive.file.read_text().splitlines()
    archive.file.write_text("\n".join(line for line in lines if not line.startswith(old)) + "\n")
    fresh = Keyring(services.settings)
    async with services.db.begin() as tx:
        for contact, identity in kept:
            key_id, wrapped = await store.wrapped_key(tx, contact) or ("", b"")
            assert fresh.unwrap(Wrapped(key_id=key_id, data=wrapped), contact.bytes) == identity.secret
    identifier, iban = (await fields(services))["1"]
    assert identifier is not None
    assert iban is not None
    assert fresh.open_text(identifier, seal_context(COMPANY, "1", "identifier")) == "020190-901A"
    assert fresh.open_text(iban, seal_context(COMPANY, "1", "iban")) == "FI2112345600000785"
    assert (await fields(services))["3"] == (None, None)


async def test_a_rotation_that_was_killed_is_ended_by_the_next_under_the_same_key(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = archive.services
    monkeypatch.setattr(keys, "BATCH", 2)
    for number in range(5):
        await add_contact(services)
        await add_customer(services, str(number), "020190-901A", None)

    def kill_at(wanted: int) -> keys.Progress:
        def progress(done: int, _: int) -> None:
            if done >= wanted:
                raise KeyboardInterrupt

        return progress

    with pytest.raises(KeyboardInterrupt):
        await keys.rotate(services, HOUSE, NOW, kill_at(4))
    assert len(await wrapping_keys(services)) == 2
    begun = services.keyring.active_id
    with pytest.raises(KeyboardInterrupt):
        await keys.rotate(services, HOUSE, NOW, kill_at(3))
    done = await keys.rotate(services, HOUSE, NOW, nothing)
    assert (done.key_id, done.added, done.left) == (begun, False, 0)
    assert await wrapping_keys(services) == {begun}
    assert {text_key_id(sealed) for sealed, _ in (await fields(services)).values() if sealed} == {begun}
    again = await keys.rotate(services, HOUSE, NOW, nothing)
    assert again.added
    assert again.key_id != begun


async def test_a_key_put_first_by_hand_is_taken_as_it_is(archive: Archive) -> None:
    await add_contact(archive.services)
    archive.file.write_text(f"by-hand {'5a' * 32}\n{archive.file.read_text()}")
    done = await keys.rotate(archive.services, HOUSE, NOW, nothing)
    assert (done.key_id, done.added, done.identities) == ("by-hand", False, 1)


async def test_contacts_that_come_and_go_meanwhile_do_not_stop_a_rotation(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = archive.services
    monkeypatch.setattr(keys, "BATCH", 3)
    monkeypatch.setattr(keys, "PAUSE_S", 0.05)
    kept = [await add_contact(services) for _ in range(12)]
    locked = asyncio.Event()

    async def destroy() -> None:
        async with services.db.begin() as tx:
            await tx.execute(delete(interaction_keys).where(interaction_keys.c.interaction_id == kept[4][0]))
            locked.set()
            await asyncio.sleep(0.3)

    async def come() -> None:
        await locked.wait()
        kept.extend([await add_contact(services) for _ in range(5)])

    _, _, done = await asyncio.gather(destroy(), come(), after(locked, keys.rotate(services, HOUSE, NOW, nothing)))
    assert (done.left, done.unopened) == (0, 0)
    assert await wrapping_keys(services) == {services.keyring.active_id}


async def after(event: asyncio.Event, work: Coroutine[Any, Any, keys.Rotated]) -> keys.Rotated:
    await event.wait()
    return await work


async def test_what_does_not_open_is_counted_and_left_as_it_is(archive: Archive) -> None:
    services = archive.services
    damaged, _ = await add_contact(services)
    await add_contact(services)
    await add_customer(services, "1", "020190-901A", None)
    async with services.db.begin() as tx:
        await tx.execute(
            update(interaction_keys).where(interaction_keys.c.interaction_id == damaged).values(wrapped=bytes(60))
        )
        await tx.execute(update(customers).values(identifier_sealed=b"\x04gone" + bytes(40)))
    done = await keys.rotate(services, HOUSE, NOW, nothing)
    assert (done.identities, done.customers, done.unopened, done.left) == (1, 0, 2, 0)
    assert (await fields(services))["1"][0] == b"\x04gone" + bytes(40)


async def test_a_rotation_is_on_the_trail_without_key_material(archive: Archive) -> None:
    services = archive.services
    await keys.rotate(services, HOUSE, NOW, nothing)
    async with services.db.begin() as tx:
        rows = await tx.execute(select(trail_events.c.action, trail_events.c.detail).order_by(trail_events.c.id))
        events = [tuple(row) for row in rows]
    key = services.keyring.active_id
    assert events == [
        ("archive:keys:rotation-begun", {"key": key, "added": True, "to_wrap": 0}),
        ("archive:keys:rotated", {"key": key, "added": True, "identities": 0, "customers": 0}),
    ]


async def test_a_rotation_is_on_the_trail_before_its_first_row_although_it_is_killed(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = archive.services
    monkeypatch.setattr(keys, "BATCH", 1)
    for _ in range(2):
        await add_contact(services)

    def kill(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await keys.rotate(services, HOUSE, NOW, kill)
    await keys.rotate(services, HOUSE, NOW, nothing)
    async with services.db.begin() as tx:
        rows = await tx.execute(select(trail_events.c.action, trail_events.c.detail).order_by(trail_events.c.id))
        events = [(row.action, row.detail["added"], row.detail["key"]) for row in rows]
    key = services.keyring.active_id
    assert events == [
        ("archive:keys:rotation-begun", True, key),
        ("archive:keys:rotation-begun", False, key),
        ("archive:keys:rotated", False, key),
    ]


async def keep_recording(services: Services, contact: UUID, identity: Identity, plain: bytes) -> str:
    upload = Upload(services.bucket, object_key(COMPANY, contact, uuid7(), NOW), identity, NOW + timedelta(days=1))
    await upload.write(plain)
    part = await upload.finish(
        interaction_id=contact, company=COMPANY, kind="recording", media_type="audio/wav", now=NOW
    )
    async with services.db.begin() as tx:
        await store.add_part(tx, part)
    return part.object_key


PAGE = Path(__file__).parent.parent.parent / "docs" / "howto" / "way-out.md"
EXAMPLE = "019a0000-0000-7000-8000-000000000001"
# Debian's tool where it is installed; else the same is asked of pyrage, the Rust port of it.
AGE = """
age() { "$PYTHON" -c 'import sys, pyrage
key = open(sys.argv[3]).read().splitlines()[-1]
opened = pyrage.decrypt(open(sys.argv[4], "rb").read(), [pyrage.x25519.Identity.from_str(key)])
sys.stdout.buffer.write(opened)' "$@"; }
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)


async def test_the_commands_of_the_way_out_give_the_original_bytes(archive: Archive, tmp_path: Path) -> None:
    services, plain = archive.services, os.urandom(3 * CHUNK_BYTES + 11)
    contact, identity = await add_contact(services)
    await keep_recording(services, contact, identity, plain)
    (tmp_path / "DIR" / "run").mkdir(parents=True)
    lines = [f"TALLENNE_{name.upper()}={secret(value)}" for name, value in services.settings if value is not None]
    (tmp_path / "DIR" / "run" / "service.env").write_text("\n".join(lines) + "\n")
    functions = 'tallenne() { "$PYTHON" -m archive "$@" --data DIR; }\n' + ("" if shutil.which("age") else AGE)
    script = "set -e\n" + functions + "".join(blocks("sh")).replace(EXAMPLE, str(contact))
    done = await asyncio.to_thread(
        subprocess.run,
        ["bash", "-c", script],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHON": sys.executable, "PYTHONPATH": str(PAGE.parent.parent.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "contact.bin").read_bytes() == plain
    assert hashlib.sha256(plain).hexdigest() in done.stdout
    assert hashlib.sha256(plain).hexdigest() in (tmp_path / "identity.txt").read_text()


def secret(value: object) -> str:
    found = value.get_secret_value() if isinstance(value, SecretStr) else value
    return shlex.quote(str(found))


async def test_an_identity_is_unwrapped_by_hand_as_the_page_says(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    contact, identity = await add_contact(archive.services)
    async with archive.services.db.begin() as tx:
        key_id, wrapped = await store.wrapped_key(tx, contact) or ("", b"")
    monkeypatch.chdir(archive.file.parent)
    names: dict[str, Any] = {"key_id": key_id, "wrapped": wrapped}
    (code,) = blocks("python")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        exec(code.replace(EXAMPLE, str(contact)), names)
    assert names["secret"] == identity.secret


async def test_an_export_is_on_the_trail_and_says_nothing_but_places(archive: Archive) -> None:
    services = archive.services
    contact, identity = await add_contact(services)
    text = await keys.export(services, HOUSE, contact, NOW)
    assert text.splitlines() == [f"# contact {contact}", identity.secret_text]
    async with services.db.begin() as tx:
        event = (await tx.execute(select(trail_events))).one()
    assert (event.action, event.interaction_id, event.companies) == ("archive:key:exported", contact, [COMPANY])


async def test_no_identity_of_another_company_or_of_what_is_gone(archive: Archive) -> None:
    services = archive.services
    contact, _ = await add_contact(services)
    stranger = Actor(id="u", name="u", role=Role.ADMIN, companies=frozenset({"other"}))
    for actor, wanted in ((stranger, contact), (HOUSE, uuid7())):
        with pytest.raises(NotFound):
            await keys.export(services, actor, wanted, NOW)
    async with services.db.begin() as tx:
        await tx.execute(delete(interaction_keys))
        await tx.execute(delete(parts))
        await tx.execute(delete(interactions))
        disposal = {"id": uuid7(), "status": "done", "requested_by": "house", "as_of": NOW, "started_at": NOW}
        await tx.execute(insert(disposals).values(disposal | {"counts": {}}))
        stone = {"identity_hash": b"x", "interaction_id": contact, "company": COMPANY, "destroyed_at": NOW}
        await tx.execute(insert(tombstones).values(stone | {"disposal_id": disposal["id"]}))
    with pytest.raises(Destroyed):
        await keys.export(services, HOUSE, contact, NOW)
