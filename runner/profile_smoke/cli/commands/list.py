"""`profile-smoke list`: the cells that a run with the same selection would have. Nothing is launched or pulled."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, assert_never

from profile_smoke.cli import wiring
from profile_smoke.cli.options import ListFormat, Options
from profile_smoke.report import write
from profile_smoke.report.text import safe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from profile_smoke.run.plan import Cell


def main(options: Options) -> int:
    """Write the cells in the chosen format."""
    write.check(options.output)
    cells = wiring.cells(options, wiring.target_names(options))
    write.write(options.output, _render(cells, options.list_format))
    return 0


def _render(cells: Sequence[Cell], form: ListFormat) -> str:
    match form:
        case ListFormat.TABLE:
            from tabulate import tabulate

            heads = ["cell", "image", "expected"]
            return (
                tabulate([[each.id, safe(each.scenario.image), each.expected.value] for each in cells], heads)
                + "\n"
            )
        case ListFormat.IDS:
            return "".join(f"{each.id}\n" for each in cells)
        case ListFormat.MATRIX:
            # One line: it goes into a GitHub step's output as NAME=VALUE.
            return json.dumps({"include": [_row(each) for each in cells]}, separators=(",", ":")) + "\n"
        case ListFormat.JSON:
            return json.dumps([_row(each) for each in cells], indent=2) + "\n"
    assert_never(form)


def _row(cell: Cell) -> dict[str, str | bool]:
    return {
        "id": cell.id,
        "profile": cell.profile.name,
        "scenario": cell.scenario.name,
        "target": cell.target,
        "image": cell.scenario.image,
        "no_new_privileges": cell.scenario.start.no_new_privileges,
        "expected": cell.expected.value,
    }
