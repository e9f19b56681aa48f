"""A profile compiled by the machine's libseccomp, step by step as runc does: what the product's evaluator must equal.

Follows runc libcontainer/seccomp/seccomp_linux.go for the rules and patchbpf/enosys_linux.go for the stub in front.
"""

from __future__ import annotations

import atexit
import ctypes
import errno
import os
import pickle
import select
import struct
import subprocess
import sys
from pathlib import Path

from hypothesis import reject

from profile_smoke.profile import returns
from profile_smoke.profile.model import Action, Arg, Op, Profile
from profile_smoke.syscall import libseccomp, tables

_OPS = {Op.NE: 1, Op.LT: 2, Op.LE: 3, Op.EQ: 4, Op.GE: 5, Op.GT: 6, Op.MASKED_EQ: 7}
_NNP = 3
_OPTIMIZE = 8
_UNKNOWN = -1
_ROOT = Path(__file__).parents[2]
_SERVING = (
    "import sys; sys.path.insert(0, sys.argv[1]); from tests.support.seccomp_oracle import serve; serve()"
)
_SECONDS = 10.0
"""For one profile; a thousandth of it is usual."""


class _Condition(ctypes.Structure):
    _fields_ = (
        ("arg", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("a", ctypes.c_uint64),
        ("b", ctypes.c_uint64),
    )


class RefusedError(Exception):
    """libseccomp refused a rule; the argument is its errno."""


def compile_profile(profile: Profile, *, optimize: int = 1) -> bytes:
    """The program that runc would load for a plain profile.

    An example of a property test for which libseccomp never comes back (2.5.4, now and then) is none.

    Raises:
        RefusedError: libseccomp refuses it.
    """
    answer = _LIBRARY.compiled(profile, optimize)
    if answer is None:
        reject()
    if isinstance(answer, int):
        raise RefusedError(answer)
    return answer


class _Library:
    """libseccomp in a process of its own, which can be ended when it hangs; started when first asked."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def compiled(self, profile: Profile, optimize: int) -> bytes | int | None:
        """The program, or the errno of a refusal; None where there is no answer in time."""
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _SERVING, str(_ROOT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        pipes = self._process.stdin, self._process.stdout
        assert pipes[0]
        assert pipes[1]
        pickle.dump((profile, optimize), pipes[0])
        pipes[0].flush()
        if not select.select([pipes[1]], [], [], _SECONDS)[0]:
            self.close()
            return None
        answer: bytes | int = pickle.load(pipes[1])  # noqa: S301  what `serve` below has written
        return answer

    def close(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


_LIBRARY = _Library()
atexit.register(_LIBRARY.close)


def serve() -> None:
    """Compile what comes in, until there is no more."""
    while True:
        try:
            profile, optimize = pickle.load(sys.stdin.buffer)  # noqa: S301  what `_Library` above has written
        except EOFError:
            return
        try:
            answer: bytes | int = _compiled(profile, optimize)
        except RefusedError as refusal:
            answer = refusal.args[0]
        pickle.dump(answer, sys.stdout.buffer)
        sys.stdout.buffer.flush()


def _compiled(profile: Profile, optimize: int) -> bytes:
    lib = libseccomp.library()
    assert lib is not None
    lib.seccomp_init.restype = ctypes.c_void_p
    default = _ret(profile.default_action, profile.default_errno_ret)
    ctx = ctypes.c_void_p(lib.seccomp_init(ctypes.c_uint32(default)))
    assert ctx
    try:
        for name in profile.architectures:
            code = lib.seccomp_arch_add(ctx, _token(lib, name))
            if code not in (0, -errno.EEXIST):
                raise RefusedError(-code)
        assert lib.seccomp_attr_set(ctx, _NNP, 0) == 0
        assert lib.seccomp_attr_set(ctx, _OPTIMIZE, optimize) == 0
        for rule in profile.rules:
            action = _ret(rule.action, rule.errno_ret)
            if action == default:
                continue
            for name in rule.names:
                _add(lib, ctx, name, action, rule.args)
        body = _export(lib, ctx)
    finally:
        lib.seccomp_release(ctx)
    return _stub(lib, profile) + body


def _ret(action: Action, errno_ret: int | None) -> int:
    return returns.value(action, errno.EPERM if errno_ret is None else errno_ret)


def _token(lib: ctypes.CDLL, name: str) -> ctypes.c_uint32:
    resolve = lib.seccomp_arch_resolve_name
    resolve.restype = ctypes.c_uint32
    return ctypes.c_uint32(resolve(name.removeprefix("SCMP_ARCH_").lower().encode()))


def _add(lib: ctypes.CDLL, ctx: ctypes.c_void_p, name: str, action: int, args: tuple[Arg, ...]) -> None:
    number = lib.seccomp_syscall_resolve_name(name.encode())
    if number == _UNKNOWN:
        return
    conditions = [_Condition(arg.index, _OPS[arg.op], arg.value, arg.value_two) for arg in args]
    repeated = len({arg.index for arg in args}) < len(args)
    for group in [[one] for one in conditions] if repeated else [conditions]:
        array = (_Condition * len(group))(*group)
        code = lib.seccomp_rule_add_array(
            ctx, ctypes.c_uint32(action), number, len(group), array if group else None
        )
        if code:
            raise RefusedError(-code)


def _export(lib: ctypes.CDLL, ctx: ctypes.c_void_p) -> bytes:
    descriptor = os.memfd_create("bpf")
    try:
        assert lib.seccomp_export_bpf(ctx, descriptor) == 0
        return os.pread(descriptor, 8 * 65536, 0)
    finally:
        os.close(descriptor)


def _stub(lib: ctypes.CDLL, profile: Profile) -> bytes:
    """runc's instructions in front: numbers above the highest known one answer ENOSYS.

    Written as one test after another instead of runc's jump tables; it decides the same.
    """
    if profile.default_action.permits or profile.default_action is Action.TRACE:
        return b""
    lib.seccomp_syscall_resolve_name_arch.restype = ctypes.c_int32
    code: list[tuple[int, int, int, int]] = []
    enosys = returns.value(Action.ERRNO, errno.ENOSYS)
    for scmp in dict.fromkeys(profile.architectures):
        arch = tables.arch_of_scmp(scmp)
        assert arch
        numbers = [
            lib.seccomp_syscall_resolve_name_arch(_token(lib, scmp), name.encode())
            for rule in profile.rules
            for name in rule.names
        ]
        last = max(numbers, default=0)
        if last <= 0:
            continue
        code.append((0x20, 0, 0, 4))
        if arch in ("x86_64", "x32"):
            code.append((0x15, 0, 4, tables.audit_arch(arch)))
            code.append((0x20, 0, 0, 0))
            code.append((0x45, 0, 2, 1 << 30) if arch == "x32" else (0x45, 2, 0, 1 << 30))
        else:
            code.append((0x15, 0, 3, tables.audit_arch(arch)))
            code.append((0x20, 0, 0, 0))
        code.append((0x25, 0, 1, last))
        code.append((0x06, 0, 0, enosys))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


def sound(raw: bytes) -> bool:
    """Whether every comparison of a program sees the word that libseccomp meant it to see.

    libseccomp 2.5.4 sometimes jumps to a comparison that counts on a word still being loaded when another one, or the
    architecture, is: then the filter does what nobody asked for. Such programs cannot serve as an oracle.
    """
    instructions = list(struct.iter_unpack("=HBBI", raw))
    seen: list[set[tuple[int, int]]] = [set() for _ in instructions]
    arches = {tables.audit_arch(arch) for arch in tables.ARCHES}
    for pc, (code, jt, jf, k) in enumerate(instructions):
        state = seen[pc]
        if code == 0x20:
            seen[pc + 1].add((k, 0xFFFFFFFF))
        elif code == 0x54:
            seen[pc + 1] |= {(offset, mask & k) for offset, mask in state}
        elif code == 0x05:
            seen[pc + 1 + k] |= state
        elif code != 0x06:
            if len(state) > 1 or (any(offset == 4 for offset, _ in state) and k not in arches):
                return False
            seen[pc + 1 + jt] |= state
            seen[pc + 1 + jf] |= state
    return True
