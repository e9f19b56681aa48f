"""The BPF interpreter: what it refuses, what it computes."""

from __future__ import annotations

import struct

import pytest

from profile_smoke.errors import InstrumentError
from profile_smoke.profile.bpf import Program

RET_ALLOW, LD_NR = (0x06, 0, 0, 0x7FFF0000), (0x20, 0, 0, 0)


def raw(*instructions: tuple[int, int, int, int]) -> bytes:
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in instructions)


@pytest.mark.parametrize(
    ("program", "problem"),
    [
        (b"", "0 instructions"),
        (b"\0" * 9, "not a multiple of 8"),
        (raw(*[RET_ALLOW] * 4097), "4097 instructions"),
        (raw(LD_NR), "no return"),
        (raw((0x20, 0, 0, 2), RET_ALLOW), "offset 2"),
        (raw((0x20, 0, 0, 64), RET_ALLOW), "offset 64"),
        (raw((0x15, 1, 0, 0), RET_ALLOW), "past the end"),
        (raw((0x05, 0, 0, 1), RET_ALLOW), "past the end"),
        (raw((0x34, 0, 0, 0), RET_ALLOW), "divides by zero"),
        (raw((0x64, 0, 0, 32), RET_ALLOW), "shifts by 32"),
        (raw((0x02, 0, 0, 16), RET_ALLOW), "scratch cell 16"),
        (raw((0x28, 0, 0, 0), RET_ALLOW), "no instruction of seccomp's"),
    ],
)
def test_refuses_what_the_kernel_refuses(program: bytes, problem: str) -> None:
    """A program that no kernel would load is an error that names the instruction or the length."""
    with pytest.raises(InstrumentError, match=problem):
        Program.parse(program)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ([(0x00, 0, 0, 7), (0x04, 0, 0, 0xFFFFFFFF)], 6),
        ([(0x00, 0, 0, 7), (0x14, 0, 0, 8)], 0xFFFFFFFF),
        ([(0x00, 0, 0, 0x10000), (0x24, 0, 0, 0x10001)], 0x10000),
        ([(0x00, 0, 0, 7), (0x01, 0, 0, 2), (0x3C, 0, 0, 0)], 3),
        ([(0x00, 0, 0, 7), (0x01, 0, 0, 0), (0x3C, 0, 0, 0), (0x00, 0, 0, 9)], 0),
        ([(0x00, 0, 0, 1), (0x64, 0, 0, 31)], 0x80000000),
        ([(0x00, 0, 0, 8), (0x01, 0, 0, 33), (0x7C, 0, 0, 0)], 4),
        ([(0x00, 0, 0, 6), (0xA4, 0, 0, 3), (0x44, 0, 0, 8), (0x54, 0, 0, 0xC)], 12),
        ([(0x00, 0, 0, 1), (0x84, 0, 0, 0)], 0xFFFFFFFF),
        ([(0x80, 0, 0, 0), (0x02, 0, 0, 3), (0x61, 0, 0, 3), (0x00, 0, 0, 0), (0x87, 0, 0, 0)], 64),
        ([(0x01, 0, 0, 5), (0x03, 0, 0, 0), (0x60, 0, 0, 0)], 5),
        ([(0x81, 0, 0, 0), (0x87, 0, 0, 0), (0x07, 0, 0, 0)], 64),
        ([(0x20, 0, 0, 0)], 39),
        ([(0x20, 0, 0, 4)], 0xC000003E),
        ([(0x20, 0, 0, 8)], 0x1234),
        ([(0x20, 0, 0, 12)], 1),
        ([(0x20, 0, 0, 24)], 0x22222222),
        ([(0x20, 0, 0, 28)], 0x11111111),
    ],
)
def test_computes(body: list[tuple[int, int, int, int]], expected: int) -> None:
    """Arithmetic wraps at 32 bits, dividing by an X of zero returns 0, and words lie where the kernel puts them."""
    program = Program.parse(raw(*body, (0x16, 0, 0, 0)))
    assert program.run(0xC000003E, 39, (5, 0x1111111122222222), ip=0x100001234) == expected


@pytest.mark.parametrize(("number", "expected"), [(1, 11), (2, 12), (3, 13), (9, 14), (0x80, 15)])
def test_follows_runs_of_tests_and_long_jumps(number: int, expected: int) -> None:
    """A run of equality tests is one look-up, with the first of two equal tests winning, and long jumps are followed."""
    program = Program.parse(
        raw(
            (0x05, 0, 0, 0),
            LD_NR,
            (0x15, 5, 0, 1),
            (0x15, 5, 0, 2),
            (0x15, 3, 0, 1),
            (0x05, 0, 0, 0),
            (0x15, 4, 0, 3),
            (0x45, 4, 5, 0x80),
            (0x06, 0, 0, 11),
            (0x05, 0, 0, 0),
            (0x06, 0, 0, 12),
            (0x06, 0, 0, 13),
            (0x06, 0, 0, 15),
            (0x06, 0, 0, 14),
        )
    )
    assert program.run(0, number, ()) == expected


def test_compares_with_x() -> None:
    """A comparison can use X; greater means unsigned."""
    program = Program.parse(raw((0x01, 0, 0, 5), LD_NR, (0x2D, 0, 1, 0), (0x06, 0, 0, 1), (0x06, 0, 0, 2)))
    assert [program.run(0, number, ()) for number in (5, 6, 0xFFFFFFFF)] == [2, 1, 1]
