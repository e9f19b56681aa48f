"""What a job's log on GitHub Actions shows: annotations, worst first, and the stories in folds.

GitHub keeps ten annotations of a kind for a step and drops the others without a word, so where there are more the last of
the ten says how many. Each is a workflow command on a line of its own; text that only looks like one is escaped. The
step's summary is the format `markdown`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from profile_smoke.report import brief, gate, source, story, words
from profile_smoke.report.escape import command_property, message
from profile_smoke.report.finding import Finding, Level
from profile_smoke.report.findings import findings
from profile_smoke.report.text import Style, counted, safe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from profile_smoke.model import RunReport

_MOST = 10
_COMMANDS = {Level.ERROR: "error", Level.WARNING: "warning", Level.NOTE: "notice"}


def render(report: RunReport) -> str:
    """The lines, the last ending in a newline."""
    found = findings(report)
    lines: list[str] = []
    for level in Level:
        lines += _annotations([each for each in found if each.level is level], level)
    for cell in story.told(report):
        lines += _fold(f"{cell.id}: {words.standing(cell)}", story.tell(cell, Style()))
    return (
        "".join(f"{line}\n" for line in lines) + gate.render(report, Style()) + brief.summary(report, Style())
    )


def _annotations(found: Sequence[Finding], level: Level) -> Iterator[str]:
    shown = found if len(found) <= _MOST else found[: _MOST - 1]
    for each in shown:
        yield _command(_COMMANDS[level], {"title": each.title, **_place(each)}, each.text)
    if rest := len(found) - len(shown):
        text = f"{counted(rest, f'more {_COMMANDS[level]}')}: see the log and the summary of this step"
        yield _command(_COMMANDS[level], {"title": "profile-smoke"}, text)


def _place(finding: Finding) -> dict[str, str]:
    path = finding.profile.path if finding.profile else None
    if path is None:
        return {}
    return {"file": source.relative(path), "line": str(finding.line or 1)}


def _command(name: str, properties: dict[str, str], text: str) -> str:
    listed = ",".join(f"{key}={command_property(value)}" for key, value in properties.items())
    return f"::{name} {listed}::{message(text)}"


def _fold(title: str, body: str) -> Iterator[str]:
    yield f"::group::{message(safe(title))}"
    yield from body.splitlines()
    yield "::endgroup::"
