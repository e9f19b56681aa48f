"""What is said of a gate's judgement."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.report.cells import HOSTILE, cell, run

from profile_smoke.model import Gate, GateFinding, GateRule, Waiver
from profile_smoke.report import gate
from profile_smoke.report.interface import Format, render
from profile_smoke.report.text import Style

WAIVER = Waiver("web", "*", GateRule.DIGEST, None, "the mirror comes", "2027-01-31", "profile-smoke.toml:3")
DIGEST = GateFinding(GateRule.DIGEST, "", ("web/nginx@oci",), None, "nginx: nginx:1 is not pinned", WAIVER)
BLOCKED = GateFinding(GateRule.BLOCKED, "web", ("web/nginx@oci",), "brk", "web/nginx@oci: blocked by brk")
RULES = (GateRule.BLOCKED, GateRule.ERROR, GateRule.DIGEST)


def test_nothing_where_no_gate_judged() -> None:
    """Runs without one look as they always did."""
    assert gate.render(run(cell()), Style()) == ""
    assert "gate" not in render(run(cell()), Format.TABLE, Style())


def test_what_fails_comes_first_then_what_is_let_pass_and_why() -> None:
    """Until when is told too."""
    report = replace(run(cell()), gate=Gate(RULES, (DIGEST, BLOCKED)))
    assert gate.render(report, Style()) == (
        "The gate: FAILED (1 finding, 1 waived)\n"
        "  in force: blocked, error, digest\n"
        "  - blocked: web/nginx@oci: blocked by brk\n"
        "  - waived: digest: nginx: nginx:1 is not pinned (until 2027-01-31: the mirror comes)\n"
        "\n"
    )
    assert gate.render(report, Style()) in render(report, Format.TABLE, Style())


def test_a_gate_that_passes_says_so() -> None:
    """With what it let pass."""
    report = replace(run(cell()), gate=Gate(RULES, (DIGEST,)))
    assert gate.render(report, Style()).startswith("The gate: passed (1 waived)\n")
    assert gate.render(replace(report, gate=Gate(RULES, ())), Style()).startswith("The gate: passed\n")


def test_hostile_texts_stay_texts() -> None:
    """A finding quotes reasons from containers, a waiver whatever stands in a file; nothing is longer than it helps."""
    hostile = replace(BLOCKED, text=HOSTILE * 99, waiver=replace(WAIVER, reason=HOSTILE * 99))
    text = gate.render(replace(run(cell()), gate=Gate(RULES, (hostile,))), Style())
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert len(text) < 1000
