"""`profile-smoke report`: other reports of a stored result, and several results made one. Nothing is launched."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from profile_smoke.cli import publish
from profile_smoke.cli.exit_code import exit_code
from profile_smoke.cli.stored_targets import StoredTarget, document_of
from profile_smoke.report import json, write
from profile_smoke.report.merge import merge
from profile_smoke.report.read import read
from profile_smoke.report.text import safe
from profile_smoke.run.differences import differences
from profile_smoke.run.unused import unused_by_profile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from profile_smoke.cli.options import Options
    from profile_smoke.model import Difference, RunReport


def main(options: Options) -> int:
    """Write what was asked for. A report ends as the run did; merging says nothing of verdicts, and ends with 0."""
    if options.merge:
        return _merge(options)
    publish.check(options)
    report = read(options.paths[0])
    publish.publish(report, options)
    return exit_code(report, exit_zero=options.exit_zero)


def _merge(options: Options) -> int:
    write.check(options.output)
    parts = [(path, read(path)) for path in options.paths]
    merged = merge(parts)
    merged = replace(
        merged,
        unused=unused_by_profile(merged.cells),
        differences=(*merged.differences, *_between([report for _, report in parts], merged)),
    )
    write.write(options.output, json.dump(merged))
    for text in filter(None, (merged.failure, *merged.notes)):
        print(f"profile-smoke: {safe(text)}", file=sys.stderr)  # noqa: T201
    return 0


def _between(parts: Sequence[RunReport], merged: RunReport) -> Iterator[Difference]:
    """What came out differently in two parts; what did within one, its run has told, with its targets at hand."""
    part = {cell.id: number for number, report in enumerate(parts) for cell in report.cells}
    for found in differences(merged.cells, StoredTarget, document_of):
        if part[found.works] != part[found.fails]:
            yield found
