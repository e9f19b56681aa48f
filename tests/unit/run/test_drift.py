"""Drift: what is new, gone and elsewhere against a kept baseline, and what the profile refuses of the new."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profile_smoke.baseline import Baseline, Workload
from profile_smoke.errors import BadFileError, InstrumentError
from profile_smoke.model import (
    Denial,
    Drift,
    Evidence,
    FilterCheck,
    ImageInfo,
    Launch,
    LaunchKind,
    Outcome,
    Process,
)
from profile_smoke.observe.record import Attempted
from profile_smoke.profile.catalog import NamedProfile
from profile_smoke.profile.document import parse
from profile_smoke.profile.model import Action, Decision
from profile_smoke.run.drift import DriftCheck, compared
from profile_smoke.run.keeper import Keeper, joined
from profile_smoke.run.launch import Launcher
from profile_smoke.run.order import Result
from profile_smoke.run.plan import Cell
from profile_smoke.run.usage import Usage
from profile_smoke.run.watch import Scene
from profile_smoke.scenario.model import LogCheck, Probe, Ready, Scenario, Start, Stop
from profile_smoke.syscall import tables
from profile_smoke.target.fake import FakeTarget, Life

if TYPE_CHECKING:
    from collections.abc import Mapping

CHECK = LogCheck("up")
SCENARIO = Scenario("s", "", "image:1", Start(), Ready(CHECK), (Probe("ask", CHECK),), Stop(), {}, Path("s"))
CLONE_NEWUSER, SIGCHLD = 0x10000000, 17
PHASES = st.sampled_from(("create", "start", "probe:ask", "stop"))
CALLS = st.dictionaries(
    st.sampled_from("abcdef"), st.lists(PHASES, min_size=1, unique=True).map(tuple), max_size=6
)
RESULT = Result(Launch(LaunchKind.CONTROL, None, Outcome.PASSED, 1.0), (), FilterCheck(mode=2))


def kept(calls: Mapping[str, tuple[str, ...]], sometimes: Mapping[str, tuple[str, ...]] = {}) -> Workload:
    return Workload(
        scenario="s",
        target="fake",
        no_new_privileges=False,
        arch=tables.native(),
        image=ImageInfo("image:1", "sha256:fake"),
        versions={"fake": "1"},
        probes=("ask",),
        runs=1,
        calls=calls,
        sometimes=sometimes,
    )


@given(calls=CALLS, sometimes=CALLS, now=CALLS)
def test_differences_are_exact(
    calls: dict[str, tuple[str, ...]], sometimes: dict[str, tuple[str, ...]], now: dict[str, tuple[str, ...]]
) -> None:
    """Every call of either side is told once, where it differs; one that comes only sometimes is never gone."""
    new, gone, moved = compared(kept(calls, sometimes), now)
    known = calls.keys() | sometimes.keys()
    assert new == {name: now[name] for name in now.keys() - known}
    assert gone.keys() == calls.keys() - now.keys()
    for name in now.keys() & known:
        before = {*calls.get(name, ()), *sometimes.get(name, ())}
        assert set(moved.get(name, ())) == set(now[name]) - before


@given(calls=CALLS)
def test_the_same_is_no_drift(calls: dict[str, tuple[str, ...]]) -> None:
    """Nothing is said of what is as it was."""
    assert compared(kept(calls), calls) == ({}, {}, {})


@given(st.lists(CALLS, min_size=1, max_size=4))
def test_what_comes_in_every_observation_is_kept_apart_from_the_rest(
    seen: list[dict[str, tuple[str, ...]]],
) -> None:
    """By call and phase, without loss: no observation that it was made of differs from what was joined."""
    always, sometimes = joined(seen)
    for name, phases in always.items():
        assert all(set(phases) <= set(calls[name]) for calls in seen)
    for name, phases in sometimes.items():
        for phase in phases:
            assert 0 < sum(phase in calls.get(name, ()) for calls in seen) < len(seen)
    for calls in seen:
        assert compared(kept(always, sometimes), calls) == ({}, {}, {})


@dataclass(frozen=True)
class Scripted(Scene):
    """A scene in which these calls are seen, each with its phase and arguments, all let pass by the default profile."""

    calls: tuple[tuple[str, str, tuple[int, ...]], ...] = ()

    def observe(self) -> Usage:
        arch = tables.native()
        lines = tuple(
            Denial(
                name, tables.number(arch, name) or 0, arch, args, name, "EPERM", phase, Process(1, "p", "/p"), 0.0, 1,
                Evidence.NOTIFY,
            )
            for name, phase, args in self.calls
        )  # fmt: skip
        attempted = tuple(
            Attempted(
                name,
                Decision(Action.ERRNO, 1),
                Decision(Action.ALLOW),
                (args,),
                sampled_all=True,
                in_init=False,
            )
            for name, _, args in self.calls
        )
        return Usage((replace(RESULT, denials=lines, attempted=attempted),))


def scene(*calls: tuple[str, str, tuple[int, ...]], rules: object = (), default: bool = False) -> Scripted:
    text = json.dumps({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": list(rules)})  # type: ignore[call-overload]
    document = None if default else parse(text, "p.json")
    target = FakeTarget(lambda _spec: Life())
    image = target.prepare("image:1", None, policy="auto")
    launcher: Launcher = object.__new__(Launcher)
    launcher.target = target
    cell = Cell(NamedProfile("p", document, None), SCENARIO, "fake")
    return Scripted(cell, image, RESULT, launcher, None, lambda _text: None, passed=True, calls=calls)


def drift(found: Scripted, baseline: Workload) -> Drift:
    result = DriftCheck(Baseline((baseline,)), "b.json").facts(found)["drift"]
    assert isinstance(result, Drift)
    return result


ALLOW_READ = {"names": ["read"], "action": "SCMP_ACT_ALLOW"}


def test_new_calls_tell_whether_the_profile_refuses_them() -> None:
    """By its own answer; the default profile under test refuses nothing that the control lets pass."""
    calls = (("read", "start", (0,) * 6), ("openat", "stop", (0,) * 6))
    found = drift(scene(*calls, rules=[ALLOW_READ]), kept({}))
    assert [(each.name, each.phases, each.refused) for each in found.new] == [
        ("openat", ("stop",), "EPERM"), ("read", ("start",), None),
    ]  # fmt: skip
    assert [each.refused for each in drift(scene(*calls, default=True), kept({})).new] == [None, None]


def test_a_refusal_that_the_default_profile_shares_breaks_nothing() -> None:
    """`clone3` is answered ENOSYS by both: libc falls back, as it did before."""
    rule = {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}
    call = ("clone3", "start", (0,) * 6)
    assert drift(scene(call, rules=[rule]), kept({})).new[0].refused is None
    assert drift(scene(call), kept({})).new[0].refused == "EPERM"


def test_arguments_decide_where_the_profile_looks_at_them() -> None:
    """`clone` for a thread is let pass, `clone` without a condition that holds is not."""
    only_vm = {
        "names": ["clone"], "action": "SCMP_ACT_ALLOW",
        "args": [{"index": 0, "value": 0x100, "valueTwo": 0x100, "op": "SCMP_CMP_MASKED_EQ"}],
    }  # fmt: skip
    thread, process = (0x100, 0, 0, 0, 0, 0), (SIGCHLD, 0, 0, 0, 0, 0)
    assert drift(scene(("clone", "start", thread), rules=[only_vm]), kept({})).new[0].refused is None
    assert drift(scene(("clone", "start", process), rules=[only_vm]), kept({})).new[0].refused == "EPERM"


def test_what_else_is_not_as_it_was_is_said() -> None:
    """Image, probes, versions, machine."""
    old = replace(
        kept({}),
        image=ImageInfo("image:1", "sha256:old"),
        probes=("gone",),
        versions={"fake": "0"},
        arch="arm",
    )
    notes = " | ".join(drift(scene(), old).notes)
    for part in (
        "sha256:old in the baseline",
        "without the probe ask",
        "with the probe gone",
        "fake is 1 now, 0",
        "arm",
    ):
        assert part in notes
    assert drift(scene(), kept({})).notes == ()


def test_a_workload_that_the_baseline_does_not_know_is_never_passed_over() -> None:
    """An error with the command that adds it; where it knows none of the cells, before anything is launched."""
    check = DriftCheck(Baseline((replace(kept({}), scenario="other"),)), "b.json")
    remedy = "baseline update b.json --scenario s --target fake --privilege-escalation allowed"
    with pytest.raises(InstrumentError, match=remedy):
        check.facts(scene())
    with pytest.raises(BadFileError, match=remedy):
        check.check([scene().cell])
    DriftCheck(Baseline((kept({}),)), "b.json").check([scene().cell])


def test_a_workload_is_observed_once_for_all_of_its_profiles() -> None:
    """What it uses is no profile's matter."""
    check = DriftCheck(Baseline((kept({}),)), "b.json")
    first = scene(("read", "start", (0,) * 6))
    check.facts(first)
    other = replace(
        scene(("openat", "start", (0,) * 6)), cell=replace(first.cell, profile=NamedProfile("q", None, None))
    )
    assert [each.name for each in check.facts(other)["drift"].new] == ["read"]


def test_what_cannot_be_observed_is_an_error() -> None:
    """Never an empty baseline, never no drift."""
    plain = scene()
    blind = Scene(plain.cell, plain.image, plain.control, plain.launcher, None, plain.heard, passed=True)
    for watch in (DriftCheck(Baseline((kept({}),)), "b.json"), Keeper(1)):
        with pytest.raises(InstrumentError, match="cannot be observed: a fake"):
            watch.facts(blind)


def test_a_keeper_keeps_what_was_seen() -> None:
    """With image, versions and probes: what the calls are worth."""
    keeper = Keeper(2)
    assert keeper.facts(scene(("read", "start", (0,) * 6))) == {}
    assert keeper.workloads == [replace(kept({"read": ("start",)}), runs=2)]
