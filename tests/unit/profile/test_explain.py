"""What a filter does, in words that hold."""

from __future__ import annotations

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profile_smoke.profile.evaluate import Evaluator
from profile_smoke.profile.explain import Answer, Explainer
from profile_smoke.profile.model import Action, Arg, Decision, Op, Profile, Rule
from profile_smoke.syscall import tables

LISTED = ("SCMP_ARCH_X86_64", "SCMP_ARCH_X86")
READ = Rule(("read", "openat2"), Action.ALLOW)


def explained(abi: str, name: str, *rules: Rule) -> Answer:
    evaluator = Evaluator(Profile(Action.ERRNO, architectures=LISTED, rules=(READ, *rules)), "x86_64")
    number = tables.number(abi, name)
    assert number is not None
    return Explainer(evaluator).answer(abi, number)


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ((Arg(0, 0x7E020000, Op.MASKED_EQ),), "ALLOW when arg0 & 0x7e020000 == 0x0, else ERRNO(EPERM)"),
        ((Arg(1, 5, Op.GT),), "ALLOW when arg1 > 0x5, else ERRNO(EPERM)"),
        ((Arg(1, 5, Op.NE), Arg(2, 6, Op.LE)), "ALLOW when arg1 != 0x5 and arg2 <= 0x6, else ERRNO(EPERM)"),
        ((Arg(1, 5, Op.EQ), Arg(1, 6, Op.EQ)), "ALLOW when arg1 == 0x5 or arg1 == 0x6, else ERRNO(EPERM)"),
        ((), "ALLOW"),
    ],
)
def test_conditions_in_words(args: tuple[Arg, ...], expected: str) -> None:
    """Several on one argument are alternatives, as runc loads them."""
    assert explained("x86_64", "ioctl", Rule(("ioctl",), Action.ALLOW, args=args)).text == expected


def test_answers_that_differ_are_told_apart() -> None:
    """Alternatives of one answer share it, and are bracketed where they would be misread."""
    rules = (
        Rule(("ioctl",), Action.ALLOW, args=(Arg(1, 1, Op.EQ),)),
        Rule(("ioctl",), Action.ALLOW, args=(Arg(1, 16, Op.EQ), Arg(2, 0, Op.EQ))),
        Rule(("ioctl",), Action.ERRNO, errno.EINVAL, args=(Arg(1, 3, Op.EQ),)),
    )
    assert explained("x86_64", "ioctl", *rules).text == (
        "ALLOW when arg1 == 0x1 or (arg1 == 0x10 and arg2 == 0x0), "
        "ERRNO(EINVAL) when arg1 == 0x3, else ERRNO(EPERM)"
    )


def test_socketcall_is_explained_by_the_calls_behind_it() -> None:
    """Its first argument tells which is meant."""
    assert explained("x86", "socketcall", Rule(("bind", "listen"), Action.ALLOW)).text == (
        "ALLOW when arg0 == 0x2 or arg0 == 0x4, else ERRNO(EPERM)"
    )


def test_an_abi_of_32_bits_compares_32_bits() -> None:
    """What it compares is what is shown."""
    rule = Rule(("ioctl",), Action.ALLOW, args=(Arg(1, 1 << 32 | 5, Op.EQ),))
    assert explained("x86", "ioctl", rule).text == "ALLOW when arg1 == 0x5, else ERRNO(EPERM)"


def test_a_foreign_abi_and_a_number_without_a_name() -> None:
    """Both have their answer."""
    assert explained("x32", "read").text == "KILL_THREAD"
    explainer = Explainer(Evaluator(Profile(Action.ALLOW), "x86_64"))
    assert explainer.answer("x86_64", 999) == Answer("x86_64", None, 999, Decision(Action.ALLOW))


values = st.sampled_from((0, 1, 2, 5, 0xFFFFFFFF))
ops = st.sampled_from(Op)
conditional = st.builds(
    Rule,
    st.just(("ioctl",)),
    st.just(Action.ALLOW),
    args=st.lists(st.builds(Arg, st.integers(0, 2), values, ops, values), min_size=1, max_size=3).map(tuple),
)


@given(
    st.lists(conditional, min_size=1, max_size=3),
    st.tuples(*[values | st.sampled_from((3, 4, 1 << 32, 2**64 - 1))] * 3),
)
def test_the_conditions_shown_are_those_that_decide(rules: list[Rule], first: tuple[int, ...]) -> None:
    """Whatever the arguments, unless the answer says that it is not sure."""
    evaluator = Evaluator(Profile(Action.ERRNO, architectures=LISTED, rules=(READ, *rules)), "x86_64")
    args = (*first, 0, 0, 0)
    for abi in ("x86_64", "x86"):
        number = tables.number(abi, "ioctl")
        assert number is not None
        answer = Explainer(evaluator).answer(abi, number)
        assert not answer.exact or answer.expects(args) == evaluator.decide(abi, number, args), abi


def test_overlapping_rules_are_not_called_exact() -> None:
    """libseccomp decides some overlaps otherwise than their conditions read: that is said, not hidden."""
    rules = (
        Rule(("ioctl",), Action.ALLOW, args=(Arg(1, 0, Op.LT), Arg(2, 0, Op.NE))),
        Rule(("ioctl",), Action.ALLOW, args=(Arg(1, 0, Op.LE), Arg(2, 0, Op.LT))),
    )
    answers = [explained(abi, "ioctl", *rules) for abi in ("x86_64", "x86")]
    assert not all(answer.exact for answer in answers)
    assert any("its rules overlap" in answer.text for answer in answers)
