"""HTML elements from Python values. Every text is escaped, unless it is `Markup`, which only this module makes.

So what a container wrote cannot become an element, an attribute or a script, whoever writes the page: there is no way to
put it in raw.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING

from profile_smoke.report.text import clipped, safe

if TYPE_CHECKING:
    from pathlib import Path

LONGEST = 2000
"""Characters of a text from outside; the page is for reading, and the JSON report has all of it."""
LONGEST_LINE = 400
"""The same, of a log's line."""
_VOID = frozenset({"br", "col", "input", "meta", "wbr"})


class Markup(str):
    """Finished HTML."""

    __slots__ = ()


Child = str | Markup | None | Iterable["Child"]
"""What an element may hold: text, elements, nothing, or several of these."""
Attribute = str | int | float | bool | None
"""True stands without a value; False and None leave the attribute out."""

NOTHING = Markup("")


def tag(name: str, /, *children: Child, **attributes: Attribute) -> Markup:
    """An element. `class_` is `class`, `aria_label` is `aria-label`."""
    head = f"<{name}{''.join(_attribute(key, value) for key, value in attributes.items())}>"
    if name in _VOID:
        return Markup(head)
    return Markup(f"{head}{''.join(map(_text, children))}</{name}>")


def join(*children: Child) -> Markup:
    """Several things one after the other."""
    return Markup("".join(map(_text, children)))


def lines(texts: Iterable[str]) -> Markup:
    """Lines for `pre`; text has at most `LONGEST_LINE` characters of each."""
    return Markup("\n".join(_text(text if isinstance(text, Markup) else _cut(text)) for text in texts))


def _cut(text: str) -> str:
    return clipped(safe(text), LONGEST_LINE)


def document(head: Child, body: Child) -> str:
    """A whole page, ending in a newline."""
    return f'<!DOCTYPE html>\n<html lang="en">\n<head>{_text(head)}</head>\n<body>{_text(body)}</body>\n</html>\n'


def verbatim(file: Path) -> Markup:
    """A style sheet or script of our own, to stand inside its element.

    Nothing in it is escaped there, so it holds nothing that would end the element.
    """
    return Markup(file.read_text("utf-8"))


def _text(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Markup):
        return child
    if isinstance(child, str):
        return escape(clipped(safe(child), LONGEST), quote=False)
    return "".join(map(_text, child))


def _attribute(key: str, value: Attribute) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(safe(str(value)))}"'
