"""What annotations, code scanning and test reports are made of: which findings there are, how bad, in which order."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from tests.unit.report.cells import cell, golden_report, run

from profile_smoke.model import (
    CellResult,
    Expected,
    FilterCheck,
    ImageInfo,
    Launch,
    LaunchKind,
    Outcome,
    Risk,
    RunReport,
    Standin,
    UnusedCalls,
    Verdict,
)
from profile_smoke.report.finding import Level, Rule
from profile_smoke.report.findings import findings
from profile_smoke.report.interface import Format, render
from profile_smoke.report.text import Style


def shown(report: RunReport, form: Format) -> str:
    return render(report, form, Style())


def rules(report: RunReport) -> list[tuple[Rule, Level, str]]:
    return [(each.rule, each.level, each.subject) for each in findings(report)]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (cell(), []),
        (cell(Verdict.SKIPPED), []),
        (cell(Verdict.BLOCKED, Expected.BLOCKED, blocking=("read",)), []),
        (
            cell(Verdict.BLOCKED, blocking=("a", "b")),
            [(Rule.BLOCKED_SYSCALL, Level.ERROR, "a"), (Rule.BLOCKED_SYSCALL, Level.ERROR, "b")],
        ),
        (cell(Verdict.BLOCKED), [(Rule.BLOCKED, Level.ERROR, "")]),
        (cell(Verdict.BLOCKED, Expected.ANY, blocking=("a",)), [(Rule.BLOCKED_SYSCALL, Level.NOTE, "a")]),
        (cell(Verdict.PASSED, Expected.BLOCKED), [(Rule.NOT_BLOCKED, Level.ERROR, "")]),
        (cell(Verdict.ERROR), [(Rule.NOT_JUDGED, Level.ERROR, "")]),
        (
            cell(forbidden=("clone(CLONE_NEWUSER) [namespaces] on x86_64: x",)),
            [(Rule.PERMITS_FORBIDDEN, Level.ERROR, "clone")],
        ),
        (cell(filter=FilterCheck(differences=("x",))), [(Rule.FILTER_DIFFERS, Level.WARNING, "x")]),
    ],
)
def test_each_kind_of_cell_has_its_findings(
    found: CellResult, expected: list[tuple[Rule, Level, str]]
) -> None:
    """What is as it should be has none; what only informs is a note."""
    assert rules(run(found)) == expected


def test_a_cell_that_only_informs_is_an_error_where_nothing_decides() -> None:
    """As in the exit code: a run in which nothing could be judged is no success."""
    report = run(cell(Verdict.ERROR, Expected.ANY))
    assert rules(report) == [(Rule.NOT_JUDGED, Level.ERROR, "")]
    assert "<error " in shown(report, Format.JUNIT)


def test_the_worst_comes_first() -> None:
    """Errors of deciding cells, then warnings, then notes; what befell the run before all."""
    report = replace(
        run(
            cell(Verdict.BLOCKED, Expected.ANY, name="c", blocking=("a",)),
            cell(name="b", filter=FilterCheck(differences=("x",))),
            cell(Verdict.BLOCKED, name="a", blocking=("a",)),
            interrupted=True,
        ),
        unused=(
            UnusedCalls("a", ("a/x@oci",), (), (Risk("tracing", "r", dangerous=True, calls=("ptrace",)),)),
        ),
    )
    assert [each[0] for each in rules(report)] == [
        Rule.INCOMPLETE,
        Rule.BLOCKED_SYSCALL,
        Rule.FILTER_DIFFERS,
        Rule.UNUSED_DANGEROUS,
        Rule.BLOCKED_SYSCALL,
    ]


@pytest.mark.parametrize(("number", "shown_"), [(1, 1), (10, 10), (11, 9), (300, 9)])
def test_no_more_than_ten_annotations_of_a_kind(number: int, shown_: int) -> None:
    """Where there are more the tenth counts the others, which GitHub would drop without a word."""
    blocked = [cell(Verdict.BLOCKED, name=f"p{index}", blocking=("a",)) for index in range(number)]
    errors = re.findall(r"^::error .*$", shown(run(*blocked), Format.GITHUB), re.MULTILINE)
    assert len(errors) == min(number, 10)
    assert sum("title=Blocked syscall" in each for each in errors) == shown_
    if number > shown_:
        assert errors[-1].endswith(
            f"::{number - shown_} more errors: see the log and the summary of this step"
        )


def test_a_summary_never_exceeds_what_a_step_may_write() -> None:
    """Thousands of blocked cells: the table and the stories that fit, whole, and how many did not."""
    [blocked] = [each for each in golden_report().cells if each.fix and each.unexpected]
    cells = tuple(
        replace(blocked, id=f"p{number}/mysql@oci", profile=replace(blocked.profile, name=f"p{number}"))
        for number in range(4000)
    )
    text = shown(replace(golden_report(), cells=cells), Format.MARKDOWN)
    assert 700_000 < len(text.encode()) <= 1_000_000
    assert re.search(r"\.\.\. and \d+ more stories, in the other reports of this run", text)
    assert text.count("<details") == text.count("</details>") > 10
    assert len(re.findall(r"^\| p\d+ ", text, re.MULTILINE)) == 4000


def phased(*names: str, kind: LaunchKind = LaunchKind.ENFORCE) -> Launch:
    phases = {name: 1000.0 * index for index, name in enumerate(names)}
    return Launch(kind, "00", Outcome.PASSED, float(len(names)), phases=phases)


CONTROL = phased("create", "start", "probe:a", "stop", kind=LaunchKind.CONTROL)


def cases(report: RunReport) -> list[tuple[str, str]]:
    """Name and kind of every case."""
    text = shown(report, Format.JUNIT)
    return re.findall(
        r'<testcase [^>]*name="([^"]*)"[^>]*?(?:/>|>\s*<(failure|error|skipped|system-out))', text
    )


@pytest.mark.parametrize(
    ("found", "kinds"),
    [
        (cell(control=CONTROL, launches=(CONTROL,)), ["", "", "", "system-out"]),
        (
            cell(Verdict.BLOCKED, phase="start", control=CONTROL, launches=(phased("create", "start"),)),
            ["", "failure", "skipped", "skipped"],
        ),
        (
            cell(Verdict.BLOCKED, Expected.BLOCKED, phase="create", control=CONTROL),
            ["system-out", "skipped", "skipped", "skipped"],
        ),
        (cell(Verdict.ERROR, phase="probe:a", control=CONTROL), ["", "", "error", "skipped"]),
    ],
)
def test_a_case_for_each_phase_of_a_scenario(found: CellResult, kinds: list[str]) -> None:
    """The one in which it ended has the verdict; those after it were not reached."""
    names = ["nginx create", "nginx start", "nginx probe:a", "nginx stop"]
    found = replace(found, log=("the log",))
    assert cases(run(found)) == list(zip(names, kinds, strict=True))


def test_durations_of_phases_are_those_of_the_judged_launch() -> None:
    """Each from its beginning to that of the next; the last to the end of the launch."""
    found = cell(control=CONTROL, launches=(phased("create", "start", "probe:a", "stop"),))
    assert re.findall(r'<testcase [^>]*time="([^"]*)"', shown(run(found), Format.JUNIT)) == ["1.000"] * 4


def test_a_stand_in_and_a_setting_show_in_the_summary() -> None:
    """A table of verdicts alone would hide what really ran."""
    image = ImageInfo("nginx:1", "sha256:0", Standin("nginx", "d", {"nginx": "1"}))
    report = run(replace(cell(image=image), id="web/nginx@oci+no-new-privs"))
    assert "<sub>+no-new-privs, stand-in, " in shown(report, Format.MARKDOWN)
