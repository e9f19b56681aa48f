"""The exit code of a run, for every combination that can occur."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from tests.unit.report.cells import cell, run

from profile_smoke.cli.exit_code import exit_code
from profile_smoke.model import CellResult, Expected, Gate, GateFinding, GateRule, Verdict, Waiver

KINDS = tuple(itertools.product(Verdict, Expected))


def expected_code(cells: tuple[CellResult, ...], *, exit_zero: bool) -> int:
    """The rules once more, in other words: a table of what there is."""
    deciding = [(each.verdict, each.expected) for each in cells if each.expected != Expected.ANY]
    verdicts = {verdict for verdict, _ in deciding} if deciding else {each.verdict for each in cells}
    wrong = {(Verdict.PASSED, Expected.BLOCKED), (Verdict.BLOCKED, Expected.PASSED)} & set(deciding)
    if verdicts <= {Verdict.SKIPPED}:
        return 3
    if wrong and not exit_zero:
        return 1
    return 4 if Verdict.ERROR in verdicts else 0


@pytest.mark.parametrize("exit_zero", [False, True])
def test_every_run_of_up_to_three_cells(exit_zero: bool) -> None:  # noqa: FBT001
    """All verdicts with all expectations, in every combination; interruption wins over everything."""
    tried = 0
    for size in range(4):
        for kinds in itertools.combinations_with_replacement(KINDS, size):
            cells = tuple(cell(verdict, expected) for verdict, expected in kinds)
            assert exit_code(run(*cells), exit_zero=exit_zero) == expected_code(cells, exit_zero=exit_zero), (
                kinds
            )
            assert exit_code(run(*cells, interrupted=True), exit_zero=exit_zero) == 130
            tried += 1
    assert tried == 455


@pytest.mark.parametrize(
    ("cells", "code", "with_exit_zero"),
    [
        ([cell()], 0, 0),
        ([cell(Verdict.BLOCKED, Expected.BLOCKED)], 0, 0),
        ([cell(Verdict.BLOCKED)], 1, 0),
        ([cell(Verdict.PASSED, Expected.BLOCKED)], 1, 0),
        ([cell(Verdict.ERROR)], 4, 4),
        ([cell(Verdict.BLOCKED), cell(Verdict.ERROR)], 1, 4),
        ([], 3, 3),
        ([cell(Verdict.SKIPPED)], 3, 3),
        ([cell(Verdict.SKIPPED), cell()], 0, 0),
        ([cell(Verdict.SKIPPED), cell(Verdict.PASSED, Expected.ANY)], 3, 3),
        ([cell(), cell(Verdict.BLOCKED, Expected.ANY), cell(Verdict.ERROR, Expected.ANY)], 0, 0),
        ([cell(Verdict.BLOCKED, Expected.ANY)], 0, 0),
        ([cell(Verdict.ERROR, Expected.ANY)], 4, 4),
    ],
)
def test_the_rules_one_by_one(cells: list[CellResult], code: int, with_exit_zero: int) -> None:
    """1 wins over 4; informing cells never give 1; neither nothing nor trouble is a success."""
    assert exit_code(run(*cells), exit_zero=False) == code
    assert exit_code(run(*cells), exit_zero=True) == with_exit_zero


def finding(rule: GateRule, *, waived: bool = False) -> GateFinding:
    waiver = Waiver("web", "*", rule, None, "a reason", "2099-01-01", "f:1") if waived else None
    return GateFinding(rule, "web", ("web/nginx@oci",), None, "text", waiver)


@pytest.mark.parametrize("exit_zero", [False, True])
@pytest.mark.parametrize("rule", GateRule)
def test_a_finding_of_a_gate_fails_it(rule: GateRule, exit_zero: bool) -> None:  # noqa: FBT001
    """With 1; with 4 where it could not tell. What a waiver lets pass gives 0."""
    judged = replace(run(cell()), gate=Gate((), (finding(rule),)))
    expected = 4 if rule is GateRule.ERROR else 0 if exit_zero else 1
    assert exit_code(judged, exit_zero=exit_zero) == expected
    waived = replace(run(cell()), gate=Gate((), (finding(rule, waived=True),)))
    assert exit_code(waived, exit_zero=exit_zero) == 0


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        ([], 3),
        ([cell(Verdict.SKIPPED)], 3),
        ([cell(Verdict.PASSED, Expected.ANY)], 3),
        ([cell(Verdict.ERROR, Expected.ANY)], 3),
        ([cell(Verdict.SKIPPED), cell(Verdict.BLOCKED, Expected.ANY)], 3),
        ([cell()], 0),
        ([cell(Verdict.BLOCKED)], 0),
        ([cell(Verdict.ERROR)], 4),
    ],
)
def test_a_gate_without_findings(cells: list[CellResult], code: int) -> None:
    """It never passes on nothing, nor on what could not be judged; its rules, not the verdicts, say what fails it."""
    assert exit_code(replace(run(*cells), gate=Gate((), ())), exit_zero=False) == code
    assert exit_code(replace(run(*cells, interrupted=True), gate=Gate((), ())), exit_zero=False) == 130
