"""What a gate found: first what it does not let through, then what waivers let pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from profile_smoke.report.html.facts import fold
from profile_smoke.report.html.markup import NOTHING, Child, Markup, tag
from profile_smoke.report.html.matrix import link, places
from profile_smoke.report.text import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from profile_smoke.model import GateFinding, RunReport


def render(report: RunReport) -> Markup:
    """A section; nothing where no gate judged the run."""
    if report.gate is None:
        return NOTHING
    found = places(report)
    waived = [finding for finding in report.gate.findings if finding.waiver is not None]
    failing = [_finding(finding, found) for finding in report.gate.failing]
    return tag(
        "section",
        tag("h2", "Gate", id="gate"),
        tag("ul", failing, class_="findings") if failing else tag("p", "It lets this run through."),
        fold(
            f"{counted(len(waived), 'finding')} let pass by waivers",
            tag("ul", [_finding(finding, found) for finding in waived], class_="findings"),
        )
        if waived
        else None,
        tag("p", f"Looked for: {', '.join(report.gate.rules)}.", class_="fine"),
        aria_labelledby="gate",
    )


def _finding(finding: GateFinding, found: Mapping[str, str]) -> Markup:
    waiver = finding.waiver
    until = f"Waived until {waiver.expires}: {waiver.reason} ({waiver.place})" if waiver else None
    return tag(
        "li",
        tag("b", finding.rule.value),
        ": ",
        _text(finding, found),
        tag("p", until, class_="fine") if until else None,
    )


def _text(finding: GateFinding, found: Mapping[str, str]) -> Child:
    """The sentence, with the cells that show it: where it begins with one, that is the link, else they come behind it."""
    cells = finding.cells
    if len(cells) == 1 and finding.text.startswith(f"{cells[0]}: "):
        return [link(cells[0], found), finding.text.removeprefix(cells[0])]
    links = [(", " if index else "", link(cell, found)) for index, cell in enumerate(cells)]
    return [finding.text, *([" (", links, ")"] if cells else [])]
