"""`profile-smoke report`: other reports of a stored result, and several results made one. Nothing is launched."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from profile_smoke.cli import publish
from profile_smoke.cli.exit_code import exit_code
from profile_smoke.report import json, write
from profile_smoke.report.merge import merge
from profile_smoke.report.read import read
from profile_smoke.report.text import safe
from profile_smoke.run.unused import unused_by_profile

if TYPE_CHECKING:
    from profile_smoke.cli.options import Options


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
    merged = merge([(path, read(path)) for path in options.paths])
    merged = replace(merged, unused=unused_by_profile(merged.cells))
    write.write(options.output, json.dump(merged))
    for text in filter(None, (merged.failure, *merged.notes)):
        print(f"profile-smoke: {safe(text)}", file=sys.stderr)  # noqa: T201
    return 0
