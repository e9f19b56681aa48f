"""The folder of one run: everything that it creates on this host lies in it, and its lock tells whether it lives.

HOME/runs/RUN/lock          held (flock) as long as the run lives; a kill -9 releases it
HOME/runs/RUN/TARGET.sock   the supervisor of a target
HOME/runs/RUN/oci/...       bundles, overlays and runtime state of the target `oci`
HOME/runs/RUN/kept          there when the user asked to keep a container: `clean` alone removes it then
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from profile_smoke.errors import DiskFullError, InfrastructureError
from profile_smoke.interrupts import shielded

if TYPE_CHECKING:
    from collections.abc import Iterator

_SOCKET_PATH_LIMIT = 107
"""sun_path holds 108 bytes with its NUL (unix(7))."""


def home() -> Path:
    """Where images and runs are kept: `$PROFILE_SMOKE_HOME`, /var/lib/profile-smoke for root, else the user's cache."""
    if chosen := os.environ.get("PROFILE_SMOKE_HOME"):
        return Path(chosen).absolute()
    if os.geteuid() == 0:
        return Path("/var/lib/profile-smoke")
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "profile-smoke"


@dataclass(frozen=True)
class RunDir:
    """The folder of a live run."""

    run_id: str
    path: Path

    def socket(self, target: str) -> Path:
        """Where the supervisor of this target listens."""
        return self.path / f"{target}.sock"

    @property
    def keeps(self) -> bool:
        """Whether a container of this run was left to the user."""
        return (self.path / "kept").exists()

    def keep(self) -> None:
        """Leave this run's containers to the user; `clean` removes them."""
        (self.path / "kept").touch()


def new_run_id() -> str:
    """Sortable by time, unique on a machine, short enough for names and labels."""
    return time.strftime("%Y%m%d-%H%M%S-", time.gmtime()) + secrets.token_hex(3)


@contextmanager
def open_run(run_id: str) -> Iterator[RunDir]:
    """Create the run's folder, hold its lock, and remove it at the end unless something in it is kept or still in use.

    Signals wait as long as it is open, except where they are admitted (see `interrupts`).
    """
    with shielded():
        yield from _open(home() / "runs" / run_id)


def _open(path: Path) -> Iterator[RunDir]:
    with filesystem_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with _settled(path.parent):
            path.mkdir(mode=0o700)
            lock = os.open(path / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)  # who looks whether it is held, holds it for a moment
    run = RunDir(path.name, path)
    longest = run.socket("docker")
    if len(os.fsencode(longest)) > _SOCKET_PATH_LIMIT:
        os.close(lock)
        remove_run(path)
        raise InfrastructureError(
            f"{longest}: too long a path for a socket; set PROFILE_SMOKE_HOME to a shorter folder"
        )
    try:
        yield run
    finally:
        if not run.keeps:
            remove_run(path)
        os.close(lock)


def remove_run(path: Path) -> bool:
    """Remove a run's own few files and its folder; False when targets still keep something in it, or it is gone."""
    with _settled(path.parent):
        for each in (*path.glob("*.sock"), path / "kept", path / "lock"):
            each.unlink(missing_ok=True)
        try:
            path.rmdir()
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.ENOENT):
                return False
            raise
    return True


@contextmanager
def _settled(runs: Path) -> Iterator[None]:
    """Nobody else begins or removes a run meanwhile: a folder whose lock is not held is a dead run's, not a newborn's."""
    folder = os.open(runs, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def dead_runs() -> list[Path]:
    """The folders of runs whose process is gone (kept ones included), oldest first."""
    root = home() / "runs"
    if not root.is_dir():
        return []
    return [path for path in sorted(root.iterdir()) if not is_alive(path) and path.is_dir()]


def live_runs() -> list[Path]:
    """The folders of runs that are at work, oldest first."""
    root = home() / "runs"
    return [path for path in sorted(root.iterdir()) if is_alive(path)] if root.is_dir() else []


def is_alive(path: Path) -> bool:
    """Whether the run's process holds its lock."""
    if _held(path):
        return True
    try:
        with _settled(path.parent):
            return _held(path)
    except FileNotFoundError:
        return False


def _held(path: Path) -> bool:
    try:
        descriptor = os.open(path / "lock", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextmanager
def filesystem_errors(path: Path) -> Iterator[None]:
    """Turn what a full or forbidden file system says into one line that names the folder."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError(
                f"{path}: no space left; free some, or set PROFILE_SMOKE_HOME to another disk"
            ) from error
        if isinstance(error, PermissionError) or error.errno == errno.EROFS:
            raise InfrastructureError(
                f"{path}: cannot write there ({error.strerror}); set PROFILE_SMOKE_HOME to a folder of yours"
            ) from error
        raise
