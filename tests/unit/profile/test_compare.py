"""The loaded filter against the profile."""

from __future__ import annotations

import pytest
from tests.support.seccomp_oracle import compile_profile

from profile_smoke.profile.bpf import Program
from profile_smoke.profile.compare import differences
from profile_smoke.profile.evaluate import Evaluator
from profile_smoke.profile.model import Action, Arg, Op, Profile, Rule
from profile_smoke.syscall import libseccomp, tables

pytestmark = pytest.mark.skipif(
    libseccomp.library() is None or tables.native() != "x86_64",
    reason="filters are compiled by libseccomp on x86_64",
)
ARCHES = ("x86_64", "x86", "x32")
LISTED = ("SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32")
# Debian's libseccomp knows the name, but not x32's number.
ODD = ("map_shadow_stack", "clone", "personality")
PLAIN = tuple(name for name in tables.numbers("x86_64") if libseccomp.resolves(name) and name not in ODD)
CLONE = Rule(("clone",), Action.ALLOW, args=(Arg(0, 0x7E020000, Op.MASKED_EQ),))
BIG = Profile(
    Action.ERRNO,
    architectures=LISTED,
    rules=(
        Rule(PLAIN, Action.ALLOW),
        CLONE,
        *(
            Rule(("personality",), Action.ALLOW, args=(Arg(0, value, Op.EQ),))
            for value in (0, 8, 0x20000, 0xFFFFFFFF)
        ),
    ),
)


def loaded(profile: Profile) -> Program:
    return Program.parse(compile_profile(profile))


def small(*rules: Rule) -> Profile:
    return Profile(Action.ERRNO, architectures=LISTED, rules=(Rule(("read", "close"), Action.ALLOW), *rules))


def test_no_differences_for_what_libseccomp_made() -> None:
    """A profile's own program does what the profile says, on every ABI."""
    assert differences([loaded(BIG)], Evaluator(BIG, "x86_64", known=libseccomp.resolves), ARCHES) == ()


def test_names_what_the_runtime_dropped() -> None:
    """A name that the runtime did not know is named, with number and both answers; what lets calls through comes first."""
    said = small(Rule(("execve", "mseal"), Action.ALLOW))
    first, second, *_ = differences(
        [loaded(small(Rule(("execve",), Action.ALLOW)))], Evaluator(said, "x86_64"), ARCHES
    )
    assert first == "x86_64: mseal (462): profile says ALLOW, loaded filter says ERRNO(ENOSYS)"
    assert second == "x86: mseal (462): profile says ALLOW, loaded filter says ERRNO(ENOSYS)"


def test_calls_that_differ_alike_share_a_line() -> None:
    """A boundary that moved is one line, not hundreds."""
    said = small(Rule(("mseal",), Action.ALLOW))
    found = differences([loaded(small())], Evaluator(said, "x86_64"), ("x86_64",))
    (line,) = (line for line in found if "stat (4)" in line)
    assert line.startswith("x86_64: stat (4), fstat (5), ")
    assert line.endswith(" more: profile says ERRNO(EPERM), loaded filter says ERRNO(ENOSYS)")


def test_sees_conditions() -> None:
    """A missing condition shows with the arguments that reveal it."""
    loose = small(Rule(("clone",), Action.ALLOW))
    (line,) = differences([loaded(loose)], Evaluator(small(CLONE), "x86_64"), ("x86_64",))
    assert line.startswith("x86_64: clone (56) with arguments 0x")
    assert line.endswith("profile says ERRNO(EPERM), loaded filter says ALLOW")


@pytest.mark.parametrize("op", Op)
@pytest.mark.parametrize("value", [0, 1, 40, 0x7E020000, 0xFFFFFFFF, 1 << 32])
def test_sees_every_kind_of_condition(op: Op, value: int) -> None:
    """One condition against none, and against its neighbour's value: both differences are found."""
    for other in ((), (Arg(2, value + 1, op),)):
        said = small(Rule(("ioctl",), Action.ALLOW, args=(Arg(2, value, op),)))
        does = small(Rule(("ioctl",), Action.ALLOW, args=other))
        if op in (Op.GE, Op.MASKED_EQ) and not value and not other:
            continue  # a condition that always holds is none
        found = differences([loaded(does)], Evaluator(said, "x86_64"), ("x86_64",))
        assert any("ioctl" in line for line in found), (op, value, other)


def test_groups_numbers_without_a_name() -> None:
    """Numbers that no kernel header knows come as ranges on one line."""
    found = differences(
        [loaded(Profile(Action.ALLOW))], Evaluator(BIG, "x86_64", known=libseccomp.resolves), ("x86_64",)
    )
    gaps, beyond = (line for line in found if "without a name" in line)
    assert (
        gaps == "x86_64: calls without a name (337-423): profile says ERRNO(EPERM), loaded filter says ALLOW"
    )
    assert beyond.endswith("): profile says ERRNO(ENOSYS), loaded filter says ALLOW")


def test_many_differences_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is beyond the limit is counted."""
    monkeypatch.setattr("profile_smoke.profile.compare.LIMIT", 1)
    found = differences([loaded(Profile(Action.ALLOW))], Evaluator(small(), "x86_64"), ("x86_64", "x86"))
    assert len(found) == 2
    assert found[-1].startswith("and ")


def test_stacked_filters_count_together() -> None:
    """With two filters the stricter answer counts."""
    both = [loaded(small(Rule(("execve",), Action.ALLOW))), loaded(small())]
    found = differences(both, Evaluator(small(Rule(("execve",), Action.ALLOW)), "x86_64"), ("x86_64",))
    assert "x86_64: execve (59): profile says ALLOW, loaded filter says ERRNO(ENOSYS)" in found


def test_an_abi_that_should_not_be_open() -> None:
    """A filter that lets an unlisted ABI in is seen."""
    narrow = Profile(Action.ALLOW, architectures=("SCMP_ARCH_X86_64",))
    found = differences(
        [loaded(Profile(Action.ALLOW, architectures=LISTED))], Evaluator(narrow, "x86_64"), ("x86",)
    )
    assert found[0].startswith("x86: restart_syscall (0), exit (1), ")
    assert found[0].endswith("profile says KILL_THREAD, loaded filter says ALLOW")


def test_sees_a_condition_behind_socketcall() -> None:
    """32-bit sockets go through one call, whose first argument tells which is meant."""
    high = Rule(("openat2",), Action.ALLOW)
    said = small(high, Rule(("socket",), Action.ALLOW))
    found = differences([loaded(small(high))], Evaluator(said, "x86_64"), ("x86",))
    assert any(line.startswith("x86: socketcall (102) with arguments 0x1:") for line in found)
