"""This program's own files, for an image in which it runs: a stand-in holds the very program that makes it."""

from __future__ import annotations

import io
import zipfile
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from profile_smoke.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Iterator

_PACKAGE = Path(__file__).resolve().parents[1]
_ARCHIVE = "program.zip"
_LEFT_OUT = {"__pycache__", "_bundled"}


def archive() -> bytes:
    """A zip of the package, the same for the same files."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as found:
        for path in sorted(_PACKAGE.rglob("*")):
            inside = path.relative_to(_PACKAGE)
            if path.is_file() and not _LEFT_OUT.intersection(inside.parts):
                # Without a time: a file's content alone makes it another file.
                found.writestr(zipfile.ZipInfo(f"{_PACKAGE.name}/{inside.as_posix()}"), path.read_bytes())
    return held.getvalue()


@contextmanager
def recipe_with_program(recipe: Path) -> Iterator[Path]:
    """A copy of a recipe, within, with `program.zip` beside it as it names it. Raises ImageError."""
    try:
        with TemporaryDirectory(prefix="profile-smoke-") as name:
            copy = Path(name) / recipe.name
            copy.write_bytes(recipe.read_bytes())
            copy.with_name(_ARCHIVE).write_bytes(archive())
            yield copy
    except OSError as error:
        raise ImageError(f"{recipe}: preparing the program's own image: {error}") from error
