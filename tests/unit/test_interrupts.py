"""Signals: the first one ends the command, at once or where it does no harm; others change nothing."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from profile_smoke import interrupts

if TYPE_CHECKING:
    from collections.abc import Iterator

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.fixture(autouse=True)
def _as_in_a_terminal() -> Iterator[None]:
    """Nothing is ignored, as it may be in a background job; handlers are as before in the end."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def send(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_raised_at_once(number: int) -> None:
    """Like Ctrl-C, where nothing is shielded."""
    with interrupts.ending_signals(), pytest.raises(KeyboardInterrupt):
        send(number)


def test_a_second_signal_changes_nothing() -> None:
    """What cleans up after the first is not torn apart."""
    with interrupts.ending_signals():
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGINT)
        send(signal.SIGINT)
        send(signal.SIGTERM)
        interrupts.check()


def test_a_shield_holds_a_signal_back_to_its_end() -> None:
    """Nested ones to the end of the outermost."""
    steps = []

    def work() -> None:
        with interrupts.shielded():
            with interrupts.shielded():
                send(signal.SIGTERM)
                steps.append("inner")
            steps.append("outer")

    with interrupts.ending_signals(), pytest.raises(KeyboardInterrupt):
        work()
    assert steps == ["inner", "outer"]


def test_a_waiting_signal_is_raised_by_check_once() -> None:
    """Where a shielded work can be ended in order; the shield's end is then quiet."""
    with interrupts.ending_signals(), interrupts.shielded():
        interrupts.check()
        send(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            interrupts.check()
        interrupts.check()


def test_signals_are_admitted_within_a_shield() -> None:
    """Those that come, and one that waits already; the shield is back afterwards."""
    with (
        interrupts.ending_signals(),
        interrupts.shielded(),
        interrupts.admitted(),
        pytest.raises(KeyboardInterrupt),
    ):
        send(signal.SIGINT)
    with interrupts.ending_signals(), interrupts.shielded():
        send(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt), interrupts.admitted():
            pytest.fail("it was not raised at the beginning")


def test_an_ignored_signal_stays_ignored() -> None:
    """As nohup wants it."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with interrupts.ending_signals():
        send(signal.SIGHUP)
        interrupts.check()


def test_handlers_are_put_back() -> None:
    """The process is as it was."""
    with interrupts.ending_signals():
        assert signal.getsignal(signal.SIGTERM) is not signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) is signal.default_int_handler
