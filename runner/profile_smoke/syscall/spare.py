"""What to expect of a refused call: that programs usually go on without it, or that it is missed only now and then.

Expectations, never answers: they only order the launches that prove what blocks (`run.blame`).
"""

from __future__ import annotations

MISSED_AT_TIMES = frozenset(
    {
        # A signal that comes between the question and the wait is lost, unless it is held back until then.
        *(
            "rt_sigprocmask",
            "rt_sigsuspend",
            "rt_sigtimedwait",
            "pselect6",
            "ppoll",
            "epoll_pwait",
            "epoll_pwait2",
        ),
        # Without a lock or a wait, the other process or thread is mostly not in the way.
        *("flock", "fcntl", "futex", "semop", "semtimedop", "membarrier"),
        *("nanosleep", "clock_nanosleep", "sched_yield"),
    }
)
"""Without these a race can be lost that is mostly won: a launch that passes says little."""

USUALLY_SPARED = frozenset(
    {
        # Memory: malloc turns to mmap; the rest is advice.
        *(
            "brk",
            "madvise",
            "mincore",
            "mlock",
            "mlockall",
            "munlock",
            "get_mempolicy",
            "set_mempolicy",
            "mbind",
        ),
        # Threads: glibc takes note of the refusal.
        *("rseq", "set_robust_list", "set_tid_address", "gettid", "getcpu"),
        *(
            "sched_getaffinity",
            "sched_setaffinity",
            "sched_getparam",
            "sched_getscheduler",
            "sched_setscheduler",
        ),
        # Who and where one is, and what one may use.
        *(
            "getuid",
            "geteuid",
            "getgid",
            "getegid",
            "uname",
            "sysinfo",
            "times",
            "getrusage",
            "getrandom",
            "umask",
        ),
        *("getrlimit", "setrlimit", "prlimit64", "getpriority", "setpriority", "statfs", "getsockname"),
        # Newer ways, with older ones to fall back upon.
        *("io_uring_setup", "io_setup", "statx", "eventfd2", "epoll_create", "dup", "dup3"),
        # Files: advice, and terminals that are none.
        *("fadvise64", "readahead", "sync_file_range", "ioctl"),
        # At the end. Not `exit_group`: what then fails for want of another call cannot end, and is waited for.
        "shutdown",
    }
)
"""libc has another way, or it was advice, tuning, or a question with a default. None of `MISSED_AT_TIMES`: what is left out
first is missing in all the launches that follow, and a race in them would spoil their proofs."""
