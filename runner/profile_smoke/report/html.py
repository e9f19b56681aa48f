"""The result as one page for a browser."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from profile_smoke.report import story, table
from profile_smoke.report.text import Style

if TYPE_CHECKING:
    from profile_smoke.model import RunReport


def render(report: RunReport) -> str:
    """One self-contained HTML document."""
    text = "".join(part(report, Style()) for part in (table.render, story.render, table.summary))
    head = '<!DOCTYPE html>\n<html lang="en"><meta charset="utf-8"><title>profile-smoke</title>'
    return f"{head}\n<pre>{escape(text)}</pre>\n</html>\n"
