"""The result for the textfile collector of Prometheus' node-exporter: text format 0.0.4, no timestamps.

Each run writes the file anew, so its counts are those of one run: they go down as well as up, and a violation that is
gone has no series any more.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from profile_smoke.model import CellResult, Effect, RunReport, Verdict
from profile_smoke.report import moment
from profile_smoke.report.escape import label

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


class _Family(NamedTuple):
    """A metric with its samples: labels and value."""

    name: str
    kind: str
    text: str
    samples: Sequence[tuple[Mapping[str, str], float]]


def render(report: RunReport) -> str:
    """The file's text, ending in a newline."""
    return "".join(line for family in _families(report) for line in _lines(family))


def _families(report: RunReport) -> Iterator[_Family]:
    cells = [(_labels(cell), cell) for cell in report.cells]
    yield _Family(
        "seccomp_violations_total",
        "counter",
        "Refused system calls that the workload attempted in the last run; at least 1 for one proven by relaunching.",
        _violations(report.cells),
    )
    yield _Family(
        "profile_smoke_cell_verdict",
        "gauge",
        "1 for the verdict of each cell of the last run.",
        [({**labels, "expected": cell.expected, "verdict": cell.verdict}, 1) for labels, cell in cells],
    )
    yield _Family(
        "profile_smoke_cell_unexpected",
        "gauge",
        "Whether the cell makes the run fail.",
        [(labels, cell.unexpected) for labels, cell in cells],
    )
    yield _Family(
        "profile_smoke_cell_duration_seconds",
        "gauge",
        "How long the cell took.",
        [(labels, cell.seconds) for labels, cell in cells],
    )
    yield _Family(
        "profile_smoke_cell_fix_verified",
        "gauge",
        "Whether the fix of a blocked cell was proven by a launch; no series without a fix.",
        [(labels, cell.fix.verified) for labels, cell in cells if cell.fix],
    )
    yield from _of_run(report)


def _of_run(report: RunReport) -> Iterator[_Family]:
    verdicts = Counter(cell.verdict for cell in report.cells)
    samples = [({"verdict": verdict.value}, verdicts[verdict]) for verdict in Verdict]
    yield _Family("profile_smoke_cells", "gauge", "Cells of the last run by verdict.", samples)
    yield _Family("profile_smoke_run_duration_seconds", "gauge", "How long it took.", [({}, report.seconds)])
    whole = not (report.interrupted or report.failure)
    text = "Whether the last run came to its end: 0 when it was interrupted or failed."
    yield _Family("profile_smoke_run_complete", "gauge", text, [({}, whole)])
    if report.gate is not None:
        text = "Whether the gate let the last run pass."
        yield _Family("profile_smoke_gate_passed", "gauge", text, [({}, not report.gate.failing)])
        found = Counter((each.rule, each.waiver is not None) for each in report.gate.findings)
        text = "Findings of the gate by rule, and whether a waiver lets them pass."
        yield _Family(
            "profile_smoke_gate_findings",
            "gauge",
            text,
            [
                ({"rule": rule, "waived": word}, found[rule, waived])
                for rule in report.gate.rules
                for waived, word in ((False, "false"), (True, "true"))
            ],
        )
    if (ended := moment.ended(report)) is not None:
        text = "When the last run ended, in seconds since 1970."
        yield _Family("profile_smoke_last_run_timestamp_seconds", "gauge", text, [({}, ended.timestamp())])
    text = "The version of profile-smoke."
    yield _Family("profile_smoke_build_info", "gauge", text, [({"version": report.version}, 1)])


def _labels(cell: CellResult) -> dict[str, str]:
    return {
        "profile": cell.profile.name,
        "scenario": cell.scenario,
        "target": cell.target.name,
        "cell": cell.id,
    }


def _violations(cells: Sequence[CellResult]) -> list[tuple[Mapping[str, str], float]]:
    """Attempts by profile, scenario, target, call and effect; of all phases, processes and settings together."""
    counts: Counter[tuple[str, str, str, str, Effect]] = Counter()
    for cell in cells:
        for denial in cell.denials:
            place = (cell.profile.name, cell.scenario, cell.target.name)
            counts[*place, denial.syscall, denial.effect] += max(denial.count, 1)
    names = ("profile", "scenario", "target", "syscall", "effect")
    return [(dict(zip(names, key, strict=True)), count) for key, count in counts.items()]


def _lines(family: _Family) -> Iterator[str]:
    """Help and type stand there even without samples: whoever reads the file sees what there could be."""
    yield f"# HELP {family.name} {family.text}\n# TYPE {family.name} {family.kind}\n"
    samples: dict[str, float] = {}
    for labels, value in family.samples:
        listed = ",".join(f'{name}="{label(text)}"' for name, text in labels.items())
        # Names that differ only in what does not print are shown alike; the same series twice would spoil the file.
        samples[listed] = samples.get(listed, 0) + value
    for listed, value in samples.items():
        yield f"{family.name}{f'{{{listed}}}' if listed else ''} {float(value):.17g}\n"
