"""The profiles that an agent puts into the kubelet's seccomp folder, and who they are there for.

profile-smoke/RUN/.lease      what tells that the agent made this folder; nothing else below `profile-smoke/` is touched
profile-smoke/RUN/NAME.json   a profile, there whole or not at all
profile-smoke/agent/agent.json   the agent's own

Names come from clients, so that they are checked here, and no link in the folder is followed.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from profile_smoke.agent.wire import WireError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FOLDER = "profile-smoke"
OWN = "agent"
LEASE = ".lease"
PROFILE_LIMIT = 1 << 20
"""In bytes: what this project reads as a profile at most."""
MOST_PROFILES = 1024
"""Of one run at a time: far beyond what its launches need, and far below what hurts a node."""
RUN = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{6}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}\.json")
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def checked_run(text: str) -> str:
    """A run's id, as `rundir.new_run_id` makes them. Raises WireError."""
    if not RUN.fullmatch(text):
        raise WireError(f"{text!r:.60} is no id of a run")
    return text


class Shelf:
    """The part of a seccomp folder that is the agent's. Raises OSError where the node's disk does not do its part."""

    def __init__(self, seccomp: Path) -> None:
        self._base = seccomp / FOLDER

    def install(self, run: str, name: str, content: bytes) -> str:
        """Put a profile there, and say where, as `localhostProfile` wants it.

        Raises:
            WireError: no name that a profile may have here, a content too large, or too many.
        """
        _check(name)
        if len(content) > PROFILE_LIMIT:
            raise WireError(f"{name}: {len(content)} bytes: a profile has at most {PROFILE_LIMIT}")
        with self._run(run, make=True) as folder:
            if len(_names(folder)) > MOST_PROFILES:
                raise WireError(f"{name}: there are {MOST_PROFILES} profiles of this run on the node already")
            _write(folder, name, content)
        return f"{FOLDER}/{run}/{name}"

    def install_own(self, content: bytes) -> None:
        """Put the agent's own profile there; its pod's manifest names it."""
        folder = self._base / OWN
        folder.mkdir(parents=True, exist_ok=True, mode=0o755)
        with _opened(folder) as opened:
            _write(opened, f"{OWN}.json", content)

    def remove_own(self) -> None:
        """Take it away, with the folders that are empty then: the agent is to leave the node."""
        folder = self._base / OWN
        (folder / f"{OWN}.json").unlink(missing_ok=True)
        for each in (folder, self._base):
            with suppress(OSError):  # a run's profiles are in it, or it was never there
                each.rmdir()

    def remove(self, run: str, name: str) -> None:
        """Take a profile away, if it is there. Raises WireError as `install`."""
        _check(name)
        with suppress(FileNotFoundError), self._run(run, make=False) as folder:
            os.unlink(name, dir_fd=folder)

    def remove_run(self, run: str) -> bool:
        """Take everything of a run away; whether there was something of the agent's."""
        if not self._is_ours(run):
            return False
        with self._run(run, make=False) as folder:
            # The lease last: cut short before, the folder is still known as the agent's.
            for name in sorted(_names(folder), key=lambda name: name == LEASE):
                os.unlink(name, dir_fd=folder)
        (self._base / run).rmdir()
        return True

    def runs(self) -> tuple[str, ...]:
        """The runs for which the agent has put something there, in this life or an earlier one."""
        try:
            names = sorted(path.name for path in self._base.iterdir())
        except FileNotFoundError:
            return ()
        return tuple(name for name in names if RUN.fullmatch(name) and self._is_ours(name))

    def _is_ours(self, run: str) -> bool:
        try:
            mode = (self._base / checked_run(run) / LEASE).lstat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            return False
        return stat.S_ISREG(mode)

    @contextmanager
    def _run(self, run: str, *, make: bool) -> Iterator[int]:
        """The run's folder, held open, so that whatever happens to its name meanwhile, nothing lands elsewhere."""
        path = self._base / checked_run(run)
        if make and not self._is_ours(run):
            path.mkdir(parents=True, exist_ok=True, mode=0o755)
            with _opened(path) as folder:
                _write(folder, LEASE, b"")
        with _opened(path) as folder:
            yield folder


def _check(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise WireError(f"{name!r:.60}: expected letters, digits, dots and hyphens, and .json at the end")


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    folder = os.open(path, _DIRECTORY)
    try:
        yield folder
    finally:
        os.close(folder)


def _names(folder: int) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries]


def _write(folder: int, name: str, content: bytes) -> None:
    """Under a name of its own first: whoever reads `name` gets all of it, or what was there before."""
    temporary = f".{secrets.token_hex(8)}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    descriptor = os.open(temporary, flags, 0o644, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            # Container runtimes may read it as somebody else, whatever the umask; there is no secret in it.
            os.fchmod(file.fileno(), 0o644)
            file.write(content)
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        os.unlink(temporary, dir_fd=folder)
        raise
