"""Rules about conditions on arguments that mean something else than they seem to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from profile_smoke.profile._layout import rewrite
from profile_smoke.profile._plan import Planned
from profile_smoke.profile.lint.interface import Report, Rule, Severity
from profile_smoke.profile.model import Arg, Op

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from profile_smoke.profile import model
    from profile_smoke.profile.lint.subject import Subject
    from profile_smoke.profile.model import Profile
    from profile_smoke.profile.source import Source

_LARGEST = 2**64 - 1


def _joined(rule: model.Rule) -> bool:
    """Whether two conditions are about one argument, so that runc and crun make a rule of each."""
    return len({arg.index for arg in rule.args}) < len(rule.args)


def _any_of_conditions(subject: Subject) -> Iterator[Report]:
    for index, rule in enumerate(subject.profile.rules):
        if _joined(rule):
            always = "; together they always hold" if _cover_all(rule.args) else ""
            yield Report(
                subject.rule(index, "args"),
                f"any one of these {len(rule.args)} conditions suffices, because two are about one argument{always}",
                fixable=_splits(rule),
            )


def _splits(rule: model.Rule) -> bool:
    """Docker's own fields are not written anew: a rule that has them is left to its owner."""
    return rule.includes is None and rule.excludes is None


def _split(source: Source, profile: Profile) -> str:
    """A rule for each condition, in place of those that hold several on one argument."""
    planned: list[Planned] = []
    for index, rule in enumerate(profile.rules):
        if _joined(rule) and _splits(rule):
            planned += [Planned(None, replace(rule, args=(arg,))) for arg in rule.args]
        else:
            planned.append(Planned(index, rule))
    return rewrite(source, profile, planned) if len(planned) > len(profile.rules) else source.text


def _cover_all(args: Sequence[Arg]) -> bool:
    """Whether every value of some argument meets a condition, as far as comparisons without a mask tell.

    Such conditions change their answer only next to the values that they name, so looking there is enough.
    """
    for index in {arg.index for arg in args}:
        about = [arg for arg in args if arg.index == index and arg.op is not Op.MASKED_EQ]
        edges = {value for arg in about for value in _edges(arg)}
        if about and all(any(_holds(arg, value) for arg in about) for value in edges):
            return True
    return False


def _edges(arg: Arg) -> tuple[int, ...]:
    return max(arg.value - 1, 0), arg.value, min(arg.value + 1, _LARGEST), 0, _LARGEST


def _holds(arg: Arg, value: int) -> bool:  # noqa: PLR0911  one return per operator
    match arg.op:
        case Op.NE:
            return value != arg.value
        case Op.LT:
            return value < arg.value
        case Op.LE:
            return value <= arg.value
        case Op.EQ:
            return value == arg.value
        case Op.GE:
            return value >= arg.value
        case Op.GT:
            return value > arg.value
        case Op.MASKED_EQ:
            return value & arg.value == arg.value_two & arg.value


def _idle_condition(subject: Subject) -> Iterator[Report]:
    for index, rule in enumerate(subject.profile.rules):
        for arg in rule.args:
            if problem := _problem(arg):
                yield Report(subject.rule(index, "args"), f"argument {arg.index}: {problem}")


def _problem(arg: Arg) -> str:  # noqa: PLR0911  one return per mistake
    if arg.op is Op.MASKED_EQ:
        if not arg.value:
            return "the mask (value) is 0, so the condition always holds"
        if arg.value_two & ~arg.value:
            return f"valueTwo has bits outside of the mask {arg.value:#x}, and libseccomp ignores them"
        return ""
    if arg.value_two:
        return f"valueTwo counts for SCMP_CMP_MASKED_EQ alone; {arg.op} ignores it"
    if (arg.op, arg.value) in ((Op.LT, 0), (Op.GT, _LARGEST)):
        return f"{arg.op} {arg.value} never holds"
    if (arg.op, arg.value) in ((Op.GE, 0), (Op.LE, _LARGEST)):
        return f"{arg.op} {arg.value} always holds"
    return ""


RULES = (
    Rule(
        "any-of-conditions",
        Severity.WARNING,
        "several conditions on one argument, of which any one suffices",
        _any_of_conditions,
        _split,
    ),
    Rule(
        "idle-condition",
        Severity.WARNING,
        "a condition that always or never holds, or a part of one that is not read",
        _idle_condition,
    ),
)
