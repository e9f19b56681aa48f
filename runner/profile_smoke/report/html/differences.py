"""Cells of one profile and one scenario that came out differently: which, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from profile_smoke.report.differences import TITLE, parts
from profile_smoke.report.html.markup import NOTHING, Markup, tag
from profile_smoke.report.html.matrix import link, places

if TYPE_CHECKING:
    from collections.abc import Mapping

    from profile_smoke.model import Difference, RunReport


def render(report: RunReport) -> Markup:
    """A section; nothing where all came out alike."""
    if not report.differences:
        return NOTHING
    found = places(report)
    return tag(
        "section",
        tag("h2", TITLE, id="differences"),
        tag("ul", [_difference(each, found) for each in report.differences], class_="findings"),
        aria_labelledby="differences",
    )


def _difference(each: Difference, found: Mapping[str, str]) -> Markup:
    fails, verb, works, why = parts(each)
    return tag("li", link(fails, found), verb, link(works, found), why)
