"""Reading the BPF programs that the kernel has loaded for a process: the ground truth of what its filter does.

PTRACE_SECCOMP_GET_FILTER (ptrace(2), Linux 4.4, CONFIG_CHECKPOINT_RESTORE) needs CAP_SYS_ADMIN and a caller without a
filter of its own. The process is stopped for well under a millisecond, without a signal (PTRACE_SEIZE).
"""

from __future__ import annotations

import ctypes
import errno
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from profile_smoke.errors import InstrumentError
from profile_smoke.profile.bpf import Program

if TYPE_CHECKING:
    from collections.abc import Callable

_SEIZE, _INTERRUPT, _DETACH, _GET_FILTER = 0x4206, 0x4207, 17, 0x420C
_WALL = 0x40000000
_INSTRUCTION = 8
_STOP_SECONDS = 2.0


class ProcessGoneError(InstrumentError):
    """The process ended before its filters could be read."""


def why_not() -> str:
    """Empty when filters can be read back by this process, else the reason in a few words."""
    from profile_smoke.observe.process import status_field

    if os.geteuid() != 0:
        return "reading filters back needs root"
    effective = int(status_field(os.getpid(), "CapEff") or "0", 16)
    if not effective >> 21 & 1:
        return "reading filters back needs CAP_SYS_ADMIN"
    if status_field(os.getpid(), "Seccomp") not in (None, "0"):
        return "this process runs under a seccomp filter itself, so the kernel does not show others"
    return ""


def read_filters(pid: int) -> tuple[Program, ...]:
    """The programs loaded for `pid`, the most recently loaded first; empty when it runs without a filter.

    Raises:
        ProcessGoneError: it ended.
        InstrumentError: the kernel refused (permission, configuration).
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.restype = ctypes.c_long
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]

    def ptrace(request: int, address: int, data: object) -> int:
        result: int = libc.ptrace(request, pid, address, data)
        if result == -1:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        return result

    try:
        ptrace(_SEIZE, 0, None)
    except ProcessLookupError as error:
        raise ProcessGoneError("the process ended before its filter was read") from error
    except OSError as error:
        raise InstrumentError(f"the loaded filter cannot be read: ptrace: {error.strerror}") from error
    try:
        ptrace(_INTERRUPT, 0, None)
        _wait_stopped(pid)
        return _programs(ptrace)
    except ProcessLookupError as error:
        raise ProcessGoneError("the process ended while its filter was read") from error
    finally:
        libc.ptrace(_DETACH, pid, None, None)


def _wait_stopped(pid: int) -> None:
    """Wait for the ptrace stop without taking the exit status from whoever else waits for this process."""
    deadline = time.monotonic() + _STOP_SECONDS
    while time.monotonic() < deadline:
        try:
            seen = os.waitid(os.P_PID, pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT | os.WNOHANG | _WALL)
        except ChildProcessError as error:
            raise ProcessGoneError("the process ended while its filter was read") from error
        if seen is None:
            time.sleep(0.0002)
        elif seen.si_code in (os.CLD_TRAPPED, os.CLD_STOPPED):
            with suppress(ChildProcessError):  # its program was replaced meanwhile: the next request says so
                os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOHANG | _WALL)
            return
        else:
            raise ProcessGoneError("the process ended while its filter was read")
    raise InstrumentError("the process did not stop for reading its filter")


def _programs(ptrace: Callable[[int, int, object], int]) -> tuple[Program, ...]:
    programs: list[Program] = []
    index = 0
    while True:
        try:
            count = ptrace(_GET_FILTER, index, None)
        except FileNotFoundError:
            return tuple(
                reversed(programs)
            )  # the kernel counts from the oldest (kernel/seccomp.c, get_nth_filter)
        except OSError as error:
            if error.errno == errno.EINVAL:  # no filter at all
                return ()
            raise InstrumentError(f"the loaded filter cannot be read: {error.strerror}") from error
        buffer = ctypes.create_string_buffer(count * _INSTRUCTION)
        ptrace(_GET_FILTER, index, buffer)
        programs.append(Program.parse(buffer.raw))
        index += 1
