"""How long a phase may take: what the control needed, with room, never beyond what the scenario says."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from profile_smoke.run.limits import START_SECONDS, full_limits, measured_limits
from profile_smoke.scenario.model import LogCheck, Probe, Ready, Scenario, Start, Stop

CHECK = LogCheck("x")
SCENARIO = Scenario(
    "s", "", "i", Start(), Ready(CHECK, 60.0), (Probe("p", CHECK, 10.0),), Stop(timeout=20.0), {}, Path("s")
)
PHASES = ("create", "start", "probe:p", "stop")


def test_the_control_gets_the_scenarios_own_limits() -> None:
    """Made for the slowest machine."""
    limits = full_limits(SCENARIO)
    assert (limits.start, limits.ready, limits.probes, limits.stop) == (
        START_SECONDS,
        60.0,
        {"p": 10.0},
        20.0,
    )


@given(st.dictionaries(st.sampled_from(PHASES), st.floats(0, 1000)))
def test_measured_limits_are_six_times_the_control_within_bounds(control: dict[str, float]) -> None:
    """At least 2.5 s (5 for the runtime), at most the scenario's limit; a phase that was not measured keeps that."""
    limits, full = measured_limits(SCENARIO, control), full_limits(SCENARIO)
    found = {
        "create": limits.start,
        "start": limits.ready,
        "probe:p": limits.probes["p"],
        "stop": limits.stop,
    }
    most = {"create": full.start, "start": full.ready, "probe:p": full.probes["p"], "stop": full.stop}
    for phase in PHASES:
        least = 5.0 if phase == "create" else 2.5
        expected = max(least, 6 * control[phase]) if phase in control else most[phase]
        assert found[phase] == min(most[phase], expected)


def test_observed_launches_get_twice_the_time() -> None:
    """Every phase, as they are slower where much is refused."""
    limits = full_limits(SCENARIO).relaxed()
    assert (limits.start, limits.ready, limits.probes, limits.stop) == (
        2 * START_SECONDS, 120.0, {"p": 20.0}, 40.0,
    )  # fmt: skip
