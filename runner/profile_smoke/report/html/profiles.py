"""What is said of profiles rather than cells: what they allow unused, and which dangerous calls they leave open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from profile_smoke.model import CellResult, DangerousCall, Risk, UnusedCalls
from profile_smoke.report import unused
from profile_smoke.report.html.facts import fold, names
from profile_smoke.report.html.markup import NOTHING, Markup, join, tag
from profile_smoke.report.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from profile_smoke.model import RunReport

Opening = tuple[str, str, str, tuple[DangerousCall, ...]]
"""Profile, target, how it was found out, and the answers: what cells share."""


def openings(report: RunReport) -> dict[Opening, str]:
    """Every set of dangerous calls that some profile leaves open somewhere, with its place in the page."""
    keys = dict.fromkeys(key for cell in report.cells if (key := opening(cell)) is not None)
    return {key: f"open-{number}" for number, key in enumerate(keys, 1)}


def opening(cell: CellResult) -> Opening | None:
    """What this cell shares with others; None where nothing is open, or the profile is the target's own."""
    rows = tuple(row for row in cell.dangerous if row.permitted)
    if not rows or not cell.profile.path:
        return None
    return cell.profile.name, cell.target.name, cell.dangerous_from, rows


def dangerous(found: dict[Opening, str]) -> Markup:
    """A table for each; nothing where there is none."""
    if not found:
        return NOTHING
    blocks = []
    for (profile, target, source, rows), place in found.items():
        calls = len({row.syscall for row in rows})
        how = (
            "asked of the loaded filter"
            if source == "loaded"
            else "by its text; the loaded filter was not read"
        )
        title = f"{profile} on {target}: {counted(calls, 'call')} ({how})"
        name = f"Dangerous calls, {profile} on {target}"
        table = _table(rows, name)
        wide = tag("div", table, id=place, class_="wide", tabindex=0, role="group", aria_label=name)
        blocks.append(fold(title, wide))
    return _section("dangerous", "Dangerous calls left open", blocks)


def _table(rows: Sequence[DangerousCall], name: str) -> Markup:
    abis = list(dict.fromkeys(row.abi for row in rows))
    calls: dict[tuple[str, str, str], set[str]] = {}
    for row in rows:
        calls.setdefault((row.danger, row.syscall, row.detail), set()).add(row.abi)
    head = tag("tr", [tag("th", text, scope="col") for text in ("class", "call", *abis)])
    body = [
        tag(
            "tr",
            tag("td", danger),
            tag("th", tag("code", f"{syscall}({detail})" if detail else syscall), scope="row"),
            [tag("td", "open" if abi in on else "refused") for abi in abis],
        )
        for (danger, syscall, detail), on in calls.items()
    ]
    caption = tag("caption", name, class_="hidden")
    return tag("table", caption, tag("thead", head), tag("tbody", body), class_="plain")


def not_used(report: RunReport) -> Markup:
    """A fold for each profile; nothing where it was not measured."""
    if not report.unused:
        return NOTHING
    blocks = [fold(_unused_title(each), list(_unused(each))) for each in report.unused]
    return _section("unused", "Allowed, but not used", [tag("p", unused.LIMITS), *blocks])


def _unused_title(each: UnusedCalls) -> str:
    count = counted(sum(len(risk.calls) for risk in each.risks), "allowed call")
    return f"{each.profile}: {count} used by none of {counted(len(each.cells), 'cell')}"


def _unused(each: UnusedCalls) -> Iterator[Markup]:
    yield tag("p", "Measured in ", names(each.cells), ".")
    if each.not_measured:
        yield tag("p", "What these use is not known: ", names(each.not_measured), ".")
    yield tag("dl", [_risk(risk) for risk in each.risks])


def _risk(risk: Risk) -> Markup:
    name = tag(
        "dt",
        risk.name,
        f": {risk.reason}" if risk.reason else None,
        class_="danger" if risk.dangerous else None,
    )
    return join(name, tag("dd", names(risk.calls), class_="calls"))


def _section(name: str, title: str, blocks: Sequence[Markup]) -> Markup:
    return tag("section", tag("h2", title, id=name), blocks, aria_labelledby=name)
