"""Signals: the first one ends the command, at once or where it does no harm; others change nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import weakref
from typing import TYPE_CHECKING

import pytest

from profile_smoke import interrupts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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


def test_a_signal_that_comes_too_late_changes_nothing() -> None:
    """What was to be said is said."""
    with interrupts.ending_signals():
        interrupts.over()
        send(signal.SIGINT)
        interrupts.check()


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


def test_a_signal_that_a_callback_swallows_comes_again() -> None:
    """The interpreter reports what is raised in a weak reference's callback, and goes on: importing has such callbacks."""

    class Thing:
        pass

    things = [Thing()]
    reference = weakref.ref(things[0], lambda _: signal.raise_signal(signal.SIGTERM))
    with interrupts.ending_signals():
        things.clear()
        with pytest.raises(KeyboardInterrupt):
            time.sleep(10)
    assert reference() is None


def test_what_else_goes_wrong_in_a_callback_is_told_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only an interruption is kept from the hook that was there before, which comes back in the end."""
    told = []
    monkeypatch.setattr(sys, "unraisablehook", lambda lost: told.append(lost.exc_type))
    hook = sys.unraisablehook

    class Thing:
        def __del__(self) -> None:
            raise ValueError

    with interrupts.ending_signals():
        Thing()
    assert told == [ValueError]
    assert sys.unraisablehook is hook


def test_interrupted_while_source_is_executed_it_ends_with_the_code_of_an_interruption(
    tmp_path: Path,
) -> None:
    """As when a dataclass is being made; `python -m` would end by the signal instead."""
    program = """
import os, signal, sys, types
from profile_smoke import __main__
from profile_smoke.report import text
module = types.ModuleType("profile_smoke.cli.commands.doctor")
module.main = lambda options: exec("os.kill(os.getpid(), signal.SIGTERM)", {"os": os, "signal": signal})
sys.modules[module.__name__] = module
sys.argv = ["profile-smoke", "doctor"]
sys.exit(__main__.main())
"""
    (tmp_path / "interrupted_module.py").write_text(program)
    # Only where a module is run does the interpreter look at what the last execution ended with.
    ran = subprocess.run(
        [sys.executable, "-m", "interrupted_module"],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
    )
    assert (ran.returncode, ran.stderr) == (130, "profile-smoke: interrupted\n")


@pytest.mark.parametrize("number", SIGNALS)
def test_a_process_that_is_done_ends_with_its_own_code(number: int) -> None:
    """The interpreter takes a while to end; a signal that comes then is not what the command came to."""
    program = """
import atexit, os, sys
atexit.register(os.kill, os.getpid(), int(sys.argv.pop()))
from profile_smoke.__main__ import main
sys.exit(main())
"""
    ran = subprocess.run(
        [sys.executable, "-c", program, "profile", "show", "minimal", "read", str(number)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
