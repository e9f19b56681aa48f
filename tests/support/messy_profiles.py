"""Hypothesis strategies for profiles as nobody should write them, and what filters make of any call of theirs."""

from __future__ import annotations

import functools

from hypothesis import strategies as st
from tests.support.made_profiles import NAMES, args, conditions, docker_json, errnos, written

from profile_smoke.errors import RuntimeRefusedError
from profile_smoke.profile import sampling
from profile_smoke.profile.evaluate import Evaluator
from profile_smoke.profile.model import Action, Profile, Rule
from profile_smoke.syscall import tables

ARCHES = (("SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"), ("SCMP_ARCH_X86_64",), ())
# Few answers and many repeats, so that most profiles hold something to mend. mseal raises runc's ENOSYS boundary.
names = st.lists(st.sampled_from((*NAMES, "mseal")), min_size=1, max_size=6).map(tuple)


@st.composite
def messy_rules(draw: st.DrawFn) -> Rule:
    """Any rule of few actions; names may be there twice."""
    action = draw(st.sampled_from((Action.ALLOW, Action.ERRNO, Action.KILL, Action.KILL_THREAD)))
    sometimes = st.none() | st.none() | conditions
    return Rule(
        names=draw(names),
        action=action,
        errno_ret=draw(errnos(action)),
        args=tuple(draw(st.just([]) | st.lists(args, max_size=3))),
        includes=draw(sometimes),
        excludes=draw(sometimes),
        comment=draw(st.sampled_from(("", "why"))),
    )


@st.composite
def messy_texts(draw: st.DrawFn) -> str:
    """The text of a profile that repeats and contradicts itself, in any formatting."""
    action = draw(st.sampled_from((Action.ALLOW, Action.ERRNO, Action.KILL)))
    profile = Profile(
        action,
        draw(errnos(action)),
        architectures=draw(st.sampled_from(ARCHES)),
        rules=tuple(draw(st.lists(messy_rules(), max_size=6))),
    )
    return draw(written(docker_json(profile)))


def answers(profile: Profile, samples: Profile) -> list[int] | None:
    """What the filter returns for every call of every ABI; None where runtimes refuse the profile."""
    sets = sampling.samples(samples)
    try:
        evaluator = Evaluator(profile, "x86_64")
    except RuntimeRefusedError:
        return None
    return [
        evaluator.ret(arch, number, call)
        for arch in ("x86_64", "x86", "x32")
        for number in numbers(arch)
        for call in sets.get(tables.name(arch, number) or "", sampling.UNCONDITIONAL)
    ]


@functools.cache
def numbers(arch: str) -> tuple[int, ...]:
    """Those that the profiles here name, directly or through `socketcall`, and where a boundary may be."""
    named = {tables.number(arch, name) for name in (*NAMES, "mseal", "socketcall")}
    beyond = max(filter(None, named))
    return tuple(number for number in sampling.numbers(arch) if number in named or number >= beyond)
