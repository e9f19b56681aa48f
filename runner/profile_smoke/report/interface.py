"""What a report format is: a name, and a function from a run's result to text."""

from __future__ import annotations

import importlib
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, assert_never, cast

if TYPE_CHECKING:
    from profile_smoke.model import RunReport
    from profile_smoke.report.text import Style


STDOUT = "-"
"""The destination that is no file."""


class Format(StrEnum):
    """The formats that the result of a run can be rendered in."""

    TABLE = "table"
    JSON = "json"
    HTML = "html"
    MARKDOWN = "markdown"
    GITHUB = "github"
    JUNIT = "junit"
    SARIF = "sarif"
    PROMETHEUS = "prometheus"


class PlainFormat(StrEnum):
    """The formats of what commands tell that are no runs."""

    TABLE = "table"
    JSON = "json"


class _Module(Protocol):
    """What the module of a format has that is not for people alone."""

    def render(self, report: RunReport) -> str:
        """The result as text, ending in a newline."""


def render(report: RunReport, form: Format, style: Style) -> str:
    """The result as text, ending in a newline. `style` only concerns formats for people.

    Formats are imported when they are used: the command line needs their names on every start, and no more.
    """
    match form:
        case Format.TABLE:
            from profile_smoke.report import brief, differences, gate, story, table, unused

            return "".join(
                part(report, style)
                for part in (
                    *(table.render, differences.render, story.render),
                    *(unused.render, gate.render, brief.summary),
                )
            )
        case Format.JSON:
            from profile_smoke.report import json

            return json.dump(report)
        case Format.HTML | Format.MARKDOWN | Format.GITHUB | Format.JUNIT | Format.SARIF | Format.PROMETHEUS:
            return cast("_Module", importlib.import_module(f"profile_smoke.report.{form}")).render(report)
        case _ as never:
            assert_never(never)
