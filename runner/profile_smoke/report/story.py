"""The story of a cell that did not pass: what happened, which calls did it, the proof, and what to do.

It is written for someone who was woken by it. So the answer comes first, the evidence next, then the log,
and the fix last, where the eye rests; long lists are folded, for the JSON report has all of them.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from profile_smoke.model import CellResult, Denial, Effect, RunReport, Verdict
from profile_smoke.report import evidence, loaded, words
from profile_smoke.report.text import Colour, Style, clipped, counted, safe, wrap

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_FOLD = 12
_LOG_LINES = 12
_BOUND = 400
_FEW = 3
_TOLD = (Verdict.BLOCKED, Verdict.ERROR)


def render(report: RunReport, style: Style) -> str:
    """The stories of a run, each with an empty line after it; empty when every cell passed or was skipped.

    Where there are many, those that only inform are told in a few lines.
    """
    cells = told(report)
    return "".join(
        (tell(cell, style) if cell.gates or len(cells) <= _FEW else brief(cell, style)) + "\n"
        for cell in cells
    )


def told(report: RunReport) -> list[CellResult]:
    """The cells that have a story: those that decide the exit code first, unexpected ones foremost."""
    return sorted((cell for cell in report.cells if cell.verdict in _TOLD or cell.forbidden), key=_urgency)


def _urgency(cell: CellResult) -> int:
    if not cell.gates:
        return 3
    return 0 if cell.unexpected else 1 if cell.verdict is Verdict.ERROR else 2


def tell(cell: CellResult, style: Style) -> str:
    """The whole story of one cell; ends in a newline."""
    parts: Iterable[str] = itertools.chain(
        [_headline(cell, style), wrap(safe(words.what_happened(cell)), style.width, "  ")],
        _forbidden(cell, style),
        _blockers(cell, style),
        _others(cell, style),
        evidence.proof(cell, style),
        _left_open(cell, style),
        _log(cell, style),
        _notes(cell, style),
        evidence.fix(cell, style),
    )
    return "\n\n".join(parts) + "\n"


def brief(cell: CellResult, style: Style) -> str:
    """The story in a few lines; ends in a newline."""
    lines = [_headline(cell, style), wrap(safe(words.what_happened(cell)), style.width, "  ")]
    if cell.blocking:
        lines.append(wrap(safe(f"Blocking: {', '.join(cell.blocking)}."), style.width, "  "))
    lines.append(f"  The whole story: {words.command(cell)}")
    return "\n".join(lines) + "\n"


def _headline(cell: CellResult, style: Style) -> str:
    if cell.verdict is Verdict.ERROR:
        colour = Colour.YELLOW
    elif cell.forbidden or cell.unexpected:
        colour = Colour.RED
    else:
        colour = Colour.GREEN if cell.gates else Colour.DIM
    title = f"{safe(cell.id)}: {words.standing(cell)} "
    return style.paint(f"── {title}".ljust(style.width, "─"), Colour.BOLD, colour)


def _forbidden(cell: CellResult, style: Style) -> Iterator[str]:
    if cell.forbidden:
        source = "the loaded filter" if cell.dangerous_from == "loaded" else "the profile's text"
        title = f"What {source} permits against the profile's purpose"
        yield _titled(
            title, style, [wrap(safe(line), style.width, "    - ", "      ") for line in cell.forbidden]
        )


def _left_open(cell: CellResult, style: Style) -> Iterator[str]:
    text = loaded.brief(cell.dangerous)
    if text and cell.profile.path:
        yield _titled("Dangerous calls left open", style, [wrap(safe(text), style.width, "    ")])


def _blockers(cell: CellResult, style: Style) -> Iterator[str]:
    if cell.verdict is not Verdict.BLOCKED:
        return
    if not cell.blocking:
        yield _titled(words.blockers(cell), style, [])
        return
    items = [_denial(denial, style) for denial in words.refusals(cell, Effect.BLOCKING)]
    items += [
        f"    {safe(name)}\n      seen only by relaunching, in no observed launch"
        for name in words.only_relaunched(cell)
    ]
    yield _titled(safe(words.blockers(cell)), style, _fold(items, "refusal"))


def _others(cell: CellResult, style: Style) -> Iterator[str]:
    unknown = words.refusals(cell, Effect.UNKNOWN)
    if unknown:
        items = [_denial(denial, style) for denial in unknown]
        yield _titled("Refused, effect not known", style, _fold(items, "refusal"))
    tolerated = words.refusals(cell, Effect.TOLERATED)
    if tolerated:
        names = list(dict.fromkeys(denial.syscall for denial in tolerated))
        more = f" and {len(names) - _FOLD} more" if len(names) > _FOLD else ""
        text = f"{', '.join(names[:_FOLD])}{more}: the workload goes on without."
        yield _titled("Refused, but tolerated", style, [wrap(safe(text), style.width, "    ")])


def _denial(denial: Denial, style: Style) -> str:
    call = _bounded(words.attempt(denial), style, "    ", "        ")
    where = wrap(safe(words.circumstances(denial)), style.width, "      ")
    return f"{style.paint(call, Colour.BOLD)}\n{where}"


def _fold(items: Sequence[str], noun: str) -> list[str]:
    rest = len(items) - _FOLD
    return (
        [*items[:_FOLD], f"    ... and {counted(rest, f'more {noun}')}, in the JSON report"]
        if rest > 0
        else list(items)
    )


def _log(cell: CellResult, style: Style) -> Iterator[str]:
    if not cell.log:
        return
    lines = [_bounded(line, style, "    | ", "    |   ") for line in cell.log[-_LOG_LINES:]]
    yield _titled("The last it said", style, lines)


def _notes(cell: CellResult, style: Style) -> Iterator[str]:
    texts = words.caveats(cell)
    if texts:
        yield _titled("Note", style, [wrap(safe(text), style.width, "    - ", "      ") for text in texts])


def _bounded(text: str, style: Style, indent: str, hang: str) -> str:
    """Text from a container, in a few lines: an endless one must not push the story off the screen."""
    return wrap(clipped(safe(text), _BOUND), style.width, indent, hang) or indent.rstrip()


def _titled(title: str, style: Style, lines: Sequence[str]) -> str:
    return "\n".join([wrap(title, style.width, "  ", "    "), *lines])
