"""A node's folder with two files or so, and what may be done to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from profile_smoke.node.folder import Source, install, rollback

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

OLD, NEW, EDIT = b"old", b"new", b"edit"


def sources(content: bytes, *names: str) -> dict[str, Source]:
    return {name: Source(content, f"/from/{name}") for name in names or ("a.json", "b.json")}


def held(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def changes(folder: Path, *, force: bool) -> Iterator[Callable[[], object]]:
    yield lambda: install(folder, sources(NEW), force=force)
    yield lambda: rollback(folder, force=force)
