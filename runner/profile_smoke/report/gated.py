"""What a gate makes of findings: its word counts where it judged a run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from profile_smoke.model import GateRule, RunReport, Verdict, forbidden_call
from profile_smoke.report.finding import Finding, Level, Rule
from profile_smoke.report.gate import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from profile_smoke.model import Gate

_GATED = {
    Rule.BLOCKED_SYSCALL: GateRule.BLOCKED,
    Rule.BLOCKED: GateRule.BLOCKED,
    Rule.NOT_BLOCKED: GateRule.NOT_BLOCKED,
    Rule.NEW_CALL_REFUSED: GateRule.NEW_DENIAL,
    Rule.PERMITS_FORBIDDEN: GateRule.DANGEROUS,
}
"""What the gate judges of that which cells show, under its own names."""
_OF_GATE = {
    GateRule.DANGEROUS: Rule.PERMITS_FORBIDDEN,
    GateRule.UNUSED: Rule.UNUSED_CALLS,
    GateRule.SCORE: Rule.LOW_SCORE,
    GateRule.DIGEST: Rule.UNPINNED_IMAGE,
    GateRule.EXPIRED_WAIVER: Rule.EXPIRED_WAIVER,
    GateRule.UNUSED_WAIVER: Rule.UNUSED_WAIVER,
}
"""What it alone finds."""


def as_gated(finding: Finding, gate: Gate) -> Finding:
    """An error of a cell as bad as the gate finds it: one that it does not look for warns, a waived one is noted."""
    rule = _GATED.get(finding.rule)
    if rule is None or finding.cell is None or finding.level is not Level.ERROR:
        return finding
    same = [each for each in gate.findings if each.rule is rule and finding.cell.id in each.cells]
    same = [each for each in same if (each.syscall or "").rpartition(":")[2] == finding.subject] or same
    if not same:
        return replace(finding, level=Level.WARNING)
    waiver = same[0].waiver
    if waiver is None:
        return finding
    return replace(finding, level=Level.NOTE, text=f"{finding.text}\nWaived {until(waiver)}")


def of_gate(report: RunReport, gate: Gate) -> Iterator[Finding]:
    """What the gate alone finds, or finds worse than the cells show it."""
    profiles = {cell.profile.name: cell.profile for cell in report.cells}
    cells = {cell.id: cell for cell in report.cells}
    for each in gate.findings:
        judged = any(id_ in cells and cells[id_].verdict is Verdict.ERROR for id_ in each.cells)
        rule = Rule.NOT_JUDGED if each.rule is GateRule.ERROR and not judged else _OF_GATE.get(each.rule)
        forbidden = {
            forbidden_call(line) for id_ in each.cells if id_ in cells for line in cells[id_].forbidden
        }
        if rule is None or (rule is Rule.PERMITS_FORBIDDEN and each.syscall in forbidden):
            continue
        profile = profiles.get(each.profile)
        lines = profile.lines if profile else {}
        waived = f"\nWaived {until(each.waiver)}" if each.waiver else ""
        yield Finding(
            rule,
            Level.NOTE if each.waiver else Level.ERROR,
            f"{each.text}{waived}",
            " ".join([each.syscall or "", *(each.cells or [each.text])]),
            None,
            profile,
            lines.get(each.syscall or "") or lines.get(""),
        )
