"""Fixtures over the real services: an own database and bucket for each xdist worker.

The unit tier asks for none of them, and then nothing is started. How the services run is in `tests/services.py`.
"""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from minio import Minio
from pytest_aiohttp import AiohttpClient
from sqlalchemy.ext.asyncio import AsyncConnection

from archive.app import create_app
from archive.custody import Services, open_services
from archive.settings import Settings
from archive.store.unit_of_work import Database
from tests import services as kept_services
from tests.house import House, new_company


def pytest_configure(config: pytest.Config) -> None:
    """Forget the developer's own settings and name the run; the services start when a test first needs them."""
    if not hasattr(config, "workerinput"):
        for name in [name for name in os.environ if name.startswith("TALLENNE_")]:
            del os.environ[name]
    kept_services.begin_run()


def pytest_unconfigure() -> None:
    """Stop the services; this also runs after Ctrl-C."""
    kept_services.end_run()


@pytest.fixture(scope="session")
def worker_name() -> str:
    """The name of this xdist worker, or `main`."""
    return os.environ.get("PYTEST_XDIST_WORKER", "main")


@pytest.fixture(scope="session")
def kept() -> kept_services.Kept:
    """The running services."""
    return kept_services.ensure()


@pytest.fixture(scope="session")
def services_env(
    kept: kept_services.Kept, worker_name: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """TALLENNE_* settings of this worker's own migrated database and its own bucket with object lock."""
    database = f"tallenne_{worker_name}"
    bucket = f"tallenne-{worker_name}"
    environment = kept.environment | {
        "TALLENNE_DATA": str(tmp_path_factory.mktemp("data")),
        "TALLENNE_DATABASE_URL": kept_services.make_database(kept, database),
        "TALLENNE_S3_BUCKET": bucket,
    }
    minio(environment).make_bucket(bucket, object_lock=True)
    yield environment
    kept_services.drop_database(kept, database)


@pytest.fixture(scope="session")
def settings(services_env: dict[str, str]) -> Settings:
    """The settings of this worker's database and bucket."""
    return settings_of(services_env)


@pytest.fixture(scope="session")
async def db(settings: Settings) -> AsyncIterator[Database]:
    """This worker's database; what a test commits stays, so use a company of your own in it."""
    database = Database.open(settings)
    yield database
    await database.close()


@pytest.fixture
async def fresh_services(fresh_settings: Settings) -> AsyncIterator[Services]:
    """As `services`, over a database that only this test uses; the bucket is shared."""
    opened = open_services(fresh_settings)
    yield opened
    await opened.close()


@pytest.fixture
async def tx(db: Database) -> AsyncIterator[AsyncConnection]:
    """One transaction that is rolled back after the test."""
    async with db.engine.connect() as connection:
        yield connection
        await connection.rollback()


@pytest.fixture
def fresh_env(kept: kept_services.Kept, services_env: dict[str, str]) -> Iterator[dict[str, str]]:
    """As services_env, but with an empty migrated database that only this test uses (0.1 s)."""
    name = f"tallenne_{uuid4().hex}"
    yield services_env | {"TALLENNE_DATABASE_URL": kept_services.make_database(kept, name)}
    kept_services.drop_database(kept, name)


@pytest.fixture
def fresh_settings(fresh_env: dict[str, str]) -> Settings:
    """The settings of a database that only this test uses."""
    return settings_of(fresh_env)


def settings_of(environment: dict[str, str]) -> Settings:
    """The settings that a process with this environment would have."""
    fields = {name.removeprefix("TALLENNE_").lower(): value for name, value in environment.items()}
    return Settings.model_validate(fields | {"data": Path(fields["data"])})


def minio(environment: dict[str, str]) -> Minio:
    """A plain S3 client, to look past our own code."""
    return Minio(
        environment["TALLENNE_S3_ENDPOINT"],
        access_key=environment["TALLENNE_S3_ACCESS_KEY"],
        secret_key=environment["TALLENNE_S3_SECRET_KEY"],
        secure=False,
        region=environment["TALLENNE_S3_REGION"],
    )


@pytest.fixture(scope="session")
async def services(settings: Settings) -> AsyncIterator[Services]:
    """The services of this worker, as every use case is given them."""
    opened = open_services(settings)
    yield opened
    await opened.close()


@pytest.fixture
async def house(services: Services, aiohttp_client: AiohttpClient) -> House:
    """The application over the real services, with a company that no other test uses."""
    client = await aiohttp_client(create_app(services.settings, services))
    return House(client=client, services=services, company=await new_company(services))
