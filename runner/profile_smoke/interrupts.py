"""Signals that end a command: the first one counts, and waits where it would leave something half done.

What creates or removes things outside of this process runs `shielded`: a KeyboardInterrupt out of nowhere would leave its
work half done. There the signal is noted, and raised at the next `check()` or at the shield's end. Whoever presses Ctrl-C
again while the first is being obeyed changes nothing.

A KeyboardInterrupt out of a finalizer or a weak reference's callback (imports have such) goes nowhere: the interpreter
reports it and goes on. The signal is then given anew.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_SIGNALS: tuple[int, ...] = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_AGAIN_AFTER = 0.01
"""Seconds until a signal that went nowhere is given anew: the callback that swallowed it is over by then."""


@dataclass
class _State:
    """Of this process, as signal handlers are. `received`, the number of the last signal, and not `raised`: it waits."""

    shields: int = 0
    received: int = 0
    raised: bool = False


_state = _State()


@contextmanager
def ending_signals(*, to_the_end: bool = False) -> Iterator[None]:
    """Within, SIGTERM and a closed terminal (SIGHUP) raise KeyboardInterrupt as Ctrl-C does. For the main thread.

    `to_the_end` of the process: signals are ignored afterwards, or the code that it ends with would be theirs.
    """

    def note(number: int, _frame: object) -> None:
        _state.received = number
        if not _state.shields:
            check()

    def unraisable(lost: sys.UnraisableHookArgs) -> None:
        if not issubclass(lost.exc_type, KeyboardInterrupt) or not _state.received:
            tell(lost)
            return
        _state.raised = False
        again = threading.Timer(_AGAIN_AFTER, os.kill, (os.getpid(), _state.received))
        again.daemon = True
        again.start()

    _state.received, _state.raised = 0, False
    before: dict[int, Any] = {}
    tell = sys.unraisablehook
    try:
        sys.unraisablehook = unraisable
        for number in _SIGNALS:
            # A signal that our parent had us ignore (nohup) stays ignored.
            if signal.getsignal(number) != signal.SIG_IGN:
                before[number] = signal.signal(number, note)
        yield
    finally:
        sys.unraisablehook = tell
        for number, handler in before.items():
            signal.signal(number, signal.SIG_IGN if to_the_end else handler)


def over() -> None:
    """What was to be said is said: a signal that comes now comes too late to change it."""
    _state.raised = True


def check() -> None:
    """Raise KeyboardInterrupt when a signal waits; once."""
    if _state.received and not _state.raised:
        _state.raised = True
        raise KeyboardInterrupt


@contextmanager
def shielded() -> Iterator[None]:
    """Within, signals wait; one that came is raised at the end."""
    _state.shields += 1
    try:
        yield
    finally:
        _state.shields -= 1
        if not _state.shields:
            check()


@contextmanager
def admitted() -> Iterator[None]:
    """Within a shield: signals are raised at once after all, for what takes long and leaves nothing."""
    shields, _state.shields = _state.shields, 0
    try:
        check()
        yield
    finally:
        _state.shields = shields
