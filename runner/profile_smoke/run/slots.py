"""How many containers are at work at once: a launch takes a slot, and steps aside where it only waits any more.

A profile that makes a workload hang is found out by waiting, for several times as long as the workload needs. What
hangs needs no processor, so others need not wait for it as well.

A cell that is being blamed wants dozens of launches at once, and each of the others one after the other. Whoever has fewest
at work comes first: else the others would wait for all of those before each of theirs.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

ASIDE = 3
"""Launches that may have stepped aside, for each slot: what hangs needs memory, and may run in circles instead of sleep."""


@dataclass(eq=False)
class _Waiting:
    owner: object
    called: threading.Event = field(default_factory=threading.Event)


class Slots:
    """`count` slots, shared by all launches of a run."""

    def __init__(self, count: int) -> None:
        self._lock = threading.Lock()
        self._free, self._room_aside = count, ASIDE * count
        self._at_work: Counter[object] = Counter()
        self._waiting: list[_Waiting] = []

    def take(self, owner: object = None) -> Slot:
        """A slot, to be entered. `owner` is whose launch it is (compared by `==`)."""
        return Slot(self, owner)

    def begin(self, owner: object) -> None:
        """Wait for a slot."""
        mine = _Waiting(owner)
        with self._lock:
            self._waiting.append(mine)
            self._hand_out()
        mine.called.wait()

    def end(self, owner: object) -> None:
        """Give it back."""
        with self._lock:
            self._give_back(owner)

    def step_aside(self, owner: object) -> bool:
        """Give it back and wait beside, unless too many do already; whether that was done."""
        with self._lock:
            if not self._room_aside:
                return False
            self._room_aside -= 1
            self._give_back(owner)
            return True

    def leave(self) -> None:
        """Who had stepped aside is gone."""
        with self._lock:
            self._room_aside += 1

    def _give_back(self, owner: object) -> None:
        self._free += 1
        self._at_work[owner] -= 1
        self._hand_out()

    def _hand_out(self) -> None:
        while self._free and self._waiting:
            # Of several with as few, the first that came.
            first = min(self._waiting, key=lambda each: self._at_work[each.owner])
            self._waiting.remove(first)
            self._free -= 1
            self._at_work[first.owner] += 1
            first.called.set()


class Slot:
    """One launch's: a context manager that waits for a slot on entering."""

    def __init__(self, slots: Slots, owner: object) -> None:
        self._slots, self._owner = slots, owner
        self._stepped_aside = False

    def __enter__(self) -> Self:
        self._slots.begin(self._owner)
        return self

    def step_aside(self) -> None:
        """Let another launch have the slot, unless too many have stepped aside already."""
        if not self._stepped_aside:
            self._stepped_aside = self._slots.step_aside(self._owner)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._stepped_aside:
            self._slots.leave()
        else:
            self._slots.end(self._owner)
