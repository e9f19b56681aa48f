"""Which rules of a profile change, and how, so that other rules take effect.

Rules with `includes` or `excludes` may or may not be loaded, so the plan holds for every way to resolve them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from profile_smoke.profile._effect import alternatives, of_default, of_rule, unconditional
from profile_smoke.profile.model import Arg, Op, Profile, Rule

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Planned:
    """A rule after the change; `origin` is its index in the profile before, None for a new one."""

    origin: int | None
    rule: Rule


def plan(profile: Profile, fixes: Sequence[Rule]) -> tuple[Planned, ...]:
    """The rules of the profile after all fixes took effect; those that were left with no names are gone.

    Raises:
        ValueError: a fix has `includes` or `excludes`, so that it might not take effect.
    """
    planned = [Planned(i, rule) for i, rule in enumerate(profile.rules)]
    default = replace(profile, rules=())
    for fix in fixes:
        if fix.includes or fix.excludes:
            raise ValueError("a fix holds everywhere: it has no includes and no excludes")
        rules = [entry.rule for entry in planned]
        names = [name for name in dict.fromkeys(fix.names) if not _takes_effect(fix, name, rules, default)]
        planned = _withdraw(planned, fix, frozenset(names), default)
        if of_rule(fix) != of_default(default):
            planned = _insert(planned, fix, names)
    return tuple(planned)


def _takes_effect(fix: Rule, name: str, rules: Sequence[Rule], default: Profile) -> bool:
    """Whether every call that the fix is about ends as the fix says already."""
    loaded = [rule for rule in rules if name in rule.names and of_rule(rule) != of_default(default)]
    for rule in loaded:
        if unconditional(rule) and of_rule(rule) != of_rule(fix):
            return False
        if unconditional(rule) and _plain(rule):
            return True
    others = [rule for rule in loaded if of_rule(rule) != of_rule(fix)]
    if not all(_disjoint(rule.args, fix.args) for rule in others):
        return False
    if of_rule(fix) == of_default(default):
        return True
    return bool(fix.args) and any(_same(rule, fix) for rule in loaded)


def _withdraw(
    planned: Sequence[Planned], fix: Rule, names: frozenset[str], default: Profile
) -> list[Planned]:
    """Take the names out of the rules that would win over the fix, collide with it, or be dead beside it."""
    kept = []
    for entry in planned:
        if _in_the_way(entry.rule, fix, default):
            left = tuple(name for name in entry.rule.names if name not in names)
            if left:
                kept.append(replace(entry, rule=replace(entry.rule, names=left)))
        else:
            kept.append(entry)
    return kept


def _in_the_way(rule: Rule, fix: Rule, default: Profile) -> bool:
    if of_rule(rule) == of_rule(fix):
        # An unconditional rule makes it a dead one, which would mislead the reader of the file.
        return bool(rule.args) and not fix.args and of_rule(fix) != of_default(default)
    return not _disjoint(rule.args, fix.args)


def _insert(planned: list[Planned], fix: Rule, names: Sequence[str]) -> list[Planned]:
    """Add the names to the largest rule that says the same, to keep the one list; else a new rule."""
    homes = [i for i, entry in enumerate(planned) if _same(entry.rule, fix)]
    there = {name for i in homes for name in planned[i].rule.names}
    if not (missing := [name for name in names if name not in there]):
        return planned
    if not homes:
        return [*planned, Planned(None, replace(fix, names=tuple(missing)))]
    home = max(homes, key=lambda i: len(planned[i].rule.names))
    merged = _merged(planned[home].rule.names, missing)
    planned[home] = replace(planned[home], rule=replace(planned[home].rule, names=merged))
    return planned


def _merged(names: tuple[str, ...], more: Sequence[str]) -> tuple[str, ...]:
    """Each new name in its place where the list is sorted, else at the end."""
    merged = list(names)
    for name in more:
        place = sum(other < name for other in merged) if merged == sorted(merged) else len(merged)
        merged.insert(place, name)
    return tuple(merged)


def _plain(rule: Rule) -> bool:
    return rule.includes is None and rule.excludes is None


def _same(rule: Rule, fix: Rule) -> bool:
    return _plain(rule) and rule.args == fix.args and of_rule(rule) == of_rule(fix)


def _disjoint(one: Sequence[Arg], other: Sequence[Arg]) -> bool:
    """Whether no call can match both lists of conditions, as far as equalities tell."""
    return all(
        any(_exclude(a, b) for a in first for b in second)
        for first in alternatives(one)
        for second in alternatives(other)
    )


def _exclude(one: Arg, other: Arg) -> bool:
    if one.index != other.index or not {one.op, other.op} <= {Op.EQ, Op.MASKED_EQ}:
        return False
    (mask, value), (other_mask, other_value) = _masked(one), _masked(other)
    return (value ^ other_value) & mask & other_mask != 0


def _masked(arg: Arg) -> tuple[int, int]:
    """An equality as mask and value."""
    return (2**64 - 1, arg.value) if arg.op is Op.EQ else (arg.value, arg.value_two & arg.value)
