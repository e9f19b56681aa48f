"""One listener that a runtime handed over: its calls received, considered, recorded and answered.

Most calls come again and again, and a workload waits for each answer: what was answered often enough is answered without
another thought.
"""

from __future__ import annotations

import errno
import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from profile_smoke.model import PHASE_CREATE, PHASE_START, Process
from profile_smoke.observe import notify
from profile_smoke.observe.policy import Verdict, errno_of
from profile_smoke.observe.process import Memory, comm, executable
from profile_smoke.observe.record import NARROWED, Line
from profile_smoke.profile.model import Action, Decision
from profile_smoke.syscall import tables

if TYPE_CHECKING:
    from profile_smoke.observe.supervisor import LocalSession

_LOOKS = 32
"""How often a process's call is looked at in full before it takes the short way: it may exec another program."""
_REMEMBERED = 4096
_Call = tuple[int, int, int]
"""pid, number, audit arch."""


@dataclass
class _Known:
    """A call whose answer is known: the line that counts it, and the errno of the answer (None: let pass)."""

    phase: str
    line: Line
    errno: int | None


class Listener:
    """A listener's descriptor, the session that it belongs to, and which of its processes are still the runtime's own."""

    def __init__(self, descriptor: int, session: LocalSession, init: int) -> None:
        self.descriptor, self.session = descriptor, session
        self._init_program = _program(init)
        self._entered = False
        self._looks: dict[_Call, int] = {}
        self._known: dict[_Call, _Known] = {}

    def serve(self, buffer: bytearray) -> None:
        """Receive one call into `buffer` and answer it; nothing where it was taken back meanwhile."""
        received = notify.receive(self.descriptor, buffer)
        if received is None:
            return
        ident, pid, number, audit_arch = received
        known = self._known.get((pid, number, audit_arch))
        if known is not None and known.phase == self.session.phase:
            known.line.count += 1
            notify.send(self.descriptor, ident, known.errno)
            return
        self._consider(ident, pid, number, audit_arch, notify.arguments(buffer))

    def _consider(self, ident: int, pid: int, number: int, audit_arch: int, args: tuple[int, ...]) -> None:
        """The long way: who calls, with what, what the profile says, what is answered."""
        session = self.session
        runtime = not self._entered and self._is_runtime(pid)
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
                self._remember((pid, number, audit_arch), line, verdict)
        if verdict.answer is None:
            notify.send(self.descriptor, ident, None)
        else:
            _refuse(self.descriptor, ident, pid, verdict.answer)

    def _remember(self, key: _Call, line: Line, verdict: Verdict) -> None:
        """After some looks at the same call of the same process, take the short way where arguments do not matter."""
        self._looks[key] = looks = self._looks.get(key, 0) + 1
        if looks < _LOOKS or line.syscall in NARROWED:
            return
        code = errno_of(verdict.answer) if verdict.answer else None
        if (verdict.answer and code is None) or self.session.policy.looks_at_args(key[2], key[1]):
            return
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
            self._looks.clear()
        self._known[key] = _Known(self.session.phase, line, code)

    def _is_runtime(self, pid: int) -> bool:
        """Whether the caller is the runtime's own init still: it runs the program that it ran at the handover.

        Threads of a Go runtime have pids of their own but the same program; the workload is another program.
        """
        if _program(pid) == self._init_program:
            return True
        self._entered = True
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
