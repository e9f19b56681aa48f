"""The table: one row a cell, deciding ones above those that only inform, and what is to be known of them beneath."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from profile_smoke.model import CellResult, ImageInfo, RunReport, Standin, Verdict
from profile_smoke.report import brief, drift, loaded
from profile_smoke.report.text import Colour, Style, clipped, safe, seconds, wrap

if TYPE_CHECKING:
    from collections.abc import Sequence

_LONGEST_WHY = 150
_PARTS = re.compile(r"[^-/:]*[-/:]+|[^-/:]+")
_GAP = 2
_WIDTHS = ((20, 20), (16, 16), (16, 12), (14, 10), (10, 10))
"""How wide names of profiles and scenarios, and of images, may be; the next ones where the table would not fit."""
_NARROWEST_WHY = 14
_MANY = 8
_FIRST = 4
"""Of more than so many blocking calls only the first are named: the story has them all."""
_STANDIN_LEGEND = (
    "stand-in: not the image that was asked for, but one built from distribution packages "
    "because no registry answered."
)


def render(report: RunReport, style: Style) -> str:
    """The table, with a legend where a word in it needs one; ends in a newline, empty without cells."""
    gating = [cell for cell in report.cells if cell.gates]
    informing = [cell for cell in report.cells if not cell.gates]
    parts = [
        _section("These cells decide the exit code", gating, style),
        _section("These cells only inform", informing, style),
        _legend(report, style),
        _notes(report, style),
        _left_open(report, style),
    ]
    return "".join(f"{part}\n\n" for part in parts if part)


def _section(title: str, cells: Sequence[CellResult], style: Style) -> str:
    if not cells:
        return ""
    from tabulate import tabulate

    headers = list(_row(cells[0], *_WIDTHS[0]))
    rows = _fitted(cells, style.width)
    for row, cell in zip(rows, cells, strict=True):
        row["verdict"] = style.paint(row["verdict"], *_colours(cell))
    body = tabulate(
        # Given as headers, tabulate would pad them by two more columns each.
        [headers, *(list(row.values()) for row in rows)],
        tablefmt="plain",
        disable_numparse=True,
        colalign=["left"] * (len(headers) - 1) + ["right"],
    )
    head, *lines = (line.rstrip() for line in body.splitlines())
    return "\n".join([style.paint(title, Colour.BOLD), "", head, "─" * len(head), *lines])


def _fitted(cells: Sequence[CellResult], width: int) -> list[dict[str, str]]:
    """The rows, with names folded only as far as it takes, and the rest of the width for `why`."""
    for widths in _WIDTHS:
        rows = [_row(cell, *widths) for cell in cells]
        taken = sum(
            _GAP + max(len(line) for text in (key, *(row[key] for row in rows)) for line in text.split("\n"))
            for key in rows[0]
            if key != "why"
        )
        if width - taken >= _NARROWEST_WHY:
            break
    for row, cell in zip(rows, cells, strict=True):
        row["why"] = _folded(clipped(_brief(cell), _LONGEST_WHY), max(width - taken, _NARROWEST_WHY))
    return rows


def _brief(cell: CellResult) -> str:
    """As `why`: of many calls the first ones, of an image that cannot be had not what each program said."""
    if cell.verdict is Verdict.SKIPPED:
        return brief.why(cell).partition(" (")[0]
    if len(cell.blocking) <= _MANY:
        return brief.why(cell)
    more = f"and {len(cell.blocking) - _FIRST} more calls"
    return brief.why(replace(cell, blocking=(*cell.blocking[:_FIRST], more)))


def _row(cell: CellResult, name_width: int, image_width: int) -> dict[str, str]:
    """The texts of a row by the heads of their columns; `why` is left to fill in."""
    return {
        "profile": _folded(cell.profile.name, name_width),
        "scenario": _folded(cell.scenario, name_width),
        "target": "\n".join(filter(None, (_folded(cell.target.name, name_width), brief.setting(cell)))),
        "image": _image(cell.image, image_width),
        **({"expected": cell.expected.value} if cell.gates else {}),
        "verdict": _verdict(cell),
        "why": "",
        "time": seconds(cell.seconds),
    }


def _verdict(cell: CellResult) -> str:
    """Upper case says it without colours, too."""
    return cell.verdict.upper() if cell.unexpected else cell.verdict.value


def _image(image: ImageInfo | None, width: int) -> str:
    if image is None:
        return "-"
    asked = _folded_parts(image.ref, width)
    return f"{asked}\n{_folded_parts(f'stand-in {_short(image.standin)}', width)}" if image.standin else asked


def _short(standin: Standin) -> str:
    """Main package and upstream version: without the distribution's epoch and revision, which stories and JSON tell."""
    package, full = next(iter(standin.packages.items()), (standin.name, ""))
    upstream = (full.partition(":")[2] or full).partition("-")[0].partition("+")[0]
    return f"{package} {upstream}".rstrip()


def _folded(text: str, width: int) -> str:
    return wrap(safe(text), width) or "-"


def _folded_parts(text: str, width: int) -> str:
    """As `_folded`, but a word that is too wide is cut behind a hyphen, a slash or a colon: references have no blanks."""
    lines = [""]
    for word in safe(text).split():
        blank = " " if lines[-1] else ""
        for part in [word] if len(word) <= width else _PARTS.findall(word):
            if len(lines[-1] + blank + part) > width and lines[-1]:
                lines.append("")
                blank = ""
            lines[-1] += blank + part
            blank = ""
    return "\n".join(_folded(line, width) for line in lines)


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
        for note in (*drift.lines(cell), *cell.notes, *_filter_notes(cell))
    ]
    return "\n".join([style.paint("Notes", Colour.BOLD), *notes]) if notes else ""


def _filter_notes(cell: CellResult) -> tuple[str, ...]:
    if cell.filter is None:
        return ()
    return (*cell.filter.differences, *(each.text for each in cell.filter.findings if each.opens))


def _left_open(report: RunReport, style: Style) -> str:
    """The dangerous calls that each profile's filter permits, once for each target."""
    lines = dict.fromkeys(
        wrap(
            safe(f"{cell.profile.name} on {cell.target.name}{_source(cell)}: {text}"),
            style.width,
            "  - ",
            "    ",
        )
        for cell in report.cells
        if cell.profile.path and (text := loaded.brief(cell.dangerous))
    )
    return "\n".join([style.paint("Dangerous calls left open", Colour.BOLD), *lines]) if lines else ""


def _source(cell: CellResult) -> str:
    return " (by its text; the loaded filter was not read)" if cell.dangerous_from == "profile" else ""
