"""From launches to verdicts on a scripted target: what passes, what is an error, and that an instrument never lies."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from profile_smoke import rundir
from profile_smoke.errors import ImageError, InfrastructureError, InstrumentError, InterruptedRunError
from profile_smoke.image.registry import RegistryUnreachable
from profile_smoke.interrupts import ending_signals
from profile_smoke.model import CellResult, Effect, LaunchKind, Outcome, Process, RunReport, Verdict
from profile_smoke.observe.interface import NotHandedOverError, Observer
from profile_smoke.observe.process import status_field
from profile_smoke.observe.record import Record
from profile_smoke.observe.supervisor import Supervisor
from profile_smoke.probe.interface import ExecResult, ExitState
from profile_smoke.profile.catalog import NamedProfile
from profile_smoke.profile.document import parse
from profile_smoke.profile.model import Action, Decision
from profile_smoke.report.progress import NullProgress
from profile_smoke.run import launch as launching
from profile_smoke.run.cell import CellRunner, Effort
from profile_smoke.run.controls import Controls
from profile_smoke.run.launch import Launcher
from profile_smoke.run.limits import Limits, full_limits
from profile_smoke.run.order import Order
from profile_smoke.run.plan import Cell, matrix
from profile_smoke.run.runner import Runner
from profile_smoke.run.session import Settings
from profile_smoke.run.slots import Slots
from profile_smoke.scenario.model import ExecCheck, LogCheck, Probe, Ready, Scenario, Start, Stop
from profile_smoke.syscall import tables
from profile_smoke.target.fake import FakeContainer, FakeTarget, Life
from profile_smoke.target.interface import ContainerSpec, StartRefused

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from profile_smoke.observe.policy import Policy

UP = Life(log="up\n")
DOWN = Life(log="no\n", exit=ExitState(exit_code=1))
DENIED = Decision(Action.ERRNO, 1)


def scenario(*, probes: Sequence[Probe] = (), ready: float = 0.3, codes: Sequence[int] = (0,)) -> Scenario:
    return Scenario(
        "s", "", "image:1", Start(), Ready(LogCheck("up"), ready), tuple(probes), Stop("TERM", 1.0, tuple(codes)),
        {}, Path("s"),
    )  # fmt: skip


def profile(allowed: Iterable[str] = ("read", "write")) -> NamedProfile:
    rule = {"names": sorted(allowed), "action": "SCMP_ACT_ALLOW"}
    text = json.dumps({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [rule]})
    return NamedProfile("p", parse(text, "p.json"), Path("p.json"))


def cell(name: str = "s", **changes: object) -> Cell:
    return Cell(profile(), replace(scenario(), name=name, path=Path(name), **changes), "fake")  # type: ignore[arg-type]


def launcher(target: FakeTarget, *, stop: threading.Event | None = None, keep: bool = False) -> Launcher:
    return Launcher(target, run_id="r", stop=stop or threading.Event(), slots=Slots(2), keep_failed=keep)


def controls() -> Controls:
    return Controls({}, "auto", lambda: None)


def judge(
    target: FakeTarget,
    *,
    observer: object = None,
    observe: bool = True,
    launches: int = 50,
    keep: bool = False,
) -> CellResult:
    """What becomes of the one cell."""
    effort = Effort(observe=observe, max_launches=launches, jobs=1)
    runner = CellRunner(launcher(target, keep=keep), cast("Observer | None", observer), controls(), effort)
    return runner.run(cell(), lambda _text: None)


def lives(control: Sequence[Life], enforced: Sequence[Life]) -> FakeTarget:
    """A target whose launches go as listed; the last one of a kind goes on."""
    left = {True: list(control), False: list(enforced)}

    def script(spec: ContainerSpec) -> Life:
        queue = left[spec.seccomp is None]
        return queue.pop(0) if len(queue) > 1 else queue[0]

    return FakeTarget(script)


def order(found: Scenario, limits: Limits | None = None) -> Order:
    image = FakeTarget(lambda _spec: UP).prepare("image:1", None, policy="auto")
    return Order(found, image, LaunchKind.ENFORCE, {}, "sha", limits or full_limits(found))


# Launches


def test_a_launch_goes_from_create_to_stop() -> None:
    """Every phase is entered, timed and marked; the container is gone afterwards."""
    target = FakeTarget(lambda _spec: UP)
    found = scenario(probes=[Probe("said", LogCheck("up"))])
    result = launcher(target).launch(order(found), "r-1")
    assert result.passed
    assert list(result.launch.phases) == ["create", "start", "probe:said", "stop"]
    assert set(result.seconds) == {"create", "start", "probe:said", "stop"}
    assert result.log == ("up",)
    assert target.live == []


@pytest.mark.parametrize(
    ("life", "phase", "reason"),
    [
        (
            Life(start=StartRefused("cannot start a stopped process")),
            "create",
            "cannot start a stopped process",
        ),
        (DOWN, "start", "exited with code 1"),
        (Life(exit=ExitState(signal="SIGSYS")), "start", "killed by SIGSYS"),
        (Life(log="not yet"), "start", "not ready within 0.3 s, still running"),
        (replace(UP, stops=None), "stop", "did not stop within 1.0 s of SIGTERM"),
        (replace(UP, stops=ExitState(exit_code=139)), "stop", "exited with code 139 when stopped by SIGTERM"),
        (replace(UP, stops=ExitState(signal="SIGSEGV")), "stop", "killed by SIGSEGV when stopped"),
        (replace(UP, stops=ExitState(signal="SIGTERM")), "stop", "killed by SIGTERM when stopped"),
    ],
)
def test_a_launch_that_fails_says_where_and_how(life: Life, phase: str, reason: str) -> None:
    """A result, not an exception: the scenario does not work."""
    result = launcher(FakeTarget(lambda _spec: life)).launch(order(scenario()), "r-1")
    assert result.launch.outcome is Outcome.FAILED
    assert result.launch.phase == phase
    assert reason in result.launch.reason


def test_a_launch_that_is_waited_for_in_vain_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """It gives its slot away, though it is waited for to the end."""
    monkeypatch.setattr(launching, "_PATIENCE", 0.0)
    lives, stop = {"r-1": Life(log="not yet"), "r-2": UP}, threading.Event()
    one = Launcher(
        FakeTarget(lambda spec: lives[spec.launch_id]),
        run_id="r",
        stop=stop,
        slots=Slots(1),
        keep_failed=False,
    )
    long = replace(full_limits(scenario()), ready=60.0)
    with ThreadPoolExecutor(1) as pool:
        hanging = pool.submit(one.launch, order(scenario(), long), "r-1")
        assert one.launch(order(scenario()), "r-2").passed
        assert not hanging.done()
        stop.set()
        with pytest.raises(InterruptedRunError):
            hanging.result()


def test_the_end_by_the_very_signal_that_was_sent_is_graceful_where_the_scenario_says_so() -> None:
    """A program without a handler: 128 plus the signal's number is among its exit codes."""
    target = FakeTarget(lambda _spec: replace(UP, stops=ExitState(signal="SIGTERM")))
    assert launcher(target).launch(order(scenario(codes=(0, 143))), "r-1").passed


def test_a_probe_that_does_not_hold_fails_the_launch_in_its_phase() -> None:
    """With what was last seen."""
    probe = Probe("asks", ExecCheck(("true",)), timeout=0.3)
    target = FakeTarget(lambda _spec: UP)
    result = launcher(target).launch(order(scenario(probes=[probe])), "r-1")
    assert result.launch.phase == "probe:asks"
    assert "the probe did not hold within 0.3 s" in result.launch.reason
    assert ExecResult(127, "").exit_code == 127


def test_a_workload_without_a_filter_is_an_error_of_the_instrument() -> None:
    """`Seccomp: 0` in its status: nothing passes without a filter."""
    assert status_field(os.getpid(), "Seccomp") == "0", "these tests themselves run under a filter"
    target = FakeTarget(lambda _spec: replace(UP, pid=os.getpid()))
    with pytest.raises(InstrumentError, match="runs without a seccomp filter"):
        launcher(target).launch(order(scenario()), "r-1")
    assert target.live == []


@pytest.mark.parametrize("denied", [True, False])
def test_a_launch_with_another_setting_than_it_is_reported_with_is_an_error(
    denied: bool,  # noqa: FBT001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What counts is the `NoNewPrivs` line of the workload's status, whatever was asked of the runtime."""
    shown = {"Seccomp": "2", "NoNewPrivs": "1"}
    monkeypatch.setattr(FakeContainer, "status_field", lambda _self, field: shown[field])
    target = FakeTarget(lambda _spec: replace(UP, pid=os.getpid()))
    chosen = replace(scenario(), start=Start(no_new_privileges=denied))
    if denied:
        assert launcher(target).launch(order(chosen), "r-1").passed
    else:
        with pytest.raises(InstrumentError, match="to be allowed, but the workload runs with NoNewPrivs: 1"):
            launcher(target).launch(order(chosen), "r-1")


@pytest.mark.parametrize(
    "error", [InfrastructureError("down"), InterruptedRunError("stop"), KeyboardInterrupt()]
)
def test_what_breaks_around_a_launch_is_raised_after_its_container_is_removed(error: BaseException) -> None:
    """Whatever it is."""
    target = FakeTarget(lambda _spec: Life(start=cast("Exception", error)))
    with pytest.raises(type(error)):
        launcher(target).launch(order(scenario()), "r-1")
    assert target.live == []


def test_an_interrupt_ends_a_wait_at_once() -> None:
    """Not after the scenario's minute, and not as a failure of the workload."""
    stop = threading.Event()
    target = FakeTarget(lambda _spec: Life(log="never"))
    threading.Timer(0.1, stop.set).start()
    began = time.monotonic()
    with pytest.raises(InterruptedRunError):
        launcher(target, stop=stop).launch(order(scenario(ready=60.0)), "r-1")
    assert time.monotonic() - began < 5
    with pytest.raises(InterruptedRunError):
        launcher(target, stop=stop).launch(order(scenario()), "r-2")
    assert len(target.specs) == 1


# Cells


def test_a_profile_under_which_it_works_passes() -> None:
    """Control and enforced launch, nothing else where nothing can be observed."""
    target = lives([UP], [UP])
    result = judge(target)
    assert result.verdict is Verdict.PASSED
    assert len(target.specs) == 2
    assert "nothing was observed: a fake" in result.notes


def test_nothing_is_blamed_on_a_profile_whose_control_fails() -> None:
    """An error; the profile is not even launched."""
    target = lives([DOWN], [UP])
    result = judge(target)
    assert result.verdict is Verdict.ERROR
    assert "the control fails" in result.reason
    assert all(spec.seccomp is None for spec in target.specs)


def test_a_failure_that_cannot_be_explained_is_confirmed_before_it_is_called_blocked() -> None:
    """Control and profile once more: the same again."""
    target = lives([UP], [DOWN])
    result = judge(target)
    assert result.verdict is Verdict.BLOCKED
    assert (result.phase, result.blocking, result.fix) == ("start", (), None)
    assert [spec.seccomp is None for spec in target.specs] == [True, False, True, False]
    assert any("which syscall: unknown" in note for note in result.notes)


@pytest.mark.parametrize(
    ("control", "enforced"), [([UP], [DOWN, UP]), ([UP, DOWN], [DOWN]), ([UP, DOWN], [DOWN, UP])]
)
def test_what_comes_out_differently_twice_is_inconclusive(control: list[Life], enforced: list[Life]) -> None:
    """The profile that then passes, the control that then fails: an error, never passed, never blocked."""
    result = judge(lives(control, enforced))
    assert result.verdict is Verdict.ERROR
    assert "inconclusive" in result.reason


def test_an_image_that_cannot_be_had_is_an_error() -> None:
    """With the reason; a registry that cannot be reached skips the scenarios that say so."""
    target = FakeTarget(lambda _spec: UP)
    target.image_error = ImageError("no such image")
    result = judge(target)
    assert (result.verdict, result.reason, result.image) == (Verdict.ERROR, "no such image", None)
    target.image_error = RegistryUnreachable("offline")
    assert judge(target).verdict is Verdict.ERROR
    runner = CellRunner(launcher(target), None, controls(), Effort(observe=False, max_launches=9, jobs=1))
    assert runner.run(cell(skip_without_image=True), lambda _text: None).verdict is Verdict.SKIPPED


@pytest.mark.parametrize("enforced", [UP, DOWN])
def test_a_supervisor_that_fails_makes_the_cell_an_error(tmp_path: Path, enforced: Life) -> None:
    """The runtime never hands over its listener: whatever the enforced launch said, this is no verdict."""
    target = FakeTarget(lambda spec: UP if spec.seccomp is None else enforced, observes=True)
    with Supervisor(tmp_path / "s") as supervisor:
        result = judge(target, observer=supervisor)
    assert result.verdict is Verdict.ERROR
    assert "never handed over a listener" in result.reason


def test_a_failed_container_is_kept_when_asked_for_and_said_so() -> None:
    """Only that of the enforced launch, only when it failed."""
    target = lives([UP], [Life(log="hangs")])
    result = judge(target, keep=True, observe=False)
    assert result.verdict is Verdict.BLOCKED
    assert "kept: enter the fake" in result.notes
    assert target.kept >= 1
    passing = lives([UP], [UP])
    judge(passing, keep=True)
    assert passing.kept == 0


class Observing:
    """A supervisor that saw what a scripted workload asks for, in place of one that a kernel notifies.

    `phases` are those of its calls in one launch after the other; the last one goes on.
    """

    listener_path = "/run/nobody.sock"

    def __init__(self, asks: Sequence[str], phases: Sequence[str] = ("start",)) -> None:
        self.asks, self.phases = asks, list(phases)

    def open(self, key: str, policy: Policy) -> Observing.Watching:
        del key
        phase = self.phases.pop(0) if len(self.phases) > 1 else self.phases[0]
        return self.Watching(policy, self.asks, phase)

    class Watching:
        """One session: the calls that the profile refuses are on its record from the beginning."""

        def __init__(self, policy: Policy, asks: Sequence[str], phase: str) -> None:
            self.started, self.phase = 0.0, ""
            self.record = Record(lambda: 1.0)
            for name in asks:
                number = tables.number("x86_64", name)
                assert number is not None
                verdict = policy.decide(tables.audit_arch("x86_64"), number, (0,) * 6, runtime=False)
                if verdict.control is not None:
                    self.record.add(
                        arch="x86_64", number=number, args=(0,) * 6, says=verdict.profile, control=verdict.control,
                        phase=phase, process=Process(1, "w", "/w"), runtime=False, memory=Unreadable(),
                    )  # fmt: skip

        def check(self) -> None:
            """It is fine."""

        def close(self) -> None:
            """Nothing to forget."""


class Unreadable:
    """A process whose memory nobody may read."""

    def bytes(self, address: int, size: int) -> bytes | None:
        del address, size
        return None

    def string(self, address: int, limit: int) -> str | None:
        del address, limit
        return None


def allows(seccomp: Mapping[str, object] | None, needed: Iterable[str]) -> bool:
    """Whether a document allows these names unconditionally, or hands them to a supervisor."""
    if seccomp is None:
        return True
    rules = cast("list[dict[str, object]]", seccomp["syscalls"])
    wanted = ("SCMP_ACT_ALLOW", "SCMP_ACT_NOTIFY")
    names = {name for rule in rules if rule["action"] in wanted for name in cast("list[str]", rule["names"])}
    return names >= set(needed)


def test_blocking_and_tolerated_calls_are_told_apart_by_launches() -> None:
    """`openat` and `mmap` are needed, `mbind` and `brk` only asked for: the fix is the first two, verified and minimal."""
    target = FakeTarget(lambda spec: UP if allows(spec.seccomp, ["openat", "mmap"]) else DOWN, observes=True)
    result = judge(target, observer=Observing(["brk", "mmap", "mbind", "openat"]))
    assert result.verdict is Verdict.BLOCKED
    assert result.blocking == ("mmap", "openat")
    assert result.fix is not None
    assert (result.fix.verified, result.fix.minimal) == (True, True)
    assert result.fix.rules == ({"names": ["mmap", "openat"], "action": "SCMP_ACT_ALLOW"},)
    changed = [line for line in result.fix.diff.splitlines() if line.startswith(("+", "-"))]
    assert len(changed) == 4
    assert ('"mmap"' in changed[2], '"mmap"' in changed[3], '"openat"' in changed[3]) == (False, True, True)
    assert {each.syscall: each.effect for each in result.denials} == {
        "brk": Effect.TOLERATED, "mmap": Effect.BLOCKING, "mbind": Effect.TOLERATED, "openat": Effect.BLOCKING,
    }  # fmt: skip


def test_a_denial_has_the_error_of_the_profile_under_test_whatever_a_fix_answers() -> None:
    """`clone3` is to be answered ENOSYS; a launch with that rule on still refuses it, and says nothing of the profile."""
    refused = iter([UP, *[DOWN] * 9])

    def life(spec: ContainerSpec) -> Life:
        if spec.seccomp is not None and "listenerPath" in spec.seccomp:
            return next(refused)
        return (
            UP if allows(spec.seccomp, ["mmap", "openat"]) and answers(spec.seccomp, "clone3", 38) else DOWN
        )

    asks = ["brk", "mmap", "openat", "clone3"]
    phases = ("start", "start", "probe:x", "stop")
    result = judge(FakeTarget(life, observes=True), observer=Observing(asks, phases))
    assert result.verdict is Verdict.BLOCKED
    assert "clone3" in result.blocking
    seen = {(each.phase, each.errno) for each in result.denials if each.syscall == "clone3"}
    assert len(seen) > 1
    assert {errno for _, errno in seen} == {"EPERM"}


def answers(seccomp: Mapping[str, object] | None, name: str, code: int) -> bool:
    """Whether a document answers a name with this errno, or hands it to a supervisor."""
    rules = cast("list[dict[str, object]]", (seccomp or {"syscalls": []})["syscalls"])
    mine = [rule for rule in rules if name in cast("list[str]", rule["names"])]
    return seccomp is None or any(
        rule["action"] == "SCMP_ACT_NOTIFY" or rule.get("errnoRet") == code for rule in mine
    )


@pytest.mark.parametrize(("hangs", "verdict"), [(1, Verdict.PASSED), (2, Verdict.PASSED), (3, Verdict.ERROR)])
def test_a_runtime_that_hangs_before_there_is_anything_to_see_is_tried_again(
    hangs: int, verdict: Verdict, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It happens now and then, by chance; what happens every time is an error."""
    left = [hangs]

    def check(_session: Observing.Watching) -> None:
        if left[0]:
            left[0] -= 1
            raise NotHandedOverError("never")

    monkeypatch.setattr(Observing.Watching, "check", check)
    target = FakeTarget(lambda _spec: UP, observes=True)
    assert judge(target, observer=Observing(["mbind"])).verdict is verdict


def test_a_passing_profile_tolerates_all_that_it_refuses() -> None:
    """Observed refusals of a workload that works."""
    target = FakeTarget(lambda _spec: UP, observes=True)
    result = judge(target, observer=Observing(["mbind"]))
    assert result.verdict is Verdict.PASSED
    assert [(each.syscall, each.effect) for each in result.denials] == [("mbind", Effect.TOLERATED)]


def test_a_profile_that_permits_everything_is_not_observed(tmp_path: Path) -> None:
    """There is nothing to notify of, so no runtime would hand over a listener: passed, without an observed launch."""
    target = FakeTarget(lambda _spec: UP, observes=True)
    effort = Effort(observe=True, max_launches=9, jobs=1)
    permissive = NamedProfile("p", parse('{"defaultAction": "SCMP_ACT_ALLOW"}', "p.json"), Path("p.json"))
    with Supervisor(tmp_path / "s") as supervisor:
        runner = CellRunner(launcher(target), supervisor, controls(), effort)
        result = runner.run(replace(cell(), profile=permissive), lambda _text: None)
    assert result.verdict is Verdict.PASSED, result.reason
    assert [each.kind for each in result.launches] == [LaunchKind.ENFORCE]


def test_an_observation_that_disagrees_is_told_and_decides_nothing() -> None:
    """It passes enforced and fails observed: passed, with a note."""
    target = FakeTarget(
        lambda spec: DOWN if spec.seccomp and "listenerPath" in spec.seccomp else UP, observes=True
    )
    result = judge(target, observer=Observing([]))
    assert result.verdict is Verdict.PASSED
    assert any("passed when enforced, but failed when observed" in note for note in result.notes)


@pytest.mark.parametrize("bound", range(1, 8))
def test_the_bound_on_launches_holds_for_a_cell(bound: int) -> None:
    """Never more than so many beside the controls, and never a wrong verdict."""
    target = FakeTarget(lambda spec: UP if allows(spec.seccomp, ["openat", "mmap"]) else DOWN, observes=True)
    result = judge(target, observer=Observing(["brk", "mmap", "mbind", "openat"]), launches=bound)
    assert len([spec for spec in target.specs if spec.seccomp is not None]) <= bound
    assert len(result.launches) <= bound
    assert result.verdict is Verdict.BLOCKED
    assert set(result.blocking) <= {"mmap", "openat"}


# Runs


def execute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: FakeTarget, cells: Sequence[Cell], jobs: int = 2
) -> RunReport:
    monkeypatch.setenv("PROFILE_SMOKE_HOME", str(tmp_path))
    settings = Settings(Effort(observe=False, max_launches=9, jobs=jobs), keep_failed=False)
    with rundir.open_run("r") as run:
        report = Runner(run, {"fake": target}, controls(), settings, NullProgress()).execute(cells)
    assert target.finished
    assert target.live == []
    assert not list((tmp_path / "runs").iterdir())
    return report


def test_results_come_in_the_plans_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever is done first."""
    cells = [cell(name) for name in "abcdef"]
    report = execute(tmp_path, monkeypatch, FakeTarget(lambda _spec: UP), cells)
    assert [each.id for each in report.cells] == [each.id for each in cells]
    assert all(each.verdict is Verdict.PASSED for each in report.cells)
    assert not report.interrupted


def test_a_scenarios_control_and_image_come_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many cells share it, however many work at once."""
    target = FakeTarget(lambda _spec: UP)
    cells = [replace(cell(), profile=replace(profile(), name=name)) for name in "abcdef"]
    execute(tmp_path, monkeypatch, target, cells, jobs=6)
    assert len([spec for spec in target.specs if spec.seccomp is None]) == 1
    assert len(target.specs) == 7


def test_each_setting_has_a_control_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What works without no_new_privs says nothing of what works with it; the result tells which it was."""
    target = FakeTarget(lambda _spec: UP)
    cells = matrix([profile()], [scenario()], ["fake"], no_new_privileges=(False, True))
    report = execute(tmp_path, monkeypatch, target, cells)
    controls = [spec.start.no_new_privileges for spec in target.specs if spec.seccomp is None]
    assert sorted(controls) == [False, True]
    assert [each.no_new_privileges for each in report.cells] == [False, True]


def test_no_more_containers_at_once_than_jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight cells, three jobs."""
    most = 0
    target: FakeTarget

    def script(_spec: ContainerSpec) -> Life:
        nonlocal most
        most = max(most, len(target.live) + 1)
        time.sleep(0.01)
        return UP

    target = FakeTarget(script)
    execute(tmp_path, monkeypatch, target, [cell(name) for name in "abcdefgh"], jobs=3)
    assert most <= 3


def test_an_interrupted_run_reports_what_was_done_and_skips_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGTERM to this process: the cell under way is not concluded, none begins after it, however often it comes."""

    def script(_spec: ContainerSpec) -> Life:
        if len(target.specs) <= 2:
            return UP
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGTERM)
        return Life(log="never")

    target = FakeTarget(script)
    cells = [cell("a"), cell("b", ready=Ready(LogCheck("up"), 60.0)), cell("c")]
    with ending_signals():
        report = execute(tmp_path, monkeypatch, target, cells, jobs=1)
    assert report.interrupted
    assert [each.verdict for each in report.cells] == [Verdict.PASSED, Verdict.SKIPPED, Verdict.SKIPPED]
    assert report.cells[1].reason == "interrupted before it was done"


def test_a_bug_in_a_cell_ends_the_run_and_cleans_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No verdict is made of what nobody understands."""

    def script(_spec: ContainerSpec) -> Life:
        raise ZeroDivisionError

    target = FakeTarget(script)
    with pytest.raises(ZeroDivisionError):
        execute(tmp_path, monkeypatch, target, [cell("a"), cell("b")])
    assert target.finished
    assert not list((tmp_path / "runs").iterdir())
