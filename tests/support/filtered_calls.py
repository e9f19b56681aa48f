"""Real calls made under a real filter: a helper process forks a child that loads it, and a grandchild for each call.

Calls are made by x86-64's `syscall` (x32 is told by bit 30 of the number) or by `int 0x80`, with raw registers.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Sequence

# What a call came to: its errno (0 for success), or minus the signal that it died of.
_HELPER = r"""
import ctypes, json, mmap, os, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
libc.syscall.argtypes = [ctypes.c_long] + [ctypes.c_ulong] * 6
class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_void_p)]
# push rbx; push rbp; mov r10, rdi; load eax, ebx, ecx, edx, esi, edi, ebp from [r10]; int 0x80; pop both; cdqe; ret
CODE = bytes.fromhex("53554989fa418b02418b5a04418b4a08418b520c418b7210418b7a14418b6a18cd805d5b4898c3")
page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
page.write(CODE)
old = ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_void_p)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
def call(arch, number, args):
    if arch == "x86":
        words = (ctypes.c_uint32 * 7)(number, *[arg & 0xFFFFFFFF for arg in args])
        result = old(ctypes.addressof(words))
        return -result if -4096 < result < 0 else 0
    ctypes.set_errno(0)
    return ctypes.get_errno() if libc.syscall(number, *args) == -1 else 0
def outcome(one):
    child = os.fork()
    if not child:
        os._exit(call(*one))
    _, status = os.waitpid(child, 0)
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
for line in sys.stdin:
    raw, calls = json.loads(line)
    child = os.fork()
    if not child:
        code = ctypes.create_string_buffer(bytes.fromhex(raw))
        program = Program(len(raw) // 16, ctypes.addressof(code))
        assert libc.prctl(38, 1, 0, 0, 0) == 0
        assert libc.prctl(22, 2, ctypes.byref(program), 0, 0) == 0, ctypes.get_errno()
        os.write(1, json.dumps([outcome(one) for one in calls]).encode() + b"\n")
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status:
        os.write(1, json.dumps("the filtered process ended with status %d" % status).encode() + b"\n")
"""
Call = tuple[str, int, tuple[int, ...]]
"""ABI, number as the kernel sees it, six arguments."""


class Kernel:
    """The helper process; a context manager."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _HELPER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(10)
        assert self._process.stdout
        self._process.stdout.close()

    def outcomes(self, raw: bytes, calls: Sequence[Call]) -> list[int]:
        """Each call's errno (0 for success), or minus the signal that it died of, under the program `raw`."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps([raw.hex(), calls]) + "\n")
        answer = json.loads(self._process.stdout.readline())
        assert isinstance(answer, list), answer
        return answer
