"""Syscall names and numbers of five ABIs, from the kernel's own headers (see the first line of the data file).

Names are those of the kernel's `__NR_*` macros, which are libseccomp's too. x32 numbers carry bit 30, as the kernel
and seccomp filters see them (`__X32_SYSCALL_BIT`).
"""

from __future__ import annotations

import functools
import platform
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ARCHES = ("x86_64", "x86", "x32", "aarch64", "arm")
X32_BIT = 0x40000000
_SKIPPED = 0xFFFFFFFF
# By path: importing importlib.resources would take longer than reading the table.
_DATA = Path(__file__).with_name("data") / "numbers.tsv"

# linux/audit.h: the ELF machine, plus flags for 64 bits (0x80000000) and little endian (0x40000000).
_AUDIT = {
    "x86_64": 0xC000003E,
    "x86": 0x40000003,
    "x32": 0xC000003E,
    "aarch64": 0xC00000B7,
    "arm": 0x40000028,
}
_SCMP = {
    "x86_64": "SCMP_ARCH_X86_64",
    "x86": "SCMP_ARCH_X86",
    "x32": "SCMP_ARCH_X32",
    "aarch64": "SCMP_ARCH_AARCH64",
    "arm": "SCMP_ARCH_ARM",
}
_ARCH_OF_SCMP = {scmp: arch for arch, scmp in _SCMP.items()}
_ARCH_OF_AUDIT = {audit: arch for arch, audit in _AUDIT.items() if arch != "x32"}
_BESIDE = {"x86_64": ("x86_64", "x86", "x32"), "aarch64": ("aarch64", "arm")}
_MACHINES = {
    "amd64": "x86_64",
    "arm64": "aarch64",
    "i386": "x86",
    "i686": "x86",
    "armv7l": "arm",
    "armv8l": "arm",
}


@functools.cache
def _tables() -> dict[str, Mapping[str, int]]:
    text = _DATA.read_text("ascii")
    _, head, *rows = (line.split("\t") for line in text.splitlines())
    found: dict[str, dict[str, int]] = {arch: {} for arch in head[1:]}
    for row in rows:
        for arch, cell in zip(head[1:], row[1:], strict=True):
            if cell != "-":
                found[arch][row[0]] = int(cell)
    return {arch: MappingProxyType(found[arch]) for arch in ARCHES}


@functools.cache
def _names(arch: str) -> dict[int, str]:
    names: dict[int, str] = {}
    for text, number_ in _tables()[arch].items():
        # Two names for one number (arm's sync_file_range2): the first in the alphabet speaks for it.
        names.setdefault(number_, text)
    return names


def numbers(arch: str) -> Mapping[str, int]:
    """All calls of one ABI, name to number. Raises KeyError for an ABI not in `ARCHES`."""
    return _tables()[arch]


def number(arch: str, name: str) -> int | None:
    """The number of a call in one ABI; None where that ABI has no such call."""
    return _tables()[arch].get(name)


def name(arch: str, number: int) -> str | None:
    """The name of a call by its number; None for a number that the headers do not know."""
    return _names(arch).get(number)


@functools.cache
def all_names() -> frozenset[str]:
    """Every name that any of the ABIs has."""
    return frozenset(name for table in _tables().values() for name in table)


@functools.cache
def source() -> str:
    """Where the numbers come from, with the kernel's version, for `doctor`."""
    text = _DATA.read_text("ascii")
    return text.partition("\n")[0].removeprefix("# ")


def abi(audit_arch: int, number: int) -> str:
    """The ABI of a call as a notification or filter sees it: `AUDIT_ARCH_*` and number.

    x32 shares x86_64's audit architecture and is told by bit 30; -1, by which a tracer skips a call, has that bit
    too and belongs to x86_64. An architecture without a table is named by its hexadecimal value.
    """
    arch = _ARCH_OF_AUDIT.get(audit_arch, f"{audit_arch:#x}")
    if arch == "x86_64" and number & X32_BIT and number & _SKIPPED != _SKIPPED:
        return "x32"
    return arch


def audit_arch(arch: str) -> int:
    """The `AUDIT_ARCH_*` value of an ABI (linux/audit.h)."""
    return _AUDIT[arch]


def scmp_arch(arch: str) -> str:
    """The name that a profile uses for an ABI: `SCMP_ARCH_X86_64`."""
    return _SCMP[arch]


def arch_of_scmp(name: str) -> str | None:
    """The ABI behind a profile's `SCMP_ARCH_*` name; None for one without a table."""
    return _ARCH_OF_SCMP.get(name)


def runnable(native: str) -> tuple[str, ...]:
    """The ABIs with a table that a kernel of this architecture can be built to run, its own first."""
    return _BESIDE.get(native, (native,))


def native() -> str:
    """The ABI of this machine, or its `uname -m` where there is no table for it."""
    machine = platform.machine().lower()
    return _MACHINES.get(machine, machine)
