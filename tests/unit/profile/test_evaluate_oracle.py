"""Property: the evaluator gives for every call what the program compiled by the machine's libseccomp gives."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from tests.support.seccomp_oracle import RefusedError, compile_profile, sound

from profile_smoke.errors import RuntimeRefusedError
from profile_smoke.profile.bpf import Program
from profile_smoke.profile.evaluate import Evaluator
from profile_smoke.profile.model import Action, Arg, Op, Profile, Rule
from profile_smoke.profile.returns import decision
from profile_smoke.syscall import libseccomp, tables

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(
    libseccomp.library() is None or tables.native() != "x86_64", reason="the oracle is libseccomp on x86_64"
)

NAMES = [
    "clone",
    "clone3",
    "personality",
    "mmap",
    "faccessat2",
    "waitpid",
    "_llseek",
    "ioctl",
    "socket",
    "accept",
    "send",
    "semop",
    "socketcall",
    "ipc",
    "mseal",
    "no_such_call",
]
VALUES = (0, 1, 2, 3, 8, 40, 0x20000, 0x7E020000, 0xFFFFFFFF, 1 << 32, (1 << 32) + 1, (1 << 64) - 1)
PROBED = tuple(sorted({(value + step) % (1 << 64) for value in VALUES for step in (-1, 0, 1)}))
ACTIONS = (Action.ALLOW, Action.ERRNO, Action.TRAP, Action.LOG, Action.KILL_PROCESS)
ARCHITECTURES = ("SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32", "SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM")

errnos = st.sampled_from([None, 0, 1, 13, 38])
arguments = st.builds(
    Arg,
    index=st.integers(0, 3),
    value=st.sampled_from(VALUES),
    op=st.sampled_from(Op),
    value_two=st.sampled_from(VALUES),
)
seeds = st.integers(0, 1 << 32)
# libseccomp's own code generator needs one call without conditions: without it, it may forget to load the number.
ANCHOR = Rule(("getppid",), Action.KILL_THREAD)


def profiles(rules: st.SearchStrategy[Rule]) -> st.SearchStrategy[Profile]:
    return st.builds(
        lambda default, errno, arches, some: Profile(
            default_action=default,
            default_errno_ret=errno,
            architectures=tuple(arches),
            rules=(ANCHOR, *some),
        ),
        st.sampled_from([Action.ERRNO, Action.KILL_PROCESS, Action.TRAP, Action.TRACE, Action.ALLOW]),
        errnos,
        st.lists(st.sampled_from(ARCHITECTURES), unique=True, max_size=4),
        st.lists(rules, max_size=5),
    )


def names(allowed: list[str]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(allowed), min_size=1, max_size=3, unique=True).map(tuple)


def calls(seed: int) -> Iterator[tuple[str, int, list[int]]]:
    """ABI, number and arguments of calls with every name in every ABI, and of numbers that no table has."""
    chance = random.Random(seed)  # noqa: S311  which calls are tried is no secret
    for arch in tables.ARCHES:
        named = [tables.number(arch, name) for name in (*NAMES, "getppid", "cachestat", "statx")]
        for number in (*named, 450, 5000, tables.X32_BIT + 600, 0x80000001, 0xFFFFFFFF):
            for _ in range(4 if number is not None else 0):
                assert number is not None
                yield arch, number, [chance.choice(PROBED) for _ in range(6)]


def agree(profile: Profile, seed: int) -> None:
    """Compare the evaluator with the compiled program."""
    try:
        raw = compile_profile(profile)
    except RefusedError:
        with pytest.raises(RuntimeRefusedError):
            Evaluator(profile, "x86_64", known=libseccomp.resolves)
        return
    assume(sound(raw))
    program = Program.parse(raw)
    evaluator = Evaluator(profile, "x86_64", known=libseccomp.resolves)
    for arch, number, args in calls(seed):
        expected = decision(program.run(tables.audit_arch(arch), number, args))
        assert evaluator.decide(arch, number, args) == expected, (arch, number, args)


SETTINGS = settings(max_examples=250, suppress_health_check=list(HealthCheck))


@SETTINGS
@given(
    st.sampled_from(ACTIONS).flatmap(
        lambda action: profiles(
            st.builds(
                Rule,
                names(NAMES),
                st.just(action),
                errno_ret=st.just(13),
                args=st.lists(arguments, max_size=4).map(tuple),
            )
        )
    ),
    seeds,
)
def test_one_action_under_any_conditions(profile: Profile, seed: int) -> None:
    """Rules of one action, however many conditions each has and in whatever order, mean what libseccomp makes of them."""
    agree(profile, seed)


@SETTINGS
@given(
    profiles(
        st.builds(
            Rule,
            names(["personality", "waitpid"]),
            st.sampled_from(ACTIONS),
            errno_ret=errnos,
            args=st.lists(arguments.map(lambda arg: replace(arg, index=arg.index % 2)), max_size=1).map(
                tuple
            ),
        )
    ),
    seeds,
)
def test_rules_that_contradict(profile: Profile, seed: int) -> None:
    """Rules of different actions win over each other, or are refused, as in libseccomp."""
    agree(profile, seed)


@SETTINGS
@given(profiles(st.builds(Rule, names(NAMES), st.sampled_from(ACTIONS), errno_ret=errnos)), seeds)
def test_rules_without_conditions(profile: Profile, seed: int) -> None:
    """The first rule without conditions wins, on multiplexed calls too."""
    agree(profile, seed)
