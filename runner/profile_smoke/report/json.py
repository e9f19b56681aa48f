"""A run's result as `profile-smoke/v1` JSON, and back; a recording's as `profile-smoke/recording-v1`.

The document is the dataclasses of `profile_smoke.model` or `profile_smoke.recording`, key by key, every key always there;
their JSON Schemas are in `schema/` beside this module. The text is pure ASCII, so control characters and
odd bytes in logs are escaped, and the same result always gives the same text. Reading is strict: nothing is
missing, unknown or of another type.
"""

from __future__ import annotations

import difflib
import functools
import json
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import StrEnum
from typing import Any

from profile_smoke import __version__, recording
from profile_smoke.errors import BadFileError
from profile_smoke.model import SCHEMA, RunReport
from profile_smoke.report.escape import json_text
from profile_smoke.report.text import clipped, safe, unicode


def dump(report: RunReport | recording.Recorded) -> str:
    r"""The result as JSON text, ending in a newline.

    Bytes in texts that were no UTF-8 are written as ``\xff``: many readers refuse a lone surrogate (RFC
    8259, 8.2).
    """
    document = _encode(report)
    ordered = {"schema": document.pop("schema"), **document}
    return json_text(ordered)


def load(text: str, source: str) -> RunReport:
    """Read what `dump` wrote of a run. `source` is the file as the user named it.

    Raises:
        BadFileError: no JSON, cut off, another schema version, or not what the schema says; names the place.
    """
    return typing.cast("RunReport", load_as(RunReport, SCHEMA, text, source))


def load_recorded(text: str, source: str) -> recording.Recorded:
    """Read what `dump` wrote of a recording. Raises as `load`."""
    return typing.cast("recording.Recorded", load_as(recording.Recorded, recording.SCHEMA, text, source))


def load_as(kind: type, schema: str, text: str, source: str) -> Any:
    """Read a document of this dataclass and schema, as strictly. Raises as `load`."""
    try:
        document = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        cut = "; the file seems cut off" if error.pos >= len(text.rstrip()) else ""
        raise BadFileError(
            source, f"line {error.lineno}, column {error.colno}", f"{error.msg}{cut}"
        ) from None
    except (ValueError, RecursionError) as error:
        problem = "nested too deep" if isinstance(error, RecursionError) else str(error)
        raise BadFileError(source, "", problem) from None
    if not isinstance(document, dict) or "schema" not in document:
        raise BadFileError(
            source, "schema", f'no result of profile-smoke: it begins with {{"schema": "{schema}"'
        )
    if document["schema"] != schema:
        raise BadFileError(
            source, "schema", f'{_shown(document["schema"])} cannot be read here, only "{schema}"'
        )
    try:
        return _decode(kind, document, "")
    except _MismatchError as error:
        raise BadFileError(source, error.where, f"{error.problem}{_made_by(document)}") from None


def _made_by(document: Mapping[str, Any]) -> str:
    """Who wrote a document that is not as expected, if that was another version: within one schema keys are added."""
    version = document.get("version")
    if not isinstance(version, str) or version == __version__:
        return ""
    return f" (written by profile-smoke {clipped(safe(version), 20)}; this is {__version__})"


class _MismatchError(Exception):
    """A value that is not what the schema says."""

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(where, problem)
        self.where, self.problem = where, problem


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        keys = [key for key, _ in pairs]
        double = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"key {_shown(double)} is there twice in one object")
    return result


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _shown(value: Any) -> str:
    return clipped(json.dumps(value), 40)


def _encode(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _encode(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {unicode(key): _encode(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_encode(item) for item in value]
    if isinstance(value, str):
        return unicode(str(value))
    return value


@functools.cache
def _hints(kind: type) -> Mapping[str, Any]:
    return typing.get_type_hints(kind)


def _decode(kind: Any, value: Any, where: str) -> Any:
    """The value as this annotation of the model says."""
    if kind is Any:
        return value
    if arguments := typing.get_args(kind):
        return _decode_generic(typing.get_origin(kind), arguments, value, where)
    if is_dataclass(kind):
        return _decode_object(typing.cast("type", kind), value, where)
    if issubclass(kind, StrEnum):
        text = _expect(value, str, "a text", where)
        if text not in list(kind):
            raise _MismatchError(where, f"{_shown(text)} is none of {', '.join(kind)}")
        return kind(text)
    return _decode_scalar(kind, value, where)


def _decode_generic(origin: Any, arguments: tuple[Any, ...], value: Any, where: str) -> Any:
    """`X | None`, `tuple[X, ...]` or `Mapping[str, X]`: the model has no other."""
    if origin is types.UnionType:
        return None if value is None else _decode(arguments[0], value, where)
    if origin is tuple:
        items = _expect(value, list, "a list", where)
        return tuple(_decode(arguments[0], item, f"{where}[{index}]") for index, item in enumerate(items))
    members = _expect(value, dict, "an object", where)
    return {key: _decode(arguments[1], item, _join(where, key)) for key, item in members.items()}


def _decode_object(kind: type, value: Any, where: str) -> Any:
    hints = _hints(kind)
    members = _expect(value, dict, "an object", where)
    for key in members:
        if key not in hints:
            near = difflib.get_close_matches(key, hints, 1)
            hint = f'; did you mean "{near[0]}"?' if near else ""
            raise _MismatchError(_join(where, key), f"unknown key{hint}")
    for key in hints:
        if key not in members:
            raise _MismatchError(_join(where, key), "is missing")
    return kind(**{key: _decode(hint, members[key], _join(where, key)) for key, hint in hints.items()})


_SCALARS: Mapping[type, tuple[type | tuple[type, ...], str]] = {
    str: (str, "a text"),
    bool: (bool, "true or false"),
    int: (int, "a whole number"),
    float: ((int, float), "a number"),
}


def _decode_scalar(kind: type, value: Any, where: str) -> Any:
    accepted, words = _SCALARS[kind]
    if isinstance(value, bool) is not (kind is bool):  # bool is an int to Python, not to JSON
        raise _MismatchError(where, f"{_shown(value)} is not {words}")
    _expect(value, accepted, words, where)
    try:
        result = kind(value)
    except OverflowError:
        result = math.inf
    if kind is float and not math.isfinite(result):  # 1e999 is a JSON number
        raise _MismatchError(where, f"{_shown(value)} is too large")
    return result


def _expect(value: Any, accepted: type | tuple[type, ...], words: str, where: str) -> Any:
    if not isinstance(value, accepted):
        raise _MismatchError(where, f"{_shown(value)} is not {words}")
    return value


def _join(where: str, key: str) -> str:
    name = key if key.isidentifier() else _shown(key)
    return f"{where}.{name}" if where else name
