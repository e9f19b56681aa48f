"""What the shipped profiles promise, asked of the evaluator for every ABI."""

from __future__ import annotations

import dataclasses
import errno
import functools
import signal

import pytest
from tests.support.answers import ALLOW, answer, refusal
from tools import gen_profiles

from profile_smoke.profile import document
from profile_smoke.profile.evaluate import Evaluator
from profile_smoke.profile.model import Action
from profile_smoke.syscall import danger, refusals, tables

CLASSES = {chosen.name: chosen for chosen in gen_profiles.CLASSES}
LISTED = ("x86_64", "x86", "aarch64", "arm")
DOCKER_ALLOWS = 301
"""Calls on x86-64 that the filter of a default container of Docker 26.1 allows, read back from the kernel."""
EVERYWHERE_REFUSED = (
    "modules",
    "kexec",
    "reboot",
    "bpf",
    "perf",
    "swap",
    "raw-io",
    "time-setting",
    "file-handles",
)
INIT = """
    capget capset chdir close epoll_ctl execve exit_group faccessat2 fchown fcntl fstat fstatfs futex getcwd getdents64
    getpid getppid newfstatat openat prctl read rt_sigreturn setgid setgroups setuid write
"""
"""What runc 1.1.5's init was seen to call under the filter without no_new_privs."""
VARIANTS = (
    "open openat openat2 creat",
    "stat lstat fstat newfstatat statx stat64 lstat64 fstat64 fstatat64",
    "access faccessat faccessat2",
    "chmod fchmod fchmodat fchmodat2",
    "chown lchown fchown fchownat chown32 lchown32 fchown32",
    "fork vfork wait4 waitid waitpid",
    "epoll_create epoll_create1 epoll_wait epoll_pwait epoll_pwait2",
    "poll ppoll ppoll_time64 select _newselect pselect6 pselect6_time64",
    "accept accept4 socketpair sendmsg sendmmsg recvmmsg recvmmsg_time64",
    "dup dup2 dup3 pipe pipe2 eventfd eventfd2",
    "mkdir mkdirat rename renameat renameat2 link linkat symlink symlinkat readlink readlinkat unlink unlinkat rmdir",
    "getdents getdents64 lseek _llseek fcntl fcntl64 mmap mmap2",
    "getrlimit ugetrlimit setrlimit prlimit64",
    "futex futex_time64 nanosleep clock_nanosleep clock_nanosleep_time64 clock_gettime clock_gettime64",
    "utime utimes utimensat utimensat_time64 sendfile sendfile64 statfs statfs64 truncate64 ftruncate64",
    "rt_sigreturn sigreturn rt_sigtimedwait rt_sigtimedwait_time64 restart_syscall",
    "arch_prctl set_thread_area set_tls set_tid_address set_robust_list rseq",
)


@pytest.fixture(params=CLASSES)
def chosen(request: pytest.FixtureRequest) -> gen_profiles.Class:
    """Each of the five."""
    return CLASSES[request.param]


@functools.cache
def evaluator(chosen: gen_profiles.Class, native: str = "x86_64") -> Evaluator:
    return Evaluator(document.load(gen_profiles.FOLDER / chosen.file).profile, native)


def calls(names: str, arch: str) -> list[str]:
    return [name for name in names.split() if tables.number(arch, name) is not None]


def test_files_are_what_the_tool_writes() -> None:
    """No file was edited by hand, and none is older than its groups."""
    for path, content in gen_profiles.files().items():
        assert path.read_text("utf-8") == content, f"run tools.gen_profiles: {path} differs"


def test_no_call_is_in_two_groups_of_a_profile(chosen: gen_profiles.Class) -> None:
    """A call has one reason, so that taking its group away takes it away."""
    names = [name for group in chosen.groups for name in group.calls.split()]
    assert sorted(names) == sorted(set(names))
    assert all(group.calls.split() == sorted(group.calls.split()) for group in chosen.groups)


def test_reads_without_warnings_as_plain_oci(chosen: gen_profiles.Class) -> None:
    """Docker and Kubernetes read the same policy, and every name in it is a syscall."""
    loaded = document.load(gen_profiles.FOLDER / chosen.file)
    assert loaded.warnings == ()
    assert not loaded.profile.docker_only
    assert set(loaded.raw) == {"defaultAction", "defaultErrnoRet", "architectures", "syscalls"}
    for rule in loaded.raw["syscalls"]:
        assert set(rule) <= {"names", "action", "errnoRet", "args"}


def test_allows_far_less_than_docker(chosen: gen_profiles.Class) -> None:
    """At least a fifth fewer calls than Docker's default; three tenths fewer where the class is one kind of daemon."""
    rules = evaluator(chosen)
    allowed = [name for name in tables.numbers("x86_64") if answer(rules, "x86_64", name).action.permits]
    assert len(allowed) < DOCKER_ALLOWS * 0.8
    if chosen.name == "kube-proxy":
        assert len(allowed) < DOCKER_ALLOWS * 0.7


@pytest.mark.parametrize("arch", LISTED)
def test_dangerous_calls_are_refused_with_eperm(chosen: gen_profiles.Class, arch: str) -> None:
    """What needs a capability answers as without it, in every profile and ABI."""
    rules = evaluator(chosen)
    for each in danger.CLASSES:
        if each.name in EVERYWHERE_REFUSED:
            for name in sorted(each.calls - refusals.ANSWERS_ENOSYS):
                if tables.number(arch, name) is not None:
                    assert answer(rules, arch, name) == refusal(errno.EPERM), name


@pytest.mark.parametrize("arch", LISTED)
@pytest.mark.parametrize(
    ("name", "allowed_in"),
    [
        ("chroot", {"kubelet"}),
        ("mount", {"kubelet"}),
        ("umount2", {"kubelet"}),
        ("setns", {"kubelet"}),
        ("ptrace", {"kubelet", "system"}),
        ("process_vm_readv", {"system"}),
        ("process_vm_writev", set()),
        ("unshare", set()),
        ("pivot_root", set()),
        ("userfaultfd", set()),
        ("syslog", set()),
    ],
)
def test_guarded_calls_go_to_their_class_alone(
    chosen: gen_profiles.Class, arch: str, name: str, allowed_in: set[str]
) -> None:
    """Each profile gets what its purpose says, and EPERM for the rest."""
    wanted = ALLOW if chosen.name in allowed_in else refusal(errno.EPERM)
    assert answer(evaluator(chosen), arch, name) == wanted


@pytest.mark.parametrize(
    ("name", "allowed_in"),
    [
        ("seccomp", {"kubelet", "system"}),
        ("adjtimex", {"system"}),
        ("io_setup", {"webapp", "database"}),
        ("mlock", {"database"}),
        ("io_uring_setup", set()),
        ("keyctl", set()),
        ("mbind", set()),
        ("landlock_create_ruleset", set()),
    ],
)
def test_other_calls_are_as_if_the_kernel_lacked_them(
    chosen: gen_profiles.Class, name: str, allowed_in: set[str]
) -> None:
    """What a program can do without answers ENOSYS, so that it does."""
    wanted = ALLOW if chosen.name in allowed_in else refusal(errno.ENOSYS)
    assert answer(evaluator(chosen), "x86_64", name) == wanted


@pytest.mark.parametrize("arch", LISTED)
def test_unknown_calls_answer_enosys(chosen: gen_profiles.Class, arch: str) -> None:
    """A call of a kernel yet to come falls back."""
    rules = evaluator(chosen)
    unknown = max(tables.numbers(arch).values()) + 7
    assert rules.decide(arch, unknown, (0,) * 6) == refusal(errno.ENOSYS)


def test_x32_calls_are_killed(chosen: gen_profiles.Class) -> None:
    """An ABI that nothing is built for stays shut."""
    assert not answer(evaluator(chosen), "x32", "read").action.permits
    assert answer(evaluator(chosen), "x32", "read").action is Action.KILL_THREAD


@pytest.mark.parametrize("arch", LISTED)
def test_every_variant_that_libc_chooses_from_is_allowed(chosen: gen_profiles.Class, arch: str) -> None:
    """Old and new C libraries call the same thing by different names; all that the ABI has pass."""
    rules = evaluator(chosen, native=arch)
    for family in VARIANTS:
        for name in calls(family, arch):
            assert answer(rules, arch, name) == ALLOW, name


@pytest.mark.parametrize("arch", ["x86_64", "aarch64"])
def test_the_runtimes_init_gets_through(chosen: gen_profiles.Class, arch: str) -> None:
    """A container starts with and without no_new_privs."""
    rules = evaluator(chosen, native=arch)
    for name in calls(INIT, arch):
        assert answer(rules, arch, name) == ALLOW, name


@pytest.mark.parametrize("arch", LISTED)
def test_clone_makes_threads_and_children_but_no_namespaces(chosen: gen_profiles.Class, arch: str) -> None:
    """The flags decide; clone3, which hides them, falls back to clone."""
    rules = evaluator(chosen)
    thread = 0x3D0F00  # what glibc's pthread_create asks for
    assert answer(rules, arch, "clone", thread) == ALLOW
    assert answer(rules, arch, "clone", 0x1200000 | signal.SIGCHLD) == ALLOW
    for bit in range(32):
        flag = 1 << bit
        if flag & gen_profiles.NAMESPACE_FLAGS:
            assert answer(rules, arch, "clone", flag | signal.SIGCHLD) == refusal(errno.ENOSYS)
    assert answer(rules, arch, "clone3") == refusal(errno.ENOSYS)


def test_clone3_falls_back_where_the_engine_drops_the_default_errno(chosen: gen_profiles.Class) -> None:
    """Docker before 23.0 loses `defaultErrnoRet`: threads must start there too."""
    profile = document.load(gen_profiles.FOLDER / chosen.file).profile
    rules = Evaluator(dataclasses.replace(profile, default_errno_ret=None), "x86_64")
    assert answer(rules, "x86_64", "clone3") == refusal(errno.ENOSYS)


@pytest.mark.parametrize("arch", LISTED)
def test_sockets_of_few_families(chosen: gen_profiles.Class, arch: str) -> None:
    """Local, internet and netlink sockets; neither AF_PACKET, AF_ALG nor AF_VSOCK."""
    rules = evaluator(chosen)
    assert [answer(rules, arch, "socket", family) for family in (1, 2, 10, 16)] == [ALLOW] * 4
    for family in (0, 3, 9, 11, 15, 17, 31, 38, 40, 44):
        assert answer(rules, arch, "socket", family) == refusal(errno.ENOSYS)


def test_netlink_beyond_routing_is_for_those_who_manage_the_network(chosen: gen_profiles.Class) -> None:
    """Audit's protocol answers as from a kernel without audit, which PAM accepts."""
    rules = evaluator(chosen)
    audit, netfilter = 9, 12
    wanted = ALLOW if chosen.all_netlink else refusal(errno.EPROTONOSUPPORT)
    assert answer(rules, "x86_64", "socket", 16, 3, audit) == wanted
    assert answer(rules, "x86_64", "socket", 16, 3, netfilter) == wanted
    assert answer(rules, "x86_64", "socket", 2, 1, 6) == ALLOW


def test_socketcall_opens_no_family_unseen(chosen: gen_profiles.Class) -> None:
    """32-bit programs cannot go around the families through the multiplexer."""
    rules = evaluator(chosen)
    for sub_call in range(21):
        assert answer(rules, "x86", "socketcall", sub_call) == refusal(errno.EPERM)


def test_nodes_are_no_devices_and_personality_stays_normal(chosen: gen_profiles.Class) -> None:
    """Pipes and sockets can be made, devices cannot; protections cannot be switched off."""
    rules = evaluator(chosen)
    fifo, regular, link, character, block = 0o010644, 0o100644, 0o140644, 0o020644, 0o060644
    for mode in (fifo, regular, link):
        assert answer(rules, "x86_64", "mknod", 0, mode) == ALLOW
        assert answer(rules, "aarch64", "mknodat", 0, 0, mode) == ALLOW
    for mode in (character, block):
        assert answer(rules, "x86_64", "mknod", 0, mode) == refusal(errno.ENOSYS)
        assert answer(rules, "aarch64", "mknodat", 0, 0, mode) == refusal(errno.ENOSYS)
    assert answer(rules, "x86_64", "personality", 0xFFFFFFFF) == ALLOW
    assert answer(rules, "x86_64", "personality", 0x0040000) == refusal(errno.ENOSYS)
