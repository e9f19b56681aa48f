"""Classic BPF as seccomp runs it: parse, validate, run. What comes out is read by `profile.returns`.

Sources: kernel `seccomp_check_filter` (kernel/seccomp.c), `bpf_check_classic` (net/core/filter.c).
"""

from __future__ import annotations

import functools
import operator
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from profile_smoke.errors import InstrumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_FIRST_BEYOND = 2
_LIMIT, _SCRATCH, _DATA_SIZE, _WORD = 4096, 16, 64, 0xFFFFFFFF
LD_ABS, _LD_LEN, _LDX_LEN = 0x20, 0x80, 0x81
_LD_IMM, _LDX_IMM, _LD_MEM, _LDX_MEM, _ST, _STX, _TAX, _TXA = 0x00, 0x01, 0x60, 0x61, 0x02, 0x03, 0x07, 0x87
RET_K, RET_A, JA, _JEQ, _NEG = 0x06, 0x16, 0x05, 0x15, 0x84
_DIV, _LSH, _RSH = 0x34, 0x64, 0x74
X = 0x08
"""Added to an arithmetic or jump code: the operand is X instead of the instruction's constant."""
DIV_X = _DIV | X
COMPARE: Mapping[int, Callable[[int, int], object]] = {
    _JEQ: operator.eq,
    0x25: operator.gt,
    0x35: operator.ge,
    0x45: operator.and_,
}
_COMPUTE: Mapping[int, Callable[[int, int], int]] = {
    0x04: operator.add,
    0x14: operator.sub,
    0x24: operator.mul,
    _DIV: operator.floordiv,
    0x44: operator.or_,
    0x54: operator.and_,
    _LSH: lambda a, by: a << (by & 31),
    _RSH: lambda a, by: a >> (by & 31),
    0xA4: operator.xor,
}
_MEMORY = frozenset({_LD_MEM, _LDX_MEM, _ST, _STX})
_SIMPLE = frozenset({_LD_LEN, _LDX_LEN, _LD_IMM, _LDX_IMM, _TAX, _TXA, RET_K, RET_A, _NEG})


class Instruction(NamedTuple):
    """One `struct sock_filter`."""

    code: int
    jt: int
    jf: int
    k: int


class _Step(NamedTuple):
    """An instruction made ready: absolute targets, `k` of a load as an index into the 16 words of the call.

    What does not jump has its successor in `yes`.
    """

    code: int
    k: int
    yes: int
    no: int


@dataclass(frozen=True)
class Program:
    """A valid seccomp filter program."""

    instructions: tuple[Instruction, ...]

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read an array of `struct sock_filter` in this machine's byte order.

        Raises:
            InstrumentError: it is no program that the kernel would load.
        """
        if len(raw) % 8:
            raise InstrumentError(f"seccomp program of {len(raw)} bytes: not a multiple of 8")
        instructions = tuple(Instruction(*fields) for fields in struct.iter_unpack("=HBBI", raw))
        _validate(instructions)
        return cls(instructions)

    @property
    def raw(self) -> bytes:
        """The array of `struct sock_filter`, as the kernel takes it."""
        return b"".join(struct.pack("=HBBI", *instruction) for instruction in self.instructions)

    def run(self, audit_arch: int, number: int, args: Sequence[int], ip: int = 0) -> int:
        """The value that the program returns for one call; `args` are up to six, missing ones count as 0."""
        words = [number & _WORD, audit_arch, ip & _WORD, ip >> 32 & _WORD]
        for arg in args:
            words += (arg & _WORD, arg >> 32 & _WORD)
        words += [0] * (16 - len(words))
        return self._answer(words)

    def looks_at_args(self, audit_arch: int, number: int) -> bool:
        """Whether the answer to this call depends on its arguments, or on where it is made.

        A program decides by what it loads: while it loads neither, all calls of a number take the same path.
        """
        words = _Watched([number & _WORD, audit_arch] + [0] * 14)
        self._answer(words)
        return words.looked

    def _answer(self, words: Sequence[int]) -> int:
        steps, switches = self._steps, self._switches
        memory = [0] * _SCRATCH
        pc = a = x = 0
        while True:
            code, k, yes, no = steps[pc]
            if code == _JEQ:
                table, otherwise = switches.get(pc) or self._switch(pc)
                pc = table.get(a, otherwise)
            elif code == LD_ABS:
                a, pc = words[k], yes
            elif code == RET_K:
                return k
            elif code == RET_A:
                return a
            elif code & ~X in COMPARE:
                pc = yes if COMPARE[code & ~X](a, x if code & X else k) else no
            elif code == DIV_X and not x:
                return 0  # as the kernel: a program that divides by zero ends with 0, which kills
            else:
                a, x = compute(code, k, a, x, memory)
                pc = yes

    @functools.cached_property
    def _steps(self) -> tuple[_Step, ...]:
        def land(pc: int) -> int:
            while self.instructions[pc].code == JA:
                pc += 1 + self.instructions[pc].k
            return pc

        steps = []
        for pc, (code, jt, jf, k) in enumerate(self.instructions):
            if code in (RET_K, RET_A):
                steps.append(_Step(code, k, 0, 0))
            elif code & ~X in COMPARE:
                steps.append(_Step(code, k, land(pc + 1 + jt), land(pc + 1 + jf)))
            else:
                steps.append(_Step(code, k >> 2 if code == LD_ABS else k, land(pc + 1), 0))
        # Long jumps at the very start have no predecessor that could skip them.
        first = land(0)
        return (steps[first], *steps[1:]) if first else tuple(steps)

    @functools.cached_property
    def _switches(self) -> dict[int, tuple[dict[int, int], int]]:
        return {}

    def _switch(self, pc: int) -> tuple[dict[int, int], int]:
        """Fold the run of equality tests that starts at `pc` into one table: value to target, and the way out.

        A filter is mostly such runs, hundreds long; the tables make a run as fast as one look-up.
        """
        table: dict[int, int] = {}
        start = pc
        while self._steps[pc].code == _JEQ:
            _, k, yes, no = self._steps[pc]
            table.setdefault(k, yes)
            pc = no
        self._switches[start] = table, pc
        return table, pc


class _Watched(list[int]):
    """The words of a call; notes whether any was read beyond its number and architecture."""

    looked = False

    def __getitem__(self, index: Any) -> Any:
        self.looked = self.looked or index >= _FIRST_BEYOND
        return super().__getitem__(index)


def compute(code: int, k: int, a: int, x: int, memory: list[int]) -> tuple[int, int]:  # noqa: PLR0911  one per form
    """The registers A and X after an instruction that neither jumps nor returns."""
    if code & ~X in _COMPUTE:
        return _COMPUTE[code & ~X](a, x if code & X else k) & _WORD, x
    match code:
        case 0x84:  # NEG
            return -a & _WORD, x
        case 0x07:  # TAX
            return a, a
        case 0x87:  # TXA
            return x, x
        case 0x00 | 0x80:  # LD_IMM, LD_LEN
            return (_DATA_SIZE if code else k), x
        case 0x01 | 0x81:  # LDX_IMM, LDX_LEN
            return a, (_DATA_SIZE if code & 0x80 else k)
        case 0x60:  # LD_MEM
            return memory[k], x
        case 0x61:  # LDX_MEM
            return a, memory[k]
        case _:  # ST, STX: nothing else passes validation
            memory[k] = a if code == _ST else x
            return a, x


def _validate(instructions: Sequence[Instruction]) -> None:
    """Raise InstrumentError unless the kernel would accept the program."""
    size = len(instructions)
    if not 1 <= size <= _LIMIT:
        raise InstrumentError(f"seccomp program of {size} instructions: the kernel takes 1 to {_LIMIT}")
    for pc, instruction in enumerate(instructions):
        problem = _problem(instruction, size - pc - 1)
        if problem:
            raise InstrumentError(f"seccomp program, instruction {pc} ({instruction.code:#04x}): {problem}")
    if instructions[-1].code not in (RET_K, RET_A):
        raise InstrumentError("seccomp program: its last instruction is no return")


def _problem(instruction: Instruction, left: int) -> str:  # noqa: PLR0911  one answer per kind of instruction
    """Why the kernel would refuse an instruction that has `left` others behind it; empty where it would not."""
    code, jt, jf, k = instruction
    if code == LD_ABS:
        return (
            ""
            if k % 4 == 0 and k < _DATA_SIZE
            else f"loads offset {k}, beyond the call's 64 bytes or unaligned"
        )
    if code == JA:
        return "" if k < left else f"jumps {k} ahead, past the end"
    if code & ~X in COMPARE:
        return "" if max(jt, jf) < left else f"jumps {max(jt, jf)} ahead, past the end"
    if code in _MEMORY:
        return "" if k < _SCRATCH else f"scratch cell {k}: there are {_SCRATCH}"
    if code & ~X in _COMPUTE:
        if code == _DIV and not k:
            return "divides by zero"
        return f"shifts by {k}" if code in (_LSH, _RSH) and k > 31 else ""  # noqa: PLR2004  bits of a register
    return "" if code in _SIMPLE else "no instruction of seccomp's"
