"""Where in a profile's file something stands: what a reader of a report opens first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from profile_smoke.profile.source import Source

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from profile_smoke.profile.document import Document
    from profile_smoke.profile.source import Node


def lines(document: Document, names: Collection[str]) -> dict[str, int]:
    """The line, from 1, in which a rule first names each of these calls; those that no rule names are left out.

    Under the empty name that of the key `syscalls`, where a new rule goes; of a file without it the first line.
    """
    tree = Source(document.text, document.source)
    top = tree.root.value if isinstance(tree.root.value, dict) else {}
    found = {"": tree.position(top["syscalls"].key.start if "syscalls" in top else tree.root.start)[0]}
    for node in _named(top["syscalls"].value) if "syscalls" in top else ():
        name = str(node.value)
        if name in names and name not in found:
            found[name] = tree.position(node.start)[0]
    return found


def _named(rules: Node) -> Iterator[Node]:
    """The names of all rules, from top to bottom; a document that was read holds them as lists, or as a single one."""
    for rule in rules.value if isinstance(rules.value, tuple) else ():
        members = rule.value if isinstance(rule.value, dict) else {}
        if "name" in members:
            yield members["name"].value
        if "names" in members and isinstance(members["names"].value.value, tuple):
            yield from members["names"].value.value
