"""Strict reading of a table: every key known, every value of its type, and every problem collected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from profile_smoke.scenario.values import UnfitError, close_to, described, nearest, shown
from profile_smoke.scenario.yamltree import Entry, Listing, Table, Tree

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

T = TypeVar("T")


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong, where it is (`probes[1].http.port`), and what would be right."""

    line: int
    place: str
    text: str

    @property
    def where(self) -> str:
        """Line and place, as an error names them."""
        return f"line {self.line}, {self.place}" if self.place else f"line {self.line}"


class Section:
    """A table being read. Keys are asked for by name; `close` then reports those that nobody asked for.

    What cannot be used is added to `problems` and the caller gets a value of the right type all the same, so
    that one pass finds everything.
    """

    def __init__(self, tree: Tree, place: str, problems: list[Problem]) -> None:
        self.place, self.line, self._problems = place, tree.line, problems
        self._known: list[str] = []
        self._missing: list[tuple[tuple[str, ...], str]] = []
        self._entries: dict[str, Entry] = {}
        if isinstance(tree, Table):
            self._entries = dict(tree.entries)
            for key, line in tree.duplicates:
                self._problems.append(Problem(line, self._at(key), "this key is there twice"))
        else:
            self.report(f"a table of keys is needed here, this is {described(tree)}")

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def report(self, text: str, key: str | None = None, line: int | None = None) -> None:
        """Add a problem with this table, or with one of its keys."""
        if line is None:
            line = self._entries[key].line if key is not None and key in self._entries else self.line
        self._problems.append(Problem(line, self.place if key is None else self._at(key), text))

    def missing(self, keys: tuple[str, ...], text: str) -> None:
        """Note that one of these keys ought to be there; `close` says so unless one is only misspelt."""
        self._missing.append((keys, text))

    def names(self) -> Iterator[str]:
        """The keys that the file has, each taken as known: for tables whose keys are the user's."""
        for key in self._entries:
            self._known.append(key)
            yield key

    def present(self, choices: Collection[str]) -> list[str]:
        """Those of the choices that the file has."""
        self._known.extend(choices)
        return [key for key in choices if key in self._entries]

    def tree(self, key: str) -> Tree | None:
        """The value of a key as it is, None where the file has none."""
        self._known.append(key)
        entry = self._entries.get(key)
        return entry.value if entry else None

    def section(self, key: str) -> Section | None:
        """The table under a key, None where the file has none."""
        tree = self.tree(key)
        return None if tree is None else Section(tree, self._at(key), self._problems)

    def value(self, key: str, convert: Callable[[Tree], T], *, default: T, required: bool = False) -> T:
        """One value through `convert`, which raises UnfitError with what is wrong."""
        tree = self.tree(key)
        if tree is None:
            if required:
                self.missing((key,), f'the key "{key}" is missing')
            return default
        try:
            return convert(tree)
        except UnfitError as error:
            self._problems.append(Problem(tree.line, self._at(key), str(error)))
            return default

    def values(
        self, key: str, convert: Callable[[Tree], T], *, required: bool = False, least: int = 0
    ) -> tuple[T, ...]:
        """A list of values, each through `convert`."""
        tree = self.tree(key)
        if tree is None:
            if required:
                self.missing((key,), f'the key "{key}" is missing')
            return ()
        if not isinstance(tree, Listing):
            self.report(f"a list is needed here, this is {described(tree)}", key)
            return ()
        if len(tree.items) < least:
            self.report(
                "is empty, so nothing would be checked" if least == 1 else f"at least {least} are needed", key
            )
        found = []
        for index, item in enumerate(tree.items):
            try:
                found.append(convert(item))
            except UnfitError as error:
                self._problems.append(Problem(item.line, f"{self._at(key)}[{index}]", str(error)))
        return tuple(found)

    def sections(self, key: str) -> list[Section]:
        """A list of tables."""
        tree = self.tree(key)
        if tree is None:
            return []
        if not isinstance(tree, Listing):
            self.report(f"a list is needed here, this is {described(tree)}", key)
            return []
        return [Section(item, f"{self._at(key)}[{i}]", self._problems) for i, item in enumerate(tree.items)]

    def close(self) -> None:
        """Report every key that nobody asked for, with the nearest one that means something here."""
        meant = set()
        free = [name for name in self._known if name not in self._entries] or self._known
        for key, entry in self._entries.items():
            if key == "<<":
                self.report("merge keys are not read; write out what is meant", line=entry.line)
                meant.update(free)
            elif key not in self._known:
                self.report(f"unknown key {shown(key)}; {nearest(key, free)}", line=entry.line)
                meant.update(close_to(key, free))
        for keys, words in self._missing:
            if meant.isdisjoint(keys):
                self.report(words)

    def _at(self, key: str) -> str:
        return f"{self.place}.{key}" if self.place else key
