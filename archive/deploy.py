"""The secret files that docker-compose.yml mounts, made once for an installation on services of its own.

    DIR/secrets/database_password    DIR/secrets/s3.json (the object store's identity)
    DIR/secrets/service.env          where the services are and how to sign in, for every role
    DIR/secrets/keys/                keyring, index.key, signing.pem

`tallenne up` makes its own (see `archive.layout`). Nothing is started here.
"""

import secrets
from pathlib import Path

from archive.errors import Misconfigured
from archive.layout import identities, write_private
from archive.objects import keyfiles

DATABASE_HOST, OBJECTS_HOST = "postgres", "seaweedfs:8333"


def make_secret_files(folder: Path) -> Path:
    """Make what is missing below DIR/secrets and return that directory; what is there is never replaced.

    Raises:
        Misconfigured: the directory cannot be written.

    """
    place = folder / "secrets"
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        keyfiles.create_files(place / "keys")
        if not (place / "service.env").exists():
            _make_services(place)
    except OSError as error:
        raise Misconfigured(f"{place} cannot be written: {error.strerror}") from error
    return place


def _make_services(place: Path) -> None:
    """The three files belong together, and service.env is written last: a start that was cut begins anew."""
    password, access_key, secret_key = secrets.token_urlsafe(32), secrets.token_hex(10), secrets.token_urlsafe(32)
    write_private(place / "database_password", password)
    write_private(place / "s3.json", identities(access_key, secret_key))
    settings = {
        "TALLENNE_DATABASE_URL": f"postgresql://tallenne:{password}@{DATABASE_HOST}/tallenne",
        "TALLENNE_S3_ENDPOINT": OBJECTS_HOST,
        "TALLENNE_S3_ACCESS_KEY": access_key,
        "TALLENNE_S3_SECRET_KEY": secret_key,
        "TALLENNE_S3_BUCKET": "tallenne",
    }
    write_private(place / "service.env", "".join(f"{name}={value}\n" for name, value in settings.items()))
