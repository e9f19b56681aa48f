"""One question, many that answer it: evaluator, interpreter, the machine's libseccomp, runc, and the kernel itself."""

from __future__ import annotations

import dataclasses
import itertools
import random
import shutil
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, assume, given, reject, settings
from hypothesis import strategies as st
from tests.support.filtered_calls import Call, Kernel
from tests.support.runc_filter import RuncRefusedError, loaded
from tests.support.seccomp_oracle import RefusedError, compile_profile, sound

from profile_smoke.errors import RuntimeRefusedError
from profile_smoke.observe import readback
from profile_smoke.profile import render, returns
from profile_smoke.profile._effect import alternatives
from profile_smoke.profile.bpf import Program
from profile_smoke.profile.dangerous import UPPER, dangerous
from profile_smoke.profile.evaluate import Evaluator
from profile_smoke.profile.loaded import LoadedFilter
from profile_smoke.profile.model import Action, Arg, Decision, Op, Profile, Rule
from profile_smoke.syscall import libseccomp, tables

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.oci,
    pytest.mark.skipif(
        libseccomp.library() is None or tables.native() != "x86_64",
        reason="filters are compiled by libseccomp on x86_64",
    ),
]

ARCHES = ("x86_64", "x86", "x32")
# Harmless with any arguments, and neither the helper nor runc's init needs them.
TRIED = (
    "getpriority", "getsid", "getpgid", "sched_getscheduler", "sched_get_priority_max", "sched_get_priority_min",
    "dup", "socket", "socketcall", "waitpid", "semget",
)  # fmt: skip
OTHERS = tuple(
    sorted(name for name in set(tables.numbers("x86_64")) - set(TRIED) if libseccomp.resolves(name))
)
VALUES = (0, 1, 2, 5, 0x30, 100, 0x7E020000, 0xFFFFFFFF, 1 << 32, (1 << 32) + 2, (1 << 64) - 1)
PROBED = tuple(sorted({(value + step) % (1 << 64) for value in VALUES for step in (-1, 0, 1)}))
UNUSUAL = (77, 78, 79)
"""Errors that no real call gives, so that a refusal can be told from the call's own failure."""
SIGSYS = 31
ACTIONS = (
    Action.ALLOW, Action.ERRNO, Action.ERRNO, Action.TRAP, Action.TRACE, Action.KILL_PROCESS, Action.KILL_THREAD,
)  # fmt: skip
errnos = st.sampled_from((None, *UNUSUAL))
arguments = st.builds(
    Arg,
    index=st.integers(0, 2),
    value=st.sampled_from(VALUES),
    op=st.sampled_from(Op),
    value_two=st.sampled_from(VALUES),
)


@st.composite
def rules(draw: st.DrawFn, actions: tuple[Action, ...]) -> Rule:
    action = draw(st.sampled_from(actions))
    return Rule(
        names=tuple(draw(st.lists(st.sampled_from(TRIED), min_size=1, max_size=3, unique=True))),
        action=action,
        errno_ret=draw(errnos) if action is Action.ERRNO else None,
        args=tuple(draw(st.lists(arguments, max_size=3))),
    )


@st.composite
def profiles(draw: st.DrawFn) -> Profile:
    """Conditions, orders, actions, ABIs and errnos at random; whatever else a program needs is allowed."""
    default = draw(st.sampled_from(ACTIONS))
    # Contradicting rules are mostly refused: half of the profiles have one action for all.
    actions = draw(st.sampled_from([ACTIONS, *((action,) for action in set(ACTIONS))]))
    base = () if default is Action.ALLOW else (Rule(OTHERS, Action.ALLOW),)
    anchor = Rule(
        ("vhangup",), Action.KILL_THREAD
    )  # libseccomp needs a call without conditions, or may go wrong
    return Profile(
        default_action=default,
        default_errno_ret=draw(errnos) if default is Action.ERRNO else None,
        architectures=tuple(
            draw(st.lists(st.sampled_from([tables.scmp_arch(arch) for arch in ARCHES]), unique=True))
        ),
        rules=(*base, anchor, *draw(st.lists(rules(actions), min_size=1, max_size=5))),
    )


def calls(profile: Profile, seed: int, count: int) -> Iterator[Call]:
    """Calls with arguments around the values that profiles compare with; some of any number."""
    chance = random.Random(seed)  # noqa: S311  which calls are tried is no secret
    named = [name for rule in profile.rules for name in rule.names if name in TRIED] + list(TRIED)
    while count:
        arch = chance.choice(ARCHES)
        number = tables.number(arch, chance.choice(named))
        if chance.random() < 0.1:
            number = 600 + (tables.X32_BIT if arch == "x32" else 0)
        if number is None:
            continue
        count -= 1
        mask = 0xFFFFFFFF if arch == "x86" else (1 << 64) - 1
        args = tuple(chance.choice(PROBED) & mask for _ in range(6))
        # The memory that socketcall would read, so that it fails in a known way.
        yield arch, number, (args[0], 0, *args[2:]) if number == tables.number("x86", "socketcall") else args


def compiled(profile: Profile) -> bytes | None:
    """The program by libseccomp; None where it refuses the profile, as the evaluator must then too."""
    try:
        raw = compile_profile(profile)
    except RefusedError:
        with pytest.raises(RuntimeRefusedError):
            Evaluator(profile, "x86_64", known=libseccomp.resolves)
        return None
    assume(sound(raw))
    return raw


def dropped_by_libseccomp(profile: Profile, call: Call, does: Decision) -> bool:
    """Whether libseccomp lost one of the call's conditional rules, taking it for redundant (2.5.4 does, in rare mixes).

    Then the same program comes out without that rule, as far as the call is concerned; and without it that is what
    the evaluator says, too.
    """
    arch, number, args = call
    name = next(name for name in TRIED if tables.number(arch, name) == number)
    parts = [
        Rule((each,), rule.action, rule.errno_ret, args=way)
        for rule in profile.rules
        for each in rule.names
        for way in alternatives(rule.args)
    ]
    tried = [(*which, *args[3:]) for which in itertools.product(PROBED, repeat=3)]

    def answers(raw: bytes) -> list[Decision]:
        program = Program.parse(raw)
        return [returns.decision(program.run(tables.audit_arch(arch), number, each)) for each in tried]

    whole = answers(compile_profile(profile))
    for part in parts:
        if name in part.names and part.args:
            less = dataclasses.replace(profile, rules=tuple(each for each in parts if each is not part))
            said = Evaluator(less, "x86_64", known=libseccomp.resolves).decide(arch, number, args)
            if said == does and answers(compile_profile(less)) == whole:
                return True
    return False


def shown_by(outcome: int, decision: Decision) -> bool:
    """Whether what became of a real call shows that the kernel decided so."""
    match decision.action:
        case Action.ERRNO:
            return outcome == decision.errno
        case Action.TRACE:
            return outcome == 38  # no tracer is there: ENOSYS
        case Action.TRAP | Action.KILL_PROCESS | Action.KILL_THREAD:
            return outcome == -SIGSYS
        case _:
            return outcome >= 0 and outcome not in UNUSUAL


SETTINGS = settings(suppress_health_check=list(HealthCheck), database=None)
COUNTED: dict[str, int] = {"profiles": 0, "calls": 0}


@pytest.fixture(scope="module")
def kernel() -> Iterator[Kernel]:
    with Kernel() as found:
        yield found


@settings(SETTINGS, max_examples=220)
@given(profiles(), st.integers(0, 1 << 32))
def agreeing(kernel: Kernel, profile: Profile, seed: int) -> None:
    raw = compiled(profile)
    assume(raw is not None)
    assert raw is not None
    program = Program.parse(raw)
    evaluator = Evaluator(profile, "x86_64", known=libseccomp.resolves)
    tried = list(calls(profile, seed, 24))
    for (arch, number, args), outcome in zip(tried, kernel.outcomes(raw, tried), strict=True):
        does = returns.decision(program.run(tables.audit_arch(arch), number, args))
        where = (arch, number, [hex(arg) for arg in args])
        if evaluator.decide(arch, number, args) != does:
            assert dropped_by_libseccomp(profile, (arch, number, args), does), where
            reject()
        assert shown_by(outcome, does), (*where, does, outcome)
    COUNTED["profiles"] += 1
    COUNTED["calls"] += len(tried)


def test_evaluator_interpreter_and_kernel_agree(kernel: Kernel) -> None:
    """At least 200 random profiles that libseccomp compiles: every sampled call ends as evaluator and interpreter say."""
    COUNTED.update(profiles=0, calls=0)
    agreeing(kernel)
    assert COUNTED["profiles"] >= 200
    assert COUNTED["calls"] >= 4000


def test_a_rule_that_libseccomp_drops_is_known_as_such() -> None:
    """`b < 0` makes it take `a != 0 and b >= 0` for redundant on ABIs with 32-bit words; no other difference is excused."""
    name = "getpriority"
    never = Rule((name,), Action.TRAP, args=(Arg(2, 0, Op.LT),))
    lost = Rule((name,), Action.TRAP, args=(Arg(0, 0, Op.NE), Arg(2, 0, Op.GE)))
    profile = Profile(Action.ALLOW, architectures=("SCMP_ARCH_X86",), rules=(never, lost))
    number = tables.numbers("x86")[name]
    call: Call = ("x86", number, (1, 0, 0, 0, 0, 0))
    does = returns.decision(
        Program.parse(compile_profile(profile)).run(tables.audit_arch("x86"), number, call[2])
    )
    if does.action is Action.TRAP:
        pytest.skip("this libseccomp keeps the rule")
    assert dropped_by_libseccomp(profile, call, does)
    kept = dataclasses.replace(profile, rules=(lost,))
    assert not dropped_by_libseccomp(kept, call, does)


def test_the_upper_half_of_a_register_is_a_way_round(kernel: Kernel) -> None:
    """A rule on all families but one lets that one through, as the table of dangerous calls says and the kernel shows."""
    but_vsock = Rule(("socket",), Action.ERRNO, 77, args=(Arg(0, 40, Op.EQ),))
    raw = compile_profile(Profile(Action.ALLOW, architectures=("SCMP_ARCH_X86_64",), rules=(but_vsock,)))
    rows = dangerous(LoadedFilter((Program.parse(raw),)), ("x86_64",))
    (row,) = (row for row in rows if row.detail.startswith("AF_VSOCK"))
    assert (row.permitted, row.detail) == (True, f"AF_VSOCK, {UPPER}")
    number = tables.numbers("x86_64")["socket"]
    plain, upper = kernel.outcomes(
        raw, [("x86_64", number, (family, 1, 0, 0, 0, 0)) for family in (40, 1 << 32 | 40)]
    )
    assert plain == 77
    assert upper != 77


@pytest.mark.skipif(bool(readback.why_not()), reason="filters cannot be read back here")
@pytest.mark.skipif(shutil.which("runc") is None, reason="runc is not installed")
def test_runc_loads_what_the_evaluator_says(tmp_path: Path) -> None:
    """At least 200 random profiles, read back from real containers of runc: the loaded program answers every sampled call
    as the evaluator does, and runc refuses those that libseccomp refuses.
    """
    seen = 0

    @settings(SETTINGS, max_examples=260)
    @given(profiles(), st.integers(0, 1 << 32))
    def agree(profile: Profile, seed: int) -> None:
        nonlocal seen
        ident = f"equal-{tmp_path.name}-{seen}-{seed}"
        raw = compiled(profile)
        try:
            found = LoadedFilter(loaded(tmp_path, ident, render.to_oci(profile)))
        except RuncRefusedError:
            assert raw is None
            return
        finally:
            shutil.rmtree(tmp_path / ident, ignore_errors=True)
        assert raw is not None
        assert len(found.programs) == 1
        evaluator = Evaluator(profile, "x86_64", known=libseccomp.resolves)
        for arch, number, args in calls(profile, seed, 60):
            does = found.decide(tables.audit_arch(arch), number, args)
            if evaluator.decide(arch, number, args) != does:
                assert dropped_by_libseccomp(profile, (arch, number, args), does), (arch, number, args)
                reject()
        seen += 1

    agree()
    assert seen >= 200
