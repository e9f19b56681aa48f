"""The second half of a story: the launches that prove it, and the fix that they lead to."""

from __future__ import annotations

import json
import shlex
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from profile_smoke.model import CellResult, Fix, Launch, LaunchKind, Outcome, Verdict
from profile_smoke.report import loaded, table
from profile_smoke.report.text import Colour, Style, clipped, counted, safe, seconds, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_FOLD = 12
_FILTER_MODE = 2  # SECCOMP_MODE_FILTER of linux/seccomp.h, as /proc/PID/status shows it
_LABEL_WIDTH = 46
_SLACK = 16  # what wrapping may leave unused at the end of a line


def command(cell: CellResult) -> str:
    """The command that runs this cell alone again; a path, where there is one, finds the profile from anywhere."""
    words = {
        "--profile": cell.profile.path or cell.profile.name,
        "--scenario": cell.scenario,
        "--target": cell.target.name,
    }
    if table.setting(cell):
        words["--privilege-escalation"] = "denied" if cell.no_new_privileges else "allowed"
    return " ".join(["profile-smoke", *(f"{option} {_quoted(word)}" for option, word in words.items())])


def _quoted(text: str) -> str:
    return shlex.quote(safe(text))


def proof(cell: CellResult, style: Style) -> Iterator[str]:
    """What the kernel said, launch by launch: control, profile as it is, with the fix, without each rule."""
    rows = [(f"the default profile of {cell.target.name}", cell.control)] if cell.control else []
    enforced = [launch for launch in cell.launches if launch.kind is LaunchKind.ENFORCE]
    told = [(f"`{cell.profile.name}` as it is", launch) for launch in enforced if not launch.allowed]
    # The same calls may have been tried with narrower rules before: the last launch is the one that counts.
    told += {label: launch for launch in enforced if (label := _label(cell, launch))}.items()
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
        yield (
            "  or let it be written, in the file's own layout, past rules that would win over it:\n"
            f"    {command(cell)} \\\n"
            f"      --write-fix {_quoted(f'fixed-{PurePath(path).name}')}"
        )


def _label(cell: CellResult, launch: Launch) -> str:
    """What a launch that allowed more than the profile shows; empty for a mere step of the search."""
    rules = cell.fix.rules if cell.fix else ()
    fixed = {name for rule in rules for name in rule["names"]} or set(cell.blocking)
    left_out = fixed - set(launch.allowed)
    if not launch.allowed or set(launch.allowed) - fixed or len(left_out) > 1:
        return ""
    return f"`{cell.profile.name}` + the fix" + (f" without {left_out.pop()}" if left_out else "")


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


def _filter_words(cell: CellResult) -> str:
    check = cell.filter
    if check is None or check.mode is None:
        return ""
    on = "The filter was on" if check.mode == _FILTER_MODE else "The filter was NOT on"
    read = ""
    if check.instructions is not None:
        does = (
            "does what the profile says"
            if not check.differences
            else "does other than the profile says (see the notes)"
        )
        cost = f", {words}" if (words := loaded.cost(check.cost)) else ""
        read = f"; read back from the kernel ({check.instructions} instructions{cost}), it {does}"
    note = f"; {safe(check.note)}" if check.note else ""
    return f"{on} (Seccomp: {check.mode}){read}{note}."


def _fix_words(found: Fix) -> str:
    cost = f"({counted(found.launches, 'launch')})"
    if not found.verified:
        return "No launch proved it: take it as a hint."
    if found.minimal:
        return f"With it the cell passes, and with any part of it left out it does not {cost}."
    return f"With it the cell passes {cost}; whether every part of it is needed was not proven."


def _rule(rule: Mapping[str, Any], width: int) -> str:
    """One rule, a member a line, as profiles are usually laid out; long lists fill their lines."""
    members = []
    for key, value in rule.items():
        line = f"      {json.dumps(key)}: {json.dumps(value)}"
        if len(line) >= width and isinstance(value, list):
            items = wrap(", ".join(map(json.dumps, value)), width, "        ")
            line = f"      {json.dumps(key)}: [\n{items}\n      ]"
        members.append(line)
    return "    {\n" + ",\n".join(members) + "\n    }"
