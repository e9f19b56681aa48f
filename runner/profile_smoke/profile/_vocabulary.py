"""The closed sets of words that a profile may use, and the nearest one to a word that it may not."""

from __future__ import annotations

import json
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

ARCHITECTURES = tuple(
    f"SCMP_ARCH_{name}"
    for name in (
        *(
            "X86",
            "X86_64",
            "X32",
            "ARM",
            "AARCH64",
            "MIPS",
            "MIPS64",
            "MIPS64N32",
            "MIPSEL",
            "MIPSEL64",
            "MIPSEL64N32",
        ),
        *(
            "PPC",
            "PPC64",
            "PPC64LE",
            "S390",
            "S390X",
            "PARISC",
            "PARISC64",
            "RISCV64",
            "LOONGARCH64",
            "M68K",
            "SH",
            "SHEB",
        ),
    )
)
"""`architectures` of the OCI runtime specification, `config-linux.md#seccomp`."""

FLAGS = tuple(f"SECCOMP_FILTER_FLAG_{name}" for name in ("TSYNC", "LOG", "SPEC_ALLOW", "WAIT_KILLABLE_RECV"))
"""`flags` of the OCI runtime specification."""

DOCKER_ARCHES = (
    *(
        "amd64",
        "x86",
        "x32",
        "arm",
        "arm64",
        "mips",
        "mips64",
        "mips64n32",
        "mipsel",
        "mipsel64",
        "mips3l64n32",
    ),
    *("ppc", "ppc64", "ppc64le", "s390", "s390x", "riscv64", "loong64"),
)
"""What `includes.arches` and `excludes.arches` may hold: the keys of `nativeToSeccomp` in moby's
`seccomp_linux.go`, and the names that Docker's default profile uses beside them."""

CAPABILITIES = tuple(
    f"CAP_{name}"
    for name in (
        *(
            "CHOWN",
            "DAC_OVERRIDE",
            "DAC_READ_SEARCH",
            "FOWNER",
            "FSETID",
            "KILL",
            "SETGID",
            "SETUID",
            "SETPCAP",
        ),
        *(
            "LINUX_IMMUTABLE",
            "NET_BIND_SERVICE",
            "NET_BROADCAST",
            "NET_ADMIN",
            "NET_RAW",
            "IPC_LOCK",
            "IPC_OWNER",
        ),
        *(
            "SYS_MODULE",
            "SYS_RAWIO",
            "SYS_CHROOT",
            "SYS_PTRACE",
            "SYS_PACCT",
            "SYS_ADMIN",
            "SYS_BOOT",
            "SYS_NICE",
        ),
        *(
            "SYS_RESOURCE",
            "SYS_TIME",
            "SYS_TTY_CONFIG",
            "MKNOD",
            "LEASE",
            "AUDIT_WRITE",
            "AUDIT_CONTROL",
            "SETFCAP",
        ),
        *(
            "MAC_OVERRIDE",
            "MAC_ADMIN",
            "SYSLOG",
            "WAKE_ALARM",
            "BLOCK_SUSPEND",
            "AUDIT_READ",
            "PERFMON",
            "BPF",
        ),
        "CHECKPOINT_RESTORE",
    )
)
"""capabilities(7), as of Linux 6.18."""

_ALIASES = {
    "scmp_arch_amd64": "SCMP_ARCH_X86_64",
    "scmp_arch_i386": "SCMP_ARCH_X86",
    "scmp_arch_386": "SCMP_ARCH_X86",
    "scmp_arch_arm64": "SCMP_ARCH_AARCH64",
    "x86_64": "amd64",
    "386": "x86",
    "i386": "x86",
    "aarch64": "arm64",
}
"""What others call the architectures; by looks alone, `x86_64` would be nearest to `x86`."""
_FEW = 12
_LONG = 60


def quoted(text: str) -> str:
    """A piece of the user's file for a one-line message: in quotes, in ASCII, and cut where it is long."""
    return json.dumps(text if len(text) <= _LONG else f"{text[:_LONG]}...")


def nearest(word: str, words: Collection[str]) -> str | None:
    """The valid word that looks most like `word`, whatever the case; None where nothing is near."""
    if len(word) > _LONG:
        return None
    if (alias := _ALIASES.get(word.casefold())) in words:
        return alias
    folded = {candidate.casefold(): candidate for candidate in sorted(words)}
    if near := get_close_matches(word.casefold(), folded, n=1, cutoff=0.5):
        return folded[near[0]]
    return None


def suggestion(word: str, words: Collection[str]) -> str:
    """What to add to a message about an invalid word: the nearest valid one, else all where they are few."""
    if (near := nearest(word, words)) is not None:
        return f" (nearest {quoted(near)})"
    return f" (one of {', '.join(words)})" if len(words) <= _FEW else ""
