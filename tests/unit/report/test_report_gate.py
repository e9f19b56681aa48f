"""What is said of a gate's judgement."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from xml.etree import ElementTree as ET

import pytest
from tests.unit.report.cells import HOSTILE, cell, golden_report, run

from profile_smoke.gate.judge import Judge, Scope
from profile_smoke.gate.policy import SWITCHED, Policy
from profile_smoke.model import Gate, GateFinding, GateRule, RunReport, Waiver
from profile_smoke.profile.purpose import DenyCheck
from profile_smoke.report import gate
from profile_smoke.report.finding import Level, Rule
from profile_smoke.report.findings import findings
from profile_smoke.report.interface import Format, render
from profile_smoke.report.text import Style

WAIVER = Waiver("web", "*", GateRule.DIGEST, None, "the mirror comes", "2027-01-31", "profile-smoke.toml:3")
DIGEST = GateFinding(GateRule.DIGEST, "", ("web/nginx@oci",), None, "nginx: nginx:1 is not pinned", WAIVER)
BLOCKED = GateFinding(GateRule.BLOCKED, "web", ("web/nginx@oci",), "brk", "web/nginx@oci: blocked by brk")
WAIVED_BY_NOBODY = replace(WAIVER, profile="nobody")
RULES = (GateRule.BLOCKED, GateRule.ERROR, GateRule.DIGEST)


def test_nothing_where_no_gate_judged() -> None:
    """Runs without one look as they always did."""
    assert gate.render(run(cell()), Style()) == ""
    assert "gate" not in render(run(cell()), Format.TABLE, Style())


def test_what_fails_comes_first_then_what_is_let_pass_and_why() -> None:
    """Until when is told too."""
    report = replace(run(cell()), gate=Gate(RULES, (DIGEST, BLOCKED)))
    assert gate.render(report, Style()) == (
        "The gate failed: 1 finding, 1 waived\n"
        "  in force: blocked, error, digest\n"
        "  - blocked: web/nginx@oci: blocked by brk\n"
        "  - waived: digest: nginx: nginx:1 is not pinned (until 2027-01-31: the mirror comes)\n"
        "\n"
    )
    assert gate.render(report, Style()) in render(report, Format.TABLE, Style())


def test_a_gate_that_passes_says_so() -> None:
    """With what it let pass."""
    report = replace(run(cell()), gate=Gate(RULES, (DIGEST,)))
    assert gate.render(report, Style()).startswith("The gate passed: 1 waived\n")
    assert gate.render(replace(report, gate=Gate(RULES, ())), Style()).startswith("The gate passed\n")


def test_hostile_texts_stay_texts() -> None:
    """A finding quotes reasons from containers, a waiver whatever stands in a file; nothing is longer than it helps."""
    hostile = replace(BLOCKED, text=HOSTILE * 99, waiver=replace(WAIVER, reason=HOSTILE * 99))
    text = gate.render(replace(run(cell()), gate=Gate(RULES, (hostile,))), Style())
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert len(text) < 1000


def waived(report: RunReport) -> RunReport:
    """The same with every finding let pass."""
    assert report.gate is not None
    found = tuple(replace(each, waiver=WAIVER) for each in report.gate.findings)
    return replace(report, gate=replace(report.gate, findings=found))


@pytest.fixture
def judged() -> RunReport:
    """The golden run, as a gate with every rule that needs no more finds it."""
    policy = Policy(SWITCHED, 0, None, (WAIVED_BY_NOBODY,), DenyCheck(("tracing", "capabilities")))
    report = replace(
        golden_report(), gate=Judge(policy, date(2026, 11, 25)).judge(golden_report(), Scope.ALL)
    )
    assert report.gate is not None
    found = {each.rule for each in report.gate.failing}
    assert {GateRule.BLOCKED, GateRule.DANGEROUS, GateRule.DIGEST, GateRule.UNUSED_WAIVER} <= found
    return report


def test_annotations_tell_what_only_the_gate_finds(judged: RunReport) -> None:
    """Beside what cells show, once."""
    found = findings(judged)
    errors = [each.rule for each in found if each.level is Level.ERROR]
    assert {Rule.BLOCKED_SYSCALL, Rule.UNPINNED_IMAGE, Rule.UNUSED_WAIVER} <= set(errors)
    assert Rule.PERMITS_FORBIDDEN in errors
    keys = [(each.rule, each.title, each.subject) for each in found]
    assert len(set(keys)) == len(keys)
    assert Rule.UNPINNED_IMAGE not in {each.rule for each in findings(golden_report())}


def test_what_a_waiver_lets_pass_is_no_error_anywhere(judged: RunReport) -> None:
    """Annotations and code scanning note it, with the reason; JUnit skips it; only what could not be judged stays one."""
    report = waived(judged)
    for each in findings(report):
        assert each.level is not Level.ERROR or each.rule is Rule.NOT_JUDGED
    blocked = [each for each in findings(report) if each.rule is Rule.BLOCKED_SYSCALL]
    assert blocked
    assert all("Waived until 2027-01-31: the mirror comes" in each.text for each in blocked)
    root = ET.fromstring(render(report, Format.JUNIT, Style()))  # noqa: S314  our own
    suite = root.find("testsuite[@name='gate']")
    assert suite is not None
    assert suite.get("failures") == "0"
    names = {
        case.get("name")
        for case in root.iter("testcase")
        for skipped in case.iter("skipped")
        if (skipped.get("message") or "").startswith("waived until 2027-01-31")
    }
    assert names


def test_what_the_gate_does_not_look_for_is_a_warning(judged: RunReport) -> None:
    """It is as it is, but fails nothing."""
    report = replace(judged, gate=Gate((GateRule.ERROR,), ()))
    levels = {each.rule: each.level for each in findings(report)}
    assert levels[Rule.BLOCKED_SYSCALL] is Level.WARNING
    assert levels[Rule.NOT_JUDGED] is Level.ERROR


def test_no_test_fails_where_the_gate_passes(judged: RunReport) -> None:
    """Neither blocked, nor permitted, nor new calls, if it does not look for them: a failure is what exit code 1 is for."""
    report = replace(judged, gate=Gate((GateRule.ERROR,), ()))
    root = ET.fromstring(render(report, Format.JUNIT, Style()))  # noqa: S314  our own
    assert list(root.iter("failure")) == []
    told = [skipped.get("message") or "" for skipped in root.iter("skipped")]
    assert sum(text.startswith("the gate does not look for it: ") for text in told) == 3


def test_junit_has_a_case_for_each_rule(judged: RunReport) -> None:
    """Failed where something was found, so that a pipeline without our exit code sees it."""
    assert judged.gate is not None
    root = ET.fromstring(render(judged, Format.JUNIT, Style()))  # noqa: S314  our own
    suite = root.find("testsuite[@name='gate']")
    assert suite is not None
    assert [case.get("name") for case in suite] == [rule.value for rule in judged.gate.rules]
    failed = {case.get("name") for case in suite if case.find("failure") is not None}
    assert failed == {each.rule.value for each in judged.gate.failing if each.rule is not GateRule.ERROR}
    errors = {case.get("name") for case in suite if case.find("error") is not None}
    assert errors == {each.rule.value for each in judged.gate.failing if each.rule is GateRule.ERROR}


def test_a_job_log_ends_with_the_judgement(judged: RunReport) -> None:
    """Before the line that sums up verdicts, which are another thing."""
    assert gate.render(judged, Style()) in render(judged, Format.GITHUB, Style())


def test_markdown_begins_with_the_judgement(judged: RunReport) -> None:
    """Findings that fail it are listed, the others folded."""
    text = render(judged, Format.MARKDOWN, Style())
    assert text.startswith("## profile-smoke: the gate failed: ")
    assert "\n- digest: nginx: " in text
    text = render(waived(judged), Format.MARKDOWN, Style())
    assert text.startswith("## profile-smoke: the gate passed: ")
    assert "let pass by waivers</summary>" in text


def test_prometheus_counts_findings(judged: RunReport) -> None:
    """By rule, waived ones apart; a rule without findings has zeros, so that an alert can rely on the series."""
    assert judged.gate is not None
    text = render(judged, Format.PROMETHEUS, Style())
    assert "\nprofile_smoke_gate_passed 0\n" in text
    count = sum(each.rule is GateRule.DIGEST for each in judged.gate.findings)
    assert f'\nprofile_smoke_gate_findings{{rule="digest",waived="false"}} {count}\n' in text
    assert '\nprofile_smoke_gate_findings{rule="expired-waiver",waived="true"} 0\n' in text
    assert "\nprofile_smoke_gate_passed 1\n" in render(waived(judged), Format.PROMETHEUS, Style())
    assert "gate" not in render(golden_report(), Format.PROMETHEUS, Style())
