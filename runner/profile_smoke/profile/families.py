"""Calls that do one job under several names: who sees one of them must allow the others.

Which of them a program makes is not the program's choice but that of its C library, of the kernel that the library finds,
and of the machine: aarch64 and newer ABIs never got the calls that a variant with more arguments supersedes
(include/uapi/asm-generic/unistd.h), 32-bit ABIs got another for 64-bit times (`*_time64`, Linux 5.1), for large files
(`*64`) and for 32-bit ids (`*32`). A member gives no power that another does not give.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True)
class Family:
    """Seeing any of `calls` brings the others of them, and `also`, for one reason."""

    reason: str
    calls: tuple[str, ...]
    also: tuple[str, ...] = ()


_AT = "newer ABIs have the variant with a directory descriptor only"
_SIZES = "32-bit ABIs have a variant for large files or for 32-bit ids"
_TIMES = "32-bit ABIs have a variant for 64-bit times"
_FLAGS = "newer ABIs and libraries use the variant with flags"
_OLD = "32-bit ABIs keep the older form, or newer ABIs lack it"
_LIBC = "which of them is called is the C library's choice"

_TABLE: tuple[tuple[str, str], ...] = (
    (_AT, "open openat openat2"),
    (_AT, "stat lstat fstat newfstatat statx stat64 lstat64 fstat64 fstatat64"),
    (_AT, "access faccessat faccessat2"),
    (_AT, "chmod fchmodat fchmodat2"),
    (_AT, "chown lchown fchownat chown32 lchown32"),
    (_AT, "link linkat"),
    (_AT, "symlink symlinkat"),
    (_AT, "readlink readlinkat"),
    (_AT, "unlink unlinkat rmdir"),
    (_AT, "mkdir mkdirat"),
    (_AT, "rename renameat renameat2"),
    (_AT, "utime utimes futimesat utimensat utimensat_time64"),
    (_FLAGS, "dup2 dup3"),
    (_FLAGS, "pipe pipe2"),
    (_FLAGS, "eventfd eventfd2"),
    (_FLAGS, "signalfd signalfd4"),
    (_FLAGS, "inotify_init inotify_init1"),
    (_FLAGS, "epoll_create epoll_create1"),
    (_FLAGS, "epoll_wait epoll_pwait epoll_pwait2"),
    (_FLAGS, "accept accept4"),
    (_FLAGS, "preadv preadv2"),
    (_FLAGS, "pwritev pwritev2"),
    (_FLAGS, "mlock mlock2"),
    (_FLAGS, "close close_range"),
    (_FLAGS, "sync_file_range sync_file_range2 arm_sync_file_range"),
    (_SIZES, "fchown fchown32"),
    (_SIZES, "fcntl fcntl64"),
    (_SIZES, "lseek _llseek"),
    (_SIZES, "mmap mmap2"),
    (_SIZES, "truncate truncate64"),
    (_SIZES, "ftruncate ftruncate64"),
    (_SIZES, "statfs statfs64"),
    (_SIZES, "fstatfs fstatfs64"),
    (_SIZES, "sendfile sendfile64"),
    (_SIZES, "fadvise64 fadvise64_64 arm_fadvise64_64"),
    (_SIZES, "getdents getdents64"),
    *((_SIZES, f"{name} {name}32") for name in (
        "getuid", "geteuid", "getgid", "getegid", "getgroups", "getresuid", "getresgid", "setuid", "setgid", "setgroups",
        "setreuid", "setregid", "setresuid", "setresgid", "setfsuid", "setfsgid",
    )),
    (_TIMES, "futex futex_time64 futex_waitv"),
    (_TIMES, "poll ppoll ppoll_time64"),
    (_TIMES, "select _newselect pselect6 pselect6_time64"),
    (_TIMES, "recvmmsg recvmmsg_time64"),
    (_TIMES, "clock_gettime clock_gettime64"),
    (_TIMES, "clock_getres clock_getres_time64"),
    (_TIMES, "nanosleep clock_nanosleep clock_nanosleep_time64"),
    (_TIMES, "timer_gettime timer_gettime64"),
    (_TIMES, "timer_settime timer_settime64"),
    (_TIMES, "timerfd_gettime timerfd_gettime64"),
    (_TIMES, "timerfd_settime timerfd_settime64"),
    (_TIMES, "rt_sigtimedwait rt_sigtimedwait_time64"),
    (_TIMES, "sched_rr_get_interval sched_rr_get_interval_time64"),
    (_TIMES, "semop semtimedop semtimedop_time64"),
    (_TIMES, "mq_timedsend mq_timedsend_time64"),
    (_TIMES, "mq_timedreceive mq_timedreceive_time64"),
    (_TIMES, "io_pgetevents io_pgetevents_time64"),
    (_OLD, "wait4 waitpid"),
    (_OLD, "rt_sigaction sigaction"),
    (_OLD, "rt_sigprocmask sigprocmask"),
    (_OLD, "rt_sigreturn sigreturn"),
    (_OLD, "rt_sigsuspend sigsuspend"),
    (_OLD, "rt_sigpending sigpending"),
    (_OLD, "getrlimit ugetrlimit setrlimit prlimit64"),
    (_OLD, "getpgrp getpgid"),
    (_OLD, "arch_prctl set_thread_area set_tls"),
    (_LIBC, "read readv"),
    (_LIBC, "write writev"),
    (_LIBC, "send sendto sendmsg sendmmsg"),
    (_LIBC, "recv recvfrom recvmsg"),
    (_LIBC, "tkill tgkill"),
)  # fmt: skip

_ALSO: tuple[tuple[str, str, str], ...] = (
    ("newer ABIs lack it, and libraries open with flags instead", "creat", "openat"),
    ("newer ABIs lack it, and libraries set a timer instead", "alarm", "setitimer"),
    ("newer ABIs lack it, and libraries wait for nothing instead", "pause", "ppoll"),
    ("newer ABIs lack it, and libraries ask the clock instead", "time gettimeofday", "clock_gettime"),
    ("newer ABIs lack them, and libraries clone instead", "fork vfork clone3", "clone"),
    ("libraries start programs by it where the machine has it", "clone", "vfork"),
    ("the kernel goes on with it after a signal", "nanosleep clock_nanosleep futex poll", "restart_syscall"),
    ("arm needs it where code was written to memory", "mprotect", "cacheflush"),
)

FAMILIES = tuple(
    [Family(reason, tuple(calls.split())) for reason, calls in _TABLE]
    + [Family(reason, tuple(calls.split()), tuple(also.split())) for reason, calls, also in _ALSO]
)
"""All families. Calls of the last ones have nothing in common but what they bring."""


@functools.cache
def _brings() -> Mapping[str, tuple[tuple[str, str], ...]]:
    """For each call what it brings, with the reason."""
    found: dict[str, list[tuple[str, str]]] = {}
    for family in FAMILIES:
        for name in family.calls:
            others = family.also or tuple(other for other in family.calls if other != name)
            found.setdefault(name, []).extend((other, family.reason) for other in others)
    return {name: tuple(brought) for name, brought in found.items()}


def relatives(names: Iterable[str]) -> Mapping[str, str]:
    """What these calls bring that is not among them, and what that brings in turn; each with its reason."""
    found: dict[str, str] = {}
    todo = sorted(set(names))
    known = set(todo)
    while todo:
        seen = todo.pop()
        for name, reason in _brings().get(seen, ()):
            if name not in known:
                known.add(name)
                todo.append(name)
                found[name] = f"with {seen}: {reason}"
    return found


STARTUP = (
    *(
        "arch_prctl",
        "brk",
        "clock_gettime",
        "execve",
        "exit",
        "exit_group",
        "fstat",
        "futex",
        "getpid",
        "getrandom",
    ),
    *("gettid", "gettimeofday", "madvise", "mmap", "mprotect", "mremap", "munmap", "prlimit64", "read"),
    *(
        "restart_syscall",
        "rseq",
        "rt_sigaction",
        "rt_sigprocmask",
        "rt_sigreturn",
        "sched_getaffinity",
        "sched_yield",
    ),
    *("set_robust_list", "set_tid_address", "tgkill", "time", "write"),
)
"""What the start and the end of any program may take: its loader, its libc's memory and threads, abort(3), and the clocks
that the vDSO answers on most machines, unseen by any filter."""
RUNTIME = (
    *(
        "access",
        "capget",
        "capset",
        "chdir",
        "close",
        "close_range",
        "epoll_ctl",
        "execve",
        "faccessat2",
        "fchdir",
    ),
    *(
        "fchown",
        "fcntl",
        "fstat",
        "fstatfs",
        "futex",
        "getcwd",
        "getdents64",
        "getpid",
        "getppid",
        "newfstatat",
    ),
    *(
        "openat",
        "prctl",
        "read",
        "rt_sigprocmask",
        "rt_sigreturn",
        "select",
        "sendmsg",
        "setgid",
        "setgroups",
    ),
    *("setresgid", "setresuid", "setuid", "write"),
)
"""What the runtime's own init does after it has loaded the filter.

Measured for runc 1.1.5: 9 calls with no_new_privs, where it loads the filter last, 23 without, where it drops capabilities
and changes its user under it (libcontainer/init_linux.go, finalizeNamespace); `epoll_ctl`, `futex` and `getpid` are of
its language's run time. `close_range` is of runc 1.2 and newer.

Measured for crun 1.8.1 and 1.21, created and then started: `execve`, `close` and `close_range` with no_new_privs; without,
`capset`, `prctl`, `setresuid`, `setresgid`, the signal mask and handlers too, and `read` and `pselect6` on the start fifo.
What more is seen of it while it is observed (`wait4`, `kill`, `munmap`) is the end of the helper that hands the listener
over (libcrun_apply_seccomp in src/libcrun/seccomp.c), which no other launch has."""
