"""Cells and reports for the tests of the report room."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from profile_smoke.model import CellResult, Expected, ProfileRef, RunReport, TargetInfo, Verdict
from profile_smoke.report import json

GOLDEN_RESULT = Path(__file__).parents[2] / "data" / "golden" / "result.json"
HOSTILE = "a\x1b[2J\x1b]0;title\x07b\r\nc\u202ed\x9be\udcff\x00"


def golden_report() -> RunReport:
    """The run that the golden files show."""
    return json.load(GOLDEN_RESULT.read_text(encoding="utf-8"), str(GOLDEN_RESULT))


def cell(
    verdict: Verdict = Verdict.PASSED, expected: Expected = Expected.PASSED, name: str = "web", **more: Any
) -> CellResult:
    """A small cell."""
    usual = {
        "id": f"{name}/nginx@oci",
        "profile": ProfileRef(name, f"{name}.json", "00"),
        "target": TargetInfo("oci", {}),
        "image": None,
    }
    return CellResult(scenario="nginx", expected=expected, verdict=verdict, **{**usual, **more})


def run(*cells: CellResult, interrupted: bool = False) -> RunReport:
    """A run of these cells."""
    return RunReport("r-1", "0", "2026-01-01T00:00:00Z", 1.0, cells, interrupted)


def many(real: RunReport, count: int = 600) -> RunReport:
    """So many cells, made of those of a run: ten scenarios, three targets, and as many profiles as it takes."""
    cells = []
    for number in range(count):
        each = real.cells[number % len(real.cells)]
        profile, target, scenario = f"p{number // 30}", f"t{number // 10 % 3}", f"s{number % 10}"
        cells.append(
            replace(
                each,
                id=f"{profile}/{scenario}@{target}",
                profile=replace(each.profile, name=profile),
                scenario=scenario,
                target=replace(each.target, name=target),
            )
        )
    return replace(real, cells=tuple(cells))
