"""Reading a stored result: the JSON report is the source of every other one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from profile_smoke.errors import BadFileError
from profile_smoke.report import json
from profile_smoke.report.text import clipped

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from profile_smoke.model import RunReport

_SHARD = re.compile("(([1-9][0-9]{0,8})/([1-9][0-9]{0,8}))?")
MAX_BYTES = 128 * 1024 * 1024
"""A larger file is refused unparsed. A cell takes some 90 KiB, so this is more than a thousand of them."""


def read(path: str) -> RunReport:
    """The result in a file.

    Raises:
        BadFileError: it cannot be read, is too large, is cut off, is of another schema version, or is no result.
    """
    report = json.load(text(path, MAX_BYTES), path)
    for where, problem in _problems(report):
        raise BadFileError(path, where, problem)
    return report


def text(path: str, limit: int) -> str:
    """The text of a file of at most `limit` bytes. Raises BadFileError."""
    try:
        with Path(path).open("rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise BadFileError(path, "", f"cannot be read: {error.strerror}") from None
    except ValueError:
        raise BadFileError(path, "", "cannot be the name of a file") from None
    if len(content) > limit:
        raise BadFileError(path, "", f"larger than {limit // 2**20} MiB, and so nothing that is read here")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadFileError(path, f"byte {error.start}", "is no UTF-8 text") from None


def _problems(report: RunReport) -> Iterator[tuple[str, str]]:
    """Where something is wrong that types do not show, and what."""
    if not _SHARD.fullmatch(report.shard):
        yield "shard", f'{clipped(report.shard, 40)!a} is no part of a selection, such as "2/5"'
    seen: dict[str, int] = {}
    for index, cell in enumerate(report.cells):
        where = f"cells[{index}]"
        if (first := seen.setdefault(cell.id, index)) != index:
            yield f"{where}.id", f"this cell is there already, as cells[{first}]"
        if any(line < 1 for line in cell.profile.lines.values()):
            yield f"{where}.profile.lines", "a line is counted from 1"
        for number, rule in enumerate(cell.fix.rules if cell.fix else ()):
            if problem := _rule_problem(rule):
                yield f"{where}.fix.rules[{number}]", problem


def _rule_problem(rule: Mapping[str, Any]) -> str:
    """What the reports need of a rule; the rest is for the profile's own reader."""
    names = rule.get("names")
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        return '"names" must be a list of syscalls'
    return "" if isinstance(rule.get("action"), str) else '"action" must be a text, such as "SCMP_ACT_ALLOW"'
