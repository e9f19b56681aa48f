"""Every syscall in exactly one group, so that a profile can be read by what it allows."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_GROUPS = {
    "file": """
        _llseek access arm_fadvise64_64 arm_sync_file_range cachestat chdir chmod chown chown32 close close_range
        copy_file_range creat dup dup2 dup3 faccessat faccessat2 fadvise64 fadvise64_64 fallocate fanotify_init
        fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64 fdatasync fgetxattr
        file_getattr file_setattr flistxattr flock fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64
        fsync ftruncate ftruncate64 futimesat getcwd getdents getdents64 getxattr getxattrat inotify_add_watch
        inotify_init inotify_init1 inotify_rm_watch ioctl lchown lchown32 lgetxattr link linkat listxattr listxattrat
        llistxattr lookup_dcookie lremovexattr lseek lsetxattr lstat lstat64 mkdir mkdirat mknod mknodat
        name_to_handle_at newfstatat oldfstat oldlstat oldstat open open_by_handle_at openat openat2 pipe pipe2
        pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readahead readdir readlink readlinkat readv removexattr
        removexattrat rename renameat renameat2 rmdir sendfile sendfile64 setxattr setxattrat splice stat stat64
        statfs statfs64 statx symlink symlinkat sync sync_file_range sync_file_range2 syncfs tee truncate truncate64
        umask unlink unlinkat ustat utime utimensat utimensat_time64 utimes vmsplice write writev
    """,
    "memory": """
        brk cacheflush get_mempolicy madvise map_shadow_stack mbind memfd_create memfd_secret migrate_pages mincore
        mlock mlock2 mlockall mmap mmap2 move_pages mprotect mremap mseal msync munlock munlockall munmap pkey_alloc
        pkey_free pkey_mprotect process_madvise process_mrelease remap_file_pages set_mempolicy
        set_mempolicy_home_node userfaultfd
    """,
    "process": """
        arch_prctl clone clone3 execve execveat exit exit_group fork get_thread_area get_tls getcpu getpgid getpgrp
        getpid getppid getpriority getrlimit getrusage getsid gettid ioprio_get ioprio_set kcmp modify_ldt nice
        personality pidfd_getfd pidfd_open prctl prlimit64 rseq rseq_slice_yield sched_get_priority_max
        sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler
        sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam
        sched_setscheduler sched_yield set_thread_area set_tid_address set_tls setpgid setpriority setrlimit setsid
        ugetrlimit ulimit uselib vfork wait4 waitid waitpid
    """,
    "signal": """
        kill pause pidfd_send_signal restart_syscall rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo
        rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sgetmask sigaction
        sigaltstack signal signalfd signalfd4 sigpending sigprocmask sigreturn sigsuspend ssetmask tgkill tkill
    """,
    "network": """
        accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg recvmmsg_time64
        recvmsg send sendmmsg sendmsg sendto setdomainname sethostname setsockopt shutdown socket socketcall socketpair
    """,
    "time": """
        adjtimex alarm clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64
        clock_nanosleep clock_nanosleep_time64 clock_settime clock_settime64 ftime getitimer gettimeofday nanosleep
        setitimer settimeofday stime time timer_create timer_delete timer_getoverrun timer_gettime timer_gettime64
        timer_settime timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime
        timerfd_settime64 times
    """,
    "sync": """
        futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake get_robust_list membarrier set_robust_list
    """,
    "ipc": """
        ipc mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64
        mq_unlink msgctl msgget msgrcv msgsnd semctl semget semop semtimedop semtimedop_time64 shmat shmctl shmdt
        shmget
    """,
    "io-multiplexing": """
        _newselect epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait
        epoll_wait_old eventfd eventfd2 poll ppoll ppoll_time64 pselect6 pselect6_time64 select
    """,
    "async-io": """
        io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit io_uring_enter
        io_uring_register io_uring_setup
    """,
    "identity": """
        getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getresgid getresgid32 getresuid
        getresuid32 getuid getuid32 setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32
        setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setuid setuid32
    """,
    "capabilities": "capget capset",
    "sandbox": """
        landlock_add_rule landlock_create_ruleset landlock_restrict_self lsm_get_self_attr lsm_list_modules
        lsm_set_self_attr seccomp
    """,
    "mount": """
        chroot fsconfig fsmount fsopen fspick listmount mount mount_setattr move_mount open_tree open_tree_attr
        pivot_root statmount umount umount2
    """,
    "namespace": "listns setns unshare",
    "module": "create_module delete_module finit_module get_kernel_syms init_module query_module",
    "keyring": "add_key keyctl request_key",
    "tracing": "bpf perf_event_open process_vm_readv process_vm_writev ptrace uprobe uretprobe",
    "system": """
        _sysctl acct getrandom ioperm iopl kexec_file_load kexec_load oldolduname olduname pciconfig_iobase
        pciconfig_read pciconfig_write quotactl quotactl_fd reboot swapoff swapon sysfs sysinfo syslog uname vhangup
        vm86 vm86old
    """,
    "obsolete": """
        afs_syscall bdflush break breakpoint getpmsg gtty idle lock mpx nfsservctl prof profil putpmsg security stty
        tuxcall usr26 usr32 vserver
    """,
}
GROUPS = tuple(_GROUPS)
"""The groups' names, in reading order."""


@functools.cache
def _by_name() -> Mapping[str, str]:
    return {name: group for group, names in _GROUPS.items() for name in names.split()}


def group(name: str) -> str | None:
    """The group of a call; None for a name that the tables do not have."""
    return _by_name().get(name)


@functools.cache
def members(group: str) -> frozenset[str]:
    """The calls of one group. Raises KeyError for a group that does not exist."""
    return frozenset(_GROUPS[group].split())
