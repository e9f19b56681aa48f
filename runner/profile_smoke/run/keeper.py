"""Learning what workloads use, for a baseline."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from profile_smoke.baseline import Workload
from profile_smoke.run.watch import used
from profile_smoke.syscall import tables

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from profile_smoke.baseline import Calls
    from profile_smoke.run.watch import Scene


class Keeper:
    """Observes each workload `runs` times; `workloads` are those that were seen to the end so often."""

    def __init__(self, runs: int) -> None:
        self._runs = runs
        self._lock = threading.Lock()
        self.workloads: list[Workload] = []

    def facts(self, scene: Scene) -> Mapping[str, Any]:
        """Observe; a cell's result holds nothing of it. Raises as `Scene.observe`."""
        seen = [used(scene.observe()) for _ in range(self._runs)]
        calls, sometimes = joined(seen)
        target = scene.launcher.target.info()
        workload = Workload(
            scenario=scene.cell.scenario.name,
            target=target.name,
            no_new_privileges=scene.cell.scenario.start.no_new_privileges,
            arch=tables.native(),
            image=scene.image.info,
            versions=target.versions,
            probes=tuple(probe.name for probe in scene.cell.scenario.probes),
            runs=self._runs,
            calls=calls,
            sometimes=sometimes,
        )
        with self._lock:
            self.workloads.append(workload)
        return {}


def joined(seen: Sequence[Calls]) -> tuple[Calls, Calls]:
    """What was seen in every observation, and what only in some; by call and phase."""
    always: dict[str, tuple[str, ...]] = {}
    sometimes: dict[str, tuple[str, ...]] = {}
    for name in sorted({name for calls in seen for name in calls}):
        phases = dict.fromkeys(phase for calls in seen for phase in calls.get(name, ()))
        steady = tuple(phase for phase in phases if all(phase in calls.get(name, ()) for calls in seen))
        if steady:
            always[name] = steady
        if rest := tuple(phase for phase in phases if phase not in steady):
            sometimes[name] = rest
    return always, sometimes
