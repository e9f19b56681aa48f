"""Rules about what is said twice: in one rule, by another rule, or by the default action; and how it is taken out.

How runtimes and libseccomp treat these is told in `profile._effect`.
"""

from __future__ import annotations

import errno
from dataclasses import replace
from typing import TYPE_CHECKING

from profile_smoke.profile._effect import of_default, of_rule, unconditional
from profile_smoke.profile._layout import rewrite
from profile_smoke.profile._plan import Planned
from profile_smoke.profile.lint.interface import Report, Rule, Severity
from profile_smoke.profile.lint.subject import always, by_name, few
from profile_smoke.syscall import multiplexed, tables

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from profile_smoke.profile import model
    from profile_smoke.profile.lint.subject import Subject
    from profile_smoke.profile.model import Profile
    from profile_smoke.profile.source import Source

_Occurrence = tuple[int, int]
"""A name of a rule: the rule's index and the position in its names."""


def _twice(profile: Profile) -> Iterator[_Occurrence]:
    """Names that stand in one rule a second time."""
    for index, rule in enumerate(profile.rules):
        seen: set[str] = set()
        for position, name in enumerate(rule.names):
            if name in seen:
                yield index, position
            seen.add(name)


def _duplicate_name(subject: Subject) -> Iterator[Report]:
    for index, position in _twice(subject.profile):
        name = subject.profile.rules[index].names[position]
        yield Report(subject.name(index, position), f"{name} is in this rule already", fixable=True)


def _repeats(profile: Profile) -> Iterator[tuple[str, int, int]]:
    """Name, rule and the other rule that makes it needless: every rule for the name gives one answer."""
    for name, indexes in by_name(profile).items():
        rules = profile.rules
        if len(indexes) < 2 or len({of_rule(rules[index]) for index in indexes}) > 1:  # noqa: PLR2004  two
            continue
        wide = next(
            (index for index in indexes if always(rules[index]) and unconditional(rules[index])), None
        )
        for place, index in enumerate(indexes):
            earlier = (
                other
                for other in indexes[:place]
                if rules[other].args == rules[index].args
                and (always(rules[other]) or _conditions(rules[other]) == _conditions(rules[index]))
            )
            if wide is not None and index != wide:
                yield name, index, wide
            elif wide is None and (other := next(earlier, None)) is not None:
                yield name, index, other


def _conditions(rule: model.Rule) -> object:
    return rule.includes, rule.excludes


def _repeated_rule(subject: Subject) -> Iterator[Report]:
    for name, index, other in _repeats(subject.profile):
        place = subject.name(index, subject.profile.rules[index].names.index(name))
        yield Report(place, f"{name} gets the same answer from syscalls[{other}] already", fixable=True)


def _idle(profile: Profile) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Rules that say what the default says, with the names for which that has no side effect.

    The side effect: runc answers ENOSYS above the highest number that a profile names, so a name may hold that up.
    Only rules that are loaded for every container are relied on to hold it. Where the default has an errno of its own,
    rules that repeat it count in Docker before 23.0, which drops `defaultErrnoRet`.
    """
    default = of_default(profile)
    if profile.default_errno_ret not in (None, errno.EPERM):
        return
    if default[0].permits:
        left = {name for rule in profile.rules for name in rule.names}
    else:
        left = {
            name for rule in profile.rules if always(rule) and of_rule(rule) != default for name in rule.names
        }
    highest = {arch: _highest(arch, left) for arch in tables.ARCHES}
    for index, rule in enumerate(profile.rules):
        if of_rule(rule) == default:
            names = tuple(
                name
                for name in dict.fromkeys(rule.names)
                if all((tables.number(arch, name) or 0) <= highest[arch] for arch in tables.ARCHES)
            )
            if names:
                yield index, names


def _highest(arch: str, names: Collection[str]) -> int:
    numbers = tables.numbers(arch)
    through = multiplexed.THROUGH if arch == "x86" else ()
    return max((numbers.get(name, 0) for name in names if name not in through), default=0)


def _equals_default(subject: Subject) -> Iterator[Report]:
    for index, names in _idle(subject.profile):
        whole = len(names) == len(set(subject.profile.rules[index].names))
        which = "the rule" if whole else f"{few(names)} in this rule"
        yield Report(
            subject.rule(index, "action"),
            f"runc skips {which}: it says what the default action says anyway",
            fixable=True,
        )


def _without(source: Source, profile: Profile, gone: Collection[_Occurrence]) -> str:
    """The text without these names; rules that are left with none go too."""
    gone = set(gone)
    planned = []
    for index, rule in enumerate(profile.rules):
        names = tuple(name for at, name in enumerate(rule.names) if (index, at) not in gone)
        if names:
            planned.append(Planned(index, replace(rule, names=names)))
    return rewrite(source, profile, planned) if gone else source.text


def _occurrences(profile: Profile, index: int, names: Collection[str]) -> Iterator[_Occurrence]:
    for position, name in enumerate(profile.rules[index].names):
        if name in names:
            yield index, position


def _drop_twice(source: Source, profile: Profile) -> str:
    return _without(source, profile, list(_twice(profile)))


def _drop_repeats(source: Source, profile: Profile) -> str:
    gone = [place for name, index, _ in _repeats(profile) for place in _occurrences(profile, index, (name,))]
    return _without(source, profile, gone)


def _drop_idle(source: Source, profile: Profile) -> str:
    gone = [place for index, names in _idle(profile) for place in _occurrences(profile, index, names)]
    return _without(source, profile, gone)


RULES = (
    Rule(
        "duplicate-name",
        Severity.WARNING,
        "a name that one rule holds twice",
        _duplicate_name,
        _drop_twice,
    ),
    Rule(
        "repeated-rule",
        Severity.WARNING,
        "a name that another rule answers the same way",
        _repeated_rule,
        _drop_repeats,
    ),
    Rule(
        "equals-default",
        Severity.WARNING,
        "a rule that says what the default action says",
        _equals_default,
        _drop_idle,
    ),
)
