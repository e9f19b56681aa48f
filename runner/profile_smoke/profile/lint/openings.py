"""Rules about what a profile opens: dangerous calls, ways round a refusal, and ABIs that are left out or let in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from profile_smoke.profile.lint.interface import Report, Rule, Severity
from profile_smoke.profile.lint.subject import NO_ARGS, few, grouped, permitting, refusing
from profile_smoke.syscall import danger, multiplexed, tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from profile_smoke.profile.lint.subject import Subject

_RISKY_FAMILIES = {17: "AF_PACKET", 38: "AF_ALG", 40: "AF_VSOCK"}
"""Raw frames, the kernel's cryptography, the hypervisor: linux/socket.h, packet(7), vsock(7)."""
_PLAIN_FAMILY = 2
_NEW_USER_NAMESPACE = 0x10000000

_TOLD_ELSEWHERE = {"clone3", "io_uring_setup", "io_uring_enter", "io_uring_register"}

_SAME_POWER = (
    ("umount2", "umount"),
    ("mount", "move_mount"),
    ("mount", "mount_setattr"),
    ("init_module", "finit_module"),
    ("kexec_load", "kexec_file_load"),
    ("clock_settime", "clock_settime64"),
    ("clock_settime", "settimeofday"),
    ("clock_settime", "stime"),
    ("settimeofday", "clock_settime"),
    ("adjtimex", "clock_adjtime"),
    ("clock_adjtime", "clock_adjtime64"),
    ("ptrace", "process_vm_writev"),
    ("process_vm_readv", "ptrace"),
    ("process_vm_writev", "ptrace"),
    ("quotactl", "quotactl_fd"),
    ("execve", "execveat"),
    ("iopl", "ioperm"),
    ("open", "openat"),
    ("openat", "open"),
    ("openat", "openat2"),
    ("chown", "fchownat"),
    ("chown", "chown32"),
    ("chmod", "fchmodat"),
    ("fchmodat", "fchmodat2"),
    ("mknod", "mknodat"),
    ("setxattr", "setxattrat"),
    ("kill", "tgkill"),
    ("setuid", "setuid32"),
    ("setgid", "setgid32"),
)
"""A call, and another that does the same for whoever may not use it. Each direction that matters is listed."""


def _dangerous_call(subject: Subject) -> Iterator[Report]:
    """One finding for each class; `clone3` is told by `namespaces-open`, io_uring by `io-uring-bypass`."""
    for kind in danger.CLASSES:
        calls = sorted(filter(subject.ever_permits, kind.calls - _TOLD_ELSEWHERE))
        if calls:
            yield Report(
                subject.of(calls[0], permitting),
                f"{kind.name}: {', '.join(calls)} {kind.reason} ({kind.source})",
            )


def _namespaces_open(subject: Subject) -> Iterator[Report]:
    arch = subject.native
    if subject.permits(arch, "clone", (_NEW_USER_NAMESPACE, *NO_ARGS[1:])):
        yield Report(
            subject.of("clone", permitting),
            "clone may make namespaces: its flags are not filtered (a masked condition on argument 0 does)",
        )
    if subject.permits(arch, "clone3"):
        yield Report(
            subject.of("clone3", permitting),
            "clone3 may make namespaces: its flags are in memory, where no filter sees them; answer it with ENOSYS",
        )


def _socket_families(subject: Subject) -> Iterator[Report]:
    native = subject.native
    families = [
        text
        for family, text in _RISKY_FAMILIES.items()
        if subject.permits(native, "socket", (family, *NO_ARGS[1:]))
    ]
    if families:
        yield Report(
            subject.of("socket", permitting),
            f"sockets of {', '.join(families)} can be opened: raw frames, the kernel's cryptography or the hypervisor",
        )


def _socketcall_bypass(subject: Subject) -> Iterator[Report]:
    """Where 64-bit programs may not open some family, may 32-bit ones through `socketcall`?"""
    if "x86" not in subject.abis or subject.native == "x86":
        return
    sub_call = multiplexed.THROUGH["socket"][1]
    if not subject.permits("x86", "socketcall", (sub_call, *NO_ARGS[1:])):
        return
    closed = [
        text
        for family, text in {_PLAIN_FAMILY: "AF_INET", **_RISKY_FAMILIES}.items()
        if not subject.permits(subject.native, "socket", (family, *NO_ARGS[1:]))
    ]
    if closed:
        yield Report(
            subject.of("socketcall" if _named(subject, "socketcall") else "socket", permitting),
            f"32-bit programs open {', '.join(closed)} sockets through socketcall, whose arguments no filter sees; "
            "refuse socketcall by a rule that differs from the default action",
        )


def _named(subject: Subject, name: str) -> bool:
    return any(name in rule.names and rule.action.permits for rule in subject.profile.rules)


def _io_uring_bypass(subject: Subject) -> Iterator[Report]:
    native = subject.native
    if not all(subject.permits(native, name) for name in ("io_uring_setup", "io_uring_enter")):
        return
    replaced = ("openat", "openat2", "connect", "accept4", "renameat2", "unlinkat", "mkdirat", "setxattr")
    closed = subject.refused(replaced)
    closed += ["some families of socket"] if _filters_sockets(subject) else []
    what = f": {', '.join(closed)} are refused and yet done" if closed else ""
    yield Report(
        subject.of("io_uring_setup", permitting),
        f"io_uring does file and network operations that no rule sees{what}",
    )


def _filters_sockets(subject: Subject) -> bool:
    number = tables.number(subject.native, "socket")
    evaluator = subject.evaluator
    return bool(
        evaluator and number is not None and evaluator.looks_at_args(subject.native, number)
    ) or subject.refuses(subject.native, "socket")


def _way_round(subject: Subject) -> Iterator[Report]:
    """Only calls that a rule refuses by name count: there, the refusal is meant."""
    meant = {name for rule in subject.profile.rules if not rule.action.permits for name in rule.names}
    for name, other in _SAME_POWER:
        if name not in meant or subject.ever_permits(name):
            continue
        open_on = [arch for arch in subject.abis if subject.permits(arch, other)]
        if open_on:
            yield Report(
                subject.of(name, refusing),
                f"{name} is refused, but {other} does the same and is permitted on {', '.join(open_on)}",
            )


def _abi_way_round(subject: Subject) -> Iterator[Report]:
    """A call that one ABI refuses and another permits: under its own name, or through 32-bit `ipc` and `socketcall`.

    Families of sockets are left to `socketcall-bypass`.
    """
    for arch, names in grouped(_open_elsewhere(subject)).items():
        yield Report(
            subject.key("architectures", "archMap", "defaultAction"),
            f"{arch} permits what {subject.native} refuses: {few(dict.fromkeys(names))}",
        )


def _open_elsewhere(subject: Subject) -> Iterator[tuple[str, str]]:
    """The ABI that permits what the native one refuses, and the call's name; again for other arguments."""
    native = subject.native
    for name in tables.numbers(native):
        for wide in subject.calls(name):
            # A 32-bit program has no larger ones, and x32's filter reads no more.
            args = tuple(arg & 0xFFFFFFFF for arg in wide)
            if name != "socket" and subject.refuses(native, name, args):
                for arch in subject.abis[1:]:
                    if _permits_somehow(subject, arch, name, args):
                        yield arch, name


def _permits_somehow(subject: Subject, arch: str, name: str, args: Sequence[int]) -> bool:
    if arch == "x86" and name in multiplexed.THROUGH:
        through, number = multiplexed.THROUGH[name]
        if subject.permits(arch, through, (number, *args[1:])):
            return True
    return subject.permits(arch, name, args)


def _no_architectures(subject: Subject) -> Iterator[Report]:
    if not subject.loaded.architectures:
        yield Report(
            subject.key("architectures", "archMap", "defaultAction"),
            "no architectures are declared: every 32-bit program is killed, and runc does not answer new calls with "
            "ENOSYS",
        )


def _missing_32_bit(subject: Subject) -> Iterator[Report]:
    architectures = subject.loaded.architectures
    for wide, narrow in (("SCMP_ARCH_X86_64", "SCMP_ARCH_X86"), ("SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM")):
        if wide in architectures and narrow not in architectures:
            yield Report(
                subject.key("architectures", "archMap"),
                f"{narrow} is missing beside {wide}: a 32-bit program is killed at its first call",
            )


def _x32_declared(subject: Subject) -> Iterator[Report]:
    if "SCMP_ARCH_X32" in subject.loaded.architectures:
        yield Report(
            subject.key("architectures", "archMap"),
            "x32 is a second way to every call, with numbers of its own; distributions build nothing for it",
        )


RULES = (
    Rule("dangerous-call", Severity.WARNING, "calls of a dangerous class are permitted", _dangerous_call),
    Rule("namespaces-open", Severity.WARNING, "clone or clone3 may make namespaces", _namespaces_open),
    Rule(
        "socket-families",
        Severity.WARNING,
        "sockets of risky families can be opened",
        _socket_families,
    ),
    Rule(
        "socketcall-bypass",
        Severity.WARNING,
        "32-bit socketcall opens the socket families that a rule on socket refuses",
        _socketcall_bypass,
    ),
    Rule("io-uring-bypass", Severity.WARNING, "io_uring, which works past the filter", _io_uring_bypass),
    Rule("way-round", Severity.WARNING, "a refused call whose like is permitted", _way_round),
    Rule(
        "abi-way-round",
        Severity.ERROR,
        "a call that one ABI refuses and another permits",
        _abi_way_round,
    ),
    Rule("no-architectures", Severity.WARNING, "no architectures are declared", _no_architectures),
    Rule("missing-32-bit-abi", Severity.WARNING, "the 32-bit ABI is left out", _missing_32_bit),
    Rule("x32-declared", Severity.WARNING, "x32 is declared", _x32_declared),
)
