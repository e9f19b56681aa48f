"""Rules about rules that repeat, shadow or contradict each other, or say what the default says.

How runtimes and libseccomp treat these is told in `profile._effect` and `profile.conditions`.
"""

from __future__ import annotations

import errno
import functools
from bisect import bisect_left
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from profile_smoke.errors import RuntimeRefusedError
from profile_smoke.profile._effect import of_default, of_rule
from profile_smoke.profile._layout import rewrite
from profile_smoke.profile._plan import Planned
from profile_smoke.profile.evaluate import Evaluator
from profile_smoke.profile.lint.interface import Report, Rule, Severity
from profile_smoke.profile.lint.subject import few
from profile_smoke.syscall import multiplexed, tables

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

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


def _by_name(profile: Profile) -> Mapping[str, list[int]]:
    """The indexes of the rules that count, by name; each once."""
    default = of_default(profile)
    found: dict[str, list[int]] = defaultdict(list)
    for index, rule in enumerate(profile.rules):
        if of_rule(rule) != default:
            for name in dict.fromkeys(rule.names):
                found[name].append(index)
    return found


def _always(rule: model.Rule) -> bool:
    """Whether it is loaded for every container."""
    return rule.includes is None and rule.excludes is None


def _repeats(profile: Profile) -> Iterator[tuple[str, int, int]]:
    """Name, rule and the other rule that makes it needless: every rule for the name gives one answer."""
    for name, indexes in _by_name(profile).items():
        rules = profile.rules
        if len(indexes) < 2 or len({of_rule(rules[index]) for index in indexes}) > 1:  # noqa: PLR2004  two
            continue
        wide = next((index for index in indexes if _always(rules[index]) and not rules[index].args), None)
        for place, index in enumerate(indexes):
            earlier = (
                other
                for other in indexes[:place]
                if rules[other].args == rules[index].args
                and (_always(rules[other]) or _conditions(rules[other]) == _conditions(rules[index]))
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


def _shadowed_rule(subject: Subject) -> Iterator[Report]:
    """Only rules that are loaded for every container are compared: the others are meant to differ."""
    rules = subject.profile.rules
    for name, indexes in _by_name(subject.profile).items():
        plain = [index for index in indexes if _always(rules[index])]
        winner = next((index for index in plain if not rules[index].args), None)
        if winner is None:
            continue
        for index in plain:
            if of_rule(rules[index]) != of_rule(rules[winner]):
                place = subject.name(index, rules[index].names.index(name))
                yield Report(
                    place,
                    f"no effect: syscalls[{winner}] answers every {name} with {rules[winner].action}, and the first "
                    "unconditional rule for a call wins",
                )


def _conflicting_rules(subject: Subject) -> Iterator[Report]:
    """The rules are put together in the order of the file, as libseccomp does; what it refuses is left out from there on."""
    loaded = subject.loaded
    rules = list(loaded.rules)
    while not _loads(replace(loaded, rules=tuple(rules)), subject.native):
        # What does not fit stays so whatever follows, so the first prefix that fails ends with the culprit.
        last = bisect_left(
            range(len(rules)),
            x=True,
            key=lambda end: not _loads(replace(loaded, rules=tuple(rules[: end + 1])), subject.native),
        )
        culprit = rules[last]
        alone = {
            name: _refusing(replace(loaded, rules=(*rules[:last], replace(culprit, names=(name,)))), subject)
            for name in dict.fromkeys(culprit.names)
        }
        # Where each fits alone, they do not fit together.
        blamed = {name: arches for name, arches in alone.items() if arches} or dict.fromkeys(
            alone, subject.abis
        )
        rules[last] = replace(culprit, names=tuple(name for name in culprit.names if name not in blamed))
        for name, arches in blamed.items():
            yield Report(
                subject.of(name, functools.partial(_like, loaded.rules[last])),
                f"runtimes refuse the profile (EEXIST): this rule for {name} wants another action than one before "
                f"it where the same comparison decides, on {', '.join(arches)}",
            )


def _refusing(profile: Profile, subject: Subject) -> Sequence[str]:
    """The ABIs for which the rules do not fit together."""
    plain = replace(profile, architectures=())
    return [arch for arch in subject.abis if not _loads(plain, arch)]


def _loads(profile: Profile, native: str) -> bool:
    try:
        Evaluator(profile, native)
    except RuntimeRefusedError:
        return False
    return True


def _like(loaded: model.Rule, rule: model.Rule) -> bool:
    return replace(rule, includes=None, excludes=None) == loaded


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
            name
            for rule in profile.rules
            if _always(rule) and of_rule(rule) != default
            for name in rule.names
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
        "shadowed-rule", Severity.ERROR, "a rule that never counts, because another one wins", _shadowed_rule
    ),
    Rule(
        "conflicting-rules",
        Severity.ERROR,
        "rules that no runtime loads together (EEXIST)",
        _conflicting_rules,
    ),
    Rule(
        "equals-default",
        Severity.WARNING,
        "a rule that says what the default action says",
        _equals_default,
        _drop_idle,
    ),
)
