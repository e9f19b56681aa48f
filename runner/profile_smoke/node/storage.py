"""The files of an installed folder: locked, written whole or not at all, and safe on disk before they count.

Beside the profiles lies `.profile-smoke/`: `lock`, `manifest.json`, and `contents/` with every content that the manifest
speaks of. New files are written in there and renamed into place, so that nothing half written ever has a profile's name.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

from profile_smoke.errors import BadFileError, DiskFullError, UsageError
from profile_smoke.node import manifest as manifests

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from profile_smoke.node.manifest import Manifest

STATE = ".profile-smoke"
_READABLE = 0o644
"""Of profiles: the container runtime may run as somebody else, and there is no secret in them."""


def sha256(content: bytes) -> str:
    """The name of a content."""
    return hashlib.sha256(content).hexdigest()


@contextmanager
def told(folder: Path) -> Iterator[None]:
    """Within, what the operating system refuses is one line about this folder."""
    try:
        yield
    except OSError as error:
        what = error.filename or folder
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError(f"{folder}: no space left") from None
        if error.errno in (errno.EACCES, errno.EPERM):
            raise UsageError(f"{what}: no permission; a node's folder is root's") from None
        raise UsageError(f"{what}: {error.strerror}") from None


class Storage:
    """The files below one folder. Raises OSError throughout, which `told` translates."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._state = folder / STATE

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Within, no other process changes the folder; waits for one that does. Makes the folder where there is none."""
        (self._state / "contents").mkdir(parents=True, exist_ok=True)
        with (self._state / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for left in self._state.glob("*.tmp"):
                left.unlink()  # of a process that was killed: whoever holds the lock is the only one who writes
            yield

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Within, no other process changes the folder, where we may lock it at all."""
        try:
            lock = (self._state / "lock").open("r")
        except FileNotFoundError:
            yield
            return
        with lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
            yield

    def manifest(self) -> Manifest | None:
        """The record; None where nothing was ever put here. Raises BadFileError."""
        path = self._state / "manifest.json"
        try:
            text = path.read_text("utf-8")
        except FileNotFoundError:
            return None
        except UnicodeDecodeError:
            raise BadFileError(path, "", "not as this program wrote it; move it away to begin anew") from None
        return manifests.load(text, str(path))

    def record(self, manifest: Manifest) -> None:
        """Keep the record."""
        self._write(self._state / "manifest.json", manifests.dump(manifest).encode())

    def held(self, name: str) -> bytes | None:
        """What a file holds; None where there is none.

        Raises:
            UsageError: there is something that is no file.
        """
        path = self.folder / name
        try:
            mode = path.lstat().st_mode
        except FileNotFoundError:
            return None
        if not stat.S_ISREG(mode):
            what = "a link" if stat.S_ISLNK(mode) else "no regular file"
            raise UsageError(f"{path}: {what}; remove it first")
        return path.read_bytes()

    def keep(self, content: bytes) -> str:
        """Keep a content under its SHA-256, and return that."""
        digest = sha256(content)
        path = self._state / "contents" / digest
        if not path.exists():
            self._write(path, content)
        return digest

    def kept(self, digest: str) -> bytes:
        """A kept content.

        Raises:
            BadFileError: it is not what it was.
        """
        path = self._state / "contents" / digest
        content = path.read_bytes()
        if sha256(content) != digest:
            raise BadFileError(path, "", "not what was kept here; it cannot be put back")
        return content

    def put(self, name: str, content: bytes | None) -> None:
        """Let a file hold this content, or remove it."""
        if content is None:
            (self.folder / name).unlink(missing_ok=True)
            _sync(self.folder)
        else:
            self._write(self.folder / name, content)

    def forget(self, needed: frozenset[str]) -> None:
        """Remove contents that nothing speaks of any more."""
        for path in (self._state / "contents").iterdir():
            if path.name not in needed:
                path.unlink()

    def _write(self, path: Path, content: bytes) -> None:
        temporary = self._state / f"{os.getpid()}.tmp"
        with temporary.open("wb") as file:
            os.fchmod(file.fileno(), _READABLE)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync(path.parent)


def _sync(folder: Path) -> None:
    """A rename counts after a power cut only when its folder is on disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
