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
    write.write(options.output, _render(cells, options))
    return 0


def _render(cells: Sequence[Cell], options: Options) -> str:
    rows = [_row(each, options) for each in cells]
    match options.list_format:
        case ListFormat.TABLE:
            from tabulate import tabulate

            heads = ["cell", "image", "expected"]
            return (
                tabulate([[each["id"], safe(str(each["image"])), each["expected"]] for each in rows], heads)
                + "\n"
            )
        case ListFormat.IDS:
            return "".join(f"{each.id}\n" for each in cells)
        case ListFormat.MATRIX:
            # One line: it goes into a GitHub step's output as NAME=VALUE.
            return json.dumps({"include": rows}, separators=(",", ":")) + "\n"
        case ListFormat.JSON:
            return json.dumps(rows, indent=2) + "\n"
    assert_never(options.list_format)


def _row(cell: Cell, options: Options) -> dict[str, str | bool]:
    """What is told of a cell; `image` is the one that settings give its scenario, else the scenario's own."""
    return {
        "id": cell.id,
        "profile": cell.profile.name,
        "scenario": cell.scenario.name,
        "target": cell.target,
        "image": options.images.get(cell.scenario.name, cell.scenario.image),
        "no_new_privileges": cell.scenario.start.no_new_privileges,
        "expected": cell.expected.value,
    }
