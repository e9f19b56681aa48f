"""Converting single values of a scenario file, each with a message on what is wrong and what would be right."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from profile_smoke.scenario.yamltree import Listing, Scalar, Table, Tree

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

MAX_SECONDS = 24 * 3600.0
MAX_SIZE = 64 << 20
MAX_DIGITS = 19
MAX_SHOWN = 40
MAX_BYTE = 0xFF
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)?")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}
_SIZE = re.compile(r"([0-9]+)(B|KiB|MiB)?")
_BYTES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, None: 1}
_WHOLE = re.compile(r"0|-?[1-9][0-9]*")


class UnfitError(Exception):
    """A value that cannot be used; the message says why and what would be right."""


def nearest(word: str, choices: Collection[str]) -> str:
    """`did you mean "port"?` where one of the choices is close to the word, else the choices themselves."""
    close = close_to(word, choices)
    if close:
        return f'did you mean "{close[0]}"?'
    return f"choose from {', '.join(sorted(choices))}" if choices else ""


def close_to(word: str, choices: Collection[str]) -> list[str]:
    """The choice that the word is probably a misspelling of, if there is one."""
    return difflib.get_close_matches(word, choices, n=1, cutoff=0.6)


def shown(text: str) -> str:
    """A value in a message: quoted, on one line, cut where it is long."""
    flat = text.encode("unicode_escape").decode() if not text.isprintable() else text
    return f'"{flat[:MAX_SHOWN]}..."' if len(flat) > MAX_SHOWN else f'"{flat}"'


def described(tree: Tree) -> str:
    """What a value is, for messages."""
    if isinstance(tree, Table):
        return "a table"
    if isinstance(tree, Listing):
        return "a list"
    if tree.kind == "null":
        return "nothing"
    return f"the {tree.kind} {shown(tree.text)}"


def text(tree: Tree) -> str:
    """A text that is not empty and holds no NUL (argv, paths and the environment cannot carry one)."""
    found = any_text(tree)
    if not found:
        raise UnfitError("is empty, so it would say nothing")
    return found


def any_text(tree: Tree) -> str:
    """A text, which may be empty."""
    found = _written_text(tree)
    if "\0" in found:
        raise UnfitError("holds a NUL character")
    return found


def _written_text(tree: Tree) -> str:
    """YAML takes an unquoted `no`, `on`, `1` or `~` for something else than a text: said plainly."""
    if not isinstance(tree, Scalar):
        raise UnfitError(f"a text is needed here, this is {described(tree)}")
    if tree.kind != "text":
        quoted = f'; write "{tree.text[:MAX_SHOWN]}" in quotes' if tree.text else ""
        raise UnfitError(f"a text is needed here, YAML takes this for {described(tree)}{quoted}")
    return tree.text


def raw_bytes(tree: Tree) -> str:
    """Bytes written as text: each character, U+0000 to U+00FF, is one byte. At least one."""
    found = _written_text(tree)
    if not found:
        raise UnfitError("is empty, so it would say nothing")
    if max(map(ord, found)) > MAX_BYTE:
        raise UnfitError(
            'holds a character above U+00FF; write its bytes, such as "\\xe2\\x82\\xac" for the euro sign'
        )
    return found


def whole(low: int, high: int) -> Callable[[Tree], int]:
    """A whole number from `low` to `high`, in plain decimal: YAML 1.1 reads 010 as 8 and 1:30 as 90."""

    def convert(tree: Tree) -> int:
        if not isinstance(tree, Scalar) or tree.kind != "number":
            raise UnfitError(f"a whole number from {low} to {high} is needed here, this is {described(tree)}")
        if not _WHOLE.fullmatch(tree.text):
            raise UnfitError(f"write {tree.text} as a plain decimal number")
        number = _bounded(tree.text, high)
        if not low <= number <= high:
            raise UnfitError(f"{tree.text[:20]} is not from {low} to {high}")
        return number

    return convert


def _bounded(digits: str, high: int) -> int:
    """The number, or just one too large: Python refuses, and takes long, to read thousands of digits."""
    return int(digits) if len(digits) <= MAX_DIGITS else high + 1


def flag(tree: Tree) -> bool:
    """`true` or `false`."""
    if not isinstance(tree, Scalar) or tree.kind != "boolean" or tree.text not in ("true", "false"):
        raise UnfitError(f"true or false is needed here, this is {described(tree)}")
    return tree.text == "true"


def one_of(choices: Collection[str]) -> Callable[[Tree], str]:
    """One of a few words."""

    def convert(tree: Tree) -> str:
        found = text(tree)
        if found not in choices:
            raise UnfitError(f"{shown(found)} is not known here; {nearest(found, choices)}")
        return found

    return convert


def seconds(tree: Tree) -> float:
    """A duration in seconds: `500ms`, `10s`, `2m`, `1h`, or a plain number of seconds."""
    match = (
        _DURATION.fullmatch(tree.text)
        if isinstance(tree, Scalar) and tree.kind in ("text", "number")
        else None
    )
    if match is None:
        raise UnfitError(f"a duration such as 500ms, 10s or 2m is needed here, this is {described(tree)}")
    found = float(match[1]) * _SECONDS[match[2]]
    if not 0 < found <= MAX_SECONDS:
        raise UnfitError(f"{shown(match[0])} is not more than 0 and at most 24h")
    return found


def size(tree: Tree) -> int:
    """A number of bytes: `512`, `100B`, `64KiB`, `1MiB`; at most 64 MiB."""
    match = (
        _SIZE.fullmatch(tree.text) if isinstance(tree, Scalar) and tree.kind in ("text", "number") else None
    )
    if match is None:
        raise UnfitError(f"a size such as 512, 64KiB or 1MiB is needed here, this is {described(tree)}")
    found = _bounded(match[1], MAX_SIZE) * _BYTES[match[2]]
    if found > MAX_SIZE:
        raise UnfitError(f"{shown(match[0])} is more than 64MiB")
    return found


def absolute(tree: Tree) -> str:
    """An absolute path in the container, in its plain form: no `..`, no doubled slashes, not the root."""
    return absolute_path(text(tree))


def absolute_path(found: str) -> str:
    """As `absolute`, for a path that is a key."""
    root, *parts = found.split("/")
    if root or not parts or any(part in ("", ".", "..") for part in parts) or "\0" in found:
        raise UnfitError(f"an absolute path in its plain form is needed here, this is {shown(found)}")
    return found


def name(tree: Tree) -> str:
    """A name as it appears in ids: small letters, digits, single hyphens inside."""
    found = text(tree)
    if not NAME.fullmatch(found):
        raise UnfitError(
            f"a name of small letters, digits and hyphens is needed here, this is {shown(found)}"
        )
    return found
