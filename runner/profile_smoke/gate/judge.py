"""Judging a result: the rules' findings, what waivers let pass of them, and what is wrong with the waivers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from enum import Enum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from profile_smoke.gate.policy import ALWAYS
from profile_smoke.gate.rules import findings
from profile_smoke.model import Gate, GateFinding, GateRule, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from profile_smoke.gate.policy import Policy
    from profile_smoke.model import CellResult, RunReport, Waiver


class Scope(Enum):
    """How much of what the settings speak of was run: whether a waiver that lets nothing pass is needed no more."""

    ALL = "all"
    SOME_PROFILES = "some profiles, whole"
    PART = "part of the cells"


@dataclass(frozen=True)
class Judge:
    """Judges by a policy on a day (in UTC)."""

    policy: Policy
    today: date

    def judge(self, report: RunReport, scope: Scope) -> Gate:
        """The gate's judgement of this result."""
        cells = {cell.id: cell for cell in report.cells}
        plain = findings(report, self.policy)
        found = [replace(each, waiver=self._waiver(each, cells)) for each in plain]
        if not any(cell.gates and cell.verdict is not Verdict.SKIPPED for cell in report.cells):
            text = "nothing was judged: no cell that decides was run"
            found.append(GateFinding(GateRule.ERROR, "", (), None, text))
        found += self._expired()
        if not report.interrupted:
            found += self._unused(plain, cells, scope)
        return Gate(self.policy.rules, tuple(found))

    def _waiver(self, finding: GateFinding, cells: Mapping[str, CellResult]) -> Waiver | None:
        return next(
            (each for each in self.policy.waivers if not self._over(each) and covers(each, finding, cells)),
            None,
        )

    def _over(self, waiver: Waiver) -> bool:
        return date.fromisoformat(waiver.expires) < self.today

    def _expired(self) -> Iterator[GateFinding]:
        for each in self.policy.waivers:
            if self._over(each):
                text = (
                    f"{each.place}: the waiver for {named(each)} has expired on {each.expires}: {each.reason}"
                )
                yield GateFinding(GateRule.EXPIRED_WAIVER, each.profile, (), each.syscall, text)

    def _unused(
        self, found: Sequence[GateFinding], cells: Mapping[str, CellResult], scope: Scope
    ) -> Iterator[GateFinding]:
        for each in self.policy.waivers:
            if self._over(each) or not _tellable(each, cells, scope):
                continue
            if not any(covers(each, finding, cells) for finding in found):
                text = f"{each.place}: the waiver for {named(each)} lets nothing pass any more; remove it"
                yield GateFinding(GateRule.UNUSED_WAIVER, each.profile, (), each.syscall, text)


def covers(waiver: Waiver, finding: GateFinding, cells: Mapping[str, CellResult]) -> bool:
    """Whether a waiver is for this finding, expired or not.

    A finding that several cells show is covered where the scenarios of all of them are.
    """
    return (
        finding.rule not in ALWAYS
        and fnmatchcase(finding.profile, waiver.profile)
        and all(fnmatchcase(_scenario(id_, cells), waiver.scenario) for id_ in finding.cells)
        and waiver.rule in (None, finding.rule)
        and waiver.syscall in (None, finding.syscall)
    )


def _scenario(id_: str, cells: Mapping[str, CellResult]) -> str:
    """A stored result may have been written by anybody."""
    return cells[id_].scenario if id_ in cells else ""


def named(waiver: Waiver) -> str:
    """``webapp, ptrace``, ``webapp in nginx, rule dangerous``."""
    where = f" in {waiver.scenario}" if waiver.scenario != "*" else ""
    what = [f"rule {waiver.rule}" if waiver.rule else "", waiver.syscall or ""]
    return ", ".join(filter(None, [f"{waiver.profile}{where}", *what]))


def _tellable(waiver: Waiver, cells: Mapping[str, CellResult], scope: Scope) -> bool:
    """Whether this run shows all that the waiver is for."""
    meant = [
        cell
        for cell in cells.values()
        if fnmatchcase(cell.scenario, waiver.scenario) and fnmatchcase(cell.profile.name, waiver.profile)
    ]
    if any(cell.verdict not in (Verdict.PASSED, Verdict.BLOCKED) for cell in meant):
        return False
    if scope is Scope.SOME_PROFILES:
        return any(cell.profile.name == waiver.profile for cell in meant)
    return scope is Scope.ALL
