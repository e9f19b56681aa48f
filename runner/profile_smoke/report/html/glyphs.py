"""The shapes that say with the colour, or without it, what something came to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from profile_smoke.model import Effect, Outcome, Verdict
from profile_smoke.report.html.markup import Markup, tag

if TYPE_CHECKING:
    from collections.abc import Mapping

_VERDICTS: Mapping[Verdict, tuple[str, str]] = {
    Verdict.PASSED: ("M12 2a10 10 0 1 1 0 20a10 10 0 1 1 0-20z", "M7.5 12.5l3 3 6-6.5"),
    Verdict.BLOCKED: ("M8 2h8l6 6v8l-6 6H8l-6-6V8z", "M8.5 8.5l7 7m0-7l-7 7"),
    Verdict.ERROR: ("M12 2.2L23 21.5H1z", "M12 9v6m0 3v.6"),
    Verdict.SKIPPED: ("M4 4h16v16H4z", "M8 12h8"),
}
"""An outline, and what is drawn into it, both in a field of 24 by 24: circle, octagon, triangle, square."""
EFFECTS: Mapping[Effect, str] = {
    Effect.BLOCKING: "M0-9.5L9.5 0 0 9.5-9.5 0z",
    Effect.TOLERATED: "M0-7.5a7.5 7.5 0 1 1 0 15a7.5 7.5 0 1 1 0-15z",
    Effect.UNKNOWN: "M-7-7h14v14h-14z",
}
"""Around their own middle, so that they stand on a moment: diamond, circle, square."""
_ENDS: Mapping[Outcome, str] = {
    Outcome.PASSED: "M-4 0l3 3.5 5-7",
    Outcome.FAILED: "M-4-4l8 8m0-8l-8 8",
    Outcome.ERROR: "M0-5v6m0 3.5v.5",
}


def sprite() -> Markup:
    """The shapes on bars, once; the page refers to them."""
    effects = [tag("path", id=f"e-{effect}", d=path) for effect, path in EFFECTS.items()]
    ends = [tag("path", id=f"o-{outcome}", d=path) for outcome, path in _ENDS.items()]
    cut = tag("path", id="o-cut", d="M-7-11l4 5.5-4 5.5 4 5.5-4 5.5m5-22l4 5.5-4 5.5 4 5.5-4 5.5")
    return tag("svg", tag("defs", effects, ends, cut), class_="sprite", aria_hidden="true")


def verdict(which: Verdict) -> Markup:
    """The shape of a verdict, for beside words that say it."""
    outline, sign = _VERDICTS[which]
    # Not by reference: of hundreds, a browser makes its own copies slower than it reads ours.
    shapes = tag("path", class_="shape", d=outline), tag("path", class_="sign", d=sign)
    return tag("svg", shapes, class_="glyph", viewBox="0 0 24 24", aria_hidden="true")


def effect(which: Effect, number: int) -> Markup:
    """The shape of an effect with the number that it has in the picture."""
    shape = tag("use", href=f"#e-{which}", x="50%", y="50%")
    figure = tag("text", str(number), x="50%", y="50%") if number else None
    return tag("svg", shape, figure, class_=f"mark {which}", aria_hidden="true")


def placed(name: str, where: str, height: float, class_: str | None = None) -> Markup:
    """A shape at a moment of a bar."""
    return tag("use", href=f"#{name}", x=where, y=f"{height:g}", class_=class_)
