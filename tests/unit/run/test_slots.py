"""Slots: so many at work at once; who only waits steps aside, as far as there is room."""

from __future__ import annotations

import queue
import threading
import time
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


def test_who_has_fewest_at_work_comes_first() -> None:
    """Who wants many at once makes nobody wait for all of them; of one's own, the first that came comes first."""
    slots = Slots(2)
    begun: queue.Queue[str] = queue.Queue()
    names = ("a1", "a2", "a3", "a4", "b1", "b2")
    leave = {name: threading.Event() for name in names}

    def launch(name: str) -> None:
        with slots.take(name[0]):
            begun.put(name)
            leave[name].wait()

    threads = [threading.Thread(target=launch, args=(name,)) for name in names]
    for number, thread in enumerate(threads):
        thread.start()
        # They come in this order.
        while begun.qsize() + len(slots._waiting) <= number:
            time.sleep(0.001)
    order = [begun.get(timeout=5), begun.get(timeout=5)]
    for name in ("a1", "a2", "b1", "a3"):
        leave[name].set()
        order.append(begun.get(timeout=5))
    assert order == ["a1", "a2", "b1", "a3", "b2", "a4"]
    for name, thread in zip(names, threads, strict=True):
        leave[name].set()
        thread.join()


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
