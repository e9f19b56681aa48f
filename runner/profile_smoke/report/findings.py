"""What a result says that someone should act on, one by one: what annotations and code scanning show.

Rules have stable ids: whoever dismissed or filtered one finds it again after an upgrade.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from profile_smoke.model import CellResult, Effect, GateRule, ProfileRef, RunReport, Verdict, forbidden_call
from profile_smoke.report import drift, words
from profile_smoke.report.gate import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from profile_smoke.model import Gate


class Level(StrEnum):
    """How bad it is; an error makes the run fail or leaves it without an answer."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Rule(StrEnum):
    """What is wrong."""

    BLOCKED_SYSCALL = "blocked-syscall"
    BLOCKED = "blocked"
    NOT_BLOCKED = "not-blocked"
    PERMITS_FORBIDDEN = "permits-forbidden"
    NEW_CALL_REFUSED = "new-call-refused"
    FILTER_DIFFERS = "filter-differs"
    UNUSED_DANGEROUS = "unused-dangerous"
    UNUSED_CALLS = "unused-calls"
    LOW_SCORE = "low-score"
    UNPINNED_IMAGE = "unpinned-image"
    EXPIRED_WAIVER = "expired-waiver"
    UNUSED_WAIVER = "unused-waiver"
    NOT_JUDGED = "not-judged"
    INCOMPLETE = "incomplete"


MEANING = {
    Rule.BLOCKED_SYSCALL: "A workload fails under the profile, and launches proved that this refused syscall is the cause.",
    Rule.BLOCKED: "A workload fails under the profile; which syscall is the cause was not proven.",
    Rule.NOT_BLOCKED: "A profile lets a workload work that it is meant to stop.",
    Rule.PERMITS_FORBIDDEN: "The filter permits a dangerous call that the profile's purpose forbids.",
    Rule.NEW_CALL_REFUSED: "The profile refuses a call that the workload did not use when the baseline was kept.",
    Rule.FILTER_DIFFERS: "The filter that the kernel loaded does other than the profile's text says.",
    Rule.UNUSED_DANGEROUS: "The profile allows dangerous calls that no probe of the workloads it is meant for used.",
    Rule.UNUSED_CALLS: "The profile allows more calls that no workload used than the gate lets pass.",
    Rule.LOW_SCORE: "The profile leaves more open than the gate lets pass.",
    Rule.UNPINNED_IMAGE: "The image is not pinned by digest: tomorrow it may be another one.",
    Rule.EXPIRED_WAIVER: "A waiver is over and lets nothing pass any more.",
    Rule.UNUSED_WAIVER: "A waiver lets nothing pass: what it was for is gone.",
    Rule.NOT_JUDGED: "A cell could not be judged: nothing is said about the profile.",
    Rule.INCOMPLETE: "The run did not come to its end.",
}


@dataclass(frozen=True)
class Finding:
    """One thing to act on.

    `subject` tells findings of one rule in one cell apart (a syscall, say) and is the same in every run; `text` is plain,
    of one or more lines, the first of them a sentence that stands alone; `line` that of the profile's file, None where
    there is no file or nothing was found in it; `cell` is None for what is about a profile or the run as a whole.
    """

    rule: Rule
    level: Level
    text: str
    subject: str = ""
    cell: CellResult | None = None
    profile: ProfileRef | None = None
    line: int | None = None

    @property
    def title(self) -> str:
        """``Blocked syscall: database/mysql@docker``."""
        name = self.rule.value.replace("-", " ").capitalize()
        place = self.cell.id if self.cell else self.profile.name if self.profile else ""
        return f"{name}: {place}" if place else name


def findings(report: RunReport) -> list[Finding]:
    """All of them, the worst first; those of one level in the order of the run, deciding cells before others."""
    deciding = {cell.id for cell in report.deciding}
    found = [
        *_of_run(report),
        *(each for cell in report.cells for each in _of_cell(cell, decides=cell.id in deciding)),
        *_unused(report),
    ]
    if report.gate is not None:
        found = [*(_as_gated(each, report.gate) for each in found), *_of_gate(report, report.gate)]
    levels = list(Level)
    return sorted(
        found, key=lambda each: (levels.index(each.level), each.cell is not None and not each.cell.gates)
    )


def _of_run(report: RunReport) -> Iterator[Finding]:
    if report.interrupted:
        done = sum(cell.verdict is not Verdict.SKIPPED for cell in report.cells)
        text = f"interrupted: cells done: {done} of {len(report.cells)}"
        yield Finding(Rule.INCOMPLETE, Level.ERROR, text, "interrupted")
    if report.failure:
        yield Finding(Rule.INCOMPLETE, Level.ERROR, f"the run failed: {report.failure}", "failure")


def _of_cell(cell: CellResult, *, decides: bool) -> Iterator[Finding]:
    match cell.verdict:
        case Verdict.ERROR:
            text = f"{cell.id} could not be judged: {cell.reason}"
            yield Finding(
                Rule.NOT_JUDGED, Level.ERROR if decides else Level.NOTE, text, "", cell, cell.profile
            )
        case Verdict.BLOCKED if cell.unexpected or not cell.gates:
            yield from _blocked(cell)
        case Verdict.PASSED if cell.gates and cell.expected.value != cell.verdict.value:
            if cell.expected.value == Verdict.BLOCKED.value:
                text = (
                    f"{cell.id}: {cell.scenario} works under {cell.profile.name}, which is meant to stop it"
                )
                yield _about(cell, Rule.NOT_BLOCKED, Level.ERROR, text)
    for line in cell.forbidden:
        call = forbidden_call(line)
        yield _about(cell, Rule.PERMITS_FORBIDDEN, Level.ERROR, f"{cell.id}: permits {line}", call)
    if cell.drifted:
        yield from _drifted(cell)
    if cell.filter is not None:
        opens = [each.text for each in cell.filter.findings if each.opens]
        for text in (*cell.filter.differences, *opens):
            yield _about(cell, Rule.FILTER_DIFFERS, Level.WARNING, f"{cell.id}: {text}", subject=text)


def _about(
    cell: CellResult, rule: Rule, level: Level, text: str, call: str = "", *, subject: str = ""
) -> Finding:
    """A finding at the line of a call, or where a rule for it would go."""
    line = cell.profile.lines.get(call) or cell.profile.lines.get("")
    return Finding(rule, level, text, call or subject, cell, cell.profile, line)


def _blocked(cell: CellResult) -> Iterator[Finding]:
    level = Level.ERROR if cell.gates else Level.NOTE
    happened = words.what_happened(cell)
    fix = _fix(cell)
    if not cell.blocking:
        text = f"{cell.id}: {words.blockers(cell)}.\n{happened}{fix}"
        yield _about(cell, Rule.BLOCKED, level, text)
        return
    seen = {denial.syscall: denial for denial in reversed(words.refusals(cell, Effect.BLOCKING))}
    for name in cell.blocking:
        denial = seen.get(name)
        how = f"\n{words.attempt(denial)}: {words.circumstances(denial)}." if denial else ""
        text = f"{cell.id}: {name} blocks {cell.scenario}{_phase(cell)}.\n{happened}{how}{fix}"
        yield _about(cell, Rule.BLOCKED_SYSCALL, level, text, name)


def _phase(cell: CellResult) -> str:
    return f" in phase {cell.phase}" if cell.phase else ""


def _fix(cell: CellResult) -> str:
    if cell.fix is None:
        return ""
    names = ", ".join(dict.fromkeys(name for rule in cell.fix.rules for name in rule["names"]))
    return f"\nThe fix: {words.fix_place(cell)} rules for {names}. {words.fix_proof(cell.fix)}"


def _drifted(cell: CellResult) -> Iterator[Finding]:
    for call in cell.drift.new if cell.drift else ():
        if call.refused:
            name = call.name.rpartition(":")[2]
            text = f"{cell.id}: {call.name} is new and refused.\n" + "\n".join(drift.lines(cell))
            yield _about(cell, Rule.NEW_CALL_REFUSED, Level.ERROR, text, name)


def _unused(report: RunReport) -> Iterator[Finding]:
    profiles = {cell.profile.name: cell.profile for cell in report.cells}
    for each in report.unused:
        profile = profiles.get(each.profile)
        for risk in each.risks:
            if risk.dangerous:
                text = (
                    f"{each.profile} allows {', '.join(risk.calls)}, and none of {', '.join(each.cells)} used them: "
                    f"{risk.reason}"
                )
                line = profile.lines.get("") if profile else None
                yield Finding(
                    Rule.UNUSED_DANGEROUS,
                    Level.NOTE,
                    text,
                    f"{each.profile} {risk.name}",
                    None,
                    profile,
                    line,
                )


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


def _as_gated(finding: Finding, gate: Gate) -> Finding:
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


def _of_gate(report: RunReport, gate: Gate) -> Iterator[Finding]:
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
