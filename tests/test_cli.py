"""Every command as an operator would give it, against one running installation."""

import json
import math
import struct
import wave
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from uuid import uuid4

import pytest
import urllib3
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from archive.cli import COMMANDS, cli
from archive.objects import keyfiles
from retention.certificate import FORMAT, Body, Counts, certify
from tests.upping import Up, must, run, up

pytestmark = pytest.mark.xdist_group("up")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """An installation with a company."""
    with up(tmp_path_factory.mktemp("cli") / "var") as running:
        options = ("--name", "Lahti Sähkö Oy", "--business-id", "0112038-9", "--kind", "retail")
        assert must("company", "create", "lahti", *options, data=running.data) == "lahti\n"
        yield running


def a_call(folder: Path, name: str = "call-1") -> Path:
    """One second of a tone with its sidecar."""
    path = folder / f"{name}.wav"
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(b"".join(struct.pack("<h", int(9000 * math.sin(n / 9))) for n in range(8000)))
    told = {"started_at": "2026-11-20T10:00:00+02:00", "direction": "inbound", "external_id": name}
    path.with_suffix(".json").write_text(json.dumps(told))
    return path


def test_the_version_is_that_of_the_package() -> None:
    assert must("--version").split()[-1] == version("tallenne")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    done = CliRunner().invoke(cli, [name, "--help"])
    assert done.exit_code == 0
    assert "Usage:" in done.output


def test_the_command_lists_all_of_them() -> None:
    said = must("--help")
    assert all(f"\n  {name} " in said for name in COMMANDS)


def test_wrong_usage_is_status_2() -> None:
    assert run("token", "create").returncode == 2
    assert run("nothing").returncode == 2
    assert run("retention", "preview", "--as-of", "soon").returncode == 2


def test_without_services_a_command_says_so_in_one_line(tmp_path: Path) -> None:
    for words in (["worker"], ["keys", "rotate"]):
        done = run(*words, data=tmp_path)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(f"tallenne: nothing runs in {tmp_path}")
        assert done.stderr.count("\n") == 1


def test_a_company_is_made_once(running: Up) -> None:
    options = ("--name", "X", "--business-id", "0112038-9", "--kind", "network")
    done = run("company", "create", "lahti", *options, data=running.data)
    assert done.returncode == 1
    assert done.stderr == "tallenne: a company with this code is there already\n"


def test_a_token_is_alone_on_standard_output_and_opens_the_door(running: Up) -> None:
    secret = must("token", "create", "exchange", "--role", "telephony", "--company", "lahti", data=running.data)
    assert secret.count("\n") == 1
    with urllib3.PoolManager() as http:
        path = f"{running.url}/api/v1/recordings/exchange/1"
        assert http.request("PUT", path).status == 401
        assert http.request("PUT", path, headers={"Authorization": f"Bearer {secret.strip()}"}).status not in {401, 403}


def test_a_token_for_an_unknown_company_is_refused(running: Up) -> None:
    done = run("token", "create", "x", "--role", "dpo", "--company", "nobody", data=running.data)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "tallenne: company: there is no company nobody\n"


def test_a_user_gets_a_link_that_works(running: Up) -> None:
    link = must("user", "create", "dpo@example.fi", "--role", "dpo", data=running.data).strip()
    assert link.startswith(f"{running.url}/welcome/")
    with urllib3.PoolManager() as http:
        assert http.request("GET", link).status == 200


def test_bad_lines_of_an_import_are_told_and_good_ones_kept(running: Up, tmp_path: Path) -> None:
    file = tmp_path / "customers.ndjson"
    good = {"customer_number": "1001", "company": "lahti", "name": "Aino Esimerkki", "kind": "natural"}
    file.write_text(json.dumps(good) + "\n" + json.dumps(good | {"customer_number": "2", "kind": "ghost"}) + "\n{\n")
    done = run("customers", "import", str(file), data=running.data)
    assert done.returncode == 1
    assert done.stdout == "created 1, updated 0, rejected 2\n"
    assert "line 2: kind" in done.stderr
    assert "line 3: " in done.stderr


def test_an_empty_csv_file_is_no_import(running: Up, tmp_path: Path) -> None:
    file = tmp_path / "customers.csv"
    file.write_text("")
    done = run("customers", "import", str(file), data=running.data)
    assert (done.returncode, done.stdout) == (1, "")
    assert "header: the file has none" in done.stderr


def test_audio_with_a_sidecar_is_kept_once_and_can_be_looked_at(running: Up, tmp_path: Path) -> None:
    a_call(tmp_path)
    alone = tmp_path / "alone.wav"
    alone.write_bytes(b"RIFF")
    first = run("ingest", str(tmp_path), "--company", "lahti", data=running.data)
    assert first.returncode == 1
    kept, interaction, _ = first.stdout.split()
    assert kept == "kept"
    assert f"refused {alone}: sidecar: there is no alone.json beside it" in first.stderr
    alone.unlink()
    assert must("ingest", str(tmp_path), "--company", "lahti", data=running.data).startswith(f"already {interaction}")
    identity = must("keys", "export", interaction, data=running.data)
    assert identity.splitlines()[-1].startswith("AGE-SECRET-KEY-1")
    assert "files" in must("sources", data=running.data)
    said = must("verify", data=running.data)
    assert said.startswith("parts ")
    assert "words waiting" in said


def test_a_sidecar_for_another_company_is_refused(running: Up, tmp_path: Path) -> None:
    sidecar = a_call(tmp_path, "call-2").with_suffix(".json")
    sidecar.write_text(json.dumps(json.loads(sidecar.read_text()) | {"company": "other"}))
    done = run("ingest", str(tmp_path), "--company", "lahti", data=running.data)
    assert (done.returncode, done.stdout) == (1, "")
    assert "company: Names another company than the one that was asked for" in done.stderr


def test_keys_rotate(running: Up, tmp_path: Path) -> None:
    before = must("keys", "rotate", data=running.data)
    assert before.startswith("key added ")
    assert must("keys", "rotate", data=running.data).split(",")[0] != before.split(",")[0]
    file = running.data / "secrets" / keyfiles.KEYRING
    first, *others = file.read_text().splitlines(keepends=True)
    file.write_text("".join([*others, first]))  # as after a rotation that was killed: not all is under the first key
    assert must("ingest", "--company", "lahti", str(a_call(tmp_path, "keyed")), data=running.data)
    file.write_text("".join([first, *others]))
    said = must("keys", "rotate", data=running.data)
    assert said == (
        f"no key added: what was not under it yet was wrapped with the active key {first.split()[0]}, "
        f"contacts 1, customers 0\n"
    )


def test_retention_previews_and_runs(running: Up) -> None:
    assert must("retention", "preview", "--as-of", "2020-01-01", data=running.data) == "to destroy 0, held 0\n"
    assert " done" in must("retention", "run", data=running.data)


def test_a_forged_certificate_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "certificate.json"
    file.write_text("{}")
    done = run("verify-certificate", str(file))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("tallenne: ")


def test_a_certificate_is_sound_by_a_known_key_alone(tmp_path: Path) -> None:
    keyfiles.create_files(tmp_path / "mine" / "secrets")
    mine = keyfiles.read_signing_key(tmp_path / "mine" / "secrets" / keyfiles.SIGNING_KEY)
    file = tmp_path / "certificate.json"
    for signer, status, said in ((mine, 0, "sound: "), (Ed25519PrivateKey.generate(), 1, "")):
        public = signer.public_key().public_bytes_raw()
        file.write_text(json.dumps(certify(a_body(), public_key=public, sign=signer.sign)))
        by_own_key = run("verify-certificate", str(file), data=tmp_path / "mine")
        assert (by_own_key.returncode, by_own_key.stdout[:7]) == (status, said), by_own_key.stderr
        unknown = run("verify-certificate", str(file), data=tmp_path / "none")
        assert unknown.stdout.startswith("signature consistent, signer UNKNOWN: ")
        given = run("verify-certificate", str(file), "--public-key", public.hex(), data=tmp_path / "mine")
        assert given.stdout.startswith("sound: ")


def a_body() -> Body:
    moment, counts = "2026-11-24T01:15:00Z", Counts(destroyed=0, held=0, failed=0)
    times = {"as_of": moment, "started_at": moment, "finished_at": moment}
    return Body(format=FORMAT, disposal=str(uuid4()), requested="request", counts=counts, items=(), **times)


def test_the_openapi_document_is_that_of_the_server(running: Up) -> None:
    document = json.loads(must("openapi"))
    with urllib3.PoolManager() as http:
        served = json.loads(http.request("GET", f"{running.url}/api/openapi.json").data)
    assert document["paths"] == served["paths"]


def test_migrate_says_the_version(running: Up) -> None:
    assert must("migrate", data=running.data).strip().isalnum()


def test_the_doctor_finds_a_fresh_installation_well(running: Up) -> None:
    said = must("doctor", data=running.data)
    assert "ok    object lock: enforced" in said
    assert "FAIL" not in said


def test_the_doctor_names_what_is_wrong(running: Up, tmp_path: Path) -> None:
    keys = tmp_path / "keyring"
    keys.write_text("k1 " + "0" * 64 + "\n")
    keys.chmod(0o644)
    changes = {
        "TALLENNE_KEYRING_FILE": str(keys),
        "TALLENNE_S3_BUCKET": "nowhere",
        "TALLENNE_DATABASE_URL": "postgresql://x@127.0.0.1:1/x",
    }
    done = run("doctor", data=running.data, env=changes)
    assert done.returncode == 1
    lines = dict(line[6:].split(": ", 1) for line in done.stdout.splitlines())
    assert lines["database"] == "cannot be reached"
    assert lines["bucket"] == "there is no bucket nowhere"
    assert lines["keys"] == "others may read keyring: chmod 600"
    assert done.stderr == "tallenne: 8 of the checks failed\n"
