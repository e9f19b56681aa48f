"""How many containers are at work at once: a launch takes a slot, and steps aside where it only waits any more.

A profile that makes a workload hang is found out by waiting, for several times as long as the workload needs. What
hangs needs no processor, so others need not wait for it as well.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

ASIDE = 3
"""Launches that may have stepped aside, for each slot: what hangs needs memory, and may run in circles instead of sleep."""


class Slots:
    """`count` slots, shared by all launches of a run."""

    def __init__(self, count: int) -> None:
        self._free = threading.Semaphore(count)
        self._aside = threading.Semaphore(ASIDE * count)

    def take(self) -> Slot:
        """A slot, to be entered."""
        return Slot(self._free, self._aside)


class Slot:
    """One launch's: a context manager that waits for a slot on entering."""

    def __init__(self, free: threading.Semaphore, aside: threading.Semaphore) -> None:
        self._free, self._aside = free, aside
        self._stepped_aside = False

    def __enter__(self) -> Self:
        self._free.acquire()
        return self

    def step_aside(self) -> None:
        """Let another launch have the slot, unless too many have stepped aside already."""
        if not self._stepped_aside and self._aside.acquire(blocking=False):
            self._stepped_aside = True
            self._free.release()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        (self._aside if self._stepped_aside else self._free).release()
