"""The second half of a story: the launches that prove it, and the fix that they lead to."""

from __future__ import annotations

import json
import shlex
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from profile_smoke.model import CellResult, Fix, Launch, LaunchKind, Outcome, Verdict
from profile_smoke.report.text import Colour, Style, clipped, counted, safe, seconds, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_FOLD = 12
_LABEL_WIDTH = 46
_BOUND = 200


def quoted(text: str) -> str:
    """The text as one word of a shell command, safe to show."""
    return shlex.quote(safe(text))


def proof(cell: CellResult, style: Style) -> Iterator[str]:
    """What the kernel said, launch by launch: control, profile as it is, with the fix, without each rule."""
    rows = [(f"the default profile of {cell.target.name}", cell.control)] if cell.control else []
    enforced = [launch for launch in cell.launches if launch.kind is LaunchKind.ENFORCE]
    telling = [(label, launch) for launch in enforced if (label := _label(cell, launch))]
    rows += telling[:_FOLD]
    if not rows:
        return
    lines = [_launch(label, launch, style) for label, launch in rows]
    rest = len(enforced) - len(telling[:_FOLD])
    if rest:
        lines.append(f"    ... and {counted(rest, 'more launch')} on the way there, in the JSON report")
    title = (
        "The proof, enforced by the kernel alone" if cell.verdict is Verdict.BLOCKED else "What was launched"
    )
    parts = [f"  {title}", *lines]
    if cell.filter and cell.filter.mode is not None:
        parts.append(wrap(_filter_words(cell), style.width, "    "))
    yield "\n".join(parts)


def fix(cell: CellResult, style: Style) -> Iterator[str]:
    """The rules to add, ready to paste, and the command that writes them into the profile."""
    if cell.fix is None:
        return
    path = cell.profile.path
    place = (
        f'add to "syscalls" in {safe(path)}' if path else "the rules that the target's default profile lacks"
    )
    text = f"{style.paint('The fix', Colour.BOLD)}: {place}. {_fix_words(cell.fix)}"
    rules = ",\n".join(_rule(rule, style.width) for rule in cell.fix.rules)
    yield wrap(text, style.width, "  ", "  ") + "\n\n" + rules
    if path:
        target = quoted(f"fixed-{PurePath(path).name}")
        yield (
            "  or let it be written, in the file's own layout, past rules that would win over it:\n"
            f"    profile-smoke --only {quoted(cell.id)} --write-fix {target}"
        )


def _label(cell: CellResult, launch: Launch) -> str:
    """What this launch shows; empty for a step of the search that shows nothing by itself."""
    allowed, blocking = set(launch.allowed), set(cell.blocking)
    name = f"`{cell.profile.name}`"
    if not allowed:
        return f"{name} as it is"
    if allowed == blocking:
        return f"{name} + the fix" if cell.fix else f"{name} + {', '.join(cell.blocking)}"
    left_out = blocking - allowed
    if allowed < blocking and len(left_out) == 1:
        return f"{name} + the fix without {left_out.pop()}"
    return ""


def _launch(label: str, launch: Launch, style: Style) -> str:
    colour = {Outcome.PASSED: Colour.GREEN, Outcome.FAILED: Colour.RED, Outcome.ERROR: Colour.YELLOW}[
        launch.outcome
    ]
    outcome = style.paint(f"{launch.outcome.value:<6}", colour)
    phase = f" in {launch.phase}" if launch.phase and launch.outcome is not Outcome.PASSED else ""
    reason = f": {launch.reason}" if launch.reason else ""
    detail = f"{seconds(launch.seconds):>6}{phase}{reason}"
    name = f"    {clipped(safe(label), _LABEL_WIDTH):<{_LABEL_WIDTH}} "
    hang = " " * (len(name) + 7)
    words = wrap(clipped(safe(detail), _BOUND), style.width, hang)
    return f"{name}{outcome} {words.removeprefix(hang)}"


def _filter_words(cell: CellResult) -> str:
    check = cell.filter
    if check is None or check.mode is None:
        return ""
    on = "The filter was on" if check.mode == 2 else "The filter was NOT on"  # noqa: PLR2004  SECCOMP_MODE_FILTER
    read = ""
    if check.instructions is not None:
        does = (
            "does what the profile says"
            if not check.differences
            else "does other than the profile says (see the notes)"
        )
        read = f"; read back from the kernel ({check.instructions} instructions), it {does}"
    note = f"; {safe(check.note)}" if check.note else ""
    return f"{on} (Seccomp: {check.mode}){read}{note}."


def _fix_words(found: Fix) -> str:
    cost = f"({counted(found.launches, 'launch')})"
    if not found.verified:
        return "No launch proved it: take it as a hint."
    if found.minimal:
        return f"With it the cell passes, and without any one of its rules it does not {cost}."
    return f"With it the cell passes {cost}; whether each rule is needed was not proven."


def _rule(rule: Mapping[str, Any], width: int) -> str:
    """One rule, a member a line, as profiles are usually laid out."""
    members = []
    for key, value in rule.items():
        line = f"      {json.dumps(key)}: {json.dumps(value)}"
        if len(line) >= width:
            line = f"      {json.dumps(key)}: " + json.dumps(value, indent=2).replace("\n", "\n      ")
        members.append(line)
    return "    {\n" + ",\n".join(members) + "\n    }"
