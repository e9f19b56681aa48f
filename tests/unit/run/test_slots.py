"""Slots: so many at work at once; who only waits steps aside, as far as there is room."""

from __future__ import annotations

import threading
from contextlib import ExitStack

import pytest

from profile_smoke.run.slots import ASIDE, Slot, Slots


def is_free(slots: Slots) -> bool:
    """Whether another launch could begin now."""
    done = threading.Event()

    def launch() -> None:
        with slots.take():
            done.set()

    thread = threading.Thread(target=launch, daemon=True)
    thread.start()
    return done.wait(0.05)


def test_a_launch_waits_for_a_slot() -> None:
    """Until one is given back, by a failure too."""
    slots = Slots(1)
    with pytest.raises(ValueError, match="broken"), slots.take():
        raise ValueError("broken")
    with slots.take():
        assert not is_free(slots)
    assert is_free(slots)


def test_who_steps_aside_makes_room_once() -> None:
    """However often it says so, and what it takes back at its end is not the slot that others have."""
    slots = Slots(1)
    with slots.take() as waiting:
        for _ in range(3):
            waiting.step_aside()
        with slots.take():
            assert not is_free(slots)
        assert is_free(slots)
    with slots.take():
        assert not is_free(slots)


def test_only_so_many_step_aside() -> None:
    """The next one keeps its slot, until one of them is gone."""
    slots = Slots(2)
    with ExitStack() as stack:
        waiting: list[Slot] = []
        for _ in range(2 * ASIDE):
            waiting.append(stack.enter_context(slots.take()))
            waiting[-1].step_aside()
        last = [stack.enter_context(slots.take()) for _ in range(2)]
        last[0].step_aside()
        assert not is_free(slots)
    with slots.take(), slots.take() as second:
        second.step_aside()
        assert is_free(slots)
