"""The few Linux calls that Python 3.11 lacks: mounts, other network namespaces, adopting orphans."""

from __future__ import annotations

import ctypes
import os
import socket
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_CLONE_NEWNET = 0x40000000
_MNT_DETACH = 2
_MS_NODEV = 4
_PR_SET_CHILD_SUBREAPER = 36


def _check(result: int, what: str) -> None:
    if result == -1:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), what)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def mount_overlay(target: Path, *, lower: Path, upper: Path, work: Path) -> None:
    """Mount `upper` over the read-only `lower` at `target`. Raises OSError."""
    options = f"lowerdir={lower},upperdir={upper},workdir={work},index=off,metacopy=off".encode()
    _check(_libc().mount(b"overlay", os.fsencode(target), b"overlay", _MS_NODEV, options), str(target))


def mount_tmpfs(target: Path) -> None:
    """Mount an empty file system in memory at `target`. Raises OSError."""
    _check(_libc().mount(b"tmpfs", os.fsencode(target), b"tmpfs", _MS_NODEV, b"mode=700"), str(target))


def unmount(target: Path) -> None:
    """Unmount, now or as soon as its last user is gone; nothing happens when nothing is mounted there."""
    if _libc().umount2(os.fsencode(target), _MNT_DETACH) == -1 and ctypes.get_errno() not in (22, 2):
        _check(-1, str(target))


def mounts_below(folder: Path) -> list[Path]:
    """Mount points at or below `folder`, deepest first."""
    prefix = os.fsencode(folder)
    found = []
    with Path("/proc/self/mountinfo").open("rb") as handle:
        for line in handle:
            point = line.split(b" ")[4].replace(b"\\040", b" ")
            if point == prefix or point.startswith(prefix + b"/"):
                found.append(Path(os.fsdecode(point)))
    return sorted(found, key=lambda path: len(path.parts), reverse=True)


def adopt_orphans() -> None:
    """Become the parent of descendants whose parent ends (prctl(2), PR_SET_CHILD_SUBREAPER).

    This is how we learn the way in which a detached container's init ended.
    """
    _check(_libc().prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "PR_SET_CHILD_SUBREAPER")


def connect_inside(pid: int, port: int, timeout: float) -> socket.socket:
    """A TCP connection to 127.0.0.1:`port` in the network namespace of `pid`.

    A socket belongs to the namespace that its thread was in when it was made, so only this thread moves, for a moment.
    Raises OSError: refused, timed out, or the process is gone.
    """
    with _network_of(pid):
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        connection.settimeout(timeout)
        connection.connect(("127.0.0.1", port))
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def _network_of(pid: int) -> Iterator[None]:
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        other = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _check(_libc().setns(other, _CLONE_NEWNET), "setns")
        finally:
            os.close(other)
        try:
            yield
        finally:
            _check(_libc().setns(own, _CLONE_NEWNET), "setns")
    finally:
        os.close(own)
