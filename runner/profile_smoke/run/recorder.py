"""From a scenario to what it uses, and from that to a profile under which it works, enforced by the kernel."""

from __future__ import annotations

import errno
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from profile_smoke.errors import InfrastructureError
from profile_smoke.model import LaunchKind
from profile_smoke.observe.record import NARROWED
from profile_smoke.profile.generalise import Use
from profile_smoke.profile.model import Action
from profile_smoke.recording import Call, Recording, Verification
from profile_smoke.run.default_filter import default_control
from profile_smoke.run.limits import Limits, full_limits, measured_limits
from profile_smoke.run.order import Order, Result
from profile_smoke.run.usage import observe_usage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from profile_smoke.image.interface import PreparedImage
    from profile_smoke.model import Denial
    from profile_smoke.observe.interface import Observer
    from profile_smoke.observe.policy import Control
    from profile_smoke.observe.record import Attempted
    from profile_smoke.profile.document import Document
    from profile_smoke.run.controls import Controls
    from profile_smoke.run.launch import Launcher
    from profile_smoke.run.usage import Usage
    from profile_smoke.scenario.model import Scenario


@dataclass(frozen=True)
class Bench:
    """Where one scenario is recorded and verified."""

    launcher: Launcher
    observer: Observer
    controls: Controls
    scenario: Scenario
    jobs: int
    heard: Callable[[str], None]

    @property
    def name(self) -> str:
        """`nginx@oci`."""
        return f"{self.scenario.name}@{self.launcher.target.name}"


@dataclass(frozen=True)
class _Ground:
    """See `run.usage.Ground`: no control was launched yet that limits could be taken from."""

    limits: Limits
    control: Control


class Unverified(Exception):  # noqa: N818  an outcome: the recorder looks again
    """An enforced launch under the profile failed."""

    def __init__(self, bench: Bench, result: Result, *, no_new_privileges: bool) -> None:
        setting = "with" if no_new_privileges else "without"
        super().__init__(
            f"{bench.name} {setting} no_new_privs: {result.launch.phase}: {result.launch.reason}"
        )


def record(bench: Bench, runs: int) -> Recording:
    """Observe a scenario so many times.

    Raises:
        InfrastructureError: it does not work under the default profile either, or not while it is observed.
        InterruptedRunError: the run was interrupted.
    """
    image = bench.controls.image(bench.launcher, bench.scenario)
    usages: list[Usage] = []
    limits = full_limits(bench.scenario)
    with default_control(bench.launcher, bench.scenario, image) as control:
        for _ in range(runs):
            usages.append(_observe(bench, image, _Ground(limits, control)))
            limits = measured_limits(bench.scenario, usages[-1].results[-1].seconds)
        control.settled()
    return Recording(
        scenario=bench.scenario.name,
        image=image.info,
        target=bench.launcher.target.info(),
        no_new_privileges=bench.scenario.start.no_new_privileges,
        probes=tuple(probe.name for probe in bench.scenario.probes),
        launches=runs,
        calls=_calls(usages),
    )


def uses(recording: Recording) -> tuple[Use, ...]:
    """What a recording says to `generalise`."""
    return tuple(
        Use(
            call.name,
            frozenset(call.abis),
            call.errno,
            None if call.args is None else frozenset(call.args),
        )
        for call in recording.calls
    )


def verify(bench: Bench, document: Document) -> tuple[Verification, ...]:
    """Launch under the profile, with and without no_new_privs.

    Raises:
        Unverified: one of them does not work.
        InfrastructureError, InterruptedRunError: as `record`.
    """
    settings = (False, True)

    def one(setting: bool) -> Verification:  # noqa: FBT001  mapped over settings
        started = replace(bench.scenario, start=replace(bench.scenario.start, no_new_privileges=setting))
        result = _enforce(bench, started, document, full_limits(started))
        if not result.passed:
            raise Unverified(bench, result, no_new_privileges=setting)
        return Verification(
            bench.scenario.name, bench.launcher.target.name, setting, round(result.launch.seconds, 3)
        )

    bench.heard("enforcing")
    with ThreadPoolExecutor(min(bench.jobs, len(settings)), thread_name_prefix="verify") as pool:
        return tuple(pool.map(one, settings))


def needed(bench: Bench, without: Callable[[str], Document], names: Sequence[str]) -> frozenset[str]:
    """Those calls without which the scenario fails, each left out in turn of a profile under which it works.

    `without` gives the profile that lacks a call.
    """
    control = bench.controls.baseline(bench.launcher, bench.scenario, bench.heard)
    limits = measured_limits(bench.scenario, control.seconds)
    bench.heard(f"leaving out each of {len(names)} calls")

    def fails(name: str) -> bool:
        return not _enforce(bench, bench.scenario, without(name), limits).passed

    with ThreadPoolExecutor(bench.jobs, thread_name_prefix="needed") as pool:
        return frozenset(name for name, failed in zip(names, pool.map(fails, names), strict=True) if failed)


def _enforce(bench: Bench, scenario: Scenario, document: Document, limits: Limits) -> Result:
    launcher = bench.launcher
    order = Order(
        scenario,
        bench.controls.image(launcher, scenario),
        LaunchKind.ENFORCE,
        launcher.target.hand_over(document),
        document.sha256,
        limits,
    )
    return launcher.launch(order, launcher.new_id())


def _observe(bench: Bench, image: PreparedImage, ground: _Ground) -> Usage:
    """One look. Only where it fails the default profile is tried, which tells whose fault that is."""
    usage = observe_usage(bench.launcher, bench.observer, bench.scenario, image, ground, heard=bench.heard)
    if usage.passed:
        return usage
    baseline = bench.controls.baseline(bench.launcher, bench.scenario, bench.heard)
    if not baseline.passed:
        raise InfrastructureError(
            f"{bench.name}: it does not work under the default profile either: "
            f"{baseline.launch.phase}: {baseline.launch.reason}"
        )
    failed = usage.results[-1].launch
    raise InfrastructureError(
        f"{bench.name}: works under the default profile, but not while it is observed "
        f"({failed.phase}: {failed.reason}), so not all that it uses was seen"
    )


def _calls(usages: Sequence[Usage]) -> tuple[Call, ...]:
    """One entry per name, sorted, over all observed launches."""
    attempts: dict[str, list[Attempted]] = {}
    for usage in usages:
        for each in usage.attempted:
            attempts.setdefault(each.name, []).append(each)
    lines: dict[str, list[Denial]] = {name: [] for name in attempts}
    for usage in usages:
        for line in usage.calls:
            lines[line.syscall].append(line)
    return tuple(
        Call(
            name=name,
            abis=tuple(sorted({line.arch for line in lines[name]})),
            phases=tuple(dict.fromkeys(line.phase for line in lines[name])),
            programs=tuple(sorted({line.process.exe or line.process.comm for line in lines[name]})),
            count=sum(line.count for line in lines[name]),
            launches=sum(any(each.name == name for each in usage.attempted) for usage in usages),
            errno=_errno(attempts[name]),
            args=_args(name, attempts[name]),
        )
        for name in sorted(attempts)
    )


def _errno(attempts: Sequence[Attempted]) -> int | None:
    if any(each.control.action.permits for each in attempts):
        return None
    control = attempts[0].control
    return control.errno if control.action is Action.ERRNO else errno.EPERM


def _args(name: str, attempts: Sequence[Attempted]) -> tuple[tuple[int, ...], ...] | None:
    passed = [each for each in attempts if each.control.action.permits]
    if name not in NARROWED or not passed or not all(each.sampled_all for each in passed):
        return None
    return tuple(sorted({sample for each in passed for sample in each.samples}))
