"""The gate on the command line: what it needs before a run, what it is told, and stored results."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.report.cells import cell, run

from profile_smoke.__main__ import main
from profile_smoke.cli import gating
from profile_smoke.cli.options import Command, Options
from profile_smoke.errors import NothingSelectedError, UsageError
from profile_smoke.gate.judge import Scope
from profile_smoke.gate.policy import USUAL
from profile_smoke.model import (
    CellResult,
    Expected,
    GateRule,
    ProfileRef,
    Selection,
    TargetInfo,
    Tier,
    Verdict,
)
from profile_smoke.profile.document import load
from profile_smoke.report.json import dump

WEBAPP = Path(__file__).parents[3] / "profiles" / "kubernetes" / "seccomp-k8s-webapp-profile.json"
GATE = Options(Command.RUN, gate=True)


def scored_cell(path: Path, name: str = "webapp", **more: object) -> CellResult:
    profile = ProfileRef(name, str(path), load(path).sha256)
    return replace(cell(dangerous_from="profile"), profile=profile, **more)  # type: ignore[arg-type]


def test_without_a_gate_nothing_is_judged() -> None:
    """The very same result."""
    report = run(cell())
    assert gating.judged(report, Options(Command.RUN, min_score=Tier.A)) is report
    gating.check(Options(Command.RUN, max_unused=1, observe=False), [])


def test_what_leaves_it_without_an_answer_is_told_before_anything_is_launched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No cell that decides; a limit on what is not observed."""
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="max-unused tells what is observed"):
        gating.check(replace(GATE, max_unused=1, observe=False), [])
    with pytest.raises(UsageError, match="told from a baseline"):
        gating.check(replace(GATE, fail_on=(GateRule.NEW_DENIAL,)), [])
    with pytest.raises(NothingSelectedError, match="would pass on nothing"):
        gating.check(GATE, [])
    (tmp_path / "profile-smoke.toml").write_text('[expect]\n"*/*" = "any"\n[gate]\n')
    assert main(["--profile", "webapp", "--scenario", "nginx", "--target", "oci"]) == 3
    assert "the gate would pass on nothing" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("narrowed", "scope"),
    [
        (set(), Scope.ALL),
        ({"profiles"}, Scope.SOME_PROFILES),
        ({"scenarios"}, Scope.PART),
        ({"profiles", "only"}, Scope.PART),
    ],
)
def test_how_much_is_run(narrowed: set[str], scope: Scope) -> None:
    """Whole profiles tell of the waivers for them; anything less tells of none."""
    assert gating.scope(replace(GATE, narrowed=frozenset(narrowed)), run()) is scope


def test_a_stored_part_tells_of_no_waiver_that_it_is_unused() -> None:
    """Nor does a result that lacks a part."""
    assert gating.scope(GATE, replace(run(), shard="1/2")) is Scope.PART
    assert gating.scope(GATE, replace(run(), selection=Selection(scenario=("nginx",)))) is Scope.PART
    assert gating.scope(GATE, replace(run(), selection=Selection(only=("web/nginx@oci",)))) is Scope.PART
    assert gating.scope(GATE, replace(run(), selection=Selection(profile=("web",)))) is Scope.SOME_PROFILES
    assert gating.scope(GATE, replace(run(), failure="of 2 parts these are missing: 2")) is Scope.PART


@pytest.mark.parametrize(
    ("changes", "compares"),
    [
        ({}, False),
        ({"baseline": "b.json"}, True),
        ({"fail_on": (GateRule.NEW_DENIAL,)}, True),
        ({"fail_on": (GateRule.BLOCKED,), "baseline": "b.json"}, False),
    ],
)
def test_new_denials_need_a_baseline(changes: dict[str, object], compares: bool) -> None:  # noqa: FBT001
    """A stored result that was not compared with one is no silence, where the rule has a baseline or was asked for."""
    assert gating.policy(replace(GATE, **changes)).compares is compares  # type: ignore[arg-type]


def test_what_it_is_told() -> None:
    """The usual rules where none are named; the classes that are forbidden as well, or not after all."""
    assert gating.policy(GATE).fail_on == USUAL
    told = gating.policy(replace(GATE, fail_on=(GateRule.DIGEST,), deny=("bpf",), permit=("mounts",)))
    assert told.fail_on == (GateRule.DIGEST,)
    assert (told.deny.deny, told.deny.permit) == (("bpf",), ("mounts",))


def test_a_score_is_worked_out_from_the_file_as_it_was(tmp_path: Path) -> None:
    """Where it is now, or under its name; one that has changed since, became no profile, or is gone is an error."""
    file = tmp_path / "mine.json"
    file.write_bytes(WEBAPP.read_bytes())
    mine = scored_cell(file, "mine")
    moved = replace(
        mine, id="moved/nginx@oci", profile=replace(mine.profile, name="webapp", path="/gone.json")
    )
    options = replace(GATE, min_score=Tier.E)
    report = gating.judged(run(mine, moved), options)
    assert [each.score.tier for each in report.cells if each.score] == [Tier.A, Tier.A]
    assert report.gate is not None
    assert report.gate.failing == ()
    for text in ('{"defaultAction": "SCMP_ACT_ALLOW"}', "{", None):
        if text is None:
            file.unlink()
        else:
            file.write_text(text)
        report = gating.judged(run(mine), options)
        assert report.gate is not None
        [finding] = report.gate.failing
        assert (finding.rule, finding.text) == (GateRule.ERROR, "web/nginx@oci: its profile was not scored")


def test_a_target_that_is_not_known_here_has_no_score() -> None:
    """A stored result may come from a newer version."""
    other = scored_cell(WEBAPP, target=TargetInfo("podman", {}))
    report = gating.judged(run(other), replace(GATE, min_score=Tier.E))
    assert report.gate is not None
    assert [each.rule for each in report.gate.failing] == [GateRule.ERROR]


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        ([cell(dangerous_from="profile")], 0),
        ([cell(Verdict.BLOCKED, blocking=("brk",), dangerous_from="profile")], 1),
        ([cell(Verdict.ERROR)], 4),
        ([cell(expected=Expected.ANY, dangerous_from="profile")], 3),
        ([cell()], 4),
    ],
)
def test_a_stored_result_is_judged(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    cells: list[CellResult],
    code: int,
) -> None:
    """With the exit code that a run would have had, also without a file of settings."""
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "r.json").write_text(dump(run(*cells)))
    assert main(["gate", "r.json", "-f", "json"]) == code
    document = json.loads(capsys.readouterr().out)
    assert bool([each for each in document["gate"]["findings"] if each["waiver"] is None]) is bool(code)


def test_a_result_that_cannot_be_read_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which file, and where in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "r.json").write_text("{")
    assert main(["gate", "r.json", "--no-config"]) == 2
    assert capsys.readouterr().err.startswith("profile-smoke: r.json: line 1, column 2: ")
