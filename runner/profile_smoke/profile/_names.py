"""Syscall names that no runtime will know, found before libseccomp drops them without a word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from profile_smoke.profile._vocabulary import nearest, quoted
from profile_smoke.syscall import tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_WARNINGS = 20

FOREIGN = frozenset(
    {
        *("riscv_flush_icache", "riscv_hwprobe"),
        *(
            "s390_guarded_storage",
            "s390_pci_mmio_read",
            "s390_pci_mmio_write",
            "s390_runtime_instr",
            "s390_sthyi",
        ),
        *(
            "multiplexer",
            "rtas",
            "spu_create",
            "spu_run",
        ),
        *("subpage_prot", "swapcontext", "switch_endian", "sys_debug_setcontext"),
        *("cachectl", "syscall", "sysmips", "timerfd"),
    }
)
"""Calls of architectures that have no table here, from libseccomp's `seccomp-syscalls.h`: nothing to warn
of."""


def unknown_names(raw: Mapping[str, Any]) -> tuple[str, ...]:
    """One line for each name in a checked profile that no known architecture has, 20 such lines at most."""
    known = tables.all_names() | FOREIGN
    unknown = [(path, name) for path, name in _places(raw) if name not in known]
    lines = [f"{path} {quoted(name)}: {_problem(name, known)}" for path, name in unknown[:MAX_WARNINGS]]
    if len(unknown) > MAX_WARNINGS:
        lines.append(f"{len(unknown) - MAX_WARNINGS} more names are no known syscalls")
    return tuple(lines)


def _problem(name: str, known: frozenset[str]) -> str:
    near = nearest(name, known)
    hint = f" (nearest {quoted(near)})" if near is not None else ""
    return f"no known syscall{hint}; libseccomp ignores it without a word"


def _places(raw: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for i, rule in enumerate(raw.get("syscalls") or ()):
        if single := rule.get("name"):
            yield f"syscalls[{i}].name", single
        for j, name in enumerate(rule.get("names") or ()):
            yield f"syscalls[{i}].names[{j}]", name
