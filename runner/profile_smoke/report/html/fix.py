"""The fix of a cell: how it changes the profile's file, what proves it, and the command that writes it."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from profile_smoke.report import evidence, words
from profile_smoke.report.html.facts import command
from profile_smoke.report.html.markup import LONGEST, Markup, lines, tag

if TYPE_CHECKING:
    from collections.abc import Iterator

    from profile_smoke.model import CellResult, Fix

_WIDTH = 96
_KINDS = {"+": "added", "-": "removed", "@": "place"}
"""What the sign says that a line of a unified diff begins with."""
_HEAD = ("--- ", "+++ ")


def render(cell: CellResult, found: Fix) -> Iterator[Markup]:
    """All that is to be said of it, one below the other."""
    yield tag("p", words.fix_proof(found))
    diff = found.diff.removesuffix("\n").split("\n")
    # Of a file that is one line, a diff shows nothing; of a profile without a file there is none.
    if found.diff and max(map(len, diff)) <= LONGEST:
        yield _lines(diff, "The change of the profile's file")
        alone = "Or let it be written:"
    else:
        added = [
            f"+ {line[2:]}" for rule in found.rules for line in f"{evidence.rule(rule, _WIDTH)},".splitlines()
        ]
        yield _lines(['  "syscalls": [', *added, "    …"], "The lines to add")
        alone = "Or let it be written, in the file's own layout, past rules that would win over it:"
    if path := cell.profile.path:
        yield tag("p", alone)
        yield command(f"{words.command(cell)} --write-fix {words.quoted(f'fixed-{PurePath(path).name}')}")


def _lines(diff: list[str], name: str) -> Markup:
    """The lines, each of its kind: the sign says it too."""
    shown = [tag("span", line, class_=_kind(line, index)) for index, line in enumerate(diff)]
    return tag("pre", lines(shown), class_="diff", tabindex=0, role="group", aria_label=name)


def _kind(line: str, index: int) -> str:
    return "place" if line.startswith(_HEAD[index : index + 1]) else _KINDS.get(line[:1], "same")
