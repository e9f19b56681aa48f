"""YAML text as a tree that remembers lines and the text as written, so that problems can be located.

PyYAML composes its node graph here and nothing is constructed from tags: what `no`, `0o17` or `1e3` would
become is decided by the reader, which knows what was wanted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from profile_smoke.errors import BadFileError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import yaml

MAX_BYTES = 1 << 20
MAX_DEPTH = 32
MAX_NODES = 20_000
"""Bound on the tree with aliases expanded: a few lines of them can stand for billions of nodes."""

_KINDS = {"int": "number", "float": "number", "bool": "boolean", "null": "null", "str": "text"}


@dataclass(frozen=True)
class Scalar:
    """One value: `kind` is what YAML 1.1 takes it for (`text`, `number`, `boolean`, `null`, or a tag)."""

    line: int
    kind: str
    text: str


@dataclass(frozen=True)
class Listing:
    """A sequence."""

    line: int
    items: tuple[Tree, ...]


@dataclass(frozen=True)
class Entry:
    """One key of a table, with its own line, and its value."""

    line: int
    value: Tree


@dataclass(frozen=True)
class Table:
    """A mapping. `duplicates` are keys that came again, with the line of the second."""

    line: int
    entries: Mapping[str, Entry]
    duplicates: tuple[tuple[str, int], ...]


Tree = Scalar | Listing | Table


def read(path: Path) -> str:
    """The text of a file of at most `MAX_BYTES` bytes.

    Raises BadFileError for every way in which there is none.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except IsADirectoryError:
        raise BadFileError(path, "", "is a directory; a file is needed") from None
    except FileNotFoundError:
        raise BadFileError(path, "", "no such file") from None
    except OSError as error:
        raise BadFileError(path, "", f"cannot be read: {error.strerror}") from None
    if len(raw) > MAX_BYTES:
        raise BadFileError(path, "", f"is larger than {MAX_BYTES >> 20} MiB, which no scenario needs")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise BadFileError(path, f"line {line}", "is not UTF-8 text") from None


def parse(text: str, source: Path) -> Tree:
    """The tree of the one document in `text`. Raises BadFileError with the line for what is not YAML."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _bound_depth(yaml.parse(text, Loader=loader), source)
        node = yaml.compose(text, Loader=loader)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise BadFileError(
            source, f"line {line}", f"holds the control character {_shown(error.character)}"
        ) from None
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, text, source) from None
    except yaml.YAMLError as error:
        raise BadFileError(source, "", f"is not YAML: {' '.join(str(error).split())}") from None
    if node is None:
        raise BadFileError(source, "", "is empty; a scenario is a table of keys")
    return _Converter(source).tree(node)


def _shown(character: int | str | bytes) -> str:
    code = character if isinstance(character, int) else ord(character)
    return f"#x{code:02x}"


def _syntax_error(error: yaml.MarkedYAMLError, text: str, source: Path) -> BadFileError:
    mark = error.problem_mark or error.context_mark
    where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    problem = error.problem or error.context or "cannot be read"
    if "another document" in problem:
        return BadFileError(source, where, "begins a second document; a file holds one scenario")
    # By its place in the whole text: YAML knows more line ends than one. A byte order mark is not counted.
    found = text.removeprefix("\ufeff")[mark.index : mark.index + 1] if mark else ""
    if found == "\t" and "cannot start any token" in problem:
        return BadFileError(source, where, "is indented with a tab; YAML wants spaces")
    return BadFileError(source, where, f"is not YAML: {problem}")


def _bound_depth(events: Any, source: Path) -> None:
    """Refuse deep nesting before anything recursive (PyYAML's composer, in C) sees it."""
    depth = 0
    for event in events:
        kind = type(event).__name__
        if kind.endswith("StartEvent") and kind[:2] in ("Ma", "Se"):
            depth += 1
            if depth > MAX_DEPTH:
                line = event.start_mark.line + 1
                raise BadFileError(source, f"line {line}", f"is nested more than {MAX_DEPTH} deep")
        elif kind.endswith("EndEvent") and kind[:2] in ("Ma", "Se"):
            depth -= 1


class _Converter:
    """Turns PyYAML's nodes into our tree, aliases expanded, with a bound on how much that may become."""

    def __init__(self, source: Path) -> None:
        self._source = source
        self._nodes = 0

    def tree(self, node: yaml.Node, depth: int = 0) -> Tree:
        import yaml

        line = node.start_mark.line + 1
        self._nodes += 1
        if self._nodes > MAX_NODES or depth > MAX_DEPTH:
            raise BadFileError(
                self._source, f"line {line}", "aliases make this document too large, or endless"
            )
        if isinstance(node, yaml.MappingNode):
            return self._table(node, line, depth)
        if isinstance(node, yaml.SequenceNode):
            return Listing(line, tuple(self.tree(item, depth + 1) for item in node.value))
        kind = node.tag.removeprefix("tag:yaml.org,2002:")
        return Scalar(line, _KINDS.get(kind, kind), node.value)

    def _table(self, node: yaml.MappingNode, line: int, depth: int) -> Table:
        import yaml

        entries: dict[str, Entry] = {}
        duplicates = []
        for key, value in node.value:
            key_line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise BadFileError(self._source, f"line {key_line}", "a key must be a plain word")
            if key.value in entries:
                duplicates.append((key.value, key_line))
            else:
                entries[key.value] = Entry(key_line, self.tree(value, depth + 1))
        return Table(line, entries, tuple(duplicates))
