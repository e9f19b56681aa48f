"""The script with which a workflow merges what its jobs left, and judges it as one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.unit.report.cells import cell, run

from profile_smoke.model import CellResult, Expected, Verdict
from profile_smoke.report.json import dump

if TYPE_CHECKING:
    from collections.abc import Sequence

SCRIPT = Path(__file__).parents[2] / "tools" / "gate-shards.sh"
FINE = replace(cell(name="web"), dangerous_from="profile")
BLOCKED = replace(
    cell(Verdict.BLOCKED, name="db", blocking=("brk",), reason="exited 1"), dangerous_from="profile"
)


def judge(
    folder: Path, parts: Sequence[CellResult], expected: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    """Each cell in a result of its own, in a folder of its own, as artifacts are downloaded."""
    for index, each in enumerate(parts):
        place = folder / "results" / f"result-{index}"
        place.mkdir(parents=True)
        (place / "result.json").write_text(dump(replace(run(each), run=f"r-{index}")))
    (folder / "results").mkdir(exist_ok=True)
    (folder / "gate.toml").write_text("[gate]\n")
    return subprocess.run(
        [SCRIPT, "results"],
        check=False,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "CONFIG": "gate.toml",
            "EXPECTED": json.dumps({"include": [{"id": id_} for id_ in expected]}),
            "GITHUB_STEP_SUMMARY": str(folder / "step.md"),
        },
    )


@pytest.mark.parametrize(
    ("parts", "expected", "code", "words"),
    [
        ([FINE], ["web/nginx@oci"], 0, "The gate passed"),
        ([FINE, BLOCKED], ["web/nginx@oci", "db/nginx@oci"], 1, "The gate failed: 1 finding"),
        (
            [FINE],
            ["web/nginx@oci", "db/nginx@oci"],
            4,
            "::error title=profile-smoke::no result of db/nginx@oci",
        ),
        ([BLOCKED], ["web/nginx@oci"], 1, "::error title=profile-smoke::no result of web/nginx@oci"),
        ([replace(FINE, expected=Expected.ANY)], [], 3, "nothing was judged"),
        ([], ["web/nginx@oci"], 3, "no job left a result"),
    ],
)
def test_the_whole_is_judged(
    tmp_path: Path, parts: list[CellResult], expected: list[str], code: int, words: str
) -> None:
    """A part that is missing is never a pass: the job that should have made it may have died."""
    done = judge(tmp_path, parts, expected)
    assert done.returncode == code, done.stdout + done.stderr
    assert words in done.stdout
    if parts:
        document = json.loads((tmp_path / "result.json").read_text())
        assert len(document["cells"]) == len(parts)
        assert document["gate"] is not None
        assert (tmp_path / "step.md").read_text().startswith("## profile-smoke: the gate ")
        assert (tmp_path / "report.html").exists()
