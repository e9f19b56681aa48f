"""What a cell says of itself, for the message of a failed assertion: it is to explain itself from the log alone."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from profile_smoke.model import CellResult


def told(ran_cells: Sequence[dict[str, Any]]) -> str:
    """Verdict, reason, notes, launches and last log lines of cells as the JSON report has them."""
    return "\n".join(line for cell in ran_cells for line in _lines(cell))


def told_of(result: CellResult) -> str:
    """The same of a result."""
    return told([dataclasses.asdict(result)])


def _lines(cell: dict[str, Any]) -> list[str]:
    launches = [each for each in (cell.get("control"), *cell["launches"]) if each]
    return [
        f"{cell['id']}: {cell['verdict']} in {cell['seconds']:.1f} s, {cell['phase']}: {cell['reason']}",
        f"  blocking {cell['blocking']}, fix {cell['fix']}",
        *(f"  note: {note}" for note in cell["notes"]),
        *(f"  {_launch(each)}" for each in launches),
        *(
            f"  refused: {each['text']} = {each['errno']} in {each['phase']}: {each['effect']}"
            for each in cell["denials"]
        ),
        *(f"  | {line}" for line in cell["log"]),
    ]


def _launch(launch: dict[str, Any]) -> str:
    phases = ", ".join(f"{name} at {ms:.0f} ms" for name, ms in launch["phases"].items())
    return (
        f"{launch['kind']} {launch['answer'] or ''} +{launch['allowed']}: {launch['outcome']} in {launch['seconds']:.2f} s, "
        f"{launch['phase']}: {launch['reason']} ({phases})"
    )
