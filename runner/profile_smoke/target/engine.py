"""What engines behind an API have in common: calls that may hang, processes to wait for, exit codes of signals."""

from __future__ import annotations

import select
import signal
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from profile_smoke.probe.interface import ExitState

if TYPE_CHECKING:
    from collections.abc import Callable

_SIGNALLED = 128


def bounded(work: Callable[[], object], timeout: float, name: str) -> bool:
    """Do something that may hang, in a thread of its own; False when it did not end in time. Raises what it raised."""
    failure: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  handed to the caller below
            failure.append(error)

    thread = threading.Thread(target=run, name=f"engine-{name}", daemon=True)
    thread.start()
    thread.join(timeout)
    if thread.is_alive():
        return False
    if failure:
        raise failure[0]
    return True


def exit_state(code: int) -> ExitState:
    """Engines report a killing signal as 128 + its number."""
    with suppress(ValueError):
        if code > _SIGNALLED:
            return ExitState(signal=signal.Signals(code - _SIGNALLED).name)
    return ExitState(exit_code=code)


def readable(descriptor: int, timeout: float) -> bool:
    """Whether there is something to read within so many seconds: of a pidfd, that its process has ended."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(max(0.0, timeout) * 1000))
