"""Every setting of every role, read once from the environment.

`load` looks in the environment first and then in DIR/run/service.env, which `tallenne up` writes for the commands that
follow it. Nothing else in the house reads the environment.
"""

import os
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from archive.errors import Misconfigured

DEFAULT_DATA = Path("var")
SERVICE_ENV = Path("run") / "service.env"


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError):  # the name of a directory is an OSError
        raise ValueError("there is no such zone in the IANA time zone database") from None
    return name


class Settings(BaseSettings):
    """The frozen settings of one process; docs/reference/settings.md explains each."""

    model_config = SettingsConfigDict(env_prefix="TALLENNE_", frozen=True, extra="ignore")

    data: Path = Field(DEFAULT_DATA, description="Directory of `tallenne up` and of the commands that follow it")
    host: str = Field("127.0.0.1", description="Address that the API listens on")
    port: int = Field(8080, ge=0, le=65535, description="Port that the API listens on")
    public_url: str = Field(
        "http://127.0.0.1:8080",
        pattern=r"^https?://[^/\s]+",
        description="Address by which browsers reach the pages; with https, cookies are for TLS alone",
    )
    trust_proxy: bool = Field(
        default=False, description="Whether the last entry of X-Forwarded-For is the browser's address"
    )

    database_url: SecretStr = Field(SecretStr(""), description="PostgreSQL 18, as postgresql://user:password@host/name")
    database_pool: int = Field(12, ge=1, le=200, description="Connections to PostgreSQL of one process")
    s3_endpoint: str = Field("", description="Object store, as host:port")
    s3_access_key: str = Field("", description="Name of the object store's identity")
    s3_secret_key: SecretStr = Field(SecretStr(""), description="Secret of the object store's identity")
    s3_bucket: str = Field("tallenne", description="Bucket, made with object lock")
    s3_secure: bool = Field(default=False, description="Whether the object store is spoken to over TLS")
    s3_region: str = Field("us-east-1", description="Region of the bucket; SeaweedFS takes any")

    keyring_file: Path = Field(
        Path("keyring"), description="Wrapping keys, one a line as `ID HEX64`, the active one first"
    )
    index_key_file: Path = Field(
        Path("index.key"), description="Key of the keyed hashes and of the trail, 64 hex digits"
    )
    signing_key_file: Path = Field(
        Path("signing.pem"), description="Ed25519 key that signs certificates and anchors, PEM"
    )

    api_processes: int = Field(
        0, ge=0, le=64, description="API processes of `tallenne up`; 0 is one a processor, two at least"
    )
    max_in_flight: int = Field(64, ge=1, description="Pushes that one process takes at once; one more is answered 503")
    max_recording_bytes: int = Field(4 * 1024**3, ge=1, description="Size of the largest recording, in bytes")
    max_chat_bytes: int = Field(8 * 1024**2, ge=1, description="Size of the largest chat, in bytes")
    upload_idle_s: float = Field(30, gt=0, description="Silence after which an upload is given up, in seconds")
    upload_min_bytes_per_s: int = Field(
        256, ge=0, description="Slowest upload that is waited for, in bytes a second on the whole"
    )
    upload_max_s: int = Field(21_600, ge=1, description="Longest that one upload may take, in seconds")

    timezone: Annotated[str, AfterValidator(_known_zone)] = Field(
        "Europe/Helsinki", description="Zone of the times on the pages and of the daily run"
    )
    retention_at: str = Field(
        "03:15", pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="Time of day of the daily disposal"
    )
    orphan_age_s: int = Field(
        900, ge=1, description="Age from which an object that no row knows is removed, in seconds"
    )
    derive_memory_mb: int = Field(512, ge=64, description="Memory that decoding one recording may take, in MiB")
    derive_timeout_s: int = Field(900, ge=1, description="Time that decoding one recording may take, in seconds")
    speech_model: str = Field(
        "",
        max_length=200,
        description="What turns speech into text: `base`, a directory or a name on the Hugging Face Hub; empty is off",
    )
    speech_threads: int = Field(0, ge=0, le=256, description="Threads of a recogniser; 0 is one a processor")
    speech_memory_mb: int = Field(
        2048, ge=256, description="Memory that recognising may take on top of the model, in MiB"
    )
    speech_patience: float = Field(
        20, gt=0, description="Seconds that recognising one second of one channel may take; more is a failure"
    )
    session_hours: int = Field(12, ge=1, le=168, description="How long a sign-in lasts, in hours")
    words_analyser: Literal["auto", "libvoikko", "pyvoikko", "snowball"] = Field(
        "auto",
        description="What finds the base forms of Finnish words; auto takes the first of the others that is there",
    )
    demo: bool = Field(default=False, description="Whether the pages are marked as samples; set by `up --demo`")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="The least that is logged")


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
