"""Waivers: what they let pass until when, and what is said of those that nobody needs any more."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.report.cells import cell, run

from profile_smoke.gate.judge import Judge, Scope
from profile_smoke.gate.policy import Policy
from profile_smoke.model import CellResult, Expected, Gate, GateRule, ImageInfo, RunReport, Verdict, Waiver
from profile_smoke.profile.purpose import DenyCheck

TODAY = date(2026, 11, 25)
WAIVER = Waiver("web", "*", None, "brk", "until it is rebuilt", "2026-12-31", "profile-smoke.toml:9")
BLOCKED = cell(Verdict.BLOCKED, blocking=("brk", "mmap"))


def judged(
    report: RunReport, *waivers: Waiver, scope: Scope = Scope.ALL, today: date = TODAY, digest: bool = False
) -> Gate:
    rules = (GateRule.BLOCKED, GateRule.DIGEST) if digest else (GateRule.BLOCKED,)
    return Judge(Policy(rules, None, None, waivers, DenyCheck()), today).judge(report, scope)


def failing(gate: Gate) -> list[str]:
    return [f"{each.rule} {each.syscall}" for each in gate.failing]


def test_a_waiver_lets_pass_what_it_names_and_nothing_else() -> None:
    """The finding stays in the report, with the waiver; the others fail."""
    gate = judged(run(BLOCKED), WAIVER)
    assert failing(gate) == ["blocked mmap"]
    assert [each.waiver for each in gate.findings] == [WAIVER, None]


@pytest.mark.parametrize(
    ("change", "left"),
    [
        ({"profile": "w*"}, ["mmap"]),
        ({"profile": "db"}, ["brk", "mmap"]),
        ({"scenario": "nginx"}, ["mmap"]),
        ({"scenario": "redis"}, ["brk", "mmap"]),
        ({"syscall": None, "rule": GateRule.BLOCKED}, []),
        ({"rule": GateRule.BLOCKED}, ["mmap"]),
        ({"rule": GateRule.DANGEROUS}, ["brk", "mmap"]),
        ({"syscall": "b*"}, ["brk", "mmap"]),
    ],
)
def test_what_a_waiver_is_for(change: dict[str, Any], left: list[str]) -> None:
    """Profile and scenario may be globs; rule and syscall both have to fit where both are there."""
    gate = judged(run(BLOCKED), replace(WAIVER, **change), scope=Scope.PART)
    assert failing(gate) == [f"blocked {name}" for name in left]


@pytest.mark.parametrize(
    ("today", "over"),
    [
        (date(2026, 12, 30), False),
        (date(2026, 12, 31), False),
        (date(2027, 1, 1), True),
        (date(2030, 1, 1), True),
    ],
)
def test_a_waiver_holds_through_its_last_day(today: date, over: bool) -> None:  # noqa: FBT001
    """The day after it lets nothing pass, and is a finding itself, even in part of a run."""
    gate = judged(run(BLOCKED), WAIVER, today=today, scope=Scope.PART)
    expected = ["blocked brk", "blocked mmap", "expired-waiver brk"] if over else ["blocked mmap"]
    assert failing(gate) == expected
    if over:
        assert gate.failing[-1].text == (
            "profile-smoke.toml:9: the waiver for web, brk has expired on 2026-12-31: until it is rebuilt"
        )


@given(st.integers(-400, 400))
def test_the_day_decides_and_nothing_else(days: int) -> None:
    """For any day before and after."""
    expires = TODAY + timedelta(days)
    gate = judged(run(BLOCKED), replace(WAIVER, expires=expires.isoformat()))
    assert ("blocked brk" in failing(gate)) is (days < 0)
    assert ("expired-waiver brk" in failing(gate)) is (days < 0)


def test_an_expired_waiver_cannot_be_waived() -> None:
    """Nor can an error: nothing that names them is a waiver, and none of a profile's covers them."""
    every = replace(WAIVER, profile="*", syscall=None, rule=None)
    report = run(cell(Verdict.ERROR, reason="no engine"))
    gate = judged(report, every, replace(WAIVER, expires="2026-01-01"), scope=Scope.PART)
    assert failing(gate) == ["error None", "expired-waiver brk"]


@pytest.mark.parametrize(
    ("change", "cells", "scope", "unused"),
    [
        ({}, [cell()], Scope.ALL, True),
        ({}, [BLOCKED], Scope.ALL, False),
        ({}, [cell()], Scope.PART, False),
        ({}, [cell()], Scope.SOME_PROFILES, True),
        ({"profile": "*"}, [cell()], Scope.SOME_PROFILES, False),
        ({"profile": "db"}, [cell()], Scope.SOME_PROFILES, False),
        ({"profile": "db"}, [cell()], Scope.ALL, True),
        ({}, [cell(Verdict.ERROR)], Scope.ALL, False),
        ({}, [cell(Verdict.SKIPPED)], Scope.ALL, False),
        ({}, [cell(), cell(Verdict.ERROR, name="db")], Scope.ALL, True),
        ({"expires": "2026-01-01"}, [cell()], Scope.ALL, False),
        ({"scenario": "redis"}, [BLOCKED], Scope.ALL, True),
    ],
)
def test_a_waiver_that_lets_nothing_pass_is_a_finding_where_that_can_be_told(
    change: dict[str, Any],
    cells: list[object],
    scope: Scope,
    unused: bool,  # noqa: FBT001
) -> None:
    """Not where a cell that it may be for was not run, or not judged; an expired one is told once."""
    gate = judged(run(*cells), replace(WAIVER, **change), scope=scope)  # type: ignore[arg-type]
    assert ("unused-waiver brk" in failing(gate)) is unused


def test_an_interrupted_run_says_nothing_of_waivers() -> None:
    """What it did not come to may need them."""
    assert failing(judged(run(cell(), interrupted=True), WAIVER)) == []


def test_of_two_waivers_that_fit_none_is_unused() -> None:
    """The first one is told; the other would be needed without it."""
    other = replace(WAIVER, scenario="nginx", place="profile-smoke.toml:20")
    gate = judged(run(BLOCKED), WAIVER, other)
    assert gate.findings[0].waiver == WAIVER
    assert failing(gate) == ["blocked mmap"]


def test_an_image_is_waived_for_all_profiles_by_its_scenario() -> None:
    """It is no profile's matter: a waiver for one profile does not reach it."""
    report = run(cell(image=ImageInfo("nginx:1", "sha256:00")))
    waiver = replace(WAIVER, syscall=None, rule=GateRule.DIGEST, scenario="nginx")
    assert failing(judged(report, waiver, digest=True, scope=Scope.PART)) == ["digest None"]
    assert failing(judged(report, replace(waiver, profile="*"), digest=True)) == []
    assert failing(
        judged(report, replace(waiver, profile="*", scenario="r*"), digest=True, scope=Scope.PART)
    ) == ["digest None"]


def test_a_stored_result_with_cells_that_are_not_in_it() -> None:
    """Someone wrote it by hand: no waiver covers what cannot be placed, and nothing breaks."""
    from profile_smoke.gate.judge import covers
    from profile_smoke.model import GateFinding

    finding = GateFinding(GateRule.UNUSED, "web", ("gone/x@oci",), None, "")
    waiver = replace(WAIVER, syscall=None, rule=GateRule.UNUSED, scenario="nginx")
    assert not covers(waiver, finding, {})


@pytest.mark.parametrize(
    "cells",
    [[], [cell(Verdict.SKIPPED)], [cell(expected=Expected.ANY)], [cell(Verdict.ERROR, Expected.ANY)]],
)
def test_a_gate_that_had_nothing_to_judge_says_so(cells: list[CellResult]) -> None:
    """In the report too, not in the exit code alone; it cannot be waived."""
    every = replace(WAIVER, profile="*", syscall=None)
    [finding] = judged(run(*cells), every, scope=Scope.PART).failing
    assert finding.rule is GateRule.ERROR
    assert finding.text == "nothing was judged: no cell that decides was run"
