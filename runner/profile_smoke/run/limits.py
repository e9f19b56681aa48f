"""How long each phase of a launch may take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from profile_smoke.model import PHASE_CREATE, PHASE_START, PHASE_STOP, probe_phase

if TYPE_CHECKING:
    from collections.abc import Mapping

    from profile_smoke.scenario.model import Scenario

START_SECONDS = 30.0
"""For the runtime to create and start a container, on the slowest machine."""
_LEAST = 2.5
_LEAST_START = 5.0
_FACTOR = 6.0


@dataclass(frozen=True)
class Limits:
    """Seconds per phase; `probes` by the probe's name."""

    start: float
    ready: float
    probes: Mapping[str, float]
    stop: float

    def relaxed(self) -> Limits:
        """Twice as long: an observed launch is slower where much is refused."""
        return Limits(
            2 * self.start,
            2 * self.ready,
            {name: 2 * value for name, value in self.probes.items()},
            2 * self.stop,
        )


def full_limits(scenario: Scenario) -> Limits:
    """The scenario's own limits, made for the slowest machine: for the control."""
    return Limits(
        start=START_SECONDS,
        ready=scenario.ready.timeout,
        probes={probe.name: probe.timeout for probe in scenario.probes},
        stop=scenario.stop.timeout,
    )


def measured_limits(scenario: Scenario, control: Mapping[str, float]) -> Limits:
    """Limits from what the control needed (seconds by phase), so that a hang is seen in seconds, not minutes.

    Six times as long as the control, at least 2.5 s, never more than the scenario's own limit.
    """
    full = full_limits(scenario)

    def bound(phase: str, most: float) -> float:
        return min(most, max(_LEAST, _FACTOR * control.get(phase, most)))

    return Limits(
        start=min(full.start, max(_LEAST_START, _FACTOR * control.get(PHASE_CREATE, full.start))),
        ready=bound(PHASE_START, full.ready),
        probes={name: bound(probe_phase(name), most) for name, most in full.probes.items()},
        stop=bound(PHASE_STOP, full.stop),
    )
