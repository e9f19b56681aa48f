"""What is said of a gate's judgement: what fails it first, then what is let pass, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from profile_smoke.report.text import Colour, Style, clipped, counted, safe, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from profile_smoke.model import Gate, GateFinding, RunReport

_LONGEST = 300


def render(report: RunReport, style: Style) -> str:
    """A line for the judgement and one for each finding; empty where no gate judged."""
    return "\n".join(_lines(report.gate, style)) + "\n\n" if report.gate is not None else ""


def _lines(gate: Gate, style: Style) -> Iterator[str]:
    failing, waived = gate.failing, [each for each in gate.findings if each.waiver is not None]
    words = ", ".join(
        filter(
            None,
            [
                counted(len(failing), "finding") if failing else "",
                f"{len(waived)} waived" if waived else "",
            ],
        )
    )
    verdict = (
        style.paint("FAILED", Colour.BOLD, Colour.RED) if failing else style.paint("passed", Colour.GREEN)
    )
    yield f"{style.paint('The gate:', Colour.BOLD)} {verdict}{f' ({words})' if words else ''}"
    yield wrap(f"in force: {', '.join(gate.rules)}", style.width, "  ", "    ")
    for each in failing:
        yield wrap(line(each), style.width, "  - ", "    ")
    for each in waived:
        yield style.paint(wrap(f"waived: {line(each)}", style.width, "  - ", "    "), Colour.DIM)


def line(finding: GateFinding) -> str:
    """The finding in a line: ``blocked: webapp/nginx@oci: ... (until 2027-01-31: reason)``."""
    text = f"{finding.rule}: {clipped(safe(finding.text), _LONGEST)}"
    if finding.waiver is None:
        return text
    return f"{text} (until {finding.waiver.expires}: {clipped(safe(finding.waiver.reason), _LONGEST)})"
