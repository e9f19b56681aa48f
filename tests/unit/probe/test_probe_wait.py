"""The one wait loop, on a clock that only moves when it is told to."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profile_smoke.probe.interface import Attempt, ExitState
from profile_smoke.probe.wait import LAST_PAUSE, LEAST_BUDGET, Waited, WaitState, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

YES, NO = Attempt(ok=True, detail="yes"), Attempt(ok=False, detail="no")


class World:
    """A clock, a workload that is ready from `ready_at` on and dead from `dead_at` on, attempts that take `cost`."""

    def __init__(self, *, ready_at: float = 1e9, dead_at: float = 1e9, cost: float = 0.0) -> None:
        self.now = 100.0
        self.ready_at, self.dead_at, self.cost = 100.0 + ready_at, 100.0 + dead_at, cost
        self.pauses: list[float] = []
        self.budgets: list[float] = []

    def clock(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def attempt(self, left: float) -> Attempt:
        self.budgets.append(left)
        self.now += min(self.cost, left)
        return YES if self.ready_at <= self.now else NO

    def exited(self) -> ExitState | None:
        return ExitState(exit_code=3) if self.now >= self.dead_at else None

    def wait(self, timeout: float, attempt: Callable[[float], Attempt] | None = None) -> Waited:
        return wait_until(
            attempt or self.attempt, self.exited, timeout=timeout, clock=self.clock, pause=self.pause
        )


def test_ready_at_once_costs_one_attempt_and_no_pause() -> None:
    """What is ready already is not waited for."""
    world = World(ready_at=0)
    assert world.wait(10) == Waited(WaitState.READY, 1, 0.0, "yes")
    assert world.pauses == []


def test_a_dead_container_ends_the_wait_with_its_exit() -> None:
    """A container that exits is noticed long before the deadline."""
    waited = World(dead_at=1.0).wait(60)
    assert (waited.state, waited.exit, waited.last) == (WaitState.DEAD, ExitState(exit_code=3), "no")
    assert waited.seconds < 1.0 + 2 * LAST_PAUSE


def test_the_deadline_ends_the_wait_exactly() -> None:
    """No pause runs past the deadline and no attempt begins after it; the last thing seen is kept."""
    world = World(cost=0.03)
    waited = world.wait(5)
    assert (waited.state, waited.exit, waited.last) == (WaitState.DEADLINE, None, "no")
    assert 5 <= waited.seconds <= 5.03


def test_the_last_output_of_a_dead_container_still_counts() -> None:
    """What becomes true with the end (a line of log) is seen by one more attempt."""
    world = World(dead_at=0, ready_at=0.5)

    def log_is_complete_after_the_end(left: float) -> Attempt:
        world.now += 0.3
        return world.attempt(left)

    assert world.wait(60, log_is_complete_after_the_end).state is WaitState.READY


def test_a_bug_in_an_attempt_is_not_swallowed() -> None:
    """The loop catches nothing."""

    def broken(_: float) -> Attempt:
        raise TypeError("a bug")

    with pytest.raises(TypeError, match="a bug"):
        World().wait(1, broken)


def test_an_interrupt_ends_the_wait_at_once() -> None:
    """Setting the event ends the wait long before its deadline."""
    stop = threading.Event()
    attempts: list[float] = []

    def then_interrupt(left: float) -> Attempt:
        attempts.append(left)
        threading.Timer(0.02, stop.set).start()
        return NO

    waited = wait_until(then_interrupt, lambda: None, timeout=60, stop=stop)
    assert waited.state is WaitState.STOPPED
    assert waited.seconds < 5


@given(
    ready_at=st.floats(0, 20), dead_at=st.floats(0, 20), timeout=st.floats(0.001, 20), cost=st.floats(0, 2)
)
def test_whichever_comes_first_decides(ready_at: float, dead_at: float, timeout: float, cost: float) -> None:
    """The end is one of three, in bounded time, and each is only said when it is so."""
    world = World(ready_at=ready_at, dead_at=dead_at, cost=cost)
    waited = world.wait(timeout)
    assert waited.seconds <= timeout + 2 * LEAST_BUDGET + 0.01  # the last attempt, and one more of the dead
    assert all(LEAST_BUDGET <= budget <= max(timeout, LEAST_BUDGET) + 1e-6 for budget in world.budgets)
    assert all(0 <= pause <= LAST_PAUSE for pause in world.pauses)
    assert (waited.exit is not None) == (waited.state is WaitState.DEAD)
    if waited.state is WaitState.READY:
        assert world.now >= world.ready_at
    elif waited.state is WaitState.DEAD:
        assert world.now >= world.dead_at
    else:
        assert waited.seconds >= timeout - 0.001


@given(ready_at=st.floats(0.001, 30))
def test_backing_off_adds_little(ready_at: float) -> None:
    """A start is seen at most 3 ms, or 0.3 times its length, or 100 ms after it."""
    waited = World(ready_at=ready_at).wait(60)
    assert waited.seconds - ready_at <= min(max(0.003, 0.3 * ready_at + 0.003), LAST_PAUSE) + 1e-6
