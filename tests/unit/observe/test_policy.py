"""What is answered to a refused call: never more than the control allows, and never what wedges a runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profile_smoke.model import Answer
from profile_smoke.observe.policy import Policy, errno_of
from profile_smoke.profile.evaluate import Evaluator
from profile_smoke.profile.model import Action, Arg, Decision, Op, Profile, Rule
from profile_smoke.syscall import tables

if TYPE_CHECKING:
    from collections.abc import Sequence

X86_64 = tables.audit_arch("x86_64")
ALLOW, ENOSYS = Decision(Action.ALLOW), Decision(Action.ERRNO, 38)
EACCES = Decision(Action.ERRNO, 13)
ARGS = (0,) * 6
REFUSING_ALL = Profile(Action.ERRNO, default_errno_ret=13)


class Fixed:
    """A control that answers everything alike."""

    def __init__(self, decision: Decision) -> None:
        self.decision = decision

    def decide(self, audit_arch: int, number: int, args: Sequence[int]) -> Decision:
        del audit_arch, number, args
        return self.decision

    def looks_at_args(self, audit_arch: int, number: int) -> bool:
        del audit_arch, number
        return False


def number(name: str) -> int:
    found = tables.number("x86_64", name)
    assert found is not None
    return found


def policy(control: Decision, answer: Answer, profile: Profile = REFUSING_ALL) -> Policy:
    return Policy(Evaluator(profile, "x86_64", enosys_boundary=False), Fixed(control), answer)


def test_what_the_profile_permits_passes_unrecorded() -> None:
    """A call with conditions comes to the supervisor whether they hold or not; no control is asked where they hold."""
    rule = Rule(("socket",), Action.ALLOW, args=(Arg(0, 1, Op.EQ),))
    found = policy(ENOSYS, Answer.DENY, Profile(Action.ERRNO, rules=(rule,)))
    assert found.decide(X86_64, number("socket"), (1, 0, 0, 0, 0, 0), runtime=False).control is None
    assert found.decide(X86_64, number("socket"), (2, 0, 0, 0, 0, 0), runtime=False).answer == Decision(
        Action.ERRNO, 1
    )


@given(
    name=st.sampled_from(sorted(tables.numbers("x86_64"))),
    runtime=st.booleans(),
    answer=st.sampled_from(Answer),
)
def test_what_the_control_refuses_never_passes(name: str, *, runtime: bool, answer: Answer) -> None:
    """Observation opens nothing that the default profile would not, for anybody, in either mode."""
    verdict = policy(ENOSYS, answer).decide(X86_64, number(name), ARGS, runtime=runtime)
    assert verdict.answer is not None
    assert not verdict.answer.action.permits


@given(name=st.sampled_from(sorted(tables.numbers("x86_64"))), runtime=st.booleans())
def test_letting_pass_answers_as_the_control(name: str, *, runtime: bool) -> None:
    """With `continue`, the profile's refusal is only noted."""
    verdict = policy(ALLOW, Answer.CONTINUE).decide(X86_64, number(name), ARGS, runtime=runtime)
    assert (verdict.profile, verdict.control, verdict.answer) == (EACCES, ALLOW, None)


@pytest.mark.parametrize(("name", "refused"), [("openat", True), ("exit", False), ("exit_group", False)])
def test_refusing_spares_what_ends_a_task(name: str, *, refused: bool) -> None:
    """With `deny` the workload meets the very errno of the profile, except where it could then never end."""
    verdict = policy(ALLOW, Answer.DENY).decide(X86_64, number(name), ARGS, runtime=False)
    assert verdict.answer == (EACCES if refused else None)


def test_refusing_spares_the_runtimes_own_init() -> None:
    """It would wedge the engine; the call is noted all the same."""
    verdict = policy(ALLOW, Answer.DENY).decide(X86_64, number("capset"), ARGS, runtime=True)
    assert verdict.answer is None
    assert verdict.control == ALLOW


@pytest.mark.parametrize(
    ("decision", "code"),
    [
        (Decision(Action.ERRNO, 13), 13),
        (Decision(Action.TRACE, 5), 38),
        (Decision(Action.KILL_PROCESS), None),
        (Decision(Action.KILL_THREAD), None),
        (Decision(Action.TRAP), None),
    ],
)
def test_the_errno_of_a_refusal(decision: Decision, code: int | None) -> None:
    """None where it kills or traps; a traced call without a tracer is ENOSYS."""
    assert errno_of(decision) == code
