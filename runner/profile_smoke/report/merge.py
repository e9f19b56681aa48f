"""Putting the results of several machines together into one."""

from __future__ import annotations

import itertools
from collections import defaultdict
from typing import TYPE_CHECKING

from profile_smoke.errors import BadFileError
from profile_smoke.model import RunReport, Selection
from profile_smoke.report import moment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_FOLD = 12


def merge(parts: Sequence[tuple[str, RunReport]]) -> RunReport:
    """One result of those of several files: all their cells, from the first start to the last end.

    Parts of a selection of which one is missing make a result that has failed. What only the whole can tell, `unused`,
    `gate` and the differences between parts, is left for the caller to work out.

    Raises:
        BadFileError: a cell is in two of the files, or in one of them twice.
    """
    _check_unique(parts)
    reports = [report for _, report in parts]
    began, seconds = _time(reports)
    chosen = [report.selection for report in reports]
    failures = dict.fromkeys(report.failure for report in reports if report.failure)
    return RunReport(
        run="+".join(dict.fromkeys(report.run for report in reports)),
        version="+".join(sorted({report.version for report in reports})),
        started=began,
        seconds=seconds,
        cells=tuple(cell for report in reports for cell in report.cells),
        interrupted=any(report.interrupted for report in reports),
        differences=tuple(each for report in reports for each in report.differences),
        failure="; ".join([*failures, *_missing(reports)]),
        selection=chosen[0] if all(each == chosen[0] for each in chosen) else Selection(),
        notes=tuple(
            dict.fromkeys([*(note for report in reports for note in report.notes), *_differences(parts)])
        ),
    )


def _check_unique(parts: Sequence[tuple[str, RunReport]]) -> None:
    found: dict[str, str] = {}
    for path, report in parts:
        for index, cell in enumerate(report.cells):
            if (other := found.setdefault(cell.id, path)) != path:
                problem = f"{cell.id} is in {other} too; a cell counts once, so leave one of the files out"
                raise BadFileError(path, f"cells[{index}].id", problem)


def _missing(reports: Sequence[RunReport]) -> Iterator[str]:
    """The parts that are not there, of each division of which some are."""
    found: dict[int, set[int]] = defaultdict(set)
    for report in reports:
        if report.shard:
            index, count = map(int, report.shard.split("/"))
            found[count].add(index)
    for count, there in found.items():
        absent = (str(index) for index in range(1, count + 1) if index not in there)
        if rest := count - len(there):
            more = ", ..." if rest > _FOLD else ""
            yield f"of {count} parts these are missing: {', '.join(itertools.islice(absent, _FOLD))}{more}"


def _differences(parts: Sequence[tuple[str, RunReport]]) -> Iterator[str]:
    """Where the parts were not made alike."""
    versions: dict[str, list[str]] = defaultdict(list)
    digests: dict[str, set[str | None]] = defaultdict(set)
    for path, report in parts:
        versions[report.version].append(path)
        for cell in report.cells:
            digests[cell.profile.name].add(cell.profile.sha256)
    if len(versions) > 1:
        told = "; ".join(f"{version}: {', '.join(paths)}" for version, paths in versions.items())
        yield f"made by several versions of profile-smoke ({told})"
    for name, found in digests.items():
        if len(found) > 1:
            yield f"the profile {name} was not the same file everywhere"


def _time(reports: Sequence[RunReport]) -> tuple[str, float]:
    """When the first began, and seconds until the last ended; the sum of all where a start is no time."""
    starts = [began for report in reports if (began := moment.started(report))]
    ends = [ended for report in reports if (ended := moment.ended(report))]
    if len(starts) < len(reports) or len(ends) < len(reports):
        return reports[0].started, sum(report.seconds for report in reports)
    return moment.shown(min(starts)), (max(ends) - min(starts)).total_seconds()
