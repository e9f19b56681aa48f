"""What is said of a gate's judgement: what fails it first, then what is let pass, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from profile_smoke.report.text import Colour, Style, clipped, counted, safe, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from profile_smoke.model import Gate, GateFinding, RunReport, Waiver

_LONGEST = 300


def render(report: RunReport, style: Style) -> str:
    """A line for the judgement and one for each finding; empty where no gate judged."""
    return "\n".join(_lines(report.gate, style)) + "\n\n" if report.gate is not None else ""


def _lines(gate: Gate, style: Style) -> Iterator[str]:
    waived = [each for each in gate.findings if each.waiver is not None]
    colours = (Colour.BOLD, Colour.RED) if gate.failing else (Colour.GREEN,)
    yield style.paint(outcome(gate).capitalize(), *colours)
    yield wrap(f"in force: {', '.join(gate.rules)}", style.width, "  ", "    ")
    for each in gate.failing:
        yield wrap(line(each), style.width, "  - ", "    ")
    for each in waived:
        yield style.paint(wrap(f"waived: {line(each)}", style.width, "  - ", "    "), Colour.DIM)


def line(finding: GateFinding) -> str:
    """The finding in a line: ``blocked: webapp/nginx@oci: ... (until 2027-01-31: reason)``."""
    text = f"{finding.rule}: {clipped(safe(finding.text), _LONGEST)}"
    return text if finding.waiver is None else f"{text} ({until(finding.waiver)})"


def until(waiver: Waiver) -> str:
    """``until 2027-01-31: reason``."""
    return f"until {waiver.expires}: {clipped(safe(waiver.reason), _LONGEST)}"


def outcome(gate: Gate) -> str:
    """``the gate failed: 2 findings, 1 waived``, in a line."""
    waived = len(gate.findings) - len(gate.failing)
    words = [
        *([counted(len(gate.failing), "finding")] if gate.failing else []),
        *([f"{waived} waived"] if waived else []),
    ]
    told = f": {', '.join(words)}" if words else ""
    return f"the gate {'failed' if gate.failing else 'passed'}{told}"
