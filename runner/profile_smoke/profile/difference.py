"""What differs between two filters, by what they do to calls and not by how they are written."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from profile_smoke.profile import sampling
from profile_smoke.profile.compare import describe
from profile_smoke.syscall import tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from profile_smoke.profile.evaluate import Evaluator
    from profile_smoke.profile.model import Decision


class Effect(StrEnum):
    """What the second filter does that the first does not, in the order of how much it matters."""

    OPENS = "opens"
    CLOSES = "closes"
    CHANGES = "changes"


@dataclass(frozen=True)
class Difference:
    """Calls of one ABI that fare alike, and otherwise under the second filter.

    `args` is an example; None: whatever the arguments are.
    """

    abi: str
    numbers: tuple[int, ...]
    args: tuple[int, ...] | None
    before: Decision
    after: Decision

    @property
    def effect(self) -> Effect:
        """Whether calls are let through now, or no more, or are refused in another way."""
        before, after = self.before.action.permits, self.after.action.permits
        if before == after:
            return Effect.CHANGES
        return Effect.OPENS if after else Effect.CLOSES

    @property
    def names(self) -> tuple[str, ...]:
        """The calls' names; numbers without one are left out."""
        return tuple(name for number in self.numbers if (name := tables.name(self.abi, number)))

    @property
    def change(self) -> str:
        """` with arguments 0x1: ERRNO(EPERM) -> ALLOW`: what happens, without to which calls."""
        shown = "" if self.args is None else sampling.shown(self.args) or " with arguments 0"
        return f"{shown}: {describe(self.before)} -> {describe(self.after)}"


def differences(before: Evaluator, after: Evaluator, arches: Sequence[str]) -> tuple[Difference, ...]:
    """Every call of these ABIs that fares otherwise, sampled around every value that either profile compares with."""
    samples = sampling.samples(before.profile, after.profile)
    found: list[Difference] = []
    for abi in arches:
        alike: dict[tuple[bool, tuple[int, ...] | None, Decision, Decision], list[int]] = defaultdict(list)
        for number in sampling.numbers(abi):
            name = tables.name(abi, number)
            sets = samples.get(name or "", sampling.UNCONDITIONAL)
            for args, was, is_ in _changes(before, after, abi, number, sets):
                alike[name is None, args, was, is_].append(number)
        found += [
            Difference(abi, tuple(numbers), args, was, is_) for (_, args, was, is_), numbers in alike.items()
        ]
    order = list(Effect)
    return tuple(sorted(found, key=lambda difference: order.index(difference.effect)))


def _changes(
    before: Evaluator, after: Evaluator, abi: str, number: int, sets: Sequence[tuple[int, ...]]
) -> Iterator[tuple[tuple[int, ...] | None, Decision, Decision]]:
    """Each pair of answers that differs, with the first arguments that show it; None where all arguments do."""
    pairs: dict[tuple[Decision, Decision], tuple[int, ...]] = {}
    for args in sets:
        pairs.setdefault((before.decide(abi, number, args), after.decide(abi, number, args)), args)
    for (was, is_), args in pairs.items():
        if was != is_:
            yield (None if len(pairs) == 1 else args), was, is_
