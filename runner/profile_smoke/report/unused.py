"""What is said of calls that a profile allows and nothing used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from profile_smoke.report.text import Colour, Style, counted, safe, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from profile_smoke.model import RunReport, UnusedCalls

LIMITS = (
    "Not used by these probes on these images: other work, images or machines may need them. Without them the profile loses "
    "nothing that was seen here."
)


def render(report: RunReport, style: Style) -> str:
    """A paragraph for each profile, the most dangerous calls first; empty where nothing was measured."""
    if not report.unused:
        return ""
    parts = [
        style.paint("Allowed, but not used", Colour.BOLD),
        *("\n".join(_lines(each, style)) for each in report.unused),
        wrap(LIMITS, style.width),
    ]
    return "".join(f"{part}\n\n" for part in parts)


def _lines(unused: UnusedCalls, style: Style) -> Iterator[str]:
    count = counted(sum(len(risk.calls) for risk in unused.risks), "allowed call")
    title = f"{unused.profile}: {count} used by none of {', '.join(unused.cells)}"
    yield wrap(safe(title), style.width, "  ", "    ")
    if unused.not_measured:
        text = f"what these use is not known: {', '.join(unused.not_measured)}"
        yield wrap(safe(text), style.width, "    ", "      ")
    for risk in unused.risks:
        reason = f" ({risk.reason})" if risk.reason else ""
        line = wrap(safe(f"{risk.name}{reason}: {', '.join(risk.calls)}"), style.width, "    ", "      ")
        yield style.paint(line, Colour.YELLOW) if risk.dangerous else line
