"""The result in GitHub's Markdown: the matrix as a table, then a fold for each cell that has a story.

Made for `$GITHUB_STEP_SUMMARY`, which takes 1 MiB and shows nothing of what is longer: what does not fit is counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from profile_smoke.model import CellResult, RunReport, Verdict
from profile_smoke.report import brief, differences, gate, story, unused, words
from profile_smoke.report.escape import code_block, json_words, markdown, markup
from profile_smoke.report.text import Style, clipped, counted, seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

_LIMIT = 1_000_000
"""Bytes; a little less than the 1 MiB that a step's summary may have, for what else the step says."""
_LONGEST_WHY = 150
_MARKS = {Verdict.PASSED: "✅", Verdict.BLOCKED: "⛔", Verdict.ERROR: "⚠️", Verdict.SKIPPED: "⏭️"}


def render(report: RunReport) -> str:
    """The document, ending in a newline."""
    parts = [
        f"## profile-smoke: {_outcome(report)}\n\n",
        "".join(f"> **{markdown(line)}**\n\n" for line in _incomplete(report)),
        f"{markdown(' · '.join(brief.summary(report, Style()).splitlines()))}\n\n",
        _gate(report),
        _list(report.notes),
        _list([differences.line(each) for each in report.differences]),
        _bounded(_rows(report.cells), _LIMIT // 2, "cell", _table),
    ]
    left = _LIMIT - sum(len(part.encode()) for part in parts)
    parts.append(_bounded([_fold(cell) for cell in story.told(report)], left * 3 // 4, "story", "".join))
    left -= len(parts[-1].encode())
    if text := unused.render(report, Style()):
        parts.append(_bounded([_details("Allowed, but not used", code_block(text))], left, "list", "".join))
    return "".join(parts).rstrip("\n") + "\n"


def _list(lines: Sequence[str]) -> str:
    return "".join(f"- {markdown(line)}\n" for line in lines) + ("\n" if lines else "")


def _outcome(report: RunReport) -> str:
    if report.interrupted:
        return "interrupted"
    if report.failure:
        return "the run failed"
    if report.gate is not None:
        return gate.outcome(report.gate)
    unexpected = sum(cell.unexpected for cell in report.cells)
    errors = sum(cell.verdict is Verdict.ERROR for cell in report.deciding)
    if unexpected:
        return f"{counted(unexpected, 'cell')} not as expected"
    if errors:
        return f"{counted(errors, 'cell')} could not be judged"
    return "as expected" if report.cells else "nothing was run"


def _gate(report: RunReport) -> str:
    """A line for each finding, what fails the gate first; those that waivers let pass in a fold."""
    if report.gate is None or not report.gate.findings:
        return ""
    waived = [each for each in report.gate.findings if each.waiver is not None]
    failing = _bounded(
        [f"- {markdown(gate.line(each))}\n" for each in report.gate.failing], _LIMIT // 10, "finding", _table
    )
    listed = _bounded(
        [f"- {markdown(gate.line(each))}\n" for each in waived], _LIMIT // 10, "finding", _table
    )
    return failing + (
        _details(f"{counted(len(waived), 'finding')} let pass by waivers", listed) if waived else ""
    )


def _incomplete(report: RunReport) -> Iterator[str]:
    if report.interrupted:
        yield "The run was interrupted: what follows is incomplete."
    if report.failure:
        yield f"The run failed: {report.failure}"


def _rows(cells: Sequence[CellResult]) -> list[str]:
    """One line of the matrix for each profile and scenario, with a column for each target: the verdict, and why."""
    targets = list(dict.fromkeys(cell.target.name for cell in cells))
    lines: dict[tuple[str, str], dict[str, list[str]]] = {}
    for cell in cells:
        line = lines.setdefault((cell.profile.name, cell.scenario), {name: [] for name in targets})
        line[cell.target.name].append(_entry(cell))
    if not lines:
        return []
    head = ["profile", "scenario", *targets]
    return [
        _line([*map(markdown, head)]),
        _line(["---"] * len(head)),
        *(
            _line([markdown(profile), markdown(scenario), *("<br>".join(line[name]) for name in targets)])
            for (profile, scenario), line in lines.items()
        ),
    ]


def _entry(cell: CellResult) -> str:
    verdict = f"**{cell.verdict.upper()}**" if cell.unexpected else cell.verdict.value
    mark = "❌" if cell.unexpected else _MARKS[cell.verdict]
    about = [
        *([markdown(brief.setting(cell))] if brief.setting(cell) else []),
        *(["informs"] if not cell.gates else []),
        *(["stand-in"] if cell.image and cell.image.standin else []),
        seconds(cell.seconds),
    ]
    why = markdown(clipped(brief.why(cell), _LONGEST_WHY))
    return f"{mark} {verdict}{f': {why}' if why else ''} <sub>{', '.join(about)}</sub>"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def _table(rows: Sequence[str]) -> str:
    return "".join(rows) + ("\n" if rows else "")


def _fold(cell: CellResult) -> str:
    """The story and the fix, opened where the cell is not as it should be."""
    parts = [code_block(story.tell(cell, Style()), "text")]
    if cell.fix:
        rules: list[Mapping[str, Any]] = list(cell.fix.rules)
        place = markdown(words.fix_place(cell))
        parts.append(f"**The fix**: {place}\n\n{code_block(json_words(rules, indent=2), 'json')}")
    return _details(f"{cell.id}: {words.standing(cell)}", "\n".join(parts), opened=cell.unexpected)


def _details(title: str, body: str, *, opened: bool = False) -> str:
    return f"<details{' open' if opened else ''}><summary>{markup(title)}</summary>\n\n{body}\n</details>\n\n"


def _bounded(parts: Sequence[str], limit: int, noun: str, join: Callable[[Sequence[str]], str]) -> str:
    """As many of the parts as fit, whole, and how many did not."""
    kept, size = 0, 0
    for part in parts:
        size += len(part.encode())
        if size > limit:
            break
        kept += 1
    rest = len(parts) - kept
    more = f"... and {counted(rest, f'more {noun}')}, in the other reports of this run\n\n" if rest else ""
    return join(parts[:kept]) + more
