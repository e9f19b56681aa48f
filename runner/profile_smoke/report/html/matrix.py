"""The picture of a run: profiles down, scenarios and targets across, a shape and a colour where they meet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from profile_smoke.model import CellResult, Expected, Verdict
from profile_smoke.report import brief
from profile_smoke.report.html import glyphs
from profile_smoke.report.html.markup import NOTHING, Markup, join, tag

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from profile_smoke.model import RunReport

_WORDS = {
    Verdict.PASSED: "works under the profile",
    Verdict.BLOCKED: "the profile blocks it",
    Verdict.ERROR: "could not be judged",
    Verdict.SKIPPED: "was not run",
}


def anchor(index: int) -> str:
    """The place of a cell in the page, by its place in the report."""
    return f"cell-{index + 1}"


def places(report: RunReport) -> dict[str, str]:
    """Where each cell stands, by its id."""
    return {cell.id: anchor(index) for index, cell in enumerate(report.cells)}


def link(cell: str, found: Mapping[str, str]) -> str:
    """A cell's id, leading to where it stands if it does."""
    return tag("a", cell, href=f"#{found[cell]}") if cell in found else cell


def classes(cell: CellResult) -> str:
    """What a cell looks like wherever it is shown."""
    weight = "unexpected" if cell.unexpected else "" if cell.gates else "informs"
    return f"{cell.verdict} {weight}".rstrip()


def meaning(cell: CellResult) -> str:
    """The same in words: ``blocked, not as expected``."""
    if cell.unexpected:
        return f"{cell.verdict}, not as expected"
    return cell.verdict.value if cell.gates else f"{cell.verdict}, only informs"


def render(report: RunReport) -> Markup:
    """The table with its legend; nothing without cells."""
    if not report.cells:
        return NOTHING
    places = {_place(cell): index for index, cell in enumerate(report.cells)}
    columns: dict[str, dict[str, None]] = {}
    for cell in report.cells:
        columns.setdefault(cell.scenario, {})[_where(cell)] = None
    profiles = list(dict.fromkeys(cell.profile.name for cell in report.cells))
    rows = [
        tag(
            "tr",
            tag("th", profile, scope="row"),
            [_square(report, places.get((profile, *column)), number) for column, number in _columns(columns)],
        )
        for profile in profiles
    ]
    grid = tag(
        "table",
        tag("caption", "Every profile with every scenario; each mark leads to its cell", class_="hidden"),
        _head(columns),
        tag("tbody", rows),
        class_="matrix",
    )
    # Whoever has no mouse scrolls what has the focus.
    wide = tag("div", grid, class_="wide", tabindex=0, role="group", aria_label="Matrix")
    return join(wide, _legend(report.cells))


def _place(cell: CellResult) -> tuple[str, str, str]:
    return cell.profile.name, cell.scenario, _where(cell)


def _where(cell: CellResult) -> str:
    """The target, and the setting where it is other than the scenario's."""
    return f"{cell.target.name} {brief.setting(cell)}".rstrip()


def _columns(columns: Mapping[str, Mapping[str, None]]) -> list[tuple[tuple[str, str], int]]:
    """Scenario and place of each column, with its number within the scenario."""
    return [
        ((scenario, where), number)
        for scenario, places in columns.items()
        for number, where in enumerate(places)
    ]


def _head(columns: Mapping[str, Mapping[str, None]]) -> Markup:
    """One line, or two where a scenario ran in several places."""
    several = len({where for places in columns.values() for where in places}) > 1
    groups = [
        tag("th", scenario, scope="colgroup" if several else "col", colspan=len(places) if several else None)
        for scenario, places in columns.items()
    ]
    corner = tag("td", rowspan=2 if several else None)
    lines = [tag("tr", corner, groups)]
    if several:
        lines.append(
            tag(
                "tr",
                [
                    tag("th", tag("span", where), scope="col", class_=None if number else "first")
                    for (_, where), number in _columns(columns)
                ],
                class_="places",
            )
        )
    return tag("thead", lines)


def _square(report: RunReport, index: int | None, number: int) -> Markup:
    first = None if number else "first"
    if index is None:
        return tag("td", class_=first)
    cell = report.cells[index]
    text = f"{cell.id}: {meaning(cell)}"
    link = tag(
        "a",
        glyphs.verdict(cell.verdict),
        class_=f"tile {classes(cell)}",
        href=f"#{anchor(index)}",
        title=text,
        aria_label=text,
    )
    return tag("td", link, class_=first)


def _legend(cells: Sequence[CellResult]) -> Markup:
    """What there is in this picture, and no more."""
    items = [
        tag("li", _sample(verdict.value, verdict), tag("b", verdict.value), f" {_WORDS[verdict]}")
        for verdict in Verdict
        if any(cell.verdict is verdict for cell in cells)
    ]
    odd = next((cell for cell in cells if cell.unexpected), None)
    if odd is not None:
        items.append(
            tag("li", _sample(classes(odd), odd.verdict), tag("b", "ringed"), " not what is expected")
        )
    quiet = next((cell for cell in cells if cell.expected is Expected.ANY and not cell.unexpected), None)
    if quiet is not None:
        items.append(tag("li", _sample(classes(quiet), quiet.verdict), tag("b", "outlined"), " only informs"))
    return tag("ul", items, class_="legend")


def _sample(look: str, verdict: Verdict) -> Markup:
    return tag("span", glyphs.verdict(verdict), class_=f"tile {look}")
