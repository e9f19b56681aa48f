"""The supervisor: one thread that receives every refused call of every observed launch, live, and answers it.

It never leaves a call unanswered while it lives. When it dies, the kernel answers ENOSYS to whatever waits; sessions
then say so (`Session.check`), and their launches are errors.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from profile_smoke.errors import InstrumentError
from profile_smoke.model import PHASE_CREATE, PHASE_START, Process
from profile_smoke.observe import notify
from profile_smoke.observe.handover import Handover, HandoverError, Reception
from profile_smoke.observe.interface import NotHandedOverError, Observer
from profile_smoke.observe.policy import Policy, Verdict, errno_of
from profile_smoke.observe.process import Memory, comm, executable
from profile_smoke.observe.record import NARROWED, Line, Record
from profile_smoke.profile.model import Action, Decision
from profile_smoke.syscall import tables

if TYPE_CHECKING:
    from pathlib import Path

_LOOKS = 32
"""How often a process's call is looked at in full before it takes the short way: it may exec another program."""
_REMEMBERED = 4096
_Call = tuple[int, int, int]
"""pid, number, audit arch."""


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


@dataclass
class _Source:
    """A listener: the session it belongs to, and which of its processes are still the runtime's own."""

    listener: int
    session: LocalSession
    init_program: str
    entered: bool
    looks: dict[_Call, int] = field(default_factory=dict)
    known: dict[_Call, _Known] = field(default_factory=dict)


@dataclass
class _Known:
    """A call whose answer is known: the line that counts it, and the errno of the answer (None: let pass)."""

    phase: str
    line: Line
    errno: int | None


class Supervisor(Observer):
    """Listens on Unix sockets for runtimes of this kernel, and on every listener they hand over. A context manager.

    One socket serves one file system in which runtimes run; where that is not this process's own (in a kind node),
    `seen_as` is the path by which they all see theirs.
    """

    def __init__(self, *paths: Path, seen_as: str = "") -> None:
        self._paths, self._seen_as = paths, seen_as or str(paths[0])
        self._sessions: dict[str, LocalSession] = {}
        self._sources: dict[int, _Source] = {}
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
            for source in list(self._sources.values()):
                self._drop(source)

    def _turn(self) -> None:
        for descriptor, events in self._poll.poll(self._reception.patience()):
            if descriptor == self._wake_read:
                os.read(self._wake_read, 4096)
                self._drop_forgotten()
            elif source := self._sources.get(descriptor):
                if events & select.EPOLLIN:
                    self._serve(source)
                elif events & (select.EPOLLHUP | select.EPOLLERR):
                    self._drop(source)
            else:
                self._reception.handle(descriptor)
        self._reception.give_up_late()

    def _drop_forgotten(self) -> None:
        with self._lock:
            live = set(self._sessions.values())
        for source in [source for source in self._sources.values() if source.session not in live]:
            self._drop(source)

    def _drop(self, source: _Source) -> None:
        del self._sources[source.listener]
        self._poll.unregister(source.listener)
        os.close(source.listener)

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
        source = _Source(handover.listener, session, _program(handover.pid), entered=False)
        self._sources[handover.listener] = source
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

    def _serve(self, source: _Source) -> None:
        received = notify.receive(source.listener, self._buffer)
        if received is None:
            return
        ident, pid, number, audit_arch = received
        known = source.known.get((pid, number, audit_arch))
        if known is not None and known.phase == source.session.phase:
            known.line.count += 1
            notify.send(source.listener, ident, known.errno)
            return
        self._consider(source, ident, pid, number, audit_arch)

    def _consider(self, source: _Source, ident: int, pid: int, number: int, audit_arch: int) -> None:
        """The long way: who calls, with what, what the profile says, what is answered."""
        session, args = source.session, notify.arguments(self._buffer)
        runtime = not source.entered and self._is_runtime(source, pid)
        verdict = session.policy.decide(audit_arch, number, args, runtime=runtime)
        if verdict.control is not None:
            phase = session.phase if runtime or session.phase != PHASE_CREATE else PHASE_START
            line = session.record.add(
                arch=tables.abi(audit_arch, number),
                number=number,
                args=args,
                says=verdict.profile,
                control=verdict.control,
                phase=phase,
                # The runtime runs from a memory file here and there: its path says nothing.
                process=Process(pid, comm(pid), "" if runtime else executable(pid)),
                runtime=runtime,
                memory=Memory(pid),
            )
            if not runtime:
                self._remember(source, (pid, number, audit_arch), line, verdict)
        if verdict.answer is None:
            notify.send(source.listener, ident, None)
        else:
            _refuse(source.listener, ident, pid, verdict.answer)

    def _remember(self, source: _Source, key: _Call, line: Line, verdict: Verdict) -> None:
        """After some looks at the same call of the same process, take the short way where arguments do not matter."""
        source.looks[key] = looks = source.looks.get(key, 0) + 1
        if looks < _LOOKS or line.syscall in NARROWED:
            return
        code = errno_of(verdict.answer) if verdict.answer else None
        if (verdict.answer and code is None) or source.session.policy.looks_at_args(key[2], key[1]):
            return
        if len(source.known) >= _REMEMBERED:
            source.known.clear()
            source.looks.clear()
        source.known[key] = _Known(source.session.phase, line, code)

    def _is_runtime(self, source: _Source, pid: int) -> bool:
        """Whether the caller is the runtime's own init still: it runs the program that it ran at the handover.

        Threads of a Go runtime have pids of their own but the same program; the workload is another program.
        """
        if _program(pid) == source.init_program:
            return True
        source.entered = True
        return False


def _program(pid: int) -> str:
    """What tells a program from another: its path, or its name where another user's path may not be read."""
    return executable(pid) or comm(pid)


def _refuse(listener: int, ident: int, pid: int, decision: Decision) -> None:
    """Act out a refusal: an errno as it is; killing and trapping as nearly as a supervisor can."""
    code = errno_of(decision)
    if code is not None:
        notify.send(listener, ident, code)
        return
    with suppress(ProcessLookupError):
        # A container's init ignores every signal from inside and SIGSYS from outside, so killing takes SIGKILL.
        os.kill(pid, signal.SIGSYS if decision.action is Action.TRAP else signal.SIGKILL)
    notify.send(listener, ident, errno.ENOSYS)
