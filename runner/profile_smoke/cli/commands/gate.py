"""`profile-smoke gate`: judge a stored result by the gate of the settings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from profile_smoke.cli import gating, publish
from profile_smoke.cli.exit_code import exit_code
from profile_smoke.report.read import read

if TYPE_CHECKING:
    from profile_smoke.cli.options import Options


def main(options: Options) -> int:
    """Read, judge, write; the exit code of the judgement."""
    publish.check(options)
    stored = read(options.paths[0])
    report = gating.judged(stored, replace(options, gate=True))
    publish.publish(report, options)
    return exit_code(report, exit_zero=False)
