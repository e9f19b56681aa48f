"""Docker's format made plain."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.made_profiles import ARCH_MAP, profiles

from profile_smoke.errors import RuntimeRefusedError, UsageError
from profile_smoke.profile.evaluate import Evaluator
from profile_smoke.profile.model import Action, Conditions, Profile, Rule
from profile_smoke.profile.resolve import reachable, release, resolve
from profile_smoke.syscall import tables

ALLOW = Rule(("mount",), Action.ALLOW)


def kept(*, includes: Conditions | None = None, excludes: Conditions | None = None) -> bool:
    """Whether an x86_64 engine with Linux 5.10 and two capabilities keeps a rule of these conditions."""
    rule = Rule(("mount",), Action.ALLOW, includes=includes, excludes=excludes)
    caps = ("CAP_SYS_ADMIN", "CAP_BPF")
    found = resolve(Profile(Action.ERRNO, rules=(rule,)), caps=caps, arch="x86_64", kernel=(5, 10)).rules
    assert found in ((), (ALLOW,))
    return found == (ALLOW,)


@pytest.mark.parametrize(
    ("includes", "expected"),
    [
        (Conditions(caps=("CAP_SYS_ADMIN",)), True),
        (Conditions(caps=("CAP_SYS_ADMIN", "CAP_BPF")), True),
        (Conditions(caps=("CAP_SYS_ADMIN", "CAP_SYSLOG")), False),
        (Conditions(arches=("arm64", "amd64")), True),
        (Conditions(arches=("arm64", "x86")), False),
        (Conditions(min_kernel=(5, 10)), True),
        (Conditions(min_kernel=(4, 8)), True),
        (Conditions(min_kernel=(5, 11)), False),
        (Conditions(min_kernel=(6, 0)), False),
        (Conditions(("CAP_BPF",), ("amd64",), (5, 1)), True),
        (Conditions(("CAP_BPF",), ("arm",), (5, 1)), False),
        (Conditions(("CAP_SYSLOG",), ("amd64",), (5, 1)), False),
        (Conditions(("CAP_BPF",), ("amd64",), (5, 11)), False),
    ],
)
def test_includes_must_all_hold(includes: Conditions, expected: bool) -> None:  # noqa: FBT001
    """Every capability, one of the architectures, and the kernel."""
    assert kept(includes=includes) is expected


@pytest.mark.parametrize(
    ("excludes", "expected"),
    [
        (Conditions(caps=("CAP_SYSLOG",)), True),
        (Conditions(caps=("CAP_SYSLOG", "CAP_BPF")), False),
        (Conditions(arches=("arm64",)), True),
        (Conditions(arches=("arm64", "amd64")), False),
        (Conditions(min_kernel=(5, 11)), True),
        (Conditions(min_kernel=(5, 10)), False),
        (Conditions(("CAP_SYSLOG",), ("arm",), (4, 0)), False),
        (Conditions(("CAP_BPF",), ("arm",), (6, 0)), False),
    ],
)
def test_any_exclude_suffices(excludes: Conditions, expected: bool) -> None:  # noqa: FBT001
    """One of the capabilities, one of the architectures, or the kernel."""
    assert kept(excludes=excludes) is expected


def test_excludes_win_over_includes() -> None:
    """A rule that is both included and excluded is gone."""
    assert not kept(includes=Conditions(caps=("CAP_BPF",)), excludes=Conditions(arches=("amd64",)))


@pytest.mark.parametrize(
    ("arch", "expected"),
    [
        ("x86_64", ("SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32")),
        ("aarch64", ("SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM")),
        ("arm", ()),
    ],
)
def test_the_arch_map_becomes_the_native_architecture_and_its_own(
    arch: str, expected: tuple[str, ...]
) -> None:
    """Without an entry for the native one, libseccomp is left to take that one alone."""
    found = resolve(Profile(Action.ERRNO, arch_map=ARCH_MAP), caps=(), arch=arch, kernel=(6, 1))
    assert (found.architectures, found.arch_map) == (expected, ())


@given(profiles(plain=True))
def test_a_plain_profile_comes_back_unchanged(profile: Profile) -> None:
    """There is nothing to resolve in it."""
    assert resolve(profile, caps=(), arch="x86_64", kernel=(6, 1)) is profile


@given(profiles(plain=False), st.sets(st.sampled_from(("CAP_SYS_ADMIN", "CAP_BPF"))))
def test_what_comes_out_is_plain(profile: Profile, caps: set[str]) -> None:
    """All that only Docker reads is gone, the rest stays as it is and in order."""
    found = resolve(profile, caps=caps, arch="aarch64", kernel=(5, 4))
    assert not found.docker_only
    assert found.default_errno_ret == profile.default_errno_ret
    assert found.flags == profile.flags
    names = [rule.names for rule in profile.rules]
    for rule in found.rules:
        del names[: names.index(rule.names) + 1]


@pytest.mark.parametrize(
    ("arch", "expected"),
    [
        ("x86_64", ("SCMP_ARCH_S390X", "SCMP_ARCH_X86", "SCMP_ARCH_X86_64")),
        ("aarch64", ("SCMP_ARCH_ARM", "SCMP_ARCH_S390X", "SCMP_ARCH_AARCH64")),
        ("riscv64", ("SCMP_ARCH_S390X",)),
    ],
)
def test_what_a_machine_never_comes_to_is_left_out(arch: str, expected: tuple[str, ...]) -> None:
    """In the profile's order; of an architecture without a table nothing is known, so it stays."""
    every = ("SCMP_ARCH_ARM", "SCMP_ARCH_S390X", "SCMP_ARCH_X86", "SCMP_ARCH_AARCH64", "SCMP_ARCH_X86_64")
    assert reachable(Profile(Action.ERRNO, architectures=every), arch).architectures == expected


CALLS = st.tuples(st.integers(0, 500), st.lists(st.integers(0, 2**64 - 1), min_size=6, max_size=6))
FOREIGN = st.lists(st.sampled_from(("SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM")), unique=True)


@given(profiles(plain=True), FOREIGN, st.sampled_from(("x86_64", "x86", "x32")), CALLS)
def test_what_is_left_means_the_same_to_every_call_that_can_be_made(
    profile: Profile, foreign: list[str], abi: str, call: tuple[int, list[int]]
) -> None:
    """Whatever else a profile names."""
    number, args = call
    number |= tables.X32_BIT if abi == "x32" else 0
    whole = replace(profile, architectures=(*foreign, *profile.architectures))
    left = reachable(whole, "x86_64")
    try:
        answer = Evaluator(whole, "x86_64").decide(abi, number, args)
    except RuntimeRefusedError:
        assert left is whole, "the runtime is to say so"
    else:
        assert left.architectures == profile.architectures
        assert Evaluator(left, "x86_64").decide(abi, number, args) == answer


def test_an_architecture_without_engines_is_refused() -> None:
    """x32 runs beside x86_64, never as an engine's own."""
    profile = Profile(Action.ERRNO, arch_map=ARCH_MAP)
    with pytest.raises(UsageError, match="no engine runs on architecture x32; one of x86_64, x86, aarch64"):
        resolve(profile, caps=(), arch="x32", kernel=(6, 1))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("6.1.0-18-amd64", (6, 1)),
        ("5.15", (5, 15)),
        ("1.1.5+ds1", (1, 1)),
        ("7-rc1", (7, 0)),
        ("", (0, 0)),
        ("x", (0, 0)),
    ],
)
def test_releases(text: str, found: tuple[int, int]) -> None:
    """Of kernels and runtimes, as they name themselves."""
    assert release(text) == found
