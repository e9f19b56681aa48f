"""The profile that the rules look at: its text with places, and what its reader loads of it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from profile_smoke.errors import RuntimeRefusedError
from profile_smoke.profile import raw_oci, sampling
from profile_smoke.profile._effect import of_default, of_rule
from profile_smoke.profile.evaluate import Evaluator
from profile_smoke.profile.resolve import resolve
from profile_smoke.profile.source import Source
from profile_smoke.syscall import tables

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from profile_smoke.profile.document import Document
    from profile_smoke.profile.lint.interface import Reading
    from profile_smoke.profile.model import Decision, Profile, Rule
    from profile_smoke.profile.source import Member, Node

NO_ARGS = (0,) * 6
_K = TypeVar("_K")
_V = TypeVar("_V")
_SHOWN = 6


@dataclass(frozen=True)
class Place:
    """A value in the document: its first character, and its path such as `syscalls[2].names[0]`."""

    offset: int
    path: str


class Subject:
    """One profile under lint.

    Attributes:
        document: the file.
        profile: what the file says, Docker's conditions included.
        reading: how it is read.
    """

    def __init__(self, document: Document, reading: Reading) -> None:
        self.document, self.profile, self.reading = document, document.profile, reading

    @cached_property
    def source(self) -> Source:
        """The tree of the text."""
        return Source(self.document.text, self.document.source)

    @cached_property
    def loaded(self) -> Profile:
        """The plain profile that the reader loads."""
        if self.reading.plain:
            return raw_oci.plain_reading(self.document)
        reading = self.reading
        return resolve(self.profile, caps=reading.caps, arch=reading.arch, kernel=reading.kernel)

    @cached_property
    def declared(self) -> tuple[str, ...]:
        """The ABIs that the loaded profile lists, and that there are tables for; empty: the machine's own alone."""
        found = map(tables.arch_of_scmp, self.loaded.architectures)
        return tuple(dict.fromkeys(arch for arch in found if arch))

    @cached_property
    def native(self) -> str:
        """The ABI of the machine that it is judged for: the reading's, unless the profile is for others only."""
        arch = self.reading.arch
        return arch if arch in self.declared or not self.declared else self.declared[0]

    @property
    def abis(self) -> tuple[str, ...]:
        """Every ABI in which programs can run under it, the native one first."""
        return tuple(dict.fromkeys((self.native, *self.declared)))

    @cached_property
    def evaluator(self) -> Evaluator | None:
        """What the loaded filter does with any call; None where the runtime would refuse the profile."""
        try:
            return Evaluator(self.loaded, self.native)
        except RuntimeRefusedError:
            return None

    def decide(self, arch: str, name: str, args: Sequence[int] = NO_ARGS) -> Decision | None:
        """What becomes of a call; None where the ABI has no such call or no filter can be loaded."""
        number = tables.number(arch, name)
        if number is None or self.evaluator is None:
            return None
        return self.evaluator.decide(arch, number, args)

    def permits(self, arch: str, name: str, args: Sequence[int] = NO_ARGS) -> bool:
        """Whether a call is carried out in an ABI that has it."""
        decision = self.decide(arch, name, args)
        return decision is not None and decision.action.permits

    def refuses(self, arch: str, name: str, args: Sequence[int] = NO_ARGS) -> bool:
        """Whether a call of an ABI that has it is refused."""
        decision = self.decide(arch, name, args)
        return decision is not None and not decision.action.permits

    def refused(self, names: Iterable[str]) -> list[str]:
        """Those of some calls that the machine's own ABI has and that are refused there."""
        return [name for name in names if self.refuses(self.native, name)]

    @cached_property
    def _samples(self) -> Mapping[str, tuple[tuple[int, ...], ...]]:
        return sampling.samples(self.loaded)

    def calls(self, name: str) -> Sequence[Sequence[int]]:
        """Arguments around every value that decides about this call; none but zeros where none does."""
        return self._samples.get(name, (NO_ARGS,))

    def ever_permits(self, name: str) -> bool:
        """Whether any ABI carries out the call with any arguments."""
        return any(self.permits(arch, name, args) for arch in self.abis for args in self.calls(name))

    @cached_property
    def _entries(self) -> Sequence[Node]:
        node = self._root["syscalls"].value.value if "syscalls" in self._root else ()
        return node if isinstance(node, tuple) else ()

    @property
    def _root(self) -> Mapping[str, Member]:
        return _members(self.source.root)

    def key(self, *names: str) -> Place:
        """The value of the first of these top-level keys that is there; the document where none is."""
        for name in names:
            if name in self._root:
                return Place(self._root[name].value.start, name)
        return Place(self.source.root.start, "")

    def rule(self, index: int, *keys: str) -> Place:
        """A rule, or the value of the first of these keys that it has."""
        members = _members(self._entries[index])
        for key in keys:
            if key in members:
                return Place(members[key].value.start, f"syscalls[{index}].{key}")
        return Place(self._entries[index].start, f"syscalls[{index}]")

    def name(self, index: int, position: int) -> Place:
        """A name of a rule, by its position in `Rule.names`."""
        members = _members(self._entries[index])
        listed = members["names"].value.value if "names" in members else ()
        if isinstance(listed, tuple) and listed:
            return Place(listed[position].start, f"syscalls[{index}].names[{position}]")
        return self.rule(index, "name")

    def names(self) -> Iterator[tuple[str, Place]]:
        """Every name in the file, as often as it is there."""
        for index, rule in enumerate(self.profile.rules):
            for position, name in enumerate(rule.names):
                yield name, self.name(index, position)

    def of(self, name: str, wanted: Callable[[Rule], bool]) -> Place:
        """Where the file speaks of a call: in the first rule that is `wanted`, else in the default action."""
        for index, rule in enumerate(self.profile.rules):
            if name in rule.names and wanted(rule):
                return self.name(index, rule.names.index(name))
        return self.key("defaultAction")


def permitting(rule: Rule) -> bool:
    """Whether a rule lets calls through."""
    return rule.action.permits


def refusing(rule: Rule) -> bool:
    """Whether a rule refuses calls."""
    return not rule.action.permits


def by_name(profile: Profile) -> Mapping[str, list[int]]:
    """The indexes of the rules that count, by name; each once."""
    default = of_default(profile)
    return grouped(
        (name, index)
        for index, rule in enumerate(profile.rules)
        if of_rule(rule) != default
        for name in dict.fromkeys(rule.names)
    )


def grouped(pairs: Iterable[tuple[_K, _V]]) -> Mapping[_K, list[_V]]:
    """What belongs to each key, keys and values in the order in which they came."""
    found: dict[_K, list[_V]] = defaultdict(list)
    for key, value in pairs:
        found[key].append(value)
    return found


def always(rule: Rule) -> bool:
    """Whether it is loaded for every container."""
    return rule.includes is None and rule.excludes is None


def few(names: Collection[str]) -> str:
    """The first of many names, and how many more there are."""
    more = len(names) - _SHOWN
    return ", ".join(list(names)[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _members(node: Node) -> Mapping[str, Member]:
    return node.value if isinstance(node.value, dict) else {}
