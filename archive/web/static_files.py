"""Static files: read once at start, served from memory under an address that changes with their content.

One digest covers the whole tree, so that modules and style sheets may name each other relatively and a browser may
keep every file for ever. Templates ask for an address by `url`.
"""

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from archive.errors import NotFound

FOLDER = Path(__file__).parent / "static"
_FOREVER = "public, max-age=31536000, immutable"
_WORTH_PACKING_BYTES = 800
_TEXTS = frozenset({".js", ".css", ".svg", ".txt", ".webmanifest"})


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticFile:
    """One file in memory; `packed` is its gzip form where that is smaller."""

    media_type: str
    plain: bytes
    packed: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticTree:
    """Every static file by its path, and the digest of them all."""

    digest: str
    files: dict[str, StaticFile]

    def url(self, path: str) -> str:
        """The address of a file.

        Raises:
            KeyError: there is no such file; a template named it wrongly.

        """
        if path not in self.files:
            raise KeyError(path)
        return f"/static/{self.digest}/{path}"


TREE: web.AppKey[StaticTree] = web.AppKey("static_tree", StaticTree)


def read_tree(folder: Path = FOLDER) -> StaticTree:
    """Read every file of the folder; those beginning with a dot stay out."""
    whole = hashlib.sha256()
    files: dict[str, StaticFile] = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith(".")):
        name, data = path.relative_to(folder).as_posix(), path.read_bytes()
        whole.update(f"{name}:{len(data)}:".encode() + data)
        files[name] = _static_file(path, data)
    return StaticTree(digest=whole.hexdigest()[:16], files=files)


def _static_file(path: Path, data: bytes) -> StaticFile:
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    if path.suffix in _TEXTS:
        media_type = f"{media_type}; charset=utf-8"
    packed = gzip.compress(data, mtime=0) if path.suffix in _TEXTS and len(data) > _WORTH_PACKING_BYTES else None
    return StaticFile(media_type=media_type, plain=data, packed=packed)


async def serve(request: web.Request) -> web.StreamResponse:
    """Answer with a file; an address of another version is answered too, but may not be kept.

    Raises:
        NotFound: there is no such file.

    """
    tree = request.config_dict[TREE]
    file = tree.files.get(request.match_info["path"])
    if file is None:
        raise NotFound
    current = request.match_info["digest"] == tree.digest
    headers = {
        "Content-Type": file.media_type,
        "Cache-Control": _FOREVER if current else "no-store",
        "Vary": "Accept-Encoding",
    }
    if file.packed is not None and "gzip" in request.headers.get("Accept-Encoding", ""):
        return web.Response(body=file.packed, headers=headers | {"Content-Encoding": "gzip"})
    return web.Response(body=file.plain, headers=headers)
