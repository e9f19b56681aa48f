"""Writing planned rules into the text of a profile, in the formatting that the file has."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from profile_smoke.profile.render import rule_to_oci

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from profile_smoke.profile._plan import Planned
    from profile_smoke.profile.model import Profile
    from profile_smoke.profile.source import Member, Node, Source

_BLANK = re.compile(r"[ \t]*")
Item = tuple[int | None, str]
"""One item of a list to be written: its index in the old list, None for a new one, and its text."""
Frame = tuple[str, str]
"""What stands between the brackets of a list and its items."""


@dataclass(frozen=True)
class _Style:
    """How a new rule is written.

    `indent` stands before its first line and `step` is added per level; `flat` rules take one line, with
    `flat_names` the list of names does. `brace` and `bracket` pad the inside of what is on one line. `keys`
    is the order of keys.
    """

    newline: str
    colon: str
    comma: str
    indent: str
    step: str
    flat: bool
    flat_names: bool
    brace: str = ""
    bracket: str = ""
    keys: tuple[str, ...] = ()


def rewrite(source: Source, profile: Profile, planned: Sequence[Planned]) -> str:
    """The text of `source`, which means `profile`, with the planned rules in place of its own."""
    root = _members(source.root)
    node = root["syscalls"].value if "syscalls" in root else None
    style = _style(source, _nodes(node))
    items = [_item(source, profile, entry, style) for entry in planned]
    if node is not None:
        return _replaced(source, 0, len(source.text), [(node, _list(source, node, items, style))])
    last = list(root.values())[-1].value
    inside = source.text[source.root.start + 1 : next(iter(root.values())).key.start]
    gap = f",{inside}" if "\n" in inside else style.comma
    member = f'{gap}"syscalls"{style.colon}{_list(source, None, items, style)}'
    return f"{source.text[: last.end]}{member}{source.text[last.end :]}"


def in_plural(source: Source) -> str:
    """The text with the old single `name` of each rule written as `names`; nothing else in it moves."""
    root = _members(source.root)
    rules = _nodes(root["syscalls"].value) if "syscalls" in root else ()
    style = _style(source, rules)
    single = [
        (rule, str(name.value.value))
        for rule in rules
        if (name := _members(rule).get("name")) and name.value.value
    ]
    edits = [(rule, _renamed(source, rule, (name,), style)) for rule, name in single]
    return _replaced(source, 0, len(source.text), edits)


def _item(source: Source, profile: Profile, entry: Planned, style: _Style) -> Item:
    if entry.origin is None:
        comment = {"comment": entry.rule.comment} if entry.rule.comment else {}
        return None, _object(rule_to_oci(entry.rule) | comment, style.indent, style)
    node = _nodes(_members(source.root)["syscalls"].value)[entry.origin]
    if entry.rule.names == profile.rules[entry.origin].names:
        return entry.origin, source.text[node.start : node.end]
    return entry.origin, _renamed(source, node, entry.rule.names, style)


def _renamed(source: Source, rule: Node, names: Sequence[str], style: _Style) -> str:
    """The text of a rule with other names; the old single `name` gives way to `names`."""
    members = _members(rule)
    single, several = members.get("name"), members.get("names")
    edits: list[tuple[Node, str]] = []
    if several is not None:
        items = list(_matched(_nodes(several.value), names, source))
        edits.append((several.value, _list(source, several.value, items, style)))
        if single is not None and single.value.value:
            edits.append((single.value, '""'))
    elif single is not None:
        edits = [(single.key, '"names"'), (single.value, _flat_list(map(json.dumps, names), style))]
    return _replaced(source, rule.start, rule.end, edits)


def _matched(old: Sequence[Node], names: Sequence[str], source: Source) -> Iterable[Item]:
    """The new names, each with its place in the old list where it was there, in rising order of places."""
    following = 0
    for name in names:
        place = next((i for i in range(following, len(old)) if old[i].value == name), None)
        if place is None:
            yield None, json.dumps(name)
        else:
            following = place + 1
            yield place, source.text[old[place].start : old[place].end]


def _replaced(source: Source, start: int, end: int, edits: Iterable[tuple[Node, str]]) -> str:
    """The text from `start` to `end` with some of its nodes written anew."""
    text = ""
    for node, written in sorted(edits, key=lambda edit: edit[0].start):
        text += source.text[start : node.start] + written
        start = node.end
    return text + source.text[start:end]


def _list(source: Source, node: Node | None, items: Sequence[Item], style: _Style) -> str:
    """A list with these items: what stands between two old ones stays, and new ones get the like of it."""
    if not items:
        return "[]"
    old = _nodes(node)
    gaps = [source.text[one.end : other.start] for one, other in pairwise(old)]
    if node is not None and old:
        opening, closing = source.text[node.start + 1 : old[0].start], source.text[old[-1].end : node.end - 1]
    else:
        opening, closing = ("", "") if style.flat else _lines(style.indent, style)
    usual = gaps[-1] if gaps else f",{opening}" if "\n" in opening else style.comma
    text = items[0][1]
    for (before, _), (index, written) in pairwise(items):
        gap = (
            gaps[index - 1] if index else gaps[before] if before is not None and before < len(gaps) else usual
        )
        text += gap + written
    return f"[{opening}{text}{closing}]"


def _style(source: Source, rules: Sequence[Node]) -> _Style:
    """The style of the last rule; with no rule, the document's."""
    text = source.text
    first = next(iter(_members(source.root).values()))
    inside = text[source.root.start + 1 : first.key.start]
    step = inside.rpartition("\n")[2] if "\n" in inside else ""
    colon = text[first.key.end : first.value.start]
    colon = ": " if "\n" in colon else colon
    comma = ", " if colon.endswith(" ") else ","
    newline = "\r\n" if "\r\n" in text else "\n"
    if not rules:
        flat = "\n" not in inside
        return _Style(newline, colon, comma, step * 2, step, flat, flat)
    rule = rules[-1]
    members = _members(rule)
    brace = text[rule.start + 1 : next(iter(members.values())).key.start]
    flat = "\n" not in brace
    indent = _indent(text, rule.start)
    inner = brace.rpartition("\n")[2]
    step = inner.removeprefix(indent) if not flat and inner.startswith(indent) else step
    names = members.get("names")
    listed = _nodes(names.value) if names is not None else ()
    bracket = text[names.value.start + 1 : listed[0].start] if names is not None and listed else ""
    flat_names = flat or "\n" not in bracket
    pads = brace if flat else "", bracket if "\n" not in bracket else ""
    return _Style(newline, colon, comma, indent, step, flat, flat_names, *pads, tuple(members))


def _indent(text: str, offset: int) -> str:
    match = _BLANK.match(text, text.rfind("\n", 0, offset) + 1)
    return match[0] if match else ""


def _object(document: Mapping[str, Any], indent: str, style: _Style) -> str:
    keys = sorted(document, key=lambda key: style.keys.index(key) if key in style.keys else len(style.keys))
    inner = indent + style.step
    parts = [f"{json.dumps(key)}{style.colon}{_value(document[key], inner, style)}" for key in keys]
    if style.flat:
        return f"{{{style.brace}{style.comma.join(parts)}{style.brace}}}"
    opening, closing = _lines(inner, style)
    return f"{{{opening}{f',{opening}'.join(parts)}{closing}}}"


def _value(value: Any, indent: str, style: _Style) -> str:
    """A string, a number, a list of strings (names) or a list of objects (args)."""
    if not isinstance(value, list):
        return json.dumps(value)
    inner = indent + style.step
    parts = [_object(item, inner, style) if isinstance(item, dict) else json.dumps(item) for item in value]
    if style.flat or (style.flat_names and isinstance(value[0], str)):
        return _flat_list(parts, style)
    opening, closing = _lines(inner, style)
    return f"[{opening}{f',{opening}'.join(parts)}{closing}]"


def _flat_list(parts: Iterable[str], style: _Style) -> str:
    return f"[{style.bracket}{style.comma.join(parts)}{style.bracket}]"


def _lines(indent: str, style: _Style) -> Frame:
    """The frame of a list or object whose items take lines of their own, indented so."""
    return style.newline + indent, style.newline + indent.removesuffix(style.step)


def _members(node: Node) -> Mapping[str, Member]:
    return node.value if isinstance(node.value, dict) else {}


def _nodes(node: Node | None) -> Sequence[Node]:
    return node.value if node is not None and isinstance(node.value, tuple) else ()
