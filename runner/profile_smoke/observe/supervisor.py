"""The supervisor: one thread that receives every refused call of every observed launch, live, and answers it.

It never leaves a call unanswered while it lives. When it dies, the kernel answers ENOSYS to whatever waits; sessions
then say so (`Session.check`), and their launches are errors.
"""

from __future__ import annotations

import os
import select
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from profile_smoke.errors import InstrumentError
from profile_smoke.model import PHASE_CREATE
from profile_smoke.observe import notify
from profile_smoke.observe.handover import Handover, HandoverError, Reception
from profile_smoke.observe.interface import NotHandedOverError, Observer
from profile_smoke.observe.listener import Listener
from profile_smoke.observe.record import Record

if TYPE_CHECKING:
    from pathlib import Path

    from profile_smoke.observe.policy import Policy


class LocalSession:
    """See `interface.Session`."""

    def __init__(self, key: str, policy: Policy, supervisor: Supervisor) -> None:
        self.key, self.policy = key, policy
        self.started = time.monotonic()
        self.phase = PHASE_CREATE
        self.record = Record(lambda: (time.monotonic() - self.started) * 1000)
        self.listeners = 0
        self.container = ""
        self.trouble = ""
        self._supervisor = supervisor

    def check(self) -> None:
        """Raise InstrumentError unless the runtime handed over its listener and every call since was answered."""
        self._supervisor.check()
        if self.trouble:
            raise InstrumentError(self.trouble)
        if not self.listeners:
            stray = f" (a message of nobody: {self._supervisor.stray})" if self._supervisor.stray else ""
            raise NotHandedOverError(f"the runtime never handed over a listener: nothing was observed{stray}")

    def close(self) -> None:
        """Forget the session; calls of its processes that still come are answered ENOSYS by the kernel."""
        self._supervisor.forget(self)


class Supervisor(Observer):
    """Listens on Unix sockets for runtimes of this kernel, and on every listener they hand over. A context manager.

    One socket serves one file system in which runtimes run; where that is not this process's own (in a kind node),
    `seen_as` is the path by which they all see theirs.
    """

    def __init__(self, *paths: Path, seen_as: str = "") -> None:
        self._paths, self._seen_as = paths, seen_as or str(paths[0])
        self._sessions: dict[str, LocalSession] = {}
        self._listeners: dict[int, Listener] = {}
        self._lock = threading.Lock()
        self._dead: BaseException | None = None
        self._closing = False
        self._poll = select.epoll()
        self._wake_read, self._wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._reception = Reception(self._poll, self._admit, self._complain)
        self.stray = ""
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)
        self._buffer = bytearray(notify.NOTIF_SIZE)

    def __enter__(self) -> Self:
        for path in self._paths:
            self._reception.open(path)
        self._poll.register(self._wake_read, select.EPOLLIN)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing = True
        self._wake()
        self._thread.join()
        self._reception.close()
        for path in self._paths:
            path.unlink(missing_ok=True)
        self._poll.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    @property
    def listener_path(self) -> str:
        """The socket."""
        return self._seen_as

    def open(self, key: str, policy: Policy) -> LocalSession:
        """Start to observe the launch whose profile carries `key` as its listenerMetadata."""
        self.check()
        session = LocalSession(key, policy, self)
        with self._lock:
            self._sessions[key] = session
        return session

    def forget(self, session: LocalSession) -> None:
        """Stop to observe it."""
        with self._lock:
            self._sessions.pop(session.key, None)
        self._wake()

    def check(self) -> None:
        """Raise InstrumentError when the supervisor's thread has died."""
        if self._dead is not None:
            raise InstrumentError(f"the supervisor died: {type(self._dead).__name__}: {self._dead}")

    def _wake(self) -> None:
        with suppress(BlockingIOError):  # a full pipe wakes just as well
            os.write(self._wake_write, b"x")

    def _run(self) -> None:
        try:
            while not self._closing:
                self._turn()
        except BaseException as error:  # noqa: BLE001  reported by check(); a thread has nobody else to tell
            self._dead = error
        finally:
            for listener in list(self._listeners.values()):
                self._drop(listener)

    def _turn(self) -> None:
        for descriptor, events in self._poll.poll(self._reception.patience()):
            if descriptor == self._wake_read:
                os.read(self._wake_read, 4096)
                self._drop_forgotten()
            elif listener := self._listeners.get(descriptor):
                if events & select.EPOLLIN:
                    listener.serve(self._buffer)
                elif events & (select.EPOLLHUP | select.EPOLLERR):
                    self._drop(listener)
            else:
                self._reception.handle(descriptor)
        self._reception.give_up_late()

    def _drop_forgotten(self) -> None:
        with self._lock:
            live = set(self._sessions.values())
        for listener in [each for each in self._listeners.values() if each.session not in live]:
            self._drop(listener)

    def _drop(self, listener: Listener) -> None:
        del self._listeners[listener.descriptor]
        self._poll.unregister(listener.descriptor)
        os.close(listener.descriptor)

    def _admit(self, handover: Handover) -> None:
        with self._lock:
            session = self._sessions.get(handover.metadata)
        if session is None:
            # A launch that was given up while its runtime was still starting.
            os.close(handover.listener)
            return
        trouble = handover.stranger(session.container)
        if not trouble and not notify.is_listener(handover.listener):
            trouble = "what the runtime handed over is no seccomp listener"
        if trouble:
            os.close(handover.listener)  # a stranger's calls fail from now on
            raise HandoverError(trouble, handover.metadata)
        session.container = handover.container
        notify.wake_synchronously(handover.listener)
        self._listeners[handover.listener] = Listener(handover.listener, session, handover.pid)
        self._poll.register(handover.listener, select.EPOLLIN)
        session.listeners += 1

    def _complain(self, error: HandoverError) -> None:
        """A message that makes no sense concerns its launch alone; one that does not tell which, whoever misses one."""
        with self._lock:
            session = self._sessions.get(error.metadata)
            if session is None:
                self.stray = str(error)
            else:
                session.trouble = str(error)
