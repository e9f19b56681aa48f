"""What the default profile of the target oci refuses and allows, asked of the evaluator."""

from __future__ import annotations

import errno
import functools
import json

import pytest
from tests.support.answers import ALLOW, answer, refusal
from tools import gen_profiles, profile_groups

from profile_smoke.profile import document
from profile_smoke.profile.evaluate import Evaluator
from profile_smoke.syscall import danger, groups, tables


@functools.cache
def target_default() -> Evaluator:
    return Evaluator(document.load(gen_profiles.TARGET_DEFAULT).profile, "x86_64")


def test_the_targets_default_reads_without_warnings() -> None:
    """It is a profile like any other, in plain OCI."""
    loaded = document.load(gen_profiles.TARGET_DEFAULT)
    assert loaded.warnings == ()
    assert not loaded.profile.docker_only
    assert loaded.raw == json.loads(loaded.text)


@pytest.mark.parametrize("arch", tables.ARCHES)
def test_the_targets_default_refuses_what_engines_refuse(arch: str) -> None:
    """Dangerous calls are refused; those that Docker gives every container are not."""
    rules = target_default()
    given = {"chroot", "ptrace", "process_vm_readv", "process_vm_writev"}
    for name in tables.numbers(arch):
        if danger.danger(name) is not None:
            assert answer(rules, arch, name).action.permits == (name in given), name
    assert answer(rules, arch, "clone3") == refusal(errno.ENOSYS)
    assert not answer(rules, arch, "clone", 0x10000000).action.permits
    assert answer(rules, arch, "clone", 0x3D0F00) == ALLOW


def test_the_targets_default_allows_ordinary_calls() -> None:
    """All of the everyday groups pass, as far as they are not dangerous or superseded."""
    rules = target_default()
    left_out = danger.NEVER_CONTINUE | set(gen_profiles.SUPERSEDED.split()) | {"socket"}
    for group in (
        "file",
        "memory",
        "signal",
        "network",
        "time",
        "sync",
        "ipc",
        "io-multiplexing",
        "identity",
    ):
        for name in groups.members(group) - left_out:
            if tables.number("x86_64", name) is not None:
                assert answer(rules, "x86_64", name) == ALLOW, name


def test_the_targets_default_closes_two_families() -> None:
    """AF_ALG and AF_VSOCK are refused; socketcall, whose families no filter sees, is left to 32-bit programs."""
    rules = target_default()
    allowed = [family for family in range(46) if answer(rules, "x86_64", "socket", family) == ALLOW]
    assert allowed == [family for family in range(46) if family not in (38, 40)]
    assert answer(rules, "x86", "socketcall", 1) == ALLOW


def test_the_targets_default_allows_what_the_profiles_do() -> None:
    """So that an observed launch may let pass whatever a shipped profile allows; the kubelet's host powers excepted."""
    rules = target_default()
    powers = {
        name for group in (profile_groups.MOUNTING, profile_groups.ENTERING) for name in group.calls.split()
    }
    for chosen in gen_profiles.CLASSES:
        for name in gen_profiles.allowed(chosen) - powers:
            if tables.number("x86_64", name) is not None:
                assert answer(rules, "x86_64", name) == ALLOW, name
