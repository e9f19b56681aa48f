"""What a filter does with a call, in words: its answer, or the conditions that its answer depends on."""

from __future__ import annotations

import operator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from profile_smoke.profile import sampling
from profile_smoke.profile._effect import alternatives, loaded, of_rule
from profile_smoke.profile.compare import describe
from profile_smoke.profile.model import Arg, Decision, Op, Profile, Rule
from profile_smoke.syscall import multiplexed, tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from profile_smoke.profile.evaluate import Evaluator

_MIXES = 5000
"""How many mixes of arguments are tried before the conditions of a call are said to be exact."""
_WORD = 0xFFFFFFFF
_ZEROS = (0,) * 6
_WIDE = ("x86_64", "aarch64")
_SIGNS = {Op.NE: "!=", Op.LT: "<", Op.LE: "<=", Op.EQ: "==", Op.GE: ">=", Op.GT: ">"}
_COMPARED = {
    Op.NE: operator.ne,
    Op.LT: operator.lt,
    Op.LE: operator.le,
    Op.EQ: operator.eq,
    Op.GE: operator.ge,
    Op.GT: operator.gt,
}


@dataclass(frozen=True)
class Branch:
    """What happens when all of `args` hold; as the ABI compares them, so in 32 bits where its words have 32."""

    args: tuple[Arg, ...]
    decision: Decision


@dataclass(frozen=True)
class Answer:
    """What happens to a call: one of `branches` where its conditions hold, else `decision`.

    `name` is None for a number that the kernel's headers do not know. `exact` is False where the rules overlap in a way
    that libseccomp does not decide as their conditions read, or are too many to be sure: then only a question with
    arguments has a certain answer.
    """

    abi: str
    name: str | None
    number: int
    decision: Decision
    branches: tuple[Branch, ...] = ()
    exact: bool = True

    @property
    def text(self) -> str:
        """`ALLOW when arg0 & 0x7e020000 == 0, else ERRNO(EPERM)`."""
        otherwise = describe(self.decision)
        if not self.branches:
            return otherwise
        by_decision: dict[Decision, list[str]] = {}
        for branch in self.branches:
            by_decision.setdefault(branch.decision, []).append(_conditions(branch.args))
        parts = [f"{describe(decision)} when {_any(found)}" for decision, found in by_decision.items()]
        doubt = "" if self.exact else " (but its rules overlap, and some arguments may fare otherwise)"
        return f"{', '.join(parts)}, else {otherwise}{doubt}"

    def expects(self, args: Sequence[int]) -> Decision:
        """What the conditions, as they read, say of these arguments."""
        for branch in self.branches:
            if all(_holds(arg, args, self.abi) for arg in branch.args):
                return branch.decision
        return self.decision


class Explainer:
    """Answers for one filter."""

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator

    def answer(self, abi: str, number: int, args: Sequence[int] | None = None) -> Answer:
        """What happens to a call: `number` as the kernel sees it; with `args` to exactly that one."""
        name = tables.name(abi, number)
        if args is not None:
            return Answer(abi, name, number, self._evaluator.decide(abi, number, args))
        decision = self._evaluator.decide(abi, number, _ZEROS)
        if name is None or not self._evaluator.looks_at_args(abi, number):
            return Answer(abi, name, number, decision)
        branches = tuple(_branches(self._evaluator.profile, abi, name))
        mixes = sampling.grid([arg for branch in branches for arg in branch.args], _MIXES)
        found = Answer(abi, name, number, self._evaluator.otherwise, branches)
        answers = [self._evaluator.decide(abi, number, args) for args in mixes]
        if len(set(answers)) == 1:
            return Answer(abi, name, number, decision)
        exact = all(found.expects(args) == answer for args, answer in zip(mixes, answers, strict=True))
        return replace(found, exact=exact and bool(mixes))

    def answers(self, abi: str) -> Iterator[Answer]:
        """What happens to every number of an ABI, those without a name included."""
        for number in sampling.numbers(abi):
            yield self.answer(abi, number)


def _branches(profile: Profile, abi: str, name: str) -> Iterator[Branch]:
    rules = loaded(profile)
    for rule in rules.get(name, ()):
        yield from _of_rule(rule, rule.args, abi)
    if abi == "x86":
        for sub, (through, index) in multiplexed.THROUGH.items():
            for rule in rules.get(sub, ()) if through == name else ():
                # libseccomp compares the sub-call's number in place of the rule's own first argument.
                others = tuple(arg for arg in rule.args if arg.index)
                yield from _of_rule(rule, (Arg(0, index, Op.EQ), *others), abi)


def _of_rule(rule: Rule, args: tuple[Arg, ...], abi: str) -> Iterator[Branch]:
    action, errno = of_rule(rule)
    for alternative in alternatives(args):
        compared = alternative if abi in _WIDE else tuple(map(_narrowed, alternative))
        yield Branch(compared, Decision(action, errno))


def _narrowed(arg: Arg) -> Arg:
    return replace(arg, value=arg.value & _WORD, value_two=arg.value_two & _WORD)


def _holds(arg: Arg, args: Sequence[int], abi: str) -> bool:
    value = args[arg.index] if abi in _WIDE else args[arg.index] & _WORD
    if arg.op is Op.MASKED_EQ:
        return value & arg.value == arg.value_two & arg.value
    return bool(_COMPARED[arg.op](value, arg.value))


def _any(conditions: Sequence[str]) -> str:
    if len(conditions) == 1:
        return conditions[0]
    return " or ".join(f"({one})" if " and " in one else one for one in conditions)


def _conditions(args: Sequence[Arg]) -> str:
    return " and ".join(map(_condition, args))


def _condition(arg: Arg) -> str:
    if arg.op is Op.MASKED_EQ:
        return f"arg{arg.index} & {arg.value:#x} == {arg.value_two & arg.value:#x}"
    return f"arg{arg.index} {_SIGNS[arg.op]} {arg.value:#x}"
