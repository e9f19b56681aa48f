"""A run, and a cell, in the fewest words: what tables, headings and annotations say alike."""

from __future__ import annotations

from collections import Counter

from profile_smoke.model import CellResult, Fix, ImageInfo, RunReport, Verdict
from profile_smoke.report import drift
from profile_smoke.report.text import Colour, Style, counted, safe, seconds


def summary(report: RunReport, style: Style) -> str:
    """How many cells, how they came out, and how long it took; ends in a newline."""
    gating = [cell for cell in report.cells if cell.gates]
    unexpected = sum(cell.unexpected for cell in gating)
    other = Counter(cell.verdict for cell in gating if cell.verdict in (Verdict.ERROR, Verdict.SKIPPED))
    as_expected = len(gating) - unexpected - other.total()
    counts = [
        style.paint(f"{as_expected} as expected", *([Colour.GREEN] if as_expected else [])),
        style.paint(f"{unexpected} NOT as expected", Colour.BOLD, Colour.RED) if unexpected else "",
        style.paint(f"{other[Verdict.ERROR]} in error", Colour.YELLOW) if other[Verdict.ERROR] else "",
        f"{other[Verdict.SKIPPED]} skipped" if other[Verdict.SKIPPED] else "",
    ]
    parts = [f"{counted(len(gating), 'deciding cell')}: {', '.join(filter(None, counts))}"] if gating else []
    informing = Counter(cell.verdict for cell in report.cells if not cell.gates)
    if informing:
        words = ", ".join(f"{informing[verdict]} {verdict}" for verdict in Verdict if informing[verdict])
        parts.append(f"{counted(informing.total(), 'informing cell')}: {words}")
    if not report.cells:
        parts.append("no cell was run")
    if report.interrupted:
        parts.append(style.paint("interrupted, so incomplete", Colour.YELLOW))
    if report.failure:
        parts.append(style.paint(safe(f"the run failed: {report.failure}"), Colour.YELLOW))
    parts += [safe(f"note: {note}") for note in report.notes]
    return "\n".join([*parts, f"took {seconds(report.seconds)}"]) + "\n"


def why(cell: CellResult) -> str:
    """What blocked the cell, or what else there is to say about it, in a line."""
    if cell.forbidden:
        return f"permits what it must not: {', '.join(line.split(' [')[0] for line in cell.forbidden)}"
    if cell.verdict is Verdict.BLOCKED and cell.blocking:
        return f"{', '.join(cell.blocking)} ({cell.phase})" if cell.phase else ", ".join(cell.blocking)
    if cell.verdict is Verdict.BLOCKED:
        known = (
            f"among {counted(fixed_calls(cell.fix), 'call')}" if cell.fix and cell.fix.verified else "unknown"
        )
        return f"blocking syscalls {known}: {cell.reason}" if cell.reason else f"blocking syscalls {known}"
    return cell.reason or drift.why(cell)


def fixed_calls(fix: Fix) -> int:
    """How many syscalls a fix allows."""
    return len({name for rule in fix.rules for name in rule["names"]})


def setting(cell: CellResult) -> str:
    """``+no-new-privs``, where the cell's id says that it ran otherwise than its scenario says."""
    _, plus, name = cell.id.partition("+")
    return plus + name


def standin_name(image: ImageInfo) -> str:
    """The stand-in's main packages and versions, such as ``mariadb-server 10.11.6``; empty where there is none."""
    if image.standin is None:
        return ""
    name, packages = image.standin.name, image.standin.packages
    if name in packages or not packages:
        return " ".join([name, *([packages[name]] if packages else [])])
    return ", ".join(f"{package} {version}" for package, version in packages.items())
