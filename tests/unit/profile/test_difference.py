"""Two filters compared by what they do."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.made_profiles import profiles

from profile_smoke.errors import RuntimeRefusedError
from profile_smoke.profile.difference import Difference, Effect, differences
from profile_smoke.profile.evaluate import Evaluator
from profile_smoke.profile.model import Action, Arg, Decision, Op, Profile, Rule

if TYPE_CHECKING:
    import random

ALLOW, EPERM = Decision(Action.ALLOW), Decision(Action.ERRNO, 1)
HIGH = Rule(("read", "cachestat"), Action.ALLOW)
ARCHES = ("x86_64", "x86", "x32")


def between(before: Profile, after: Profile, *arches: str) -> tuple[Difference, ...]:
    return differences(Evaluator(before, "x86_64"), Evaluator(after, "x86_64"), arches or ("x86_64",))


def profile(*rules: Rule, default: Action = Action.ERRNO) -> Profile:
    return Profile(default, architectures=("SCMP_ARCH_X86_64", "SCMP_ARCH_X86"), rules=(HIGH, *rules))


@settings(max_examples=25)
@given(profiles(plain=True), st.randoms(use_true_random=False))
def test_the_text_makes_no_difference(found: Profile, random: random.Random) -> None:
    """Rules in pieces, one for each name, and their names in another order mean the same."""
    pieces = [replace(rule, names=(name,)) for rule in found.rules for name in rule.names]
    shuffled = []
    for rule in found.rules:
        names = list(rule.names)
        random.shuffle(names)
        shuffled.append(replace(rule, names=tuple(names)))
    try:
        Evaluator(found, "x86_64")
    except RuntimeRefusedError:
        return
    for other in (pieces, shuffled):
        assert between(found, replace(found, rules=tuple(other)), *ARCHES) == ()


def test_calls_that_change_alike_come_together() -> None:
    """Whatever the arguments, so without an example of them."""
    (found,) = between(profile(), profile(Rule(("unshare", "setns"), Action.ALLOW)))
    assert found == Difference("x86_64", (272, 308), None, EPERM, ALLOW)
    assert found.names == ("unshare", "setns")
    assert found.effect is Effect.OPENS
    assert found.change == ": ERRNO(EPERM) -> ALLOW"


def test_a_condition_shows_by_an_example() -> None:
    """Only some arguments fare otherwise."""
    mask = Rule(("clone",), Action.ALLOW, args=(Arg(0, 0x7E020000, Op.MASKED_EQ),))
    (found,) = between(profile(Rule(("clone",), Action.ALLOW)), profile(mask))
    assert found.effect is Effect.CLOSES
    assert found.args is not None
    assert found.args[0] & 0x7E020000
    assert found.change.startswith(" with arguments 0x")


def test_what_matters_most_comes_first() -> None:
    """What opens, then what closes, then what is refused in another way."""
    before = profile(Rule(("mount",), Action.ALLOW), Rule(("bpf",), Action.KILL_PROCESS))
    after = profile(Rule(("setns",), Action.ALLOW), Rule(("bpf",), Action.TRAP))
    found = between(before, after)
    assert [difference.effect for difference in found] == [Effect.OPENS, Effect.CLOSES, Effect.CHANGES]
    assert [difference.names for difference in found] == [("setns",), ("mount",), ("bpf",)]


def test_an_abi_that_is_only_in_one() -> None:
    """Its calls are killed in the other."""
    wide = Profile(Action.ALLOW, architectures=("SCMP_ARCH_X86_64", "SCMP_ARCH_X86"))
    found = between(replace(wide, architectures=("SCMP_ARCH_X86_64",)), wide, "x86")
    assert {difference.effect for difference in found} == {Effect.OPENS}
    assert sum(len(difference.names) for difference in found) > 300


def test_numbers_without_a_name_count_too() -> None:
    """A boundary that moves is a difference."""
    low = replace(profile(), rules=(Rule(("read",), Action.ALLOW),))
    found = [difference for difference in between(low, profile()) if not difference.names]
    assert found
    assert all(difference.effect is Effect.CHANGES for difference in found)


@pytest.mark.parametrize("op", Op)
@pytest.mark.parametrize("value", [1, 40, 0x7E020000, 1 << 32])
def test_sees_every_kind_of_condition(op: Op, value: int) -> None:
    """Against its neighbour's value, both ways."""
    one, other = (
        profile(Rule(("ioctl",), Action.ALLOW, args=(Arg(2, value + more, op),))) for more in (0, 1)
    )
    assert between(one, other)
    assert between(other, one)
