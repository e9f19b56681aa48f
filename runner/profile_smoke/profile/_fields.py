"""Typed access to a JSON tree, where every complaint names line, column and the path in the document."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from profile_smoke.errors import BadFileError
from profile_smoke.profile._vocabulary import quoted, suggestion

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from profile_smoke.profile.source import Node, Source

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")


class FieldError(BadFileError):
    """A value that is wrong, with its first character in the text and its path in the document.

    Attributes:
        field: the value; None for an error that was made without one.
    """

    field: Field | None = None

    @classmethod
    def of(cls, field: Field, problem: str) -> FieldError:
        """The error about a value."""
        place = field.source.place(field.node.start)
        error = cls(field.source.name, f"{place} ({field.path})" if field.path else place, problem)
        error.field = field
        return error


@dataclass(frozen=True)
class Field:
    """A value in the document: `path` is such as `syscalls[3].action`, empty for the document itself."""

    source: Source
    node: Node
    path: str

    def error(self, problem: str) -> FieldError:
        """An error about this value."""
        return FieldError.of(self, problem)

    def members(self, keys: Collection[str]) -> Mapping[str, Field]:
        """The members of an object that may hold `keys` only; those that are null count as absent, as in Go.

        Raises:
            BadFileError: not an object, or a key that is not known here.
        """
        if not isinstance(self.node.value, dict):
            raise self._wrong("an object")
        found: dict[str, Field] = {}
        for key, member in self.node.value.items():
            step = key if _PLAIN_KEY.fullmatch(key) else quoted(key)
            path = f"{self.path}.{step}" if self.path else step
            if key not in keys:
                raise Field(self.source, member.key, path).error(
                    f"unknown key {quoted(key)}{suggestion(key, keys)}"
                )
            if member.value.value is not None:
                found[key] = Field(self.source, member.value, path)
        return found

    def items(self) -> tuple[Field, ...]:
        """The items of a list."""
        if not isinstance(self.node.value, tuple):
            raise self._wrong("a list")
        return tuple(Field(self.source, item, f"{self.path}[{i}]") for i, item in enumerate(self.node.value))

    def text(self) -> str:
        """A string, possibly empty."""
        if not isinstance(self.node.value, str):
            raise self._wrong("a string")
        return self.node.value

    def name(self) -> str:
        """A string that is not empty."""
        if not (text := self.text()):
            raise self.error("must not be empty")
        return text

    def word(self, words: Collection[str], what: str) -> str:
        """A string out of a closed set; `what` names the set in the error."""
        if (text := self.text()) not in words:
            raise self.error(f"unknown {what} {quoted(text)}{suggestion(text, words)}")
        return text

    def words(self, words: Collection[str], what: str) -> tuple[str, ...]:
        """A list of strings out of a closed set."""
        return tuple(item.word(words, what) for item in self.items())

    def whole(self, highest: int) -> int:
        """A whole number from 0 to `highest`."""
        value = self.node.value
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._wrong("a whole number")
        if not 0 <= value <= highest:
            raise self.error(f"{_short(value)} is out of range; must be 0 to {highest}")
        return value

    def _wrong(self, expected: str) -> FieldError:
        return self.error(f"must be {expected}, not {kind(self.node)}")


def kind(node: Node) -> str:  # noqa: PLR0911 - one return per JSON type
    """What sort of JSON value this is, in words."""
    match node.value:
        case None:
            return "null"
        case bool():
            return "true" if node.value else "false"
        case str():
            return "a string"
        case int():
            return "a number"
        case float():
            return "a number with a fraction or exponent"
        case tuple():
            return "a list"
        case dict():
            return "an object"


def _short(value: int) -> str:
    digits = str(value)
    return digits if len(digits) <= 24 else f"{digits[:20]}... ({len(digits)} digits)"  # noqa: PLR2004 - fits a line
