"""Rules about rules that contradict each other: one of them never counts, or no runtime loads them together.

How runtimes and libseccomp treat these is told in `profile._effect` and `profile.conditions`.
"""

from __future__ import annotations

import functools
from bisect import bisect_left
from dataclasses import replace
from typing import TYPE_CHECKING

from profile_smoke.errors import RuntimeRefusedError
from profile_smoke.profile._effect import of_rule, unconditional
from profile_smoke.profile.evaluate import Evaluator
from profile_smoke.profile.lint.interface import Report, Rule, Severity
from profile_smoke.profile.lint.subject import always, by_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from profile_smoke.profile import model
    from profile_smoke.profile.lint.subject import Subject
    from profile_smoke.profile.model import Profile


def _shadowed_rule(subject: Subject) -> Iterator[Report]:
    """Only rules that are loaded for every container are compared: the others are meant to differ."""
    rules = subject.profile.rules
    for name, indexes in by_name(subject.profile).items():
        plain = [index for index in indexes if always(rules[index])]
        winner = next((index for index in plain if unconditional(rules[index], wide=False)), None)
        if winner is None or not unconditional(rules[winner]):
            continue  # none wins, or one does on 32-bit ABIs alone
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


RULES = (
    Rule(
        "shadowed-rule", Severity.ERROR, "a rule that never counts, because another one wins", _shadowed_rule
    ),
    Rule(
        "conflicting-rules",
        Severity.ERROR,
        "rules that no runtime loads together (EEXIST)",
        _conflicting_rules,
    ),
)
