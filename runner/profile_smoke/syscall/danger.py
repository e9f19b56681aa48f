"""Calls that a container should not get without a reason, by class, and what a supervisor must never let pass.

Sources: Docker's documentation of its default profile ("Significant syscalls blocked by the default profile"), moby
profiles/seccomp/default.json, and the man pages named with each class.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# linux/sched.h: CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET; and CLONE_NEWTIME, which shares a bit
# with clone's exit signal and so counts for unshare and clone3 alone, but no signal has that number either.
NAMESPACE_FLAGS = 0x7E020000 | 0x80
_PLAIN_FAMILIES = frozenset({1, 2, 10, 16})
"""AF_UNIX, AF_INET, AF_INET6, AF_NETLINK: what workloads use. AF_VSOCK reaches the hypervisor, AF_ALG kernel crypto."""
_PLAIN_PERSONALITIES = frozenset({0x0, 0x8, 0x20000, 0x20008, 0xFFFFFFFF})
"""What Docker's default allows: PER_LINUX, UNAME26 and their mix, and asking. The others switch protections off."""
_SYS_SOCKET, _SYS_SOCKETPAIR = 1, 8


@dataclass(frozen=True)
class Danger:
    """A class of dangerous calls: what they open, in one line, and the man page that says so."""

    name: str
    reason: str
    source: str
    calls: frozenset[str]


def _danger(name: str, reason: str, source: str, calls: str) -> Danger:
    return Danger(name, reason, source, frozenset(calls.split()))


CLASSES = (
    _danger(
        "modules",
        "loads or removes kernel code",
        "init_module(2), delete_module(2)",
        "init_module finit_module delete_module create_module query_module get_kernel_syms",
    ),
    _danger("kexec", "replaces the running kernel", "kexec_load(2)", "kexec_load kexec_file_load"),
    _danger("reboot", "restarts or stops the machine", "reboot(2)", "reboot"),
    _danger("bpf", "loads programs into the kernel", "bpf(2)", "bpf"),
    _danger(
        "perf",
        "reads performance counters of other processes and of the kernel",
        "perf_event_open(2)",
        "perf_event_open",
    ),
    _danger(
        "tracing",
        "reads or changes the memory, registers or descriptors of other processes",
        "ptrace(2), process_vm_readv(2), pidfd_getfd(2), kcmp(2)",
        "ptrace process_vm_readv process_vm_writev process_madvise pidfd_getfd kcmp",
    ),
    _danger(
        "mounts",
        "changes or looks into the tree of mounts",
        "mount(2), mount_setattr(2), pivot_root(2), fsopen(2), listmount(2)",
        "mount umount umount2 pivot_root mount_setattr move_mount open_tree open_tree_attr fsopen fsconfig fsmount "
        "fspick statmount listmount",
    ),
    _danger(
        "namespaces",
        "makes or enters namespaces, where root's powers open much of the kernel to attack",
        "setns(2), unshare(2), user_namespaces(7)",
        "setns unshare clone3 listns",
    ),
    _danger("chroot", "changes the root directory", "chroot(2)", "chroot"),
    _danger(
        "keyring",
        "uses the kernel's key store, which no namespace divides",
        "keyctl(2), add_key(2)",
        "keyctl add_key request_key",
    ),
    _danger(
        "io-uring",
        "does file and network operations that seccomp does not see",
        "io_uring_enter(2)",
        "io_uring_setup io_uring_enter io_uring_register",
    ),
    _danger(
        "userfaultfd",
        "holds the kernel up at a page fault, which makes races exploitable",
        "userfaultfd(2)",
        "userfaultfd",
    ),
    _danger(
        "file-handles",
        "opens files by handle, past the container's root",
        "open_by_handle_at(2)",
        "open_by_handle_at",
    ),
    _danger(
        "time-setting",
        "sets the clock, which no namespace divides",
        "clock_settime(2), settimeofday(2), stime(2)",
        "clock_settime clock_settime64 settimeofday stime",
    ),
    _danger("swap", "adds or removes swap space of the machine", "swapon(2)", "swapon swapoff"),
    _danger(
        "raw-io",
        "touches hardware or the processor's segments directly",
        "iopl(2), ioperm(2), vm86(2)",
        "iopl ioperm vm86 vm86old pciconfig_read pciconfig_write pciconfig_iobase",
    ),
    _danger("quota", "sets limits of file systems", "quotactl(2)", "quotactl quotactl_fd"),
    _danger("accounting", "switches process accounting, which no namespace divides", "acct(2)", "acct"),
    _danger("kernel-log", "reads or clears the kernel's log", "syslog(2)", "syslog"),
    _danger(
        "host-identity",
        "changes the host's or domain's name",
        "sethostname(2), setdomainname(2)",
        "sethostname setdomainname",
    ),
    _danger("terminal", "hangs up the terminal", "vhangup(2)", "vhangup"),
    _danger(
        "fanotify", "watches and vetoes file access of the whole system", "fanotify_init(2)", "fanotify_init"
    ),
    _danger(
        "numa",
        "places memory on nodes, other processes' memory too",
        "mbind(2), move_pages(2), migrate_pages(2)",
        "mbind get_mempolicy set_mempolicy set_mempolicy_home_node move_pages migrate_pages",
    ),
    _danger(
        "security-modules",
        "changes how security modules treat the process",
        "Documentation/userspace-api/lsm.rst",
        "lsm_set_self_attr",
    ),
    _danger(
        "obsolete",
        "old interfaces that nothing current uses and little code review reaches",
        "unimplemented(2), uselib(2), nfsservctl(2), sysfs(2), ustat(2), lookup_dcookie(2)",
        "_sysctl sysfs ustat uselib nfsservctl lookup_dcookie afs_syscall tuxcall security vserver getpmsg putpmsg "
        "bdflush break ftime gtty idle lock mpx prof profil stty ulimit usr26 usr32",
    ),
)

NEVER_CONTINUE = frozenset(name for danger in CLASSES for name in danger.calls)
"""Names that a supervisor answers itself whatever their arguments, where the control's filter is not known."""


@functools.cache
def _by_name() -> Mapping[str, Danger]:
    return {name: danger for danger in CLASSES for name in danger.calls}


def danger(name: str) -> Danger | None:
    """The class of a dangerous call; None for the others."""
    return _by_name().get(name)


def never_continue(arch: str, name: str, args: Sequence[int]) -> bool:
    """Whether a supervisor must refuse this call even to learn: it could open what no default profile opens.

    Only registers are judged. What hides in memory (`clone3`, the sockets of 32-bit `socketcall`) counts as dangerous,
    because another thread could change it after a look (seccomp_unotify(2)). The 32-bit ABIs pass 32-bit registers,
    and the kernel reads all flags judged here as 32 bits everywhere.
    """
    first = args[0] & 0xFFFFFFFF if args else 0
    match name:
        case "clone":
            return bool(first & NAMESPACE_FLAGS)
        case "socket" | "socketpair":
            return first not in _PLAIN_FAMILIES
        case "socketcall":
            return arch == "x86" and first in (_SYS_SOCKET, _SYS_SOCKETPAIR)
        case "personality":
            return first not in _PLAIN_PERSONALITIES
        case _:
            return name in NEVER_CONTINUE
