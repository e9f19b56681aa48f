"""How a written profile answers the calls that it does not allow: which get EPERM; all others are ENOSYS.

EPERM is what a program sees that lacks a capability, ENOSYS what it sees on an older kernel, where it takes its other way
(clone3, statx, faccessat2 and their like need that: glibc gives up on EPERM).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from profile_smoke.syscall import danger

if TYPE_CHECKING:
    from collections.abc import Collection

CLASSES = (
    "modules",
    "kexec",
    "reboot",
    "bpf",
    "perf",
    "tracing",
    "mounts",
    "namespaces",
    "chroot",
    "userfaultfd",
    "file-handles",
    "time-setting",
    "swap",
    "raw-io",
    "quota",
    "accounting",
    "kernel-log",
    "host-identity",
    "terminal",
    "fanotify",
)
"""Classes of calls that the kernel keeps for a capability."""
ANSWERS_ENOSYS = frozenset(
    {"clone3", "statmount", "listmount", "listns", "create_module", "query_module", "get_kernel_syms"}
)
"""Members of those classes that any process may make, or that no kernel has any more."""


def refused(allowed: Collection[str]) -> frozenset[str]:
    """What answers EPERM where `allowed` is allowed."""
    calls = {name for each in danger.CLASSES if each.name in CLASSES for name in each.calls}
    return frozenset(calls) - ANSWERS_ENOSYS - frozenset(allowed)
