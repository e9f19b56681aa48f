"""What is at a path that a user named, as far as this process may know.

Where a folder on the way may not be entered, or a name is too long, pathlib raises (before Python 3.14). Here the answer is
no, and whoever then reads the file tells why it cannot be read.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from profile_smoke.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator


def exists(path: str | Path) -> bool:
    """Whether something is there."""
    return os.path.exists(path)  # noqa: PTH110  see the module


def is_file(path: str | Path) -> bool:
    """Whether it is a regular file, or a link to one."""
    return os.path.isfile(path)  # noqa: PTH113  see the module


def is_dir(path: str | Path) -> bool:
    """Whether it is a folder, or a link to one."""
    return os.path.isdir(path)  # noqa: PTH112  see the module


def walk(folder: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """As `os.walk`, but a folder that cannot be read is an error, not an empty one. Raises UsageError."""

    def unreadable(error: OSError) -> None:
        raise UsageError(f"{error.filename}: cannot be read: {error.strerror}") from error

    for root, folders, names in os.walk(folder, onerror=unreadable):
        yield Path(root), folders, names
