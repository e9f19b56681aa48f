"""A strict JSON reader (RFC 8259) that remembers where every value stands.

The standard library's reader forgets positions, takes `NaN` and keeps the last of two equal keys. A profile
is a security policy, so here each of these is an error with its line and column. With the positions, an edit
can keep the file's own formatting.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from profile_smoke.errors import BadFileError
from profile_smoke.profile._vocabulary import quoted

MAX_BYTES = 1024 * 1024
"""A larger file is refused unparsed: published profiles have about 30 KiB, and the kernel takes no more than
4096 instructions per filter, so what is larger is a mistake."""
MAX_DEPTH = 64
"""How deep lists and objects may nest; a profile needs 6."""
BOM = "\ufeff"

_SPACE = re.compile(r"[ \t\n\r]*")
_STRING = re.compile(r'"[^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*)*"')
_STRING_HEAD = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CONSTANTS = {"true": True, "false": False, "null": None}
_MAX_DIGITS = 4000
"""Python converts no decimal text of more than 4300 digits."""


class Node(NamedTuple):
    """One JSON value and the half-open range of characters that it takes in the text."""

    value: str | int | float | bool | tuple[Node, ...] | dict[str, Member] | None
    start: int
    end: int

    @property
    def plain(self) -> Any:
        """The value as the standard library's reader would give it."""
        if isinstance(self.value, tuple):
            return [item.plain for item in self.value]
        if isinstance(self.value, dict):
            return {key: member.value.plain for key, member in self.value.items()}
        return self.value


class Member(NamedTuple):
    """One key of an object with its value."""

    key: Node
    value: Node


class Source:
    """One JSON text, read when made.

    Attributes:
        text: the text as given, byte order mark and line ends included.
        name: the file as the user named it, for errors.
        root: the tree of its values.

    Raises:
        BadFileError: the text is not JSON; says line and column.
    """

    def __init__(self, text: str, name: str) -> None:
        self.text, self.name = text, name
        start = self._skip(len(BOM) if text.startswith(BOM) else 0)
        if start == len(text):
            raise BadFileError(name, "", "the file is empty; expected a seccomp profile in JSON")
        self.root = self._value(start, 1)
        rest = self._skip(self.root.end)
        if rest < len(text):
            raise self.error(rest, "text after the end of the JSON value")

    def place(self, offset: int) -> str:
        """`line L, column C` of a character."""
        line, column = self.position(offset)
        return f"line {line}, column {column}"

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of a character, from 1; lines end with LF, a byte order mark has no column."""
        begin = self.text.rfind("\n", 0, offset) + 1
        line = self.text.count("\n", 0, offset) + 1
        mark = len(BOM) if begin == 0 and self.text.startswith(BOM) else 0
        return line, offset - begin - mark + 1

    def error(self, offset: int, problem: str) -> BadFileError:
        """An error about the character at `offset`."""
        return BadFileError(self.name, self.place(offset), problem)

    def _skip(self, offset: int) -> int:
        match = _SPACE.match(self.text, offset)
        return match.end() if match else offset

    def _value(self, start: int, depth: int) -> Node:
        first = self.text[start : start + 1]
        if first == '"':
            return self._string(start)
        if first in ("{", "[") and depth > MAX_DEPTH:
            raise self.error(start, f"nested deeper than {MAX_DEPTH} levels")
        if first == "{":
            return self._object(start, depth)
        if first == "[":
            return self._array(start, depth)
        if number := _NUMBER.match(self.text, start):
            return self._number(number)
        word = _WORD.match(self.text, start)
        if word and word[0] in _CONSTANTS:
            return Node(_CONSTANTS[word[0]], start, word.end())
        raise self.error(start, f"expected a value, not {self._found(start)}")

    def _string(self, start: int) -> Node:
        match = _STRING.match(self.text, start)
        if match is None:
            head = _STRING_HEAD.match(self.text, start)
            raise self._bad_string(start, head.end() if head else start)
        raw = match[0]
        value: str = json.loads(raw) if "\\" in raw else raw[1:-1]
        return Node(value, start, match.end())

    def _bad_string(self, start: int, stop: int) -> BadFileError:
        found = self.text[stop : stop + 1]
        if found == "\\":
            return self.error(stop, f"bad escape in a string: {quoted(self.text[stop : stop + 2])}")
        if found in ("", "\n", "\r"):
            return self.error(start, "this string has no closing quote")
        return self.error(
            stop, f"control character U+{ord(found):04X} in a string; write it as \\u{ord(found):04x}"
        )

    def _number(self, match: re.Match[str]) -> Node:
        if match.end() - match.start() > _MAX_DIGITS:
            raise self.error(match.start(), f"a number of more than {_MAX_DIGITS} digits")
        if self.text[match.end() : match.end() + 1].isdigit():
            raise self.error(match.start(), "a number with a leading zero")
        value = float(match[0]) if match[1] or match[2] else int(match[0])
        return Node(value, match.start(), match.end())

    def _array(self, start: int, depth: int) -> Node:
        items: list[Node] = []
        offset = self._skip(start + 1)
        while self.text[offset : offset + 1] != "]":
            items.append(self._value(offset, depth + 1))
            offset = self._after(items[-1].end, start, "]")
        return Node(tuple(items), start, offset + 1)

    def _object(self, start: int, depth: int) -> Node:
        members: dict[str, Member] = {}
        offset = self._skip(start + 1)
        while self.text[offset : offset + 1] != "}":
            if self.text[offset : offset + 1] != '"':
                raise self.error(offset, f"expected a key in double quotes, not {self._found(offset)}")
            key = self._string(offset)
            colon = self._skip(key.end)
            if self.text[colon : colon + 1] != ":":
                raise self.error(colon, f'expected ":" after the key, not {self._found(colon)}')
            if (name := str(key.value)) in members:
                first = self.place(members[name].key.start)
                raise self.error(offset, f"the key {quoted(name)} is there twice, first at {first}")
            value = self._value(self._skip(colon + 1), depth + 1)
            members[name] = Member(key, value)
            offset = self._after(value.end, start, "}")
        return Node(members, start, offset + 1)

    def _after(self, end: int, start: int, closing: str) -> int:
        """Where the next item or the closing bracket stands, after an item that ends at `end`."""
        offset = self._skip(end)
        found = self.text[offset : offset + 1]
        if found == closing:
            return offset
        if found == ",":
            following = self._skip(offset + 1)
            if self.text[following : following + 1] == closing:
                raise self.error(offset, f'a comma before "{closing}"; JSON has no trailing commas')
            return following
        what = "list" if closing == "]" else "object"
        opened = f"the {what} that begins at {self.place(start)}"
        raise self.error(offset, f'expected "," or "{closing}" in {opened}, not {self._found(offset)}')

    def _found(self, offset: int) -> str:
        """What stands there instead, with a hint where the mistake is a common one."""
        rest = self.text[offset : offset + 40]
        if not rest:
            return "the end of the file"
        if rest.startswith(("//", "/*", "#")):
            return "a comment; JSON has none"
        if rest[0] == "'":
            return "a single quote; JSON strings take double quotes"
        if rest[0] == '"':
            return "a string"
        if word := _WORD.match(rest, rest[0] == "-"):
            return quoted(rest[: word.end()])
        return quoted(rest[0])
