"""The groups of calls that the shipped profiles are made of, each with its reason.

Names of 32-bit ABIs stand beside their siblings: a name that an ABI lacks means nothing there.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Group:
    """Calls that are allowed together, for one reason."""

    title: str
    reason: str
    calls: str


FILES = Group(
    "files",
    "open, read, write, name, inspect and remove files, in every variant that glibc and musl choose between",
    """
    _llseek access arm_fadvise64_64 chdir chmod chown chown32 close close_range copy_file_range creat dup dup2
    dup3 faccessat faccessat2 fadvise64 fadvise64_64 fallocate fchdir fchmod fchmodat fchmodat2 fchown
    fchown32 fchownat fcntl fcntl64 fdatasync fgetxattr flistxattr flock fstat fstat64 fstatat64 fstatfs
    fstatfs64 fsync ftruncate ftruncate64 getcwd getdents getdents64 getxattr ioctl lchown lchown32 lgetxattr
    link linkat listxattr llistxattr lseek lstat lstat64 mkdir mkdirat newfstatat open openat openat2 pipe
    pipe2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readlink readlinkat readv rename renameat
    renameat2 rmdir sendfile sendfile64 splice stat stat64 statfs statfs64 statx symlink symlinkat truncate
    truncate64 umask unlink unlinkat utime utimensat utimensat_time64 utimes write writev
    """,
)
MEMORY = Group(
    "memory",
    "map, protect and advise the process's own memory",
    "brk madvise mincore mmap mmap2 mprotect mremap msync munmap",
)
PROCESSES = Group(
    "processes",
    "start programs, wait for children, read limits and the scheduler's settings, choose processors",
    """
    arch_prctl cacheflush execve exit exit_group fork get_tls getcpu getpgid getpgrp getpid getppid
    getpriority getrlimit getrusage getsid gettid prctl prlimit64 rseq sched_get_priority_max
    sched_get_priority_min sched_getaffinity sched_getparam sched_getscheduler sched_setaffinity sched_yield
    set_thread_area set_tid_address set_tls setpgid setpriority setrlimit setsid sysinfo times ugetrlimit
    uname vfork wait4 waitid waitpid
    """,
)
SIGNALS = Group(
    "signals",
    "handle, block, await and send signals; who may signal whom stays the kernel's decision",
    """
    kill pause restart_syscall rt_sigaction rt_sigprocmask rt_sigreturn rt_sigsuspend rt_sigtimedwait
    rt_sigtimedwait_time64 sigaltstack signalfd4 sigprocmask sigreturn tgkill
    tkill
    """,
)
IDENTITY = Group(
    "identity",
    "read who the process is, and leave root: the runtime and entry points do, before the workload begins",
    """
    getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getresgid getresgid32 getresuid
    getresuid32 getuid getuid32 setgid setgid32 setgroups setgroups32 setresgid setresgid32 setresuid
    setresuid32 setuid setuid32
    """,
)
TIME = Group(
    "time",
    "read clocks, sleep, set timers; never set a clock",
    """
    alarm clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep
    clock_nanosleep_time64 gettimeofday nanosleep setitimer time timer_create timer_delete timer_settime
    timer_settime64 timerfd_create timerfd_settime timerfd_settime64
    """,
)
WAITING = Group(
    "waiting",
    "locks between threads, and waiting for many descriptors at once",
    """
    _newselect epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd eventfd2 futex
    futex_time64 getrandom membarrier poll ppoll ppoll_time64 pselect6 pselect6_time64 select set_robust_list
    """,
)
NETWORK = Group(
    "network",
    "serve and use connections; which families can be opened is a rule of its own",
    """
    accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg
    recvmmsg_time64 recvmsg send sendmmsg sendmsg sendto setsockopt shutdown socketpair
    """,
)
DROPPING = Group(
    "dropping capabilities",
    "runc's and crun's own init drops capabilities under the filter when no_new_privs is off",
    "capget capset",
)
BASE = (FILES, MEMORY, PROCESSES, SIGNALS, IDENTITY, TIME, WAITING, NETWORK, DROPPING)

WATCHING = Group(
    "watching files",
    "configuration reload, file watchers of language run times, following logs",
    "inotify_add_watch inotify_init inotify_init1 inotify_rm_watch",
)
ANONYMOUS_FILES = Group(
    "anonymous files",
    "memory files, for just-in-time compilers and for handing data to children",
    "memfd_create",
)
SHARED_MEMORY = Group(
    "System V IPC",
    "PostgreSQL's interlock, Apache's and PHP's shared memory and semaphores",
    "semctl semget semop semtimedop semtimedop_time64 shmat shmctl shmdt shmget",
)
KERNEL_AIO = Group(
    "kernel AIO",
    "MySQL's InnoDB uses it; nginx that was built with file AIO sets it up in every worker",
    " io_destroy io_getevents   io_setup io_submit",
)
PINNING = Group(
    "pinned memory",
    "keep data and keys out of swap: MongoDB, etcd, memcached, Elasticsearch",
    "mlock mlock2 mlockall munlock munlockall",
)
STORAGE = Group(
    "storage",
    "flush files and file systems in ranges and as a whole, read ahead, order I/O and threads by priority",
    """
    arm_sync_file_range ioprio_get ioprio_set readahead sched_getattr sched_setattr sched_setparam
    sched_setscheduler sync sync_file_range sync_file_range2 syncfs
    """,
)
ATTRIBUTES = Group(
    "file attributes",
    "set and remove extended attributes and labels of files",
    "fremovexattr fsetxattr lremovexattr lsetxattr removexattr setxattr",
)
SANDBOXING = Group(
    "own filters", "install seccomp filters for children: nested containers, self-protection", "seccomp"
)
MOUNTING = Group(
    "mounts",
    "mount volumes and bind them into pods, with the old calls and the new ones that mount(8) tries first",
    "fsconfig fsmount fsopen fspick mount mount_setattr move_mount open_tree umount umount2",
)
CHROOT = Group("chroot", "run host tools from a mounted host root", "chroot")
ENTERING = Group(
    "entering namespaces", "nsenter(1), for port forwarding and mounts in the host's namespace", "setns"
)
TRACING = Group("ptrace", "trace and debug processes", "ptrace")
READING_MEMORY = Group(
    "reading traced memory",
    "strace(1) and debuggers read strings from the traced process",
    "process_vm_readv",
)
CLOCK_STATE = Group(
    "clock state",
    "ask how well the clock is synchronised; setting needs CAP_SYS_TIME",
    "adjtimex clock_adjtime clock_adjtime64",
)
