"""Where images are made: locks between threads and processes, and folders published whole or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_POLL_SECONDS = 0.05


class Workspace:
    """Locks and work folders under one root.

    `pause` waits that many seconds, or raises when the run was interrupted meanwhile. Locks are flock(2)'s: the
    kernel drops them when their holder dies, and every open file is a holder of its own, so that threads
    exclude each other too.
    """

    def __init__(self, root: Path, pause: Callable[[float], None]) -> None:
        self._root, self._pause = root, pause

    @contextlib.contextmanager
    def lock(self, name: str, kind: int = fcntl.LOCK_EX) -> Iterator[int]:
        """Hold the lock of that name; yields its descriptor, by which its kind can be changed."""
        held = os.open(self._folder("locks") / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            while not _try_lock(held, kind):
                self._pause(_POLL_SECONDS)
            yield held
        finally:
            os.close(held)

    @contextlib.contextmanager
    def work(self) -> Iterator[Path]:
        """A folder to make something in, gone afterwards; locked while its maker lives."""
        # `sweep` holds the same lock: it never sees a folder that exists and is not yet held.
        with self.lock("work"):
            folder = Path(tempfile.mkdtemp(dir=self._folder("work")))
            held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(held, fcntl.LOCK_EX)
        try:
            yield folder
        finally:
            shutil.rmtree(folder)
            os.close(held)

    def sweep(self) -> list[Path]:
        """Remove the work folders whose makers are dead; returns what was removed."""
        if not (self._root / "work").is_dir():
            return []
        removed = []
        with self.lock("work"):
            for folder in sorted((self._root / "work").iterdir()):
                with contextlib.suppress(FileNotFoundError):  # its maker, who lives, removed it in between
                    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                    try:
                        if _try_lock(held, fcntl.LOCK_EX):
                            shutil.rmtree(folder)
                            removed.append(folder)
                    finally:
                        os.close(held)
        return removed

    def _folder(self, name: str) -> Path:
        # Unpacked roots hold setuid programs: nobody else is to reach them.
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = self._root / name
        folder.mkdir(exist_ok=True)
        return folder


def publish(path: Path, final: Path) -> None:
    """Give what is complete its final name, within one file system: it is there wholly or not at all."""
    final.parent.mkdir(exist_ok=True)
    path.rename(final)


def _try_lock(held: int, kind: int) -> bool:
    try:
        fcntl.flock(held, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
