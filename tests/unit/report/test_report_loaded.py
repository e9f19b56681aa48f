"""What a report says of loaded filters: what opens, what is dangerous, what is forbidden."""

from __future__ import annotations

import pytest
from tests.unit.report.cells import cell, run

from profile_smoke.cli.exit_code import exit_code
from profile_smoke.model import (
    Cause,
    CellResult,
    DangerousCall,
    Expected,
    FilterCheck,
    FilterCost,
    FilterFinding,
    Verdict,
)
from profile_smoke.report import brief, loaded, story, table
from profile_smoke.report.text import Style

STYLE = Style(width=100)
ROWS = tuple(
    DangerousCall(name, detail, danger, abi, "SCMP_ACT_ALLOW", permitted=permitted)
    for name, detail, danger, abi, permitted in (
        ("bpf", "", "bpf", "x86_64", False),
        ("bpf", "", "bpf", "x86", True),
        ("clone", "CLONE_NEWUSER", "namespaces", "x86_64", True),
        ("clone", "CLONE_NEWUSER", "namespaces", "x86", True),
        ("setns", "", "namespaces", "x86_64", True),
    )
)
FORBIDDEN = ("bpf [bpf] on x86: loads programs into the kernel",)
OPENING = FilterFinding(Cause.UNKNOWN_NAME, opens=True, abi="x86", calls=("mseal",), text="x86: mseal: why")
CLOSING = FilterFinding(Cause.UNKNOWN_NAME, opens=False, abi="x86", calls=("statx",), text="x86: statx: why")


def forbidden(verdict: Verdict = Verdict.PASSED, expected: Expected = Expected.PASSED) -> CellResult:
    return cell(
        verdict, expected, dangerous=ROWS, dangerous_from="loaded", forbidden=FORBIDDEN,
        filter=FilterCheck(mode=2, instructions=7, cost=FilterCost("getppid", 90.2, 130.7)),
    )  # fmt: skip


def test_open_classes_in_a_line_and_in_full() -> None:
    """Each class once; calls that are open on the same ABIs together."""
    assert loaded.brief(ROWS) == "bpf (bpf), namespaces (2 calls)"
    assert loaded.open_classes(ROWS, STYLE, "") == [
        "bpf            bpf on x86",
        "namespaces     clone(CLONE_NEWUSER) on x86_64, x86; setns on x86_64",
    ]
    assert loaded.brief(ROWS[:1]) == ""


def test_the_table_lists_open_classes_once_for_each_profile_and_target() -> None:
    """Two scenarios of a profile share the line; where the filter was not read that is said."""
    text = table.render(run(forbidden(), forbidden()), STYLE)
    assert text.count("web on oci: bpf (bpf), namespaces (2 calls)") == 1
    unread = cell(dangerous=ROWS, dangerous_from="profile")
    assert "by its text; the loaded filter was not read" in table.render(run(unread), STYLE)
    assert "Dangerous" not in table.render(run(cell(dangerous=ROWS[:1])), STYLE)


def test_a_passed_cell_tells_what_its_filter_opens() -> None:
    """A rule that the runtime lost is a note where it opens something; where it closes something JSON has it."""
    text = table.render(run(cell(filter=FilterCheck(mode=2, findings=(OPENING, CLOSING)))), STYLE)
    assert "x86: mseal: why" in text
    assert "statx" not in text


@pytest.mark.parametrize("expected", Expected)
@pytest.mark.parametrize("verdict", [Verdict.PASSED, Verdict.BLOCKED])
def test_what_is_forbidden_decides_whatever_was_expected(verdict: Verdict, expected: Expected) -> None:
    """An informing cell does too: exit code 1, and `--exit-zero` takes it away as ever."""
    one = forbidden(verdict, expected)
    assert one.gates
    assert one.unexpected
    assert exit_code(run(one), exit_zero=False) == 1
    assert exit_code(run(one), exit_zero=True) == 0
    assert "permits what it must not: bpf" in brief.why(one)
    assert "1 NOT as expected" in brief.summary(run(one), STYLE)


def test_a_cell_that_could_not_be_judged_stays_one() -> None:
    """Trouble is no finding."""
    assert not forbidden(Verdict.ERROR).unexpected
    assert exit_code(run(forbidden(Verdict.ERROR)), exit_zero=False) == 4


def test_a_passed_cell_with_something_forbidden_has_a_story() -> None:
    """What is open on which ABI and why that matters, that the workload works, and what the filter costs."""
    text = story.render(run(forbidden()), STYLE)
    assert "web/nginx@oci: passed, but permits what it must not" in text
    assert "nginx works." in text
    assert "What the loaded filter permits against the profile's purpose" in text
    assert "bpf [bpf] on x86: loads programs into the kernel" in text
    assert story.render(run(cell()), STYLE) == ""


def test_the_cost_is_told_where_it_was_measured() -> None:
    """In whole nanoseconds."""
    assert loaded.cost(FilterCost("getppid", 90.2, 130.7)) == "getppid takes 131 ns under it, 90 ns without"
    assert loaded.cost(None) == ""


def test_many_findings_are_folded() -> None:
    """The first dozen, those that open something marked."""
    lines = list(loaded.finding_lines((OPENING, *(CLOSING,) * 14), STYLE))
    assert lines[0] == "    - opens: x86: mseal: why [unknown-name]"
    assert lines[1] == "    - x86: statx: why [unknown-name]"
    assert lines[-1] == "    ... and 3 more"
    assert len(lines) == 13
