"""The table: one row a cell, deciding ones above those that only inform, and one line that sums up."""

from __future__ import annotations

import textwrap
from collections import Counter
from typing import TYPE_CHECKING

from profile_smoke.model import CellResult, ImageInfo, RunReport, Verdict
from profile_smoke.report.text import Colour, Style, counted, safe, seconds, wrap

if TYPE_CHECKING:
    from collections.abc import Sequence

_GAP = 2
_WIDEST_NAME = 20
_NARROWEST_WHY = 16
_STANDIN_LEGEND = (
    "stand-in: not the image that was asked for, but one built from distribution packages "
    "because no registry answered."
)


def render(report: RunReport, style: Style) -> str:
    """The table, a legend where a word in it needs one, and the summary; ends in a newline."""
    gating = [cell for cell in report.cells if cell.gates]
    informing = [cell for cell in report.cells if not cell.gates]
    parts = [
        _section("These cells decide the exit code", gating, style),
        _section("These cells only inform", informing, style),
        _legend(report, style),
        _notes(report, style),
        summary(report, style),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def summary(report: RunReport, style: Style) -> str:
    """One line: how many cells, how they came out against what was expected, and how long it took."""
    gating = [cell for cell in report.cells if cell.gates]
    unexpected = sum(cell.unexpected for cell in gating)
    other = Counter(cell.verdict for cell in gating if cell.verdict in (Verdict.ERROR, Verdict.SKIPPED))
    as_expected = len(gating) - unexpected - other.total()
    counts = [
        style.paint(f"{as_expected} as expected", *([Colour.GREEN] if as_expected else [])),
        style.paint(f"{unexpected} NOT as expected", Colour.BOLD, Colour.RED) if unexpected else "",
        style.paint(f"{other[Verdict.ERROR]} in error", Colour.YELLOW) if other[Verdict.ERROR] else "",
        f"{other[Verdict.SKIPPED]} skipped" if other[Verdict.SKIPPED] else "",
    ]
    parts = [f"{counted(len(gating), 'deciding cell')}: {', '.join(filter(None, counts))}"] if gating else []
    informing = Counter(cell.verdict for cell in report.cells if not cell.gates)
    if informing:
        words = ", ".join(f"{informing[verdict]} {verdict}" for verdict in Verdict if informing[verdict])
        parts.append(f"{counted(informing.total(), 'informing cell')}: {words}")
    if not report.cells:
        parts.append("no cell was run")
    if report.interrupted:
        parts.append(style.paint("interrupted, so incomplete", Colour.YELLOW))
    return "; ".join([*parts, seconds(report.seconds)])


def why(cell: CellResult) -> str:
    """What blocked the cell, or what else there is to say about it, in a line."""
    if cell.verdict is Verdict.BLOCKED and cell.blocking:
        return f"{', '.join(cell.blocking)} ({cell.phase})" if cell.phase else ", ".join(cell.blocking)
    if cell.verdict is Verdict.BLOCKED:
        return f"blocking syscalls unknown: {cell.reason}" if cell.reason else "blocking syscalls unknown"
    return cell.reason


def _section(title: str, cells: Sequence[CellResult], style: Style) -> str:
    if not cells:
        return ""
    from tabulate import tabulate  # noqa: PLC0415  only this function needs it

    gates = cells[0].gates
    headers = [
        "profile",
        "scenario",
        "target",
        "image",
        *(["expected"] if gates else []),
        "verdict",
        "why",
        "time",
    ]
    rows = [_row(cell, gates=gates) for cell in cells]
    why_at = headers.index("why")
    widths = [
        max(len(line) for row in (headers, *rows) for line in row[at].split("\n"))
        for at in range(len(headers))
    ]
    taken = sum(width for at, width in enumerate(widths) if at != why_at) + _GAP * (len(headers) - 1)
    space = max(style.width - taken, _NARROWEST_WHY)
    for row, cell in zip(rows, cells, strict=True):
        row[why_at] = _folded(row[why_at], space)
        row[why_at - 1] = style.paint(row[why_at - 1], *_colours(cell))
    body = tabulate(
        rows,
        headers,
        tablefmt="simple",
        disable_numparse=True,
        colalign=["left"] * (len(headers) - 1) + ["right"],
    )
    lines = (line.rstrip() for line in body.splitlines())
    return style.paint(title, Colour.BOLD) + "\n\n" + "\n".join(lines)


def _row(cell: CellResult, *, gates: bool) -> list[str]:
    return [
        _folded(cell.profile.name, _WIDEST_NAME),
        _folded(cell.scenario, _WIDEST_NAME),
        _folded(cell.target.name, _WIDEST_NAME),
        _image(cell.image),
        *([cell.expected.value] if gates else []),
        _verdict(cell),
        safe(why(cell)),
        seconds(cell.seconds),
    ]


def _verdict(cell: CellResult) -> str:
    """Upper case says it without colours, too."""
    return cell.verdict.upper() if cell.unexpected else cell.verdict.value


def _image(image: ImageInfo | None) -> str:
    if image is None:
        return "-"
    asked = _folded(image.ref, _WIDEST_NAME)
    return f"{asked}\n{_folded(f'stand-in {standin_name(image)}', _WIDEST_NAME)}" if image.standin else asked


def standin_name(image: ImageInfo) -> str:
    """The stand-in's program and version, such as ``mariadb-server 10.11.6``; empty where there is none."""
    if image.standin is None:
        return ""
    version = image.standin.packages.get(image.standin.name)
    return f"{image.standin.name} {version}" if version else image.standin.name


def _folded(text: str, width: int) -> str:
    return "\n".join(textwrap.wrap(safe(text), width, break_on_hyphens=False)) or "-"


def _colours(cell: CellResult) -> tuple[Colour, ...]:
    if cell.unexpected:
        return (Colour.BOLD, Colour.RED)
    if not cell.gates:
        return ()
    match cell.verdict:
        case Verdict.ERROR:
            return (Colour.YELLOW,)
        case Verdict.SKIPPED:
            return (Colour.DIM,)
        case _:
            return (Colour.GREEN,)


def _legend(report: RunReport, style: Style) -> str:
    standin = any(cell.image and cell.image.standin for cell in report.cells)
    return wrap(_STANDIN_LEGEND, style.width) if standin else ""


def _notes(report: RunReport, style: Style) -> str:
    """Notes on cells that get no story: a pass with a caveat must not look like one without."""
    notes = [
        wrap(safe(f"{cell.id}: {note}"), style.width, "  - ", "    ")
        for cell in report.cells
        if cell.verdict in (Verdict.PASSED, Verdict.SKIPPED)
        for note in (*cell.notes, *(cell.filter.differences if cell.filter else ()))
    ]
    return "\n".join([style.paint("Notes", Colour.BOLD), *notes]) if notes else ""
