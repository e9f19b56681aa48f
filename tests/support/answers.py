"""What a profile does with a call, for short assertions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from profile_smoke.profile.model import Action, Decision
from profile_smoke.syscall import tables

if TYPE_CHECKING:
    from profile_smoke.profile.evaluate import Evaluator

ALLOW = Decision(Action.ALLOW)


def answer(rules: Evaluator, arch: str, name: str, *args: int) -> Decision:
    number = tables.number(arch, name)
    assert number is not None, f"{arch} has no {name}"
    return rules.decide(arch, number, (*args, *(0,) * (6 - len(args))))


def refusal(code: int) -> Decision:
    return Decision(Action.ERRNO, code)
