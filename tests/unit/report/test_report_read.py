"""Stored results: what cannot be read is refused in one line, soon, whatever it is."""

from __future__ import annotations

import json as plain
import os
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.report.cells import GOLDEN_RESULT, cell, golden_report, run

from profile_smoke.errors import BadFileError
from profile_smoke.model import Fix
from profile_smoke.report.json import dump
from profile_smoke.report.read import MAX_BYTES, read

if TYPE_CHECKING:
    from pathlib import Path

Edit = Callable[[dict[str, Any]], object]


def written(path: Path, text: str | bytes) -> str:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return str(path)


def test_a_stored_result_is_read_as_it_was_written() -> None:
    """Byte for byte when it is written again."""
    assert dump(read(str(GOLDEN_RESULT))) == GOLDEN_RESULT.read_text("utf-8")


WHOLE = dump(run(cell(fix=Fix(({"names": ["read"], "action": "SCMP_ACT_ALLOW"},), True, True, 3))))  # noqa: FBT003


def changed(edit: Edit) -> str:
    document = plain.loads(WHOLE)
    edit(document)
    return plain.dumps(document)


def put(*path: str | int, value: Any) -> Edit:
    def edit(document: Any) -> None:
        for step in path[:-1]:
            document = document[step]
        document[path[-1]] = value

    return edit


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "line 1, column 1: Expecting value; the file seems cut off"),
        (WHOLE[:-200], "the file seems cut off"),
        (b"\xff\xfe", "byte 0: is no UTF-8 text"),
        (b"\x00" * 64, "line 1, column 1: Expecting value"),
        ("[" * 100_000, "nested too deep"),
        ("[]", "schema: no result of profile-smoke"),
        ('{"schema": "profile-smoke/v2"}', 'schema: "profile-smoke/v2" cannot be read here, only "profile-smoke/v1"'),
        (changed(put("seconds", value=float("inf"))), "Infinity is no JSON number"),
        (WHOLE.replace('"seconds": 1.0', '"seconds": 1e999'), "seconds: Infinity is too large"),
        (changed(put("seconds", value=10**400)), "seconds: 1000"),
        (changed(lambda document: document.pop("cells")), "cells: is missing (written by profile-smoke 0; this is"),
        (changed(put("shard", value="9/x")), "shard: '9/x' is no part of a selection"),
        (changed(put("cells", 0, "profile", "lines", value={"read": 0})), "lines: a line is counted from 1"),
        (changed(put("cells", 0, "fix", "rules", 0, value={"action": "x"})), 'fix.rules[0]: "names" must be a list'),
        (changed(put("cells", 0, "fix", "rules", 0, "action", value=7)), '"action" must be a text'),
        (changed(lambda document: document["cells"].append(document["cells"][0])), "cells[1].id: this cell is there"),
    ],
)  # fmt: skip
def test_what_is_no_result_is_refused_with_the_place(text: str | bytes, problem: str, tmp_path: Path) -> None:
    """One line: the file, where in it, and what is wrong."""
    path = written(tmp_path / "result.json", text)
    with pytest.raises(BadFileError) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_of_200_megabytes_is_refused_unparsed(tmp_path: Path) -> None:
    """A sparse one here: it is not read any further than the bound, and never parsed."""
    path = tmp_path / "huge.json"
    path.touch()
    os.truncate(path, 200 * 1024 * 1024)
    with pytest.raises(BadFileError, match=f"larger than {MAX_BYTES // 2**20} MiB"):
        read(str(path))


def test_an_endless_file_is_refused() -> None:
    """A device has no size to ask for."""
    with pytest.raises(BadFileError, match="larger than"):
        read("/dev/zero")


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("no/such", "No such file"),
        ("/", "Is a directory"),
        ("a\0b", "name of a file"),
    ],
)
def test_what_is_no_file_is_told(path: str, problem: str) -> None:
    """Whatever the name is."""
    with pytest.raises(BadFileError, match=problem):
        read(path)


def test_a_large_result_is_read(tmp_path: Path) -> None:
    """Three hundred cells of a real run."""
    report = golden_report()
    cells = tuple(
        replace(each, id=f"{each.id}-{number}") for number in range(50) for each in report.cells[1:]
    )
    path = written(tmp_path / "large.json", dump(replace(report, cells=cells)))
    assert read(path).cells == cells
