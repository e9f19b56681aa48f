"""The interpreter against the kernel: a real process under a compiled filter."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from tests.support.seccomp_oracle import compile_profile

from profile_smoke.profile.bpf import Program
from profile_smoke.profile.evaluate import Evaluator
from profile_smoke.profile.model import Action, Arg, Op, Profile, Rule
from profile_smoke.syscall import libseccomp, tables

pytestmark = [
    pytest.mark.oci,
    pytest.mark.skipif(
        libseccomp.library() is None or tables.native() != "x86_64",
        reason="filters are compiled by libseccomp on x86_64",
    ),
]

# Refused with errors that no real call gives, so that a refusal can be told from the call's own failure.
UNUSUAL = (77, 78, 79)
PROFILE = Profile(
    Action.ALLOW,
    architectures=("SCMP_ARCH_X86_64",),
    rules=(
        Rule(
            tuple(sorted(set(tables.numbers("x86_64")) - {"write", "exit_group", "exit"}))[::3],
            Action.ERRNO,
            77,
        ),
        Rule(("getsid", "getpgid"), Action.ERRNO, 78, args=(Arg(0, 1 << 40, Op.GE),)),
        Rule(("getpriority",), Action.ERRNO, 79, args=(Arg(0, 0xF0, Op.MASKED_EQ, 0x30), Arg(1, 5, Op.NE))),
        Rule(("dup",), Action.ERRNO, 78, args=(Arg(0, 100, Op.GT), Arg(0, 3, Op.LT))),
    ),
)

# Runs under the filter: makes each call of the list on stdin and answers with the errors, all through raw registers.
CHILD = """
import ctypes, json, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
libc.syscall.argtypes = [ctypes.c_long] + [ctypes.c_ulong] * 6
raw, calls = json.load(sys.stdin)
code = ctypes.create_string_buffer(bytes.fromhex(raw))
class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_void_p)]
program = Program(len(raw) // 16, ctypes.addressof(code))
results = []
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.byref(program), 0, 0) == 0, ctypes.get_errno()
for number, args in calls:
    ctypes.set_errno(0)
    results.append(ctypes.get_errno() if libc.syscall(number, *args) == -1 else 0)
import os
os.write(1, json.dumps(results).encode())
os._exit(0)
"""


def refused(program: Program) -> list[tuple[int, tuple[int, ...]]]:
    """Every call that the interpreter says is refused with an unusual error, and harmless ones with sampled arguments."""
    audit = tables.audit_arch("x86_64")
    values = (0, 1, 2, 3, 4, 5, 0x30, 0x3F, 99, 100, 101, (1 << 40) - 1, 1 << 40, (1 << 64) - 1)
    calls: list[tuple[int, tuple[int, ...]]] = [
        (number, (0,) * 6) for number in tables.numbers("x86_64").values()
    ]
    found = [call for call in calls if program.run(audit, *call) & 0xFFFF in UNUSUAL]
    for name in ("getsid", "getpgid", "getpriority", "dup"):
        number = tables.numbers("x86_64")[name]
        found += [(number, (first, second, 0, 0, 0, 0)) for first in values for second in values]
    return found


def test_the_kernel_agrees() -> None:
    """For hundreds of calls the kernel refuses exactly those, and with that error, that interpreter and evaluator say."""
    raw = compile_profile(PROFILE)
    program = Program.parse(raw)
    evaluator = Evaluator(PROFILE, "x86_64", known=libseccomp.resolves)
    calls = refused(program)
    assert len(calls) > 500
    answer = subprocess.run(
        [sys.executable, "-c", CHILD],
        input=json.dumps([raw.hex(), calls]),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    kernel = json.loads(answer.stdout)
    for (number, args), error in zip(calls, kernel, strict=True):
        data = program.run(tables.audit_arch("x86_64"), number, args) & 0xFFFF
        said = evaluator.decide("x86_64", number, args)
        expected = data if data in UNUSUAL else None
        assert (error if error in UNUSUAL else None) == expected, (tables.name("x86_64", number), args)
        assert (said.errno if said.action is Action.ERRNO else None) == expected, (
            tables.name("x86_64", number),
            args,
        )
