"""The one wait loop: it ends when the check holds, when the container is dead, or when the time is over."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from profile_smoke.probe.interface import Attempt, ExitState

FIRST_PAUSE = 0.003
LAST_PAUSE = 0.1
GROWTH = 1.3
"""Pauses of 3, 4, 5 ms and so on up to 100 ms: a fast start is seen at once, a slow one is not hammered. The
last pause before a start of t seconds is seen is below 0.3 t."""

LEAST_BUDGET = 1.0
"""Seconds that an attempt gets at least, beyond the deadline if need be."""


class WaitState(StrEnum):
    """How waiting ended. `STOPPED`: the run was interrupted, so nothing is known."""

    READY = "ready"
    DEAD = "dead"
    DEADLINE = "deadline"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Waited:
    """The end of a wait: attempts in how many seconds, what the last one saw, how the container ended."""

    state: WaitState
    attempts: int
    seconds: float
    last: str
    exit: ExitState | None = None


def wait_until(
    try_once: Callable[[float], Attempt],
    exited: Callable[[], ExitState | None],
    *,
    timeout: float,
    stop: threading.Event | None = None,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], object] | None = None,
) -> Waited:
    """Try until an attempt holds, the container has exited, or `timeout` seconds are over.

    `try_once` is given the seconds it may take: those that are left, but never less than `LEAST_BUDGET`, so that
    the last attempt is not cut short and reports what is wrong rather than its own haste. At least one attempt is
    made, none begins after the deadline. An attempt that holds counts whenever it ends, even with the container
    gone a moment later: it was seen to work. A container that is found dead gets one more attempt, because what a
    check reads (the log) may have become complete only with the end. `pause` defaults to waiting on `stop`, which
    ends the wait early when it is set.
    """
    stop = stop or threading.Event()
    pause = pause or stop.wait
    began = clock()
    attempts, nap = 0, FIRST_PAUSE
    gone: ExitState | None = None
    while True:
        attempt = try_once(max(began + timeout - clock(), LEAST_BUDGET))
        attempts += 1
        state = None
        if attempt.ok:
            state = WaitState.READY
        elif gone is not None:
            state = WaitState.DEAD
        elif (gone := exited()) is None:
            pause(max(min(nap, began + timeout - clock()), 0.0))
            nap = min(nap * GROWTH, LAST_PAUSE)
            if stop.is_set():
                state = WaitState.STOPPED
            elif clock() >= began + timeout:
                state = WaitState.DEADLINE
        if state is not None:
            dead = gone if state is WaitState.DEAD else None
            return Waited(state, attempts, clock() - began, attempt.detail, dead)
