"""The whole page: what came out, the picture, the cells, what is said of profiles."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from profile_smoke.model import CellResult, RunReport, Verdict
from profile_smoke.report import brief
from profile_smoke.report.html import cell as cells
from profile_smoke.report.html import differences, gate, glyphs, matrix, profiles
from profile_smoke.report.html.markup import NOTHING, Markup, document, join, tag, verbatim
from profile_smoke.report.text import Style, counted

if TYPE_CHECKING:
    from collections.abc import Iterator

_HERE = Path(__file__).parent
_FEW = 3
"""So many unexpected cells are open from the start."""
_MANY = 100
"""Of more cells a browser makes only those at once that are looked at: a page of hundreds opens as fast as one of ten."""


def render(report: RunReport) -> str:
    """One document. It loads nothing, sends nothing, and runs no script but its own."""
    style, script = verbatim(_HERE / "page.css"), verbatim(_HERE / "page.js")
    state, headline = _outcome(report)
    head = join(
        tag("meta", charset="utf-8"),
        _policy(style, script),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", f"{headline} · profile-smoke"),
        tag("style", style),
    )
    places = profiles.openings(report)
    body = join(
        tag("a", "Skip to the cells", href="#cells", class_="skip"),
        glyphs.sprite(),
        tag("header", _header(report, state, headline)),
        tag(
            "main",
            gate.render(report),
            _matrix(report),
            differences.render(report),
            _cells(report, places),
            profiles.not_used(report),
            profiles.dangerous(places),
        ),
        tag("footer", _footer(report)),
        tag("script", script),
    )
    return document(head, body)


def _policy(style: str, script: str) -> Markup:
    """Nothing from anywhere; the one style sheet and the one script are known by their hashes."""
    rules = [
        "default-src 'none'",
        f"style-src '{_hash(style)}'",
        f"script-src '{_hash(script)}'",
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types cells",
    ]
    return tag("meta", http_equiv="Content-Security-Policy", content="; ".join(rules))


def _hash(text: str) -> str:
    return f"sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _outcome(report: RunReport) -> tuple[str, str]:
    """Whether that is good, bad or neither, and the sentence that says so."""
    if report.interrupted:
        return "unsure", "Interrupted: this run is incomplete"
    if report.failure:
        return "unsure", "Incomplete: the run failed"
    if report.gate is not None and report.gate.failing:
        return "bad", f"The gate has {counted(len(report.gate.failing), 'finding')}"
    return _came_out(report)


def _came_out(report: RunReport) -> tuple[str, str]:
    gating = [cell for cell in report.cells if cell.gates]
    verdicts = Counter(cell.verdict for cell in gating or report.cells)
    unexpected = sum(cell.unexpected for cell in gating)
    if unexpected:
        are = "is" if unexpected == 1 else "are"
        return "bad", f"{unexpected} of {counted(len(gating), 'deciding cell')} {are} not as expected"
    if verdicts[Verdict.ERROR]:
        return "unsure", f"{counted(verdicts[Verdict.ERROR], 'cell')} could not be judged"
    if verdicts[Verdict.SKIPPED] == verdicts.total():
        return "unsure", "Nothing was judged"
    if not gating:
        return "none", f"No cell decides: {counted(len(report.cells), 'cell')} for information"
    return "good", f"{'All ' if len(gating) > 1 else ''}{counted(len(gating), 'deciding cell')} as expected"


def _header(report: RunReport, state: str, headline: str) -> Markup:
    return join(
        tag("p", "profile-smoke", class_="brand"),
        tag("h1", headline, class_=state),
        tag(
            "p", [tag("span", line) for line in brief.summary(report, Style()).splitlines()], class_="summary"
        ),
        tag(
            "p",
            f"Run {report.run}{f', part {report.shard}' if report.shard else ''}, begun ",
            tag("time", report.started.replace("T", " ").replace("Z", " UTC"), datetime=report.started),
            class_="fine",
        ),
    )


def _matrix(report: RunReport) -> Markup:
    return tag("section", tag("h2", "Matrix", id="matrix"), matrix.render(report), aria_labelledby="matrix")


def _cells(report: RunReport, places: dict[profiles.Opening, str]) -> Markup:
    if not report.cells:
        return NOTHING
    groups: dict[str, list[int]] = {}
    for index, each in sorted(enumerate(report.cells), key=lambda item: _urgency(item[1])):
        groups.setdefault(_group(each), []).append(index)
    blocks = []
    for title, indexes in groups.items():
        items = [_cell(report, index, places) for index in indexes]
        blocks.append(tag("section", tag("h3", f"{title} ({len(items)})"), items, class_="group"))
    # It appears where scripts run, for it needs them.
    tools = tag("div", id="tools", hidden=True)
    return tag("section", tag("h2", "Cells", id="cells", tabindex=-1), tools, blocks, aria_labelledby="cells")


def _cell(report: RunReport, index: int, places: dict[profiles.Opening, str]) -> Markup:
    each = report.cells[index]
    opened = each.unexpected and sum(cell.unexpected for cell in report.cells) <= _FEW
    shared = profiles.opening(each)
    deferred = len(report.cells) > _MANY and not opened
    return cells.render(
        each, index, opened=opened, deferred=deferred, openings=places[shared] if shared else None
    )


def _urgency(cell: CellResult) -> int:
    return _GROUPS.index(_group(cell))


def _group(cell: CellResult) -> str:
    """One of `_GROUPS`."""
    if cell.unexpected:
        return _GROUPS[0]
    if not cell.gates:
        return _GROUPS[-1]
    match cell.verdict:
        case Verdict.ERROR:
            return _GROUPS[1]
        case Verdict.SKIPPED:
            return _GROUPS[2]
        case _:
            return _GROUPS[3]


_GROUPS = ("Not as expected", "Could not be judged", "Not run", "As expected", "Only inform")
"""The most urgent first."""


def _footer(report: RunReport) -> Iterator[Markup]:
    yield tag(
        "p",
        f"profile-smoke {report.version}, {report.schema}. This file holds all that it shows: it loads nothing.",
    )
    yield tag(
        "p",
        "Verdicts come from launches under the unmodified profile, enforced by the kernel alone; observed launches explain. "
        "Logs are the last lines of the output, and long lines are cut; the JSON report has everything else in full.",
    )
