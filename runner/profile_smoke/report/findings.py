"""What a result says that someone should act on, one by one: what annotations and code scanning show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from profile_smoke.model import CellResult, Effect, RunReport, Verdict, forbidden_call
from profile_smoke.report import drift, words
from profile_smoke.report.finding import Finding, Level, Rule
from profile_smoke.report.gated import as_gated, of_gate

if TYPE_CHECKING:
    from collections.abc import Iterator


def findings(report: RunReport) -> list[Finding]:
    """All of them, the worst first; those of one level in the order of the run, deciding cells before others."""
    deciding = {cell.id for cell in report.deciding}
    found = [
        *_of_run(report),
        *(each for cell in report.cells for each in _of_cell(cell, decides=cell.id in deciding)),
        *_unused(report),
    ]
    if report.gate is not None:
        found = [*(as_gated(each, report.gate) for each in found), *of_gate(report, report.gate)]
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
