"""Writing the reports of a result: what `run` and `report` share."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from profile_smoke import interrupts, paths
from profile_smoke.errors import SmokeError, UsageError
from profile_smoke.report import write
from profile_smoke.report.interface import render
from profile_smoke.report.text import Style

if TYPE_CHECKING:
    from profile_smoke.cli.options import Options
    from profile_smoke.model import RunReport


def check(options: Options) -> None:
    """Raise UsageError where a report could not be written: before minutes of work, not after."""
    found: dict[str, str] = {}
    for destination in (options.output, *(each.path for each in options.reports)):
        write.check(destination)
        place = os.path.realpath(destination)
        if destination != write.STDOUT and not _takes_several(place) and place in found:
            raise UsageError(
                f"{destination}: two reports cannot go to one file; {found[place]} is named already"
            )
        found[place] = destination


def _takes_several(place: str) -> bool:
    """Whether what is written there does not replace what was: `/dev/null`, a pipe."""
    return paths.exists(place) and not paths.is_file(place)


def publish(report: RunReport, options: Options) -> None:
    """Write all reports that were asked for; one that cannot be written does not keep the others from it.

    Raises:
        SmokeError: the first that could not be written, after the others are.
    """
    errors: list[SmokeError] = []
    with interrupts.shielded():
        for each in options.reports:
            try:
                write.write(each.path, render(report, each.format, Style()))
            except SmokeError as error:
                errors.append(error)
    style = Style.of(sys.stdout) if options.output == write.STDOUT else Style()
    try:
        text = render(report, options.format, style)
        # A signal comes before the last byte, or too late: a whole result beside an interruption's code would be a riddle.
        with interrupts.shielded():
            write.write(options.output, text, interrupts.admitted)
            interrupts.over()
    except SmokeError as error:
        errors.append(error)
    if errors:
        raise errors[0]
