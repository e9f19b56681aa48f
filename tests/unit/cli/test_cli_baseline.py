"""`baseline update`: what it writes where, beside what others wrote, and how it ends."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.unit.report.cells import cell
from tests.unit.report.cells import run as report

from profile_smoke.baseline import Baseline, Workload
from profile_smoke.cli.arguments import parse
from profile_smoke.cli.commands import baseline as command
from profile_smoke.cli.commands import run
from profile_smoke.cli.options import OBSERVATIONS, Command, Options
from profile_smoke.errors import BadFileError, UsageError
from profile_smoke.model import ImageInfo, Verdict
from profile_smoke.report.baseline import dump, read

if TYPE_CHECKING:
    from pathlib import Path

REDIS = Workload(
    scenario="redis",
    target="oci",
    no_new_privileges=False,
    arch="x86_64",
    image=ImageInfo("redis:7.0", "sha256:00"),
    versions={},
    probes=(),
    runs=1,
    calls={"read": ("start",)},
    sometimes={},
)
NGINX = replace(REDIS, scenario="nginx")
LATER = replace(REDIS, calls={"openat": ("start",)}, sometimes={"mbind": ("stop",)})


def test_its_options() -> None:
    """A file, how often to look, and the selection of a run."""
    assert parse(["baseline", "update"]) == Options(Command.BASELINE)
    found = parse(["baseline", "update", "b.json", "--runs", "5", "--scenario", "redis", "--target", "oci"])
    assert (found.baseline, found.observations, found.scenarios) == ("b.json", 5, ("redis",))
    assert parse(["--baseline", "b.json"]).baseline == "b.json"
    assert parse([]).baseline is None
    assert OBSERVATIONS > 1


def test_there_is_nothing_else_to_do_with_a_baseline() -> None:
    """One line that says what there is."""
    with pytest.raises(UsageError, match="a baseline cannot be 'updat'; did you mean 'update'"):
        parse(["baseline", "updat"])


def test_what_the_file_holds_of_others_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Also what came meanwhile; what changed is told for each workload."""
    file = tmp_path / "b.json"
    file.write_text(dump(Baseline((REDIS,))))
    before = read(str(file))
    file.write_text(dump(Baseline((REDIS, NGINX))))
    command._write(str(file), before, [LATER])
    assert read(str(file)) == Baseline((NGINX, LATER))
    assert capsys.readouterr().out == (
        "redis@oci: 2 calls, 1 of them only sometimes; new: mbind, openat; gone: read\n"
    )


def test_a_newer_edit_of_the_same_workload_is_not_written_over(tmp_path: Path) -> None:
    """It is said, with what to do, and the file is as the other one left it."""
    file = tmp_path / "b.json"
    file.write_text(dump(Baseline((replace(REDIS, runs=7),))))
    text = file.read_text()
    for before in (Baseline((REDIS,)), Baseline()):
        with pytest.raises(BadFileError, match="redis@oci: was changed while it was observed"):
            command._write(str(file), before, [LATER])
        assert file.read_text() == text


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ([Verdict.PASSED, Verdict.PASSED], 0),
        ([Verdict.PASSED, Verdict.SKIPPED], 0),
        ([Verdict.SKIPPED], 3),
        ([Verdict.PASSED, Verdict.ERROR], 4),
    ],
)
def test_what_could_not_be_kept_is_told(
    verdicts: list[Verdict], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line for each workload, and an exit code that says so."""
    done = report(*(cell(verdict, reason="no image") for verdict in verdicts))
    assert command._exit_code(done) == code
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["nginx@oci: not kept: no image"] * sum(each is not Verdict.PASSED for each in verdicts)


def test_comparing_needs_observing_and_a_good_file(tmp_path: Path) -> None:
    """Said before anything is launched."""
    with pytest.raises(UsageError, match="leave out --no-observe"):
        run.main(parse(["--baseline", "b.json", "--no-observe"]))
    file = tmp_path / "b.json"
    file.write_text("{")
    with pytest.raises(BadFileError, match=r"b\.json: line 1"):
        run.main(parse(["--baseline", str(file), "--target", "oci"]))
    file.write_text(dump(Baseline((replace(REDIS, scenario="elsewhere"),))))
    with pytest.raises(BadFileError, match="speaks of none of the selected cells"):
        run.main(parse(["--baseline", str(file), "--target", "oci"]))
