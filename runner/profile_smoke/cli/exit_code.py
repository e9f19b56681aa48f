"""The exit code of a finished run: never of its format, never of how far its output got."""

from __future__ import annotations

from typing import TYPE_CHECKING

from profile_smoke.errors import InfrastructureError, InterruptedRunError, NothingSelectedError
from profile_smoke.model import GateRule, Verdict

if TYPE_CHECKING:
    from profile_smoke.model import RunReport

AS_EXPECTED = 0
UNEXPECTED = 1


def exit_code(report: RunReport, *, exit_zero: bool) -> int:
    """0 as expected, 1 an unexpected verdict, 3 nothing was run, 4 not judged, 130 interrupted.

    1 wins over 4. Cells that only inform never give 1; they count for 3 and 4 where no cell decides, so that
    a run in which nothing could be judged is never a success. A run that failed itself gives 4 unless a cell gives 1.
    Where a gate judged, its findings are what gives 1, and it never passes on cells that only inform. `exit_zero` takes
    1 away, nothing else.
    """
    if report.interrupted:
        return InterruptedRunError.exit_code
    watched = report.deciding
    if not report.failure and all(cell.verdict is Verdict.SKIPPED for cell in watched):
        return NothingSelectedError.exit_code
    if not exit_zero and _unexpected(report):
        return UNEXPECTED
    trouble = report.failure or GateRule.ERROR in _failing(report)
    if trouble or any(cell.verdict is Verdict.ERROR for cell in watched):
        return InfrastructureError.exit_code
    return AS_EXPECTED


def _unexpected(report: RunReport) -> bool:
    if report.gate is not None:
        return bool(_failing(report) - {GateRule.ERROR})
    return any(cell.unexpected for cell in report.cells)


def _failing(report: RunReport) -> set[GateRule]:
    return {finding.rule for finding in report.gate.failing} if report.gate is not None else set()
