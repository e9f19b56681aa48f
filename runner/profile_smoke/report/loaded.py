"""What is said of a loaded filter: its dangerous calls, findings and cost, for the story of a cell and for `filter`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from profile_smoke.report.text import Colour, Style, safe, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from profile_smoke.model import DangerousCall, FilterCost, FilterFinding

_FOLD = 12


def cost(found: FilterCost | None) -> str:
    """`getppid takes 396 ns under it, 320 ns without`; empty where it was not measured."""
    if found is None:
        return ""
    return f"{found.call} takes {found.filtered_ns:.0f} ns under it, {found.plain_ns:.0f} ns without"


def open_classes(rows: Sequence[DangerousCall], style: Style, indent: str = "    ") -> list[str]:
    """A line for each class of which something is permitted: the calls, and on which ABIs."""
    by_class: dict[str, dict[str, list[str]]] = {}
    for row in rows:
        if row.permitted:
            name = f"{row.syscall}({row.detail})" if row.detail else row.syscall
            by_class.setdefault(row.danger, {}).setdefault(name, []).append(row.abi)
    lines = []
    for danger, calls in by_class.items():
        grouped: dict[tuple[str, ...], list[str]] = {}
        for name, abis in calls.items():
            grouped.setdefault(tuple(abis), []).append(name)
        text = "; ".join(f"{', '.join(names)} on {', '.join(abis)}" for abis, names in grouped.items())
        head = f"{indent}{danger:<14} "
        lines.append(wrap(safe(text), style.width, head, " " * len(head)))
    return lines


def brief(rows: Sequence[DangerousCall]) -> str:
    """The open classes in a line, each with how many of its calls are permitted on some ABI; empty where none is."""
    calls: dict[str, set[str]] = {}
    for row in rows:
        if row.permitted:
            calls.setdefault(row.danger, set()).add(row.syscall)
    return ", ".join(
        f"{danger} ({', '.join(sorted(names)) if len(names) == 1 else f'{len(names)} calls'})"
        for danger, names in calls.items()
    )


def finding_lines(found: Sequence[FilterFinding], style: Style, indent: str = "    ") -> Iterator[str]:
    """A paragraph for each finding, those that open something marked; at most a dozen."""
    for each in found[:_FOLD]:
        mark = "opens: " if each.opens else ""
        text = wrap(safe(f"{mark}{each.text} [{each.cause}]"), style.width, f"{indent}- ", f"{indent}  ")
        yield style.paint(text, Colour.RED) if each.opens else text
    if len(found) > _FOLD:
        yield f"{indent}... and {len(found) - _FOLD} more"
