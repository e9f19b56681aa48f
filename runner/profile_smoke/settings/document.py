"""Finding a file of settings, and reading it into a tree of values with their lines."""

from __future__ import annotations

import datetime as dt
import os
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from profile_smoke import paths
from profile_smoke.errors import BadFileError, UsageError
from profile_smoke.scenario.yamltree import Entry, Listing, Scalar, Table, Tree
from profile_smoke.settings import places

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FILE_NAME = "profile-smoke.toml"
PROJECT_NAME = "pyproject.toml"
TABLE = ("tool", "profile-smoke")
"""Where the settings are in a `pyproject.toml`."""
MAX_BYTES = 256 << 10


@dataclass(frozen=True)
class Document:
    """A file of settings: `source` as it is named in messages, `folder` that its paths start from."""

    source: str
    folder: Path
    tree: Table


def find(start: Path) -> Path | None:
    """The nearest file of settings, from this folder upward to the root of a repository, or of the file system.

    Raises:
        UsageError: two in one folder, or one that belongs to somebody else.
        BadFileError: a `pyproject.toml` that names profile-smoke cannot be read.
    """
    for folder in (start, *start.parents):
        own, project = folder / FILE_NAME, folder / PROJECT_NAME
        found = [each for each in (own, project) if paths.is_file(each) and (each == own or _speaks(each))]
        if len(found) > 1:
            raise UsageError(f"{own} and [{'.'.join(TABLE)}] in {project} both hold settings; remove one")
        if found:
            _trust(found[0], start)
            return found[0]
        if paths.exists(folder / ".git"):
            return None
    return None


def load(path: Path, source: str) -> Document:
    """Read a file: of a `pyproject.toml` the table `[tool.profile-smoke]`, of any other all of it.

    Raises BadFileError: it cannot be read, is no TOML, or has no such table.
    """
    text = _text(path, source)
    table: Any = _parse(text, source)
    where: places.Path = ()
    if path.name == PROJECT_NAME:
        where = TABLE
        for key in TABLE:
            table = table.get(key) if isinstance(table, dict) else None
        if table is None:
            raise BadFileError(source, "", f"there is no [{'.'.join(TABLE)}] in it")
    if not isinstance(table, dict):
        raise BadFileError(source, "", f"{'.'.join(TABLE)} is no table")
    try:
        tree = _Grower(places.lines_of(text)).tree(table, where)
    except RecursionError:
        raise BadFileError(source, "", "is nested too deep") from None
    assert isinstance(tree, Table)  # noqa: S101  of a dict
    return Document(source, path.parent, tree)


def _speaks(project: Path) -> bool:
    """Whether a `pyproject.toml` holds our table. Others' mistakes in one that does not name us are not ours to tell."""
    text = _text(project, str(project))
    if TABLE[-1] not in text:
        return False
    tool = _parse(text, str(project)).get(TABLE[0])
    return isinstance(tool, dict) and TABLE[1] in tool


def _trust(path: Path, start: Path) -> None:
    """Settings say which files are written, so one that somebody else laid above the working directory is not followed."""
    owner = path.stat().st_uid
    if owner not in {0, os.geteuid(), start.stat().st_uid}:
        raise UsageError(
            f"{path}: belongs to another user; name it with --config, or leave it out with --no-config"
        )


def _text(path: Path, source: str) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadFileError(source, "", f"cannot be read: {error.strerror}") from None
    if len(raw) > MAX_BYTES:
        raise BadFileError(source, "", f"is larger than {MAX_BYTES >> 10} KiB, which no settings need")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise BadFileError(source, f"line {line}", "is not UTF-8 text") from None


def _parse(text: str, source: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problem, _, place = str(error).partition(" (at ")
        raise BadFileError(source, place.rstrip(")"), f"is not TOML: {problem}") from None
    except RecursionError:
        raise BadFileError(source, "", "is nested too deep") from None


class _Grower:
    """Makes the tree that sections are read from, each value with its line."""

    def __init__(self, lines: Mapping[places.Path, int]) -> None:
        self._lines = lines

    def tree(self, value: Any, path: places.Path) -> Tree:
        line = self._lines.get(path, 1)
        if isinstance(value, dict):
            entries = {key: self._entry(inner, (*path, key)) for key, inner in value.items()}
            return Table(line, entries, ())
        if isinstance(value, list):
            return Listing(line, tuple(self.tree(inner, (*path, index)) for index, inner in enumerate(value)))
        return _scalar(value, line)

    def _entry(self, value: Any, path: places.Path) -> Entry:
        return Entry(self._lines.get(path, 1), self.tree(value, path))


def _scalar(value: Any, line: int) -> Scalar:
    if isinstance(value, bool):
        return Scalar(line, "boolean", "true" if value else "false")
    if isinstance(value, int | float):
        return Scalar(line, "number", str(value))
    if isinstance(value, dt.date | dt.time):
        plain = isinstance(value, dt.date) and not isinstance(value, dt.datetime)
        return Scalar(line, "date" if plain else "time", value.isoformat())
    return Scalar(line, "text", value)
