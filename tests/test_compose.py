"""docker-compose.yml without a container engine: judged by the specification's schema, and run as processes.

The schema is the one of the compose specification that the package check-jsonschema ships. The roles run with exactly
the command and environment of the file; what the engine would do is done here: variables, mounts, host names, ports.
"""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import asyncpg
import jsonschema  # type: ignore[import-untyped]
import pytest
import urllib3
import yaml

from archive.embedded_objects import weed
from archive.processes import choose_ports
from archive.settings import Settings
from tests.services import CHECKOUT, Kept, drop_database, make_database
from tests.upping import clean

pytestmark = pytest.mark.xdist_group("up")
ROLES = ("migrate", "api", "worker", "timers", "tools")
VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """The file with YAML's merges and the defaults of its variables filled in."""
    text = (CHECKOUT / "docker-compose.yml").read_text()
    loaded = yaml.safe_load(VARIABLE.sub(lambda found: found[2], text))
    assert isinstance(loaded, dict)
    return loaded


def test_it_is_valid_by_the_schema_of_the_specification(compose: dict[str, Any]) -> None:
    schema = json.loads(files("check_jsonschema").joinpath("builtin_schemas/vendor/compose-spec.json").read_text())
    jsonschema.validators.validator_for(schema)(schema).validate(compose)


def test_the_schema_would_notice_a_slip(compose: dict[str, Any]) -> None:
    schema = json.loads(files("check_jsonschema").joinpath("builtin_schemas/vendor/compose-spec.json").read_text())
    wrong = compose | {"services": compose["services"] | {"api": compose["services"]["api"] | {"healthchek": {}}}}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validators.validator_for(schema)(schema).validate(wrong)


def test_it_has_the_parts_in_their_numbers(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert set(services) == {"postgres", "seaweedfs", *ROLES}
    assert services["api"]["deploy"]["replicas"] == 2
    assert services["worker"]["deploy"]["replicas"] == 2


def test_every_part_is_limited_and_those_that_stay_are_looked_at(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}, name
        if name not in {"migrate", "tools"}:
            assert service["healthcheck"]["test"], name


def test_whatever_it_refers_to_is_there(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert set(service["networks"]) <= set(compose["networks"]), name
        assert set(service.get("depends_on", {})) <= set(compose["services"]), name
        for secret in service["secrets"]:
            assert (secret if isinstance(secret, str) else secret["source"]) in compose["secrets"], name
        for volume in service["volumes"]:
            if isinstance(volume, str):
                assert volume.split(":")[0] in compose["volumes"], name
    assert compose["networks"]["store"]["internal"] is True
    assert all(port.startswith("127.0.0.1:") for port in compose["services"]["api"]["ports"])


def test_no_secret_is_in_it(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            assert "PASSWORD" not in name or name.endswith("_FILE"), name
            assert "postgresql://" not in str(value)


def test_every_setting_it_gives_exists(compose: dict[str, Any]) -> None:
    known = {f"TALLENNE_{field.upper()}" for field in Settings.model_fields}
    for name in ROLES:
        assert set(compose["services"][name]["environment"]) <= known


def test_the_secrets_command_makes_every_file_it_mounts(compose: dict[str, Any], tmp_path: Path) -> None:
    done = command(["secrets"], {"TALLENNE_DATA": str(tmp_path)}).communicate(timeout=60)
    assert Path(done[0].strip()) == tmp_path / "secrets"
    wanted = [tmp_path / secret["file"] for secret in compose["secrets"].values()]
    wanted += [tmp_path / "secrets" / "keys" / name for name in ("keyring", "index.key", "signing.pem")]
    made = {path: path.read_bytes() for path in wanted}
    for path in wanted:
        assert path.stat().st_mode & 0o777 == 0o600, path
    command(["secrets"], {"TALLENNE_DATA": str(tmp_path)}).communicate(timeout=60)
    assert {path: path.read_bytes() for path in wanted} == made
    password = (tmp_path / "secrets" / "database_password").read_text()
    assert f"postgresql://tallenne:{password}@postgres/tallenne" in (tmp_path / "secrets" / "service.env").read_text()
    pair = json.loads((tmp_path / "secrets" / "s3.json").read_text())["identities"][0]["credentials"][0]
    assert f"TALLENNE_S3_SECRET_KEY={pair['secretKey']}" in (tmp_path / "secrets" / "service.env").read_text()


def test_the_object_store_knows_every_option_it_is_given(compose: dict[str, Any]) -> None:
    mode, *options = compose["services"]["seaweedfs"]["command"]
    told = subprocess.run([str(weed()), "help", mode], capture_output=True, text=True, check=False)
    known = set(re.findall(r"^  -(\S+)", told.stdout + told.stderr, re.MULTILINE))
    assert {option.removeprefix("-").split("=")[0] for option in options} <= known


def test_the_database_knows_every_setting_it_is_given(compose: dict[str, Any], kept: Kept) -> None:
    words = compose["services"]["postgres"]["command"]
    given = [word.split("=")[0] for flag, word in zip(words[1::2], words[2::2], strict=True) if flag == "-c"]

    async def known() -> set[str]:
        connection = await asyncpg.connect(kept.admin_url)
        try:
            return {row[0] for row in await connection.fetch("SELECT name FROM pg_settings")}
        finally:
            await connection.close()

    assert set(given) <= asyncio.run(known())
    assert len(given) == 9


# ------------------------------------------------------- the roles as processes


@pytest.fixture
def mounted(kept: Kept, services_env: dict[str, str], tmp_path: Path) -> Iterator[Path]:
    """A directory that stands for the containers' file systems: keys and service.env where they are mounted."""
    command(["secrets"], {"TALLENNE_DATA": str(tmp_path)}).communicate(timeout=60)
    run_folder = tmp_path / "var/lib/tallenne/run"
    run_folder.mkdir(parents=True)
    (tmp_path / "keys").symlink_to(tmp_path / "secrets/keys")
    found = {name: services_env[name] for name in services_env if name.startswith(("TALLENNE_S3", "TALLENNE_DATABASE"))}
    found["TALLENNE_DATABASE_URL"] = make_database(kept, "tallenne_compose")
    found["TALLENNE_S3_BUCKET"] = "tallenne-compose"
    (run_folder / "service.env").write_text("".join(f"{name}={value}\n" for name, value in found.items()))
    yield tmp_path
    drop_database(kept, "tallenne_compose")


def environment_of(service: dict[str, Any], mounted: Path, port: int) -> dict[str, str]:
    """The service's environment as its processes see it, with paths below `mounted`."""
    told = {name: str(value) for name, value in service["environment"].items()}
    told = {name: f"{mounted}{value}" if value.startswith("/") else value for name, value in told.items()}
    assert told["TALLENNE_PORT"] == "8080"
    return told | {"TALLENNE_PORT": str(port)}


def command(words: list[str], environment: dict[str, str]) -> "subprocess.Popen[str]":
    """Start the image's entry point with a command."""
    return subprocess.Popen(
        [sys.executable, "-m", "archive", *words],
        cwd=CHECKOUT,
        env=clean() | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def running(words: list[str], environment: dict[str, str]) -> Iterator["subprocess.Popen[str]"]:
    """Run a role until the block ends; it has to stop within the file's grace and with status 0."""
    process = command(words, environment)
    try:
        yield process
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=20)
        assert process.returncode == 0, errors
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def test_its_commands_and_environment_run_as_processes(compose: dict[str, Any], mounted: Path) -> None:
    port = choose_ports([], 1)[0]
    services = compose["services"]

    def once(name: str, words: list[str] | None = None) -> str:
        process = command(words or services[name]["command"], environment_of(services[name], mounted, port))
        output, errors = process.communicate(timeout=120)
        assert process.returncode == 0, output + errors
        return output

    assert once("migrate").strip()
    with ExitStack() as stack:
        for name in ("api", "worker", "timers"):
            for _ in range(services[name]["deploy"].get("replicas", 1)):
                stack.enter_context(running(services[name]["command"], environment_of(services[name], mounted, port)))
        _wait_ready(port)
        probe = " ".join(services["api"]["healthcheck"]["test"][3:]).replace(":8080", f":{port}")
        assert subprocess.run([sys.executable, "-c", probe], check=False).returncode == 0
        assert services["worker"]["healthcheck"]["test"][1] == "tallenne"
        once("worker", services["worker"]["healthcheck"]["test"][2:])
        said = once(
            "tools", ["company", "create", "lahti", "--name", "L", "--business-id", "0112038-9", "--kind", "retail"]
        )
        assert said == "lahti\n"
        assert once("tools", ["keys", "rotate"]).startswith("key added")


def _wait_ready(port: int) -> None:
    deadline = time.monotonic() + 60
    with urllib3.PoolManager(retries=False, timeout=5) as http:
        while True:
            try:
                if http.request("GET", f"http://127.0.0.1:{port}/readyz").status == 200:
                    return
            except urllib3.exceptions.HTTPError:
                pass
            assert time.monotonic() < deadline
            time.sleep(0.2)


def test_the_image_leaves_secrets_and_data_out() -> None:
    told = (CHECKOUT / ".dockerignore").read_text().splitlines()
    assert told[0] == "*"
    assert not any(line.startswith(("!secrets", "!var", "!.git", "!tests")) for line in told)
    copied = {line.removeprefix("!") for line in told if line.startswith("!")}
    assert all((CHECKOUT / name).exists() for name in copied), os.fspath(CHECKOUT)
