"""What a cell ran on and with: folded away, for whoever wants to know exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from profile_smoke.report import words
from profile_smoke.report.html.markup import Child, Markup, join, tag
from profile_smoke.report.text import counted, seconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from profile_smoke.model import CellResult, FilterCheck


def folds(cell: CellResult) -> Iterator[Markup]:
    """Everything that is not part of the story."""
    if cell.unused:
        title = f"{counted(len(cell.unused), 'allowed call')} that it did not use"
        yield fold(title, tag("p", names(cell.unused), class_="calls"))
    if cell.filter is not None and (found := list(_filter(cell, cell.filter))):
        yield fold("The loaded filter", found)
    yield fold("Image, profile, versions", tag("dl", _facts(cell)), command(words.command(cell)))


def fold(title: str, *children: Child) -> Markup:
    """Something under a line that opens it."""
    return tag("details", tag("summary", title), children, class_="fold")


def names(calls: Iterable[str]) -> Child:
    """Calls, with commas between: pieces of text, so that no list is too long."""
    return [f", {call}" if index else call for index, call in enumerate(calls)]


def naming(text: str, name: str) -> Child:
    """A sentence with a name in backticks, as terminals need them, set as a page does it."""
    before, found, after = text.partition(f"`{name}`")
    return [before, tag("code", name), after] if found else text


def command(text: str) -> Markup:
    """A command line to copy, in pieces that stay together where there is room."""
    first, *rest = text.split(" --")
    words = [first, *(f"--{word}" for word in rest)]
    parts = [join(" " if index else None, tag("span", word)) for index, word in enumerate(words)]
    return tag("pre", tag("code", parts), class_="command", tabindex=0, role="group", aria_label="Command")


def _filter(cell: CellResult, check: FilterCheck) -> Iterator[Markup]:
    if state := words.filter_state(cell):
        yield tag("p", state)
    if check.findings:
        yield tag(
            "ul",
            [
                tag("li", tag("b", "opens: ") if each.opens else None, f"{each.text} [{each.cause}]")
                for each in check.findings
            ],
        )


def _facts(cell: CellResult) -> Iterator[Markup]:
    profile, image = cell.profile, cell.image
    yield _fact("Profile", profile.path or f"{profile.name}, the target's own default")
    if profile.sha256:
        yield _fact("SHA-256 of the profile", tag("code", profile.sha256))
    if cell.score is not None:
        yield _fact("Score of the profile", "; ".join([f"tier {cell.score.tier}", *cell.score.reasons]))
    yield _fact("Expected", cell.expected.value)
    yield _fact("May gain privileges", "no (no_new_privs)" if cell.no_new_privileges else "yes")
    if image is not None:
        yield _fact("Image", image.ref)
        yield _fact("Digest", tag("code", image.digest))
        if image.standin:
            packages = ", ".join(f"{name} {version}" for name, version in image.standin.packages.items())
            yield _fact("Stand-in", f"{image.standin.name}, {image.standin.distribution}: {packages}")
    yield _fact("Target", cell.target.name)
    for name, version in cell.target.versions.items():
        yield _fact(name, version)
    yield _fact("Took", seconds(cell.seconds))


def _fact(name: str, value: Child) -> Markup:
    return join(tag("dt", name), tag("dd", value))
