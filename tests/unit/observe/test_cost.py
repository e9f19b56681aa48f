"""Measuring what a filter costs, in real processes."""

from __future__ import annotations

import pytest
from tests.support.seccomp_oracle import compile_profile

from profile_smoke.observe import cost
from profile_smoke.profile.bpf import Program
from profile_smoke.profile.loaded import LoadedFilter
from profile_smoke.profile.model import Action, Arg, Op, Profile, Rule
from profile_smoke.syscall import libseccomp, tables

pytestmark = pytest.mark.skipif(
    libseccomp.library() is None or tables.native() != "x86_64",
    reason="filters are compiled by libseccomp on x86_64",
)


def loaded(*rules: Rule, times: int = 1) -> LoadedFilter:
    program = Program.parse(compile_profile(Profile(Action.ALLOW, rules=rules)))
    return LoadedFilter((program,) * times)


def refused(*names: str) -> Rule:
    return Rule(names, Action.ERRNO)


def test_a_call_has_a_cost_with_and_without_the_filter() -> None:
    """Both are times of one call: more than nothing, less than a tenth of a millisecond."""
    found = cost.measure(loaded(refused("reboot")))
    assert found is not None
    assert found.call == "getppid"
    assert 0 < found.plain_ns < 100_000
    assert 0 < found.filtered_ns < 100_000


def test_stacked_filters_are_loaded_one_on_the_other() -> None:
    """Where the first lets the second in."""
    assert cost.measure(loaded(refused("reboot"), times=3)) is not None


def test_another_call_is_taken_where_the_first_is_refused() -> None:
    """Whatever the filter permits among the cheap ones."""
    found = cost.measure(loaded(refused("getppid", "getuid")))
    assert found is not None
    assert found.call == "geteuid"


@pytest.mark.parametrize(
    "rule",
    [
        refused("write"),
        refused("exit_group"),
        refused("getppid", "getuid", "geteuid", "getgid", "getegid", "getpid"),
        Rule(("write",), Action.ERRNO, args=(Arg(0, 1, Op.GT),)),
        Rule(("getppid", "getuid", "geteuid", "getgid", "getegid", "getpid"), Action.KILL_PROCESS),
    ],
)
def test_what_cannot_be_measured_is_not(rule: Rule) -> None:
    """A filter under which our own process could not say what it measured has no figure, and no error."""
    assert cost.measure(loaded(rule)) is None


def test_a_process_that_dies_under_the_filter_gives_no_figure() -> None:
    """A stacked filter that refuses to load the next one."""
    assert cost.measure(loaded(refused("seccomp"), times=2)) is None
