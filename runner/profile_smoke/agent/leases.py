"""How long what was put on a node for a run stays there: as long as its client is heard of, and a little longer."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Leases:
    """The runs that have something on the node. Safe for use from several threads.

    A client that lost its connection has `seconds` to come back; after that, or after a kill -9, what is left is due.
    """

    def __init__(self, seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._lock = threading.Lock()
        self._ends: dict[str, float | None] = {}

    def found(self, runs: Iterable[str]) -> None:
        """What an earlier life of the agent left: their clients may come back as well."""
        for run in runs:
            self.release(run)

    def hold(self, run: str) -> None:
        """Its client is connected."""
        with self._lock:
            self._ends[run] = None

    def release(self, run: str) -> None:
        """Its connection is lost."""
        with self._lock:
            self._ends[run] = self._clock() + self._seconds

    def forget(self, run: str) -> None:
        """There is nothing left of it."""
        with self._lock:
            self._ends.pop(run, None)

    def held(self) -> frozenset[str]:
        """The runs whose clients are connected."""
        with self._lock:
            return frozenset(run for run, end in self._ends.items() if end is None)

    def due(self) -> list[str]:
        """The runs whose clients did not come back."""
        now = self._clock()
        with self._lock:
            return [run for run, end in self._ends.items() if end is not None and end <= now]
