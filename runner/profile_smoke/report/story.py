"""The story of a cell that did not pass: what happened, which calls did it, the proof, and what to do.

It is written for someone who was woken by it. So the answer comes first, the evidence next, then the log,
and the fix last, where the eye rests; long lists are folded, for the JSON report has all of them.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from profile_smoke.model import (
    PHASE_CREATE,
    PHASE_START,
    PHASE_STOP,
    CellResult,
    Denial,
    Effect,
    Evidence,
    RunReport,
    Verdict,
)
from profile_smoke.report import drift, evidence, loaded, table
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

    Cells that decide the exit code come first, unexpected ones foremost. Where there are many, those that
    only inform are told in a few lines.
    """
    cells = sorted((cell for cell in report.cells if cell.verdict in _TOLD or cell.forbidden), key=_urgency)
    return "".join(
        (tell(cell, style) if cell.gates or len(cells) <= _FEW else brief(cell, style)) + "\n"
        for cell in cells
    )


def _urgency(cell: CellResult) -> int:
    if not cell.gates:
        return 3
    return 0 if cell.unexpected else 1 if cell.verdict is Verdict.ERROR else 2


def tell(cell: CellResult, style: Style) -> str:
    """The whole story of one cell; ends in a newline."""
    parts: Iterable[str] = itertools.chain(
        [_headline(cell, style), wrap(safe(_what_happened(cell)), style.width, "  ")],
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
    lines = [_headline(cell, style), wrap(safe(_what_happened(cell)), style.width, "  ")]
    if cell.blocking:
        lines.append(wrap(safe(f"Blocking: {', '.join(cell.blocking)}."), style.width, "  "))
    lines.append(f"  The whole story: {evidence.command(cell)}")
    return "\n".join(lines) + "\n"


def _headline(cell: CellResult, style: Style) -> str:
    if cell.verdict is Verdict.ERROR:
        words, colour = "error: nothing is said about the profile", Colour.YELLOW
    elif cell.forbidden:
        words, colour = f"{cell.verdict}, but permits what it must not", Colour.RED
    elif cell.unexpected:
        words, colour = "BLOCKED, though it should pass", Colour.RED
    elif cell.gates:
        words, colour = "blocked, as expected", Colour.GREEN
    else:
        words, colour = "blocked (only informs)", Colour.DIM
    title = f"{safe(cell.id)}: {words} "
    return style.paint(f"── {title}".ljust(style.width, "─"), Colour.BOLD, colour)


def _what_happened(cell: CellResult) -> str:
    image = f" ({cell.image.ref})" if cell.image and not cell.image.standin else ""
    if cell.image and cell.image.standin:
        image = f" (stand-in {table.standin_name(cell.image)} for {cell.image.ref})"
    subject = f"{cell.scenario}{image}"
    reason = f": {cell.reason}" if cell.reason else ""
    if cell.verdict is Verdict.ERROR:
        place = f" in phase {cell.phase}" if cell.phase else ""
        return f"{subject} could not be judged{place}{reason}."
    if cell.verdict is Verdict.PASSED:
        return f"Under the profile `{cell.profile.name}`, {subject} works."
    return f"Under the profile `{cell.profile.name}`, {subject} {_failed_at(cell.phase)}{reason}."


def _failed_at(phase: str | None) -> str:
    if phase is None:
        return "does not work"
    if phase == PHASE_CREATE:
        return "was never started: the filter already binds the runtime's own init (phase create)"
    if phase == PHASE_START:
        return "started, but was never ready (phase start)"
    if phase == PHASE_STOP:
        return "worked, but did not stop as it should (phase stop)"
    return f"was ready, but then failed a probe ({phase})"


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
        yield _titled(_unknown_words(cell), style, [])
        return
    denials = _sorted(cell, Effect.BLOCKING)
    seen = {denial.syscall for denial in denials}
    items = [_denial(denial, style) for denial in denials]
    items += [
        f"    {safe(name)}\n      seen only by relaunching, in no observed launch"
        for name in cell.blocking
        if name not in seen
    ]
    title = "The calls that block it" if len(cell.blocking) > 1 else "The call that blocks it"
    if cell.fix and not cell.fix.minimal:
        title = "Proven to block it, and there may be more"
    yield _titled(f"{title}: {safe(', '.join(cell.blocking))}", style, _fold(items, "refusal"))


def _unknown_words(cell: CellResult) -> str:
    if cell.fix and cell.fix.verified:
        calls = counted(table.fixed_calls(cell.fix), "call")
        return f"The calls that block it are among the {calls} of the fix below; no single one was proven"
    return f"Which syscall blocked it is not known{': the notes below say why' if cell.notes else ''}"


def _others(cell: CellResult, style: Style) -> Iterator[str]:
    unknown = _sorted(cell, Effect.UNKNOWN)
    if unknown:
        items = [_denial(denial, style) for denial in unknown]
        yield _titled("Refused, effect not known", style, _fold(items, "refusal"))
    tolerated = _sorted(cell, Effect.TOLERATED)
    if tolerated:
        names = list(dict.fromkeys(denial.syscall for denial in tolerated))
        more = f" and {len(names) - _FOLD} more" if len(names) > _FOLD else ""
        text = f"{', '.join(names[:_FOLD])}{more}: the workload goes on without."
        yield _titled("Refused, but tolerated", style, [wrap(safe(text), style.width, "    ")])


def _sorted(cell: CellResult, effect: Effect) -> list[Denial]:
    """Those of the failing phase first, each phase in the order of events."""
    chosen = (denial for denial in cell.denials if denial.effect is effect)
    return sorted(chosen, key=lambda denial: (denial.phase != cell.phase, denial.first_ms, denial.syscall))


def _denial(denial: Denial, style: Style) -> str:
    answer = "killed by SIGSYS" if denial.errno == "SIGSYS" else denial.errno
    call = _bounded(f"{denial.text} = {answer}", style, "    ", "        ")
    times = f", {denial.count} times" if denial.count > 1 else ""
    arch = "" if denial.arch in ("x86_64", "aarch64") else f", by the {denial.arch} ABI"
    where = f"in phase {denial.phase}{_seen(denial)}"
    if denial.process.comm:
        when = f"{denial.first_ms:.0f} ms after launch"
        where = f"{_program(denial)} in phase {denial.phase}, {when}{times}{arch}{_seen(denial)}"
    return f"{style.paint(call, Colour.BOLD)}\n" + wrap(safe(where), style.width, "      ")


def _program(denial: Denial) -> str:
    process = denial.process
    where = f"{process.exe}, " if process.exe else ""
    return f"{process.comm} ({where}pid {process.pid})"


def _seen(denial: Denial) -> str:
    match denial.evidence:
        case Evidence.NOTIFY:
            return ""
        case Evidence.AUDIT:
            return " (from the kernel's audit records)"
        case Evidence.RELAUNCH:
            return " (found by relaunching)"


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
    differences = cell.filter.differences if cell.filter else ()
    opening = [each.text for each in cell.filter.findings if each.opens] if cell.filter else []
    texts = (
        *drift.lines(cell),
        *cell.notes,
        *(f"the loaded filter differs from the profile: {line}" for line in differences),
        *(f"the loaded filter opens what the profile refuses: {line}" for line in opening),
    )
    if texts:
        yield _titled("Note", style, [wrap(safe(text), style.width, "    - ", "      ") for text in texts])


def _bounded(text: str, style: Style, indent: str, hang: str) -> str:
    """Text from a container, in a few lines: an endless one must not push the story off the screen."""
    return wrap(clipped(safe(text), _BOUND), style.width, indent, hang) or indent.rstrip()


def _titled(title: str, style: Style, lines: Sequence[str]) -> str:
    return "\n".join([wrap(title, style.width, "  ", "    "), *lines])
