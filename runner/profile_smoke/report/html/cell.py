"""One cell, told in the order in which it is asked about: what, which calls, the proof, the fix, and all the rest folded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from profile_smoke.model import CellResult, Denial, Effect, Verdict
from profile_smoke.report import brief, loaded, words
from profile_smoke.report.html import facts, fix, glyphs, launches
from profile_smoke.report.html.markup import Markup, join, lines, tag
from profile_smoke.report.html.matrix import anchor, classes, meaning
from profile_smoke.report.text import counted, seconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_FEW = 12
_REFUSALS = 40


def render(cell: CellResult, index: int, *, opened: bool, deferred: bool, openings: str | None) -> Markup:
    """The cell under a line that opens it.

    `deferred` leaves what is inside to the script, which makes it when the cell is opened; where no script runs, the
    browser does, as always. `openings` is where the page tells of its dangerous calls.
    """
    head = tag(
        "summary",
        tag("span", glyphs.verdict(cell.verdict), class_=f"tile {classes(cell)}"),
        tag("h4", cell.id),
        tag("span", meaning(cell), class_="hidden"),
        tag("span", why, class_="why") if (why := brief.why(cell)) else None,
        tag("span", seconds(cell.seconds), class_="time"),
    )
    parts = join(*_parts(cell, openings))
    # The anchor stands inside: a browser that is led to it opens what it stands in.
    body = tag(
        "div",
        tag("noscript", parts) if deferred else parts,
        id=anchor(index),
        class_="body",
        tabindex=-1,
        aria_label=cell.id,
        role="group",
    )
    return tag("details", head, body, class_="cell", open=opened, data_verdict=cell.verdict.value)


def _parts(cell: CellResult, openings: str | None) -> Iterator[Markup | None]:
    numbers = launches.numbered(cell)
    yield tag("p", facts.naming(words.what_happened(cell), cell.profile.name), class_="lead")
    if cell.forbidden:
        yield _part("Permitted against the profile's purpose", _list(cell.forbidden))
    if cell.verdict is Verdict.BLOCKED:
        yield _blockers(cell, numbers)
    yield _others(cell, numbers)
    if (picture := launches.figure(cell)) is not None:
        yield _part("The proof, launch by launch" if cell.fix else "What was launched", picture)
    if cell.fix is not None:
        yield _part(f"The fix: {words.fix_place(cell)}", *fix.render(cell, cell.fix))
    if caveats := words.caveats(cell):
        yield _part("Notes", _list(caveats))
    if cell.log:
        log = tag("pre", lines(cell.log), class_="log", tabindex=0, role="group", aria_label="Log")
        yield _part("The last it said", log)
    yield _openings(cell, openings)
    yield from facts.folds(cell)
    yield tag("p", tag("a", "Back to the matrix", href="#matrix"), class_="back")


def _part(title: str, *children: Markup | None) -> Markup:
    return tag("section", tag("h5", title), children)


def _list(texts: Iterable[str]) -> Markup:
    return tag("ul", [tag("li", text) for text in texts])


def _blockers(cell: CellResult, numbers: Mapping[int, int]) -> Markup:
    items = _refusals(cell, numbers, Effect.BLOCKING)
    items += [
        tag(
            "li", glyphs.effect(Effect.BLOCKING, 0), tag("code", name), tag("p", "found by relaunching alone")
        )
        for name in words.only_relaunched(cell)
    ]
    followed = tag("p", tag("b", "What followed: "), _followed(cell)) if cell.reason else None
    return _part(words.blockers(cell), _refusal_list(items), followed)


def _followed(cell: CellResult) -> str:
    return f"as enforced, in phase {cell.phase}: {cell.reason}." if cell.phase else f"{cell.reason}."


def _others(cell: CellResult, numbers: Mapping[int, int]) -> Markup | None:
    """What was refused without blocking: opened where it may matter, folded where it does not."""
    unknown = _refusals(cell, numbers, Effect.UNKNOWN)
    tolerated = _refusals(cell, numbers, Effect.TOLERATED)
    names = sorted({denial.syscall for denial in cell.denials if denial.effect is Effect.TOLERATED})
    title = f"Refused, but tolerated: {counted(len(names), 'call')} that the workload goes on without"
    return join(
        _part("Refused, effect not known", _refusal_list(unknown)) if unknown else None,
        tag("details", tag("summary", title), _refusal_list(tolerated), class_="fold") if tolerated else None,
    )


def _refusals(cell: CellResult, numbers: Mapping[int, int], effect: Effect) -> list[Markup]:
    number = {id(denial): numbers.get(index, 0) for index, denial in enumerate(cell.denials)}
    return [_refusal(denial, number[id(denial)]) for denial in words.refusals(cell, effect)]


def _refusal(denial: Denial, number: int) -> Markup:
    return tag(
        "li",
        glyphs.effect(denial.effect, number),
        tag("code", words.attempt(denial)),
        tag("p", words.circumstances(denial)),
    )


def _refusal_list(items: Sequence[Markup]) -> Markup | None:
    """The first few, and the others folded."""
    if not items:
        return None
    first, others, rest = items[:_FEW], items[_FEW:_REFUSALS], len(items) - _REFUSALS
    more = tag("p", f"and {rest} more, in the JSON report", class_="fine") if rest > 0 else None
    return join(
        tag("ul", first, class_="refusals"),
        facts.fold(f"{len(items) - _FEW} more", tag("ul", others, class_="refusals"), more)
        if others
        else None,
    )


def _openings(cell: CellResult, place: str | None) -> Markup | None:
    brief = loaded.brief(cell.dangerous)
    if not brief or place is None:
        return None
    link = tag("a", "All of them", href=f"#{place}")
    return _part("Dangerous calls left open", tag("p", f"{brief}. ", link))
