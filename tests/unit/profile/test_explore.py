"""Finding every answer of a program to a call."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.seccomp_oracle import RefusedError, compile_profile

from profile_smoke.profile import bpf, explore, returns
from profile_smoke.profile.bpf import Program
from profile_smoke.profile.loaded import LoadedFilter
from profile_smoke.profile.model import Action, Arg, Decision, Op, Profile, Rule
from profile_smoke.syscall import libseccomp, tables

pytestmark = pytest.mark.skipif(
    libseccomp.library() is None or tables.native() != "x86_64",
    reason="filters are compiled by libseccomp on x86_64",
)
AUDIT = tables.audit_arch("x86_64")
IOCTL = tables.numbers("x86_64")["ioctl"]
ALLOW, EPERM = Decision(Action.ALLOW), Decision(Action.ERRNO, 1)
VALUES = (0, 1, 7, 0x7E020000, 1 << 32)
ABOVE = tuple(sorted({max(value + step, 0) for value in VALUES for step in (-1, 0, 1)}))
conditions = st.lists(
    st.builds(
        Arg,
        index=st.integers(0, 1),
        value=st.sampled_from(VALUES),
        op=st.sampled_from(Op),
        value_two=st.sampled_from(VALUES),
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda arg: arg.index,
)


def compiled(*rules: Rule, default: Action = Action.ERRNO) -> Program:
    anchor = Rule(("getppid",), Action.KILL_THREAD)
    return Program.parse(compile_profile(Profile(default, rules=(anchor, *rules))))


def ioctl(*args: Arg, action: Action = Action.ALLOW) -> Rule:
    return Rule(("ioctl",), action, args=args)


@given(st.lists(conditions, min_size=1, max_size=3))
def test_no_answer_is_missed(alternatives: list[list[Arg]]) -> None:
    """What any of many calls around the compared values gets is among the answers; and each answer has true arguments."""
    try:
        program = compiled(*(ioctl(*args) for args in alternatives))
    except RefusedError:
        return
    found = explore.answers((program,), AUDIT, IOCTL)
    for first, second in itertools.product(ABOVE, repeat=2):
        assert program.run(AUDIT, IOCTL, (first, second)) in found
    for ret, args in found.items():
        assert program.run(AUDIT, IOCTL, args) == ret


def test_given_bits_stay() -> None:
    """With a socket's family given, the answer for another family is none of its answers."""
    program = compiled(ioctl(Arg(0, 2, Op.EQ)))
    found = explore.answers((program,), AUDIT, IOCTL, fixed=((0, 0xFFFFFFFF, 3),))
    assert {returns.decision(ret) for ret in found} == {EPERM}
    found = explore.answers((program,), AUDIT, IOCTL, fixed=((0, 0xFFFFFFFF, 2),))
    assert {returns.decision(ret) for ret in found} == {ALLOW, EPERM}  # EPERM: with the upper half set
    found = explore.answers((program,), AUDIT, IOCTL, fixed=((0, 0xFFFFFFFF, 2),), wide=False)
    assert {returns.decision(ret) for ret in found} == {ALLOW}


def test_bits_of_the_upper_half_can_be_given_too() -> None:
    """A mask over both halves keeps both."""
    program = compiled(ioctl(Arg(0, 1 << 40, Op.MASKED_EQ, 1 << 40)))
    found = explore.answers((program,), AUDIT, IOCTL, fixed=((0, 1 << 40, 1 << 40),))
    assert {returns.decision(ret): args[0] for ret, args in found.items()} == {ALLOW: 1 << 40}


def test_stacked_programs_answer_together() -> None:
    """What one filter permits is permitted only where the other does so too."""
    low, odd = compiled(ioctl(Arg(0, 8, Op.LT))), compiled(ioctl(Arg(0, 1, Op.MASKED_EQ, 1)))
    both = LoadedFilter((low, odd))
    permitted = both.answers("x86_64", IOCTL)[ALLOW][0]
    assert permitted < 8
    assert permitted % 2
    assert both.instructions == len(low.instructions) + len(odd.instructions)


def test_a_call_without_conditions_has_one_answer() -> None:
    """It is asked once, and nothing is searched for."""
    found = LoadedFilter((compiled(Rule(("dup",), Action.ALLOW)),))
    assert found.answers("x86_64", tables.numbers("x86_64")["dup"]) == {ALLOW: (0,) * 6}


def test_a_computed_comparison_is_run_though_not_solved() -> None:
    """Arithmetic on an argument: the answers that are found are true ones, and the search ends."""
    code = [
        (0x20, 0, 0, 16),
        (0x04, 0, 0, 5),
        (0x15, 0, 1, 9),
        (0x06, 0, 0, 0x7FFF0000),
        (0x06, 0, 0, 0x50001),
    ]
    program = Program(tuple(bpf.Instruction(*each) for each in code))
    found = explore.answers((program,), AUDIT, IOCTL)
    assert all(program.run(AUDIT, IOCTL, args) == ret for ret, args in found.items())
    assert Program.parse(program.raw) == program
