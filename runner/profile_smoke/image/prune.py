"""Making room in the store: what nothing will use again, because something newer has taken its place.

A recipe that changes gives a new stand-in beside the old one. Nobody can tell whether the old one will be asked for again
(another version of a scenario may be at hand), so removing it is the user's word; asked for again, it is made anew.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from profile_smoke.errors import ImageError
from profile_smoke.image import layout, standin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from profile_smoke.image.layout import Layout
    from profile_smoke.image.workspace import Workspace

_MOUNTS = Path("/proc/self/mountinfo")


def images(root: Path) -> list[Layout]:
    """The images in a store; the broken ones are left out."""
    found = []
    for folder in sorted((root / "images").glob("*")):
        with suppress(ImageError):
            found.append(layout.read(folder, folder.name))
    return found


def prune(root: Path, space: Workspace) -> list[str]:
    """Remove superseded stand-ins, what was unpacked and archived of images that are gone, and bases too old to build upon.

    One line for each. Nobody may be launching from this store meanwhile; a root that is mounted (a kept container's) stays.
    """
    removed = []
    for folder in _superseded(root):
        with space.lock(folder.name):
            shutil.rmtree(folder)
        removed.append(f"old stand-in {folder.name}")
    used = _MOUNTS.read_text("utf-8", "replace")
    digests = {image.digest.partition(":")[2] for image in images(root)}
    for kind, path in _made_of_images(root):
        if path.stem not in digests and str(path) not in used:
            with space.lock(f"{kind}-{path.stem}"):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            removed.append(f"{kind} {path}")
    for base in sorted((root / "bases").glob("*")):
        with space.lock(f"base-{base.name}"):
            if not standin.base_is_fresh(base):
                shutil.rmtree(base)
                removed.append(f"old base {base.name}")
    return removed


def _superseded(root: Path) -> list[Path]:
    """All stand-ins but the newest of each name (`standin-NAME-KEY`)."""
    newest: dict[str, Path] = {}
    old = []
    found = sorted((root / "images").glob("standin-*"), key=lambda path: path.stat().st_mtime_ns)
    for folder in found:
        name = folder.name.rpartition("-")[0]
        if name in newest:
            old.append(newest[name])
        newest[name] = folder
    return sorted(old)


def _made_of_images(root: Path) -> Iterator[tuple[str, Path]]:
    """Unpacked roots and archives, by their kind as locks name it."""
    for kind, folder in (("rootfs", "rootfs"), ("archive", "archives")):
        for path in sorted((root / folder).glob("*")):
            yield kind, path
