"""How many refused calls a second the supervisor answers, caller and supervisor sharing one core.

A child installs a filter that notifies of getppid, hands its listener to a real Supervisor by the runtime's
message, and calls in a loop. Usage: python benchmarks/supervisor.py [CALLS] [ROUNDS]
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import statistics
import struct
import sys
import tempfile
import time
from pathlib import Path

from profile_smoke.model import Answer
from profile_smoke.observe.policy import Policy
from profile_smoke.observe.supervisor import Supervisor
from profile_smoke.profile.document import parse
from profile_smoke.profile.evaluate import Evaluator
from profile_smoke.profile.model import Action, Decision
from profile_smoke.syscall import tables

BOUND = 40_000
_SET_MODE_FILTER, _NEW_LISTENER, _NO_NEW_PRIVS = 1, 8, 38
_ALLOW, _NOTIFY = 0x7FFF0000, 0x7FC00000


def _listener(number: int) -> int:
    """Load a filter that notifies of one call; its listener."""
    rows = [(0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, _NOTIFY), (0x06, 0, 0, _ALLOW)]
    program = b"".join(struct.pack("HBBI", *row) for row in rows)
    code = ctypes.create_string_buffer(program)
    header = struct.pack("HxxxxxxQ", len(rows), ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)
    seccomp = tables.number(tables.native(), "seccomp")
    found: int = libc.syscall(seccomp, _SET_MODE_FILTER, _NEW_LISTENER, header)
    assert found >= 0, os.strerror(ctypes.get_errno())
    return found


def _child(path: Path, key: str, calls: int) -> None:
    number = tables.number(tables.native(), "getppid")
    assert number is not None
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        listener = _listener(number)
        message = {"fds": ["seccompFd"], "pid": 1, "metadata": key, "state": {"status": "creating"}}
        socket.send_fds(connection, [json.dumps(message).encode()], [listener])
    os.close(listener)
    for _ in range(calls):
        os.getppid()


class _Permissive:
    """A default profile that permits everything, as engines' do for an ordinary call."""

    def decide(self, *_: object) -> Decision:
        """Permit."""
        return Decision(Action.ALLOW)

    def looks_at_args(self, *_: object) -> bool:
        """It does not."""
        return False


def _cpu_seconds() -> float:
    """What this process and its ended children have used: on one core, the time of both sides, whatever else runs."""
    return sum(os.times()[:4])


def measure(calls: int) -> float:
    """Notifications answered in a second of one core, caller's and supervisor's time together."""
    text = json.dumps(
        {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["getppid"], "action": "SCMP_ACT_ERRNO"}]}
    )
    evaluator = Evaluator(parse(text, "benchmark").profile, tables.native())
    with tempfile.TemporaryDirectory() as folder, Supervisor(Path(folder) / "s") as supervisor:
        policy = Policy(evaluator, _Permissive(), Answer.CONTINUE)
        session = supervisor.open("key", policy)
        pid = os.fork()
        if pid == 0:
            _child(Path(supervisor.listener_path), "key", calls)
            os._exit(0)
        while not session.listeners:
            time.sleep(0.001)
        began = _cpu_seconds()
        _, status = os.waitpid(pid, 0)
        seconds = _cpu_seconds() - began
        assert status == 0
        session.check()
        (denial,) = session.record.denials()
        assert denial.count == calls, denial.count
    return calls / seconds


def main() -> int:
    """Print the median of several rounds; 1 where it is below the bound."""
    arguments = [int(text) for text in sys.argv[1:]]
    calls, rounds = (*arguments, *(100_000, 5)[len(arguments) :])
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    rates = [measure(calls) for _ in range(rounds)]
    median = statistics.median(rates)
    print(f"supervisor: median {median:,.0f} notifications a second of one core (at least {BOUND:,})")
    print(f"{rounds} rounds of {calls:,}: " + ", ".join(f"{rate:,.0f}" for rate in rates))
    return int(median < BOUND)


if __name__ == "__main__":
    sys.exit(main())
