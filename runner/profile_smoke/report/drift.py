"""What is said of drift: calls that are new or gone against a kept baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from profile_smoke.report.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from profile_smoke.model import CellResult, DriftCall

_FOLD = 12


def lines(cell: CellResult) -> Iterator[str]:
    """A line for each kind of finding; none where there is nothing to say."""
    drift = cell.drift
    if drift is None:
        return
    refused = [call for call in drift.new if call.refused]
    allowed = [call for call in drift.new if not call.refused]
    if refused:
        yield f"new against {drift.baseline}, and refused by the profile: {_listed(refused)}"
    if allowed:
        yield f"new against {drift.baseline}: {_listed(allowed)}"
    if drift.gone:
        yield f"no longer used: {_listed(drift.gone)}"
    if drift.moved:
        yield f"{counted(len(drift.moved), 'known call')} in phases in which the baseline has not seen them"
    if drift.new or drift.gone:
        yield from drift.notes


def why(cell: CellResult) -> str:
    """What is new and refused, in a few words; empty where nothing is."""
    refused = [call.name for call in cell.drift.new if call.refused] if cell.drift else []
    return f"new and refused: {', '.join(refused)}" if refused else ""


def _listed(calls: Sequence[DriftCall]) -> str:
    words = [
        f"{call.name} ({', '.join(call.phases)}{f'; {call.refused}' if call.refused else ''})"
        for call in calls[:_FOLD]
    ]
    rest = len(calls) - _FOLD
    return ", ".join(words) + (f" and {rest} more, in the JSON report" if rest > 0 else "")
