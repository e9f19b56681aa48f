"""The second half of a story: the launches that prove it, and the fix that they lead to."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from profile_smoke.model import CellResult, Launch, LaunchKind, Outcome, Verdict
from profile_smoke.report import words
from profile_smoke.report.escape import json_words
from profile_smoke.report.text import Colour, Style, clipped, counted, safe, seconds, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_FOLD = 12
_LABEL_WIDTH = 46
_SLACK = 16  # what wrapping may leave unused at the end of a line


def proof(cell: CellResult, style: Style) -> Iterator[str]:
    """What the kernel said, launch by launch: control, profile as it is, with the fix, without each rule."""
    rows = [(f"the default profile of {cell.target.name}", cell.control)] if cell.control else []
    enforced = [launch for launch in cell.launches if launch.kind is LaunchKind.ENFORCE]
    told = [(words.launch_label(cell, launch), launch) for launch in enforced if not launch.allowed]
    told += words.fixed_launches(cell)
    rows += told[:_FOLD]
    if not rows:
        return
    lines = [_launch(label, launch, style) for label, launch in rows]
    rest = len(enforced) - len(told[:_FOLD])
    if rest:
        lines.append(f"    ... and {counted(rest, 'more launch')} on the way there, in the JSON report")
    title = (
        "The proof, enforced by the kernel alone" if cell.verdict is Verdict.BLOCKED else "What was launched"
    )
    parts = [f"  {title}", *lines]
    if state := words.filter_state(cell):
        parts.append(wrap(safe(state), style.width, "    "))
    yield "\n".join(parts)


def fix(cell: CellResult, style: Style) -> Iterator[str]:
    """The rules to add, ready to paste, and the command that writes them into the profile."""
    if cell.fix is None:
        return
    path = cell.profile.path
    place = safe(words.fix_place(cell))
    text = f"{style.paint('The fix', Colour.BOLD)}: {place}. {words.fix_proof(cell.fix)}"
    rules = ",\n".join(rule(each, style.width) for each in cell.fix.rules)
    yield wrap(text, style.width, "  ", "  ") + "\n\n" + rules
    if path:
        yield (
            "  or let it be written, in the file's own layout, past rules that would win over it:\n"
            f"    {words.command(cell)} \\\n"
            f"      --write-fix {words.quoted(f'fixed-{PurePath(path).name}')}"
        )


def _launch(label: str, launch: Launch, style: Style) -> str:
    colour = {Outcome.PASSED: Colour.GREEN, Outcome.FAILED: Colour.RED, Outcome.ERROR: Colour.YELLOW}[
        launch.outcome
    ]
    outcome = style.paint(f"{launch.outcome.value:<6}", colour)
    name = f"    {clipped(safe(label), _LABEL_WIDTH):<{_LABEL_WIDTH}} "
    hang = " " * (len(name) + 7)
    phase = f" in {launch.phase}" if launch.phase and launch.outcome is not Outcome.PASSED else ""
    detail = safe(f"{seconds(launch.seconds):>6}{phase}")
    # Of a long message the end tells most: runtimes put the cause last. Two lines are enough here.
    room = 2 * (style.width - len(hang)) - len(detail) - _SLACK
    reason = f": {clipped(safe(launch.reason), room, end=True)}" if launch.reason else ""
    return f"{name}{outcome} {wrap(detail + reason, style.width, hang).removeprefix(hang)}"


def rule(document: Mapping[str, Any], width: int) -> str:
    """One rule, a member a line, as profiles are usually laid out; long lists fill their lines."""
    members = []
    for key, value in document.items():
        line = f"      {json_words(key)}: {json_words(value)}"
        if len(line) >= width and isinstance(value, list):
            items = wrap(", ".join(map(json_words, value)), width, "        ")
            line = f"      {json_words(key)}: [\n{items}\n      ]"
        members.append(line)
    return "    {\n" + ",\n".join(members) + "\n    }"
