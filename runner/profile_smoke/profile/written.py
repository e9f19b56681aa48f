"""A plain profile as its text reads: every name known, and of several rules for a call the first that matches.

libseccomp drops names that it does not know, and combines rules with different actions in an order of its own (see
`conditions`); whoever wrote the file reads it from top to bottom.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from profile_smoke.profile._effect import alternatives, of_rule
from profile_smoke.profile.conditions import Tree
from profile_smoke.profile.evaluate import Evaluator
from profile_smoke.profile.model import Decision, Profile, Rule
from profile_smoke.syscall import tables

if TYPE_CHECKING:
    from collections.abc import Sequence

_WIDE = ("x86_64", "aarch64")


class Written:
    """What the text says of any call. Raises RuntimeRefusedError where a runtime would refuse the profile."""

    def __init__(self, profile: Profile, native: str) -> None:
        self._evaluator = Evaluator(profile, native)
        self._contested = _contested(profile)
        self._listed = {native, *filter(None, map(tables.arch_of_scmp, profile.architectures))}

    def decide(self, arch: str, number: int, args: Sequence[int]) -> Decision:
        """The first rule whose conditions hold, where rules contradict each other; else what the evaluator says."""
        rules = self._contested.get(tables.name(arch, number) or "", ()) if arch in self._listed else ()
        for rule in rules:
            if _holds(rule, arch, args):
                return Decision(*of_rule(rule))
        return self._evaluator.decide(arch, number, args)


def _contested(profile: Profile) -> dict[str, tuple[Rule, ...]]:
    """The rules of each name for which they want different things."""
    by_name: dict[str, list[Rule]] = defaultdict(list)
    for rule in profile.rules:
        for name in rule.names:
            by_name[name].append(rule)
    return {
        name: tuple(rules) for name, rules in by_name.items() if len({of_rule(rule) for rule in rules}) > 1
    }


def _holds(rule: Rule, arch: str, args: Sequence[int]) -> bool:
    for conditions in alternatives(rule.args):
        tree = Tree(wide=arch in _WIDE)
        tree.add(conditions, 1)
        if tree.run(args) is not None:
            return True
    return False
