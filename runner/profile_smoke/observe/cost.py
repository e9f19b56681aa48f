"""What a loaded filter costs each call that it allows, measured: the same loop without it and under it.

Forked children of a process of our own make a cheap call many times, every other one after it loaded the programs
into itself by seccomp(2); the medians of several turns are compared. The kernel answers calls that are allowed
whatever their arguments from a cache (Linux 5.11, `seccomp_cache_check_allow` in kernel/seccomp.c), so what is
measured is what workloads pay.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from profile_smoke.model import FilterCost
from profile_smoke.syscall import tables

if TYPE_CHECKING:
    from profile_smoke.profile.loaded import LoadedFilter

_CHEAP = ("getppid", "getuid", "geteuid", "getgid", "getegid", "getpid")
"""Calls that do next to nothing, and that both libc and Python's `os` make each time they are asked."""
_NEEDED = ("write", "exit_group")
_ROUNDS, _LOOPS = 7, 3000
_SECONDS = 10.0

_PROGRAM = """
import collections, ctypes, itertools, json, os, statistics, sys, time
name, rounds, loops, programs = json.loads(sys.stdin.read())
call = getattr(os, name)
libc = ctypes.CDLL(None, use_errno=True)
class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_void_p)]
codes = [ctypes.create_string_buffer(bytes.fromhex(each)) for each in programs]
filters = [Filter(len(each) // 16, ctypes.addressof(code)) for each, code in zip(programs, codes)]
arguments = [(1, 0, ctypes.byref(each)) for each in filters]
def measured():
    for times in (loops // 4, loops):
        begun = time.perf_counter_ns()
        collections.deque(itertools.starmap(call, itertools.repeat((), times)), 0)
    return (time.perf_counter_ns() - begun) / loops
def turn(filtered):
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        if filtered:
            if libc.prctl(38, 1, 0, 0, 0):
                os._exit(3)
            for each in arguments:
                if libc.syscall(NUMBER, *each):
                    os._exit(4)
        os.write(writer, str(measured()).encode())
        os._exit(0)
    os.close(writer)
    answer = os.read(reader, 64)
    os.close(reader)
    _, status = os.waitpid(child, 0)
    if status:
        sys.exit(1)
    return float(answer)
turns = [(turn(False), turn(True)) for _ in range(rounds)]
print(json.dumps([statistics.median(side) for side in zip(*turns)]))
"""
"""Turn by turn, so that a busy machine is as unfair to one as to the other; each in a process that is forked for it."""


def measure(found: LoadedFilter) -> FilterCost | None:
    """The cost, in a tenth of a second or two; None where the filter does not let it be measured."""
    native = tables.native()
    call = next((name for name in _CHEAP if _allowed(found, native, name)), None)
    if call is None or not all(_allowed(found, native, name) for name in _NEEDED):
        return None
    raw = [program.raw.hex() for program in reversed(found.programs)]  # as they were loaded: oldest first
    source = _PROGRAM.replace("NUMBER", str(tables.numbers(native)["seccomp"]))
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", source],
            input=json.dumps([call, _ROUNDS, _LOOPS, raw]).encode(),
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None  # the filter wedged our process; that says nothing of the workload
    if done.returncode or not done.stdout:
        return None
    plain, filtered = json.loads(done.stdout)
    return FilterCost(call, round(plain, 1), round(filtered, 1))


def _allowed(found: LoadedFilter, native: str, name: str) -> bool:
    number = tables.number(native, name)
    return number is not None and all(each.action.permits for each in found.answers(native, number))
