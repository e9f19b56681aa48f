"""Signals that end a command: the first one counts, and waits where it would leave something half done.

What creates or removes things outside of this process runs `shielded`: a KeyboardInterrupt out of nowhere would leave its
work half done. There the signal is noted, and raised at the next `check()` or at the shield's end. Whoever presses Ctrl-C
again while the first is being obeyed changes nothing.
"""

from __future__ import annotations

import signal
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass
class _State:
    """Of this process, as signal handlers are. `received` and not `raised`: a signal waits."""

    shields: int = 0
    received: bool = False
    raised: bool = False


_state = _State()


@contextmanager
def ending_signals() -> Iterator[None]:
    """Within, SIGTERM and a closed terminal (SIGHUP) raise KeyboardInterrupt as Ctrl-C does. For the main thread."""

    def note(_number: int, _frame: object) -> None:
        _state.received = True
        if not _state.shields:
            check()

    _state.received = _state.raised = False
    # A signal that our parent had us ignore (nohup) stays ignored.
    numbers = [number for number in _SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, note) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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
