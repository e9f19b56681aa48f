"""What a result says that someone should act on, one by one: what annotations and code scanning show.

Rules have stable ids: whoever dismissed or filtered one finds it again after an upgrade.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from profile_smoke.model import CellResult, Effect, ProfileRef, RunReport, Verdict
from profile_smoke.report import drift, words
from profile_smoke.report.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterator


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
    levels = list(Level)
    return sorted(
        found, key=lambda each: (levels.index(each.level), each.cell is not None and not each.cell.gates)
    )


def _of_run(report: RunReport) -> Iterator[Finding]:
    if report.interrupted:
        done = sum(cell.verdict is not Verdict.SKIPPED for cell in report.cells)
        text = f"interrupted: {done} of {counted(len(report.cells), 'cell')} were done"
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


def forbidden_call(line: str) -> str:
    """The syscall of a line of `CellResult.forbidden`, which begins with it: `clone(CLONE_NEWUSER) [...] on ...`."""
    return line.partition(" ")[0].partition("(")[0]


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
