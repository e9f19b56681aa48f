"""The launches of a cell as bars on one scale of time: phases, refused calls as marks, how each ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from profile_smoke.model import (
    PHASE_CREATE,
    PHASE_START,
    PHASE_STOP,
    Answer,
    CellResult,
    Denial,
    Launch,
    LaunchKind,
    Outcome,
)
from profile_smoke.report import words
from profile_smoke.report.html import facts, glyphs
from profile_smoke.report.html.markup import Child, Markup, join, tag
from profile_smoke.report.text import clipped, counted, safe, seconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_BAR = 22
"""Height of a bar, and of a row of marks above it, in pixels. Positions along it are per cent: it is as wide as there is
room."""
_ROWS = 4
_APART = 5.0
"""Marks closer than this, in per cent, go into different rows; a shape is about as wide on a phone."""
_MARKS = 24
_LONGEST = 3.0
"""So many times as long as the longest launch that passed is a bar at most: a time-out would leave nothing of the others."""
_TICKS = 5
_STEPS = (20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 60_000, 120_000, 300_000, 600_000)
_LEGIBLE = 11.0
_SHOWN_STEPS, _STEP = 30, 300
_PHASES = {PHASE_CREATE: "create", PHASE_START: "start", PHASE_STOP: "stop"}
_PROBES = "probes"


@dataclass(frozen=True)
class _Scale:
    """`end` is the moment, in ms, at the right end of every bar."""

    end: float

    def share(self, moment: float) -> float:
        return min(max(moment, 0) / self.end, 1) * 100

    def at(self, moment: float) -> str:
        return f"{self.share(moment):.2f}%"

    def width(self, begin: float, end: float) -> str:
        return f"{max(self.share(end) - self.share(begin), 0):.2f}%"

    def ticks(self) -> range:
        step = next((step for step in _STEPS if self.end / step <= _TICKS), int(self.end / _TICKS) or 1)
        return range(0, int(self.end) + 1, step)


def numbered(cell: CellResult) -> dict[int, int]:
    """The numbers of the refused calls that are marked in the picture, by their place in `cell.denials`."""
    if not any(launch.kind is LaunchKind.OBSERVE for launch in cell.launches):
        return {}
    seen = [index for index, denial in enumerate(cell.denials) if denial.process.comm][:_MARKS]
    return {index: number for number, index in enumerate(seen, 1)}


def figure(cell: CellResult) -> Markup | None:
    """The picture with its words; None where nothing was launched."""
    told = list(_told(cell))
    if not told:
        return None
    scale = _scale([launch for _, launch in told])
    marks = [(number, cell.denials[index]) for index, number in numbered(cell).items()]
    first = next((launch for _, launch in told if launch.kind is LaunchKind.OBSERVE), None)
    items = [
        _item(facts.naming(label, cell.profile.name), launch, scale, marks if launch is first else [])
        for label, launch in told
    ]
    return join(
        tag("div", _axis(scale), tag("ol", items, class_="launches"), class_="chart"),
        _key(marks=bool(marks)),
        _rest(cell, [launch for _, launch in told]),
    )


def _told(cell: CellResult) -> Iterator[tuple[str, Launch]]:
    """The launches that show something, in the order of the proof, each with what it shows."""
    if cell.control is not None:
        yield f"the default profile of {cell.target.name}", cell.control
    enforced = [launch for launch in cell.launches if launch.kind is LaunchKind.ENFORCE]
    yield from ((words.launch_label(cell, launch), launch) for launch in enforced if not launch.allowed)
    for answer, text in (
        (Answer.CONTINUE, "observed: refused calls let through"),
        (Answer.DENY, "observed: calls refused"),
    ):
        found = (launch for launch in cell.launches if launch.answer is answer and not launch.allowed)
        if (launch := next(found, None)) is not None:
            yield text, launch
    yield from words.fixed_launches(cell)[:_ROWS]


def _scale(launches: Sequence[Launch]) -> _Scale:
    longest = max(launch.seconds for launch in launches)
    passed = [launch.seconds for launch in launches if launch.outcome is Outcome.PASSED]
    end = min(longest, _LONGEST * max(passed)) if passed else longest
    return _Scale(max(end * 1000, 1.0))


def _axis(scale: _Scale) -> Markup:
    texts = [
        tag("text", f"{tick / 1000:g} s" if tick else "0", x=scale.at(tick), y="11") for tick in scale.ticks()
    ]
    return tag("svg", texts, class_="axis", height="14", aria_hidden="true")


def _item(label: Child, launch: Launch, scale: _Scale, marks: Sequence[tuple[int, Denial]]) -> Markup:
    head = tag(
        "p",
        tag("span", label, class_="name"),
        tag("span", launch.outcome.value, class_=f"outcome {launch.outcome}"),
        tag("span", seconds(launch.seconds), class_="time"),
        class_="head",
    )
    place = f"in phase {launch.phase}: " if launch.phase and launch.outcome is not Outcome.PASSED else ""
    why = tag("p", f"{place}{launch.reason}", class_="why") if launch.reason else None
    return tag("li", head, _bar(launch, scale, marks), why)


def _bar(launch: Launch, scale: _Scale, marks: Sequence[tuple[int, Denial]]) -> Markup:
    end = launch.seconds * 1000
    places = _rows(marks, scale)
    top = (max((row for *_, row in places if row is not None), default=-1) + 1) * _BAR
    grid = [
        tag("line", class_="grid", x1=scale.at(tick), x2=scale.at(tick), y1="0", y2=str(top + _BAR))
        for tick in scale.ticks()
    ]
    shape = [
        *grid,
        *_segments(launch, scale, end, top),
        *(_mark(number, denial, row, scale, top) for number, denial, row in places),
        _end(launch, scale, end, top + _BAR / 2),
    ]
    return tag(
        "svg", tag("title", _in_words(launch, marks)), shape, class_="bar", height=str(top + _BAR), role="img"
    )


def _in_words(launch: Launch, marks: Iterable[tuple[int, Denial]]) -> str:
    moments = [f"{phase} from {moment:.0f} ms" for phase, moment in launch.phases.items()]
    moments += [f"{denial.syscall} refused at {denial.first_ms:.0f} ms" for _, denial in marks]
    return ", ".join([*moments, f"{launch.outcome} after {launch.seconds * 1000:.0f} ms"])


def _segments(launch: Launch, scale: _Scale, end: float, top: int) -> Iterator[Markup]:
    """A rectangle for each phase, those of the probes as one with lines between, named where a name fits."""
    begins: dict[str, float] = {}
    between = []
    for phase, moment in sorted(launch.phases.items(), key=lambda item: item[1]):
        name = _PHASES.get(phase, _PROBES)
        if begins.setdefault(name, moment) != moment:
            between.append(moment)
    spans = list(zip(begins.items(), [*begins.values(), end][1:], strict=True))
    for (name, begin), until in spans:
        width = scale.width(begin, until)
        yield tag(
            "rect", class_=f"phase {name}", x=scale.at(begin), y=str(top), width=width, height=str(_BAR)
        )
    for moment in between:
        where = scale.at(moment)
        yield tag("line", class_="probe", x1=where, x2=where, y1=str(top + 4), y2=str(top + _BAR - 4))
    for (name, begin), until in spans:
        if scale.share(until) - scale.share(begin) >= _LEGIBLE:
            text = tag("text", name, class_=f"phase {name}", x="6", y="15")
            width = scale.width(begin, until)
            yield tag("svg", text, x=scale.at(begin), y=str(top), width=width, height=str(_BAR))


def _rows(marks: Sequence[tuple[int, Denial]], scale: _Scale) -> list[tuple[int, Denial, int | None]]:
    """Each mark with its row above the bar, 0 the nearest; None where all are taken, and only a line is left."""
    last = [-_APART] * _ROWS
    placed: list[tuple[int, Denial, int | None]] = []
    for number, denial in marks:
        share = scale.share(denial.first_ms)
        row = next((row for row in range(_ROWS) if share - last[row] >= _APART), None)
        if row is not None:
            last[row] = share
        placed.append((number, denial, row))
    return placed


def _mark(number: int, denial: Denial, row: int | None, scale: _Scale, top: int) -> Markup:
    where, class_ = scale.at(denial.first_ms), f"mark {denial.effect}"
    if row is None:
        line = tag("line", class_="stem", x1=where, x2=where, y1=str(top), y2=str(top + _BAR))
        return tag("g", line, class_=class_)
    middle = top - _BAR * row - _BAR / 2
    stem = tag("line", class_="stem", x1=where, x2=where, y1=f"{middle:g}", y2=str(top + _BAR))
    text = tag("text", str(number), x=where, y=f"{middle:g}")
    return tag("g", stem, glyphs.placed(f"e-{denial.effect}", where, middle), text, class_=class_)


def _end(launch: Launch, scale: _Scale, end: float, middle: float) -> Markup:
    if end > scale.end:
        return glyphs.placed("o-cut", "100%", middle, "cut")
    return tag(
        "g",
        tag("circle", cx=scale.at(end), cy=f"{middle:g}", r="8"),
        glyphs.placed(f"o-{launch.outcome}", scale.at(end), middle, "sign"),
        class_=f"end {launch.outcome}",
    )


def _key(*, marks: bool) -> Markup:
    phases = [
        tag("li", tag("span", class_=f"swatch {name}"), name)
        for name in ("create", "start", "probes", "stop")
    ]
    shapes = [tag("li", glyphs.effect(effect, 0), effect.value) for effect in glyphs.EFFECTS] if marks else []
    note = (
        "Marks stand where a refused call was first made in an observed launch; their numbers are those of the calls above. "
        "Where too many lie on each other, only a line is left."
        if marks
        else None
    )
    return join(tag("ul", phases, shapes, class_="key"), tag("p", note, class_="fine") if note else None)


def _rest(cell: CellResult, told: Sequence[Launch]) -> Markup | None:
    """The steps of the search, in words."""
    steps = [launch for launch in cell.launches if not any(launch is each for each in told)]
    if not steps:
        return None
    items = [tag("li", clipped(safe(_step(launch)), _STEP)) for launch in steps[:_SHOWN_STEPS]]
    if len(steps) > _SHOWN_STEPS:
        items.append(tag("li", f"and {len(steps) - _SHOWN_STEPS} more, in the JSON report"))
    title = f"{counted(len(steps), 'more launch')} on the way there"
    return tag("details", tag("summary", title), tag("ol", items, class_="steps"), class_="fold")


def _step(launch: Launch) -> str:
    how = f"{launch.kind} ({launch.answer})" if launch.answer else launch.kind.value
    allowed = f" + {', '.join(launch.allowed)}" if launch.allowed else ""
    phase = f" in {launch.phase}" if launch.phase and launch.outcome is not Outcome.PASSED else ""
    reason = f": {launch.reason}" if launch.reason else ""
    return f"{how}{allowed}: {launch.outcome} {seconds(launch.seconds)}{phase}{reason}"
