"""How long a run's profiles stay on a node when its client is gone."""

from __future__ import annotations

from profile_smoke.agent.leases import Leases


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_held_run_never_falls_due() -> None:
    """However long it takes."""
    clock = Clock()
    leases = Leases(30, clock=clock)
    leases.hold("a")
    clock.now += 1e6
    assert leases.due() == []


def test_a_released_run_falls_due_once_its_client_had_time_to_come_back() -> None:
    """And not before."""
    clock = Clock()
    leases = Leases(30, clock=clock)
    leases.hold("a")
    leases.release("a")
    clock.now += 29
    assert leases.due() == []
    clock.now += 1
    assert leases.due() == ["a"]
    leases.forget("a")
    assert leases.due() == []


def test_a_client_that_comes_back_keeps_what_it_has() -> None:
    """Coming back ends the count."""
    clock = Clock()
    leases = Leases(30, clock=clock)
    leases.release("a")
    clock.now += 20
    leases.hold("a")
    clock.now += 1000
    assert leases.due() == []


def test_what_an_earlier_life_left_waits_as_long() -> None:
    """A restarted agent does not take the profiles of live clients away."""
    clock = Clock()
    leases = Leases(30, clock=clock)
    leases.found(["a", "b"])
    assert leases.due() == []
    clock.now += 30
    assert leases.due() == ["a", "b"]
