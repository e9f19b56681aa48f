"""Images and controls: prepared once per scenario, target and setting, whoever needs them first."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from profile_smoke.model import LaunchKind
from profile_smoke.observe.conservative import ConservativeControl
from profile_smoke.profile.loaded import LoadedFilter
from profile_smoke.run.limits import Limits, full_limits, measured_limits
from profile_smoke.run.order import Order, Result

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from profile_smoke.image.interface import PreparedImage
    from profile_smoke.image.store import Policy
    from profile_smoke.observe.policy import Control
    from profile_smoke.run.launch import Launcher
    from profile_smoke.scenario.model import Scenario

T = TypeVar("T")


class Once:
    """Makes each thing once; whoever else asks meanwhile waits for it. A failure is remembered as well."""

    def __init__(self) -> None:
        self._futures: dict[object, Future[object]] = {}
        self._lock = threading.Lock()

    def get(self, key: object, make: Callable[[], T]) -> T:
        """The thing of this key; raises what making it raised."""
        with self._lock:
            future = self._futures.get(key)
            mine = future is None
            if future is None:
                future = self._futures[key] = Future()
        if mine:
            try:
                future.set_result(make())
            except BaseException as error:
                future.set_exception(error)
                raise
        return future.result()  # type: ignore[return-value]  # what `make` of this key made


@dataclass(frozen=True)
class Baseline:
    """A scenario that works on a target under its default profile: how fast, and what that profile does.

    `control` answers for any call what the default profile does.
    """

    result: Result
    limits: Limits
    control: Control


class Controls:
    """Prepared images and controls of one run.

    `images` are the user's own, by scenario; `cancel` ends what is being prepared.
    """

    def __init__(self, images: Mapping[str, str], policy: Policy, cancel: Callable[[], None]) -> None:
        self._images, self._policy = images, policy
        self.cancel = cancel
        self._once = Once()

    def image(self, launcher: Launcher, scenario: Scenario) -> PreparedImage:
        """The scenario's image on this target. Raises ImageError."""
        chosen = self._images.get(scenario.name)
        # What the user names is what is run: a stand-in is only for the scenario's own image.
        recipe: Path | None = None if chosen else scenario.standin
        return self._once.get(
            ("image", launcher.target.name, scenario.path),
            lambda: launcher.target.prepare(
                chosen or scenario.image, recipe, policy="never" if chosen else self._policy
            ),
        )

    def baseline(self, launcher: Launcher, scenario: Scenario, heard: Callable[[str], None]) -> Result:
        """The control launch; passed or not."""

        def make() -> Result:
            heard("control")
            return self.launch(launcher, scenario)

        setting, probes = scenario.start.no_new_privileges, tuple(probe.name for probe in scenario.probes)
        return self._once.get(("control", launcher.target.name, scenario.path, setting, probes), make)

    def launch(self, launcher: Launcher, scenario: Scenario) -> Result:
        """A control launch of its own, for when a failure is to be confirmed."""
        order = Order(
            scenario,
            self.image(launcher, scenario),
            LaunchKind.CONTROL,
            seccomp=None,
            profile_sha256=None,
            limits=full_limits(scenario),
            read_filter=launcher.target.capabilities().read_filter,
        )
        return launcher.launch(order, launcher.new_id())


def baseline_of(scenario: Scenario, result: Result) -> Baseline:
    """What a passed control tells."""
    limits = measured_limits(scenario, result.seconds)
    if result.programs:
        return Baseline(result, limits, LoadedFilter(result.programs))
    return Baseline(result, limits, ConservativeControl())
