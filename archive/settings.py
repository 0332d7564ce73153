"""Every setting of every role, read once from the environment.

`load` looks in the environment first and then in DIR/run/service.env, which `tallenne up` writes for the commands that
follow it. Nothing else in the house reads the environment.
"""

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from archive.errors import Misconfigured

DEFAULT_DATA = Path("var")
SERVICE_ENV = Path("run") / "service.env"


class Settings(BaseSettings):
    """The frozen settings of one process; docs/reference/settings.md explains each."""

    model_config = SettingsConfigDict(env_prefix="TALLENNE_", frozen=True, extra="ignore")

    data: Path = DEFAULT_DATA
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    public_url: str = "http://127.0.0.1:8080"
    trust_proxy: bool = False

    database_url: SecretStr = SecretStr("")
    database_pool: int = Field(default=12, ge=1, le=200)
    s3_endpoint: str = ""
    s3_access_key: str = ""
    s3_secret_key: SecretStr = SecretStr("")
    s3_bucket: str = "tallenne"
    s3_secure: bool = False
    s3_region: str = "us-east-1"

    keyring_file: Path = Path("keyring")
    index_key_file: Path = Path("index.key")
    signing_key_file: Path = Path("signing.pem")

    api_processes: int = Field(default=0, ge=0, le=64)
    max_in_flight: int = Field(default=64, ge=1)
    max_recording_bytes: int = Field(default=4 * 1024**3, ge=1)
    upload_idle_s: float = Field(default=30, gt=0)
    upload_min_bytes_per_s: int = Field(default=256, ge=0)

    timezone: str = "Europe/Helsinki"
    retention_at: str = Field(default="03:15", pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    orphan_age_s: int = Field(default=900, ge=1)
    derive_memory_mb: int = Field(default=512, ge=64)
    derive_timeout_s: int = Field(default=900, ge=1)
    session_hours: int = Field(default=12, ge=1, le=168)
    demo: bool = False
    log_level: Literal["debug", "info", "warning", "error"] = "info"


def load(data: Path | None = None) -> Settings:
    """Read the settings for DIR, the environment winning over DIR/run/service.env.

    Raises:
        Misconfigured: with every mistake in one text; values are never repeated.

    """
    folder = data or Path(os.environ.get("TALLENNE_DATA", str(DEFAULT_DATA)))
    try:
        return Settings(_env_file=folder / SERVICE_ENV, data=folder)
    except ValidationError as error:
        mistakes = (f"TALLENNE_{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors())
        raise Misconfigured("; ".join(mistakes)) from None
