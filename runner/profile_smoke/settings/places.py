"""On which line of a TOML text each key stands.

`tomllib` gives values without places. It is asked once more for each statement alone: a statement is a table's header or a
pair of key and value, and the lines that belong to it are the fewest that it takes for whole TOML.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Path = tuple[str | int, ...]
"""Keys and, in arrays, indices: ``("waivers", 0, "reason")``."""


def lines_of(text: str) -> Mapping[Path, int]:
    """The line, from 1, of every key; of what stands within a value, the line on which its statement begins.

    `text` is TOML that `tomllib` has taken.
    """
    found: dict[Path, int] = {}
    tables: Counter[Path] = Counter()
    here: Path = ()
    for line, statement in _statements(text.replace("\r\n", "\n").split("\n")):
        document = tomllib.loads(statement)
        if statement.lstrip().startswith("["):
            here = _header(document, tables)
            for length in range(1, len(here) + 1):
                found.setdefault(here[:length], line)
        else:
            for path in _paths(document):
                found.setdefault(here + path, line)
    return found


def _statements(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Each statement with its first line; empty lines and comments left out."""
    start = 0
    while start < len(lines):
        end = start + 1
        # What spans lines ends with what closes it; asking only there keeps long arrays fast.
        while not (_closes(lines[end - 1], end - start) and _whole("\n".join(lines[start:end]))):
            end += 1
        statement = "\n".join(lines[start:end])
        if statement.strip() and not statement.lstrip().startswith("#"):
            yield start + 1, statement
        start = end


def _closes(line: str, number: int) -> bool:
    return number == 1 or any(mark in line for mark in ("]", "}", '"""', "'''"))


def _whole(text: str) -> bool:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True


def _header(document: Mapping[str, object], tables: Counter[Path]) -> Path:
    """The path that a header opens; an array of tables that it goes through is meant by its last table."""
    path: Path = ()
    value: object = document
    while isinstance(value, dict) and value:
        [(key, value)] = value.items()
        path = (*path, key)
        if isinstance(value, list):
            tables[path] += 1
            return (*path, tables[path] - 1)
        if path in tables:
            path = (*path, tables[path] - 1)
    return path


def _paths(value: object) -> Iterator[Path]:
    """The paths of everything within a value."""
    pairs: Iterator[tuple[str | int, object]] = iter(())
    if isinstance(value, dict):
        pairs = iter(value.items())
    elif isinstance(value, list):
        pairs = iter(enumerate(value))
    for key, inner in pairs:
        yield (key,)
        yield from ((key, *path) for path in _paths(inner))
