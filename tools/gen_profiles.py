"""Write the shipped profiles and the tables in their README from groups of calls, and the daemonless target's default.

A profile is a choice of groups; a group is a set of calls with one reason. Run it after a change:
`PYTHONPATH=runner python -m tools.gen_profiles`. A test compares the files with what this would write.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.profile_groups import (
    ANONYMOUS_FILES,
    ATTRIBUTES,
    BASE,
    CHROOT,
    CLOCK_STATE,
    ENTERING,
    KERNEL_AIO,
    MOUNTING,
    PINNING,
    READING_MEMORY,
    SANDBOXING,
    SHARED_MEMORY,
    STORAGE,
    TRACING,
    WATCHING,
    Group,
)

from profile_smoke.syscall import danger, groups, refusals
from profile_smoke.syscall import tables as numbers

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "profiles/kubernetes"
README = ROOT / "profiles/README.md"
BEGIN, END = "<!-- groups: written by tools/gen_profiles.py -->", "<!-- end of groups -->"
TARGET_DEFAULT = ROOT / "runner/profile_smoke/target/data/oci-default.json"

EPERM, ENOSYS, EPROTONOSUPPORT = 1, 38, 93
NAMESPACE_FLAGS = danger.NAMESPACE_FLAGS & ~0xFF
"""Of clone(2)'s flags; its lowest byte is the signal that the child sends at its end."""
AF_UNIX, AF_INET, AF_INET6, AF_NETLINK = 1, 2, 10, 16
AF_ALG, AF_VSOCK, AF_MAX = 38, 40, 46
NETLINK_ROUTE = 0
S_IFMT, S_IFIFO, S_IFREG, S_IFSOCK = 0o170000, 0o010000, 0o100000, 0o140000
PER_LINUX, PER_UNAME26, PER_LINUX32, PER_QUERY = 0, 0x20000, 8, 0xFFFFFFFF


@dataclass(frozen=True)
class Class:
    """One shipped profile: its file, its groups, and whether it may speak every netlink protocol."""

    name: str
    file: str
    groups: tuple[Group, ...]
    all_netlink: bool = False


CLASSES = (
    Class(
        "kubelet",
        "seccomp-kubelet-profile.json",
        (*BASE, WATCHING, STORAGE, ATTRIBUTES, SANDBOXING, MOUNTING, CHROOT, ENTERING, TRACING),
        all_netlink=True,
    ),
    Class("kube-proxy", "seccomp-kube-proxy-profile.json", (*BASE, WATCHING), all_netlink=True),
    Class(
        "webapp",
        "seccomp-k8s-webapp-profile.json",
        (*BASE, WATCHING, ANONYMOUS_FILES, SHARED_MEMORY, KERNEL_AIO),
    ),
    Class(
        "database", "seccomp-k8s-database-profile.json", (*BASE, SHARED_MEMORY, KERNEL_AIO, PINNING, STORAGE)
    ),
    Class(
        "system",
        "seccomp-k8s-system-profile.json",
        (*BASE, WATCHING, STORAGE, ATTRIBUTES, SANDBOXING, TRACING, READING_MEMORY, CLOCK_STATE),
        all_netlink=True,
    ),
)

SUPERSEDED = """
    nice oldfstat oldlstat oldolduname oldstat olduname readdir sgetmask sigaction signal sigpending sigsuspend ssetmask
"""
"""32-bit calls that libraries gave up decades ago; engines refuse them."""
TOO_NEW = ("listmount", "listns", "lsm_set_self_attr", "open_tree_attr", "statmount")
"""Refused by engines because they came after the engine's list, and so as a kernel before them would."""
ARCHITECTURES = ("SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM")


def allowed(chosen: Class) -> frozenset[str]:
    """What the class's groups allow whatever the arguments."""
    return frozenset(name for group in chosen.groups for name in group.calls.split())


def profile(chosen: Class) -> dict[str, Any]:
    """The whole document of one class."""
    calls = allowed(chosen)
    return {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": ENOSYS,
        "architectures": list(ARCHITECTURES),
        "syscalls": [
            *(_allow(group.calls.split()) for group in chosen.groups),
            _allow(["clone"], _arg(0, NAMESPACE_FLAGS, "MASKED_EQ", 0)),
            _refuse(["clone3"], ENOSYS),
            _refuse(["socketcall"], EPERM),
            *_sockets(all_netlink=chosen.all_netlink),
            *(_allow(["personality"], _arg(0, value, "EQ")) for value in (PER_LINUX, PER_QUERY)),
            *(
                _allow([call], _arg(index, S_IFMT, "MASKED_EQ", kind))
                for call, index in (("mknod", 1), ("mknodat", 2))
                for kind in (S_IFIFO, S_IFREG, S_IFSOCK)
            ),
            _refuse(sorted(refusals.refused(calls)), EPERM),
        ],
    }


def target_default() -> dict[str, Any]:
    """What stands in for an engine's default profile where there is no engine."""
    excepted = {"chroot", "ptrace", "process_vm_readv", "process_vm_writev"}
    conditional = {"clone", "personality", "socket"}
    known = {name for group in groups.GROUPS for name in groups.members(group)}
    calls = (
        known
        - (danger.NEVER_CONTINUE - excepted)
        - conditional
        - groups.members("obsolete")
        - set(SUPERSEDED.split())
    )
    return {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": EPERM,
        "architectures": [
            "SCMP_ARCH_X86_64",
            "SCMP_ARCH_X86",
            "SCMP_ARCH_X32",
            "SCMP_ARCH_AARCH64",
            "SCMP_ARCH_ARM",
        ],
        "syscalls": [
            _allow(sorted(calls)),
            _allow(["clone"], _arg(0, NAMESPACE_FLAGS, "MASKED_EQ", 0)),
            _refuse(["clone3", *TOO_NEW], ENOSYS),
            _allow(["socket"], _arg(0, AF_ALG, "LT")),
            _allow(["socket"], _arg(0, AF_ALG + 1, "EQ")),
            # One by one: filters compare 64 bits, the kernel reads 32, so "greater" would let a wide AF_VSOCK through.
            *(_allow(["socket"], _arg(0, family, "EQ")) for family in range(AF_VSOCK + 1, AF_MAX)),
            *(
                _allow(["personality"], _arg(0, value, "EQ"))
                for value in (PER_LINUX, PER_LINUX32, PER_UNAME26, PER_UNAME26 | PER_LINUX32, PER_QUERY)
            ),
        ],
    }


def tables() -> str:
    """The generated part of the README: what each group is for and who gets it, then each group's calls."""
    every = list(dict.fromkeys(group for chosen in CLASSES for group in chosen.groups))
    rows = [
        ("Group", "Why", *(f"`{chosen.name}`" for chosen in CLASSES)),
        ("---", "---", *("---" for _ in CLASSES)),
        *(
            (group.title, group.reason, *("yes" if group in chosen.groups else "" for chosen in CLASSES))
            for group in every
        ),
        ("calls on x86-64", "Docker's default: 301", *(str(_count(chosen, "x86_64")) for chosen in CLASSES)),
        ("calls on aarch64", "", *(str(_count(chosen, "aarch64")) for chosen in CLASSES)),
    ]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lists = [f"- **{group.title}**: {' '.join(group.calls.split())}" for group in every]
    return "\n".join([*lines, "", *lists]) + "\n"


def _count(chosen: Class, arch: str) -> int:
    conditional = ("clone", "socket", "personality", "mknod", "mknodat")
    return sum(numbers.number(arch, name) is not None for name in (*allowed(chosen), *conditional))


def text(document: dict[str, Any]) -> str:
    """A document as it is kept: two blanks deep, one name a line, so that a change of one call is a change of one line."""
    return json.dumps(document, indent=2) + "\n"


def files() -> dict[Path, str]:
    """Every generated file and its whole content."""
    found = {FOLDER / chosen.file: text(profile(chosen)) for chosen in CLASSES}
    before, _, rest = README.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    return {
        **found,
        TARGET_DEFAULT: text(target_default()),
        README: f"{before}{BEGIN}\n\n{tables()}\n{END}{after}",
    }


def _sockets(*, all_netlink: bool) -> list[dict[str, Any]]:
    families = [_allow(["socket"], _arg(0, family, "EQ")) for family in (AF_UNIX, AF_INET, AF_INET6)]
    if all_netlink:
        return [*families, _allow(["socket"], _arg(0, AF_NETLINK, "EQ"))]
    return [
        *families,
        _allow(["socket"], _arg(0, AF_NETLINK, "EQ"), _arg(2, NETLINK_ROUTE, "EQ")),
        # The kernel's own answer for a protocol that it lacks: PAM then goes on without audit, as it must.
        _refuse(["socket"], EPROTONOSUPPORT, _arg(0, AF_NETLINK, "EQ"), _arg(2, NETLINK_ROUTE, "GT")),
    ]


def _arg(index: int, value: int, op: str, value_two: int | None = None) -> dict[str, Any]:
    second = {} if value_two is None else {"valueTwo": value_two}
    return {"index": index, "value": value, **second, "op": f"SCMP_CMP_{op}"}


def _allow(names: list[str], *args: dict[str, Any]) -> dict[str, Any]:
    rule: dict[str, Any] = {"names": names, "action": "SCMP_ACT_ALLOW"}
    return {**rule, "args": list(args)} if args else rule


def _refuse(names: list[str], errno: int, *args: dict[str, Any]) -> dict[str, Any]:
    rule: dict[str, Any] = {"names": names, "action": "SCMP_ACT_ERRNO", "errnoRet": errno}
    return {**rule, "args": list(args)} if args else rule


if __name__ == "__main__":
    for path, content in files().items():
        path.write_text(content)
