"""Putting a finished text where the user wants it: whole or not at all.

A file is written beside its destination and renamed over it, so that a reader never sees half of a report
and a failure leaves the old one. A destination that is no regular file (`/dev/null`, a pipe) cannot be
renamed over without destroying it, and is written straight.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import select
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from profile_smoke.errors import DiskFullError, SmokeError, UsageError
from profile_smoke.report.interface import STDOUT

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

__all__ = ["STDOUT", "check", "write", "write_over"]

_FULL = (errno.ENOSPC, errno.EDQUOT)
_PIECE = 1024
"""Characters that a pipe takes at once where it takes any: at most 4 bytes each, and PIPE_BUF is 4096 (pipe(7))."""
_NAME = 100
"""How much of a name the file has that takes its place: a name may be too long to be added to."""


def write(
    destination: str, text: str, waiting: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext
) -> None:
    """Write the text to a file, or to stdout for ``-``.

    A reader of stdout that has gone away (``| head``) has all that it wanted: no error. One that takes its time is
    waited for within `waiting()`, and nothing else is waited for.

    Raises:
        UsageError: no such folder, no permission, a folder; one line.
        DiskFullError: no space left.
    """
    if destination == STDOUT:
        _write_stdout(text, waiting)
        return
    try:
        _write_file(Path(os.path.realpath(destination)), text.encode())
    except OSError as error:
        raise _translated(destination, error) from None


def write_over(destination: str, was: str, text: str) -> None:
    """Write the text to a file that still holds `was`.

    Raises:
        UsageError: it holds something else by now, and is left as it is; or as `write`.
        DiskFullError: no space left.
    """
    try:
        now = Path(destination).read_bytes()
    except OSError as error:
        raise _translated(destination, error) from None
    if now != was.encode():
        raise UsageError(f"{destination}: changed in the meantime and is left as it is; run this again")
    write(destination, text)


def check(destination: str) -> None:
    """Raise what `write` would raise, as far as it can be known now: before minutes of work, not after."""
    if destination == STDOUT:
        return
    path = Path(os.path.realpath(destination))
    try:
        if path.is_dir():
            raise UsageError(f"{destination}: is a folder; name a file in it")
        if not path.parent.is_dir():
            raise UsageError(f"{destination}: there is no folder {path.parent}")
        replaced = _renames(path)
    except OSError as error:
        raise _translated(destination, error) from None
    if not os.access(path.parent if replaced else path, os.W_OK):
        raise UsageError(f"{destination}: no permission to write there")


def _renames(path: Path) -> bool:
    return path.is_file() or not path.exists()


def _write_stdout(text: str, waiting: Callable[[], AbstractContextManager[None]]) -> None:
    if sys.stdout is None:
        raise UsageError("stdout is closed; name a file with --output")
    try:
        for at in range(0, len(text), _PIECE):
            with contextlib.suppress(io.UnsupportedOperation), waiting():  # a test's stdout may be no file
                select.select([], [sys.stdout], [])
            sys.stdout.write(text[at : at + _PIECE])
            sys.stdout.flush()
    except BrokenPipeError:
        # What is still buffered would fail again when the interpreter exits, with a message and code 120.
        with contextlib.closing(Path(os.devnull).open("w")) as null:
            os.dup2(null.fileno(), sys.stdout.fileno())
    except OSError as error:
        raise _translated("stdout", error) from None


def _write_file(path: Path, data: bytes) -> None:
    if not _renames(path):
        path.write_bytes(data)
        return
    temporary = path.with_name(f".{path.name[:_NAME]}.{os.getpid()}.tmp")
    # O_EXCL follows no link that someone laid there; 0o666 lets the umask decide, as for any new file.
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if path.exists():
                os.fchmod(descriptor, stat.S_IMODE(path.stat().st_mode))
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _translated(destination: str, error: OSError) -> SmokeError:
    if error.errno in _FULL:
        return DiskFullError(f"{destination}: no space left")
    if isinstance(error, FileNotFoundError):
        return UsageError(f"{destination}: there is no folder {Path(os.path.realpath(destination)).parent}")
    if isinstance(error, PermissionError):
        return UsageError(f"{destination}: no permission to write there")
    if isinstance(error, IsADirectoryError):
        return UsageError(f"{destination}: is a folder; name a file in it")
    return UsageError(f"{destination}: cannot be written: {error.strerror}")
