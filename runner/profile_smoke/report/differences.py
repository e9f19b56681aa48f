"""What is said of cells that came out differently on different targets, or in different settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from profile_smoke.model import DifferenceCause
from profile_smoke.report.text import Colour, Style, safe, wrap

if TYPE_CHECKING:
    from profile_smoke.model import Difference, RunReport

TITLE = "The same profile, another outcome"


def render(report: RunReport, style: Style) -> str:
    """A paragraph for each; empty where there is none."""
    if not report.differences:
        return ""
    lines = [wrap(safe(line(each)), style.width, "  - ", "    ") for each in report.differences]
    return "\n".join([style.paint(TITLE, Colour.BOLD), *lines]) + "\n\n"


def line(each: Difference) -> str:
    """Which cells, and why."""
    return "".join(parts(each))


def parts(each: Difference) -> tuple[str, str, str, str]:
    """The same in four: the id of the cell that fails, words, the id of the one that works, words."""
    calls = f" ({', '.join(each.calls)})" if each.calls else ""
    why = f"why is unknown: {each.text}" if each.cause is DifferenceCause.UNKNOWN else each.text
    return each.fails, f" does not work{calls}, ", each.works, f" does: {why}"
