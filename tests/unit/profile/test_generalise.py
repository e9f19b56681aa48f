"""From calls that were seen to a profile: it permits them all, adds what their families say, and nothing dangerous."""

from __future__ import annotations

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profile_smoke.profile.evaluate import Evaluator
from profile_smoke.profile.families import FAMILIES, RUNTIME, STARTUP, relatives
from profile_smoke.profile.generalise import Generalised, Use, generalise, merge
from profile_smoke.profile.model import Action, Decision
from profile_smoke.syscall import danger, refusals, tables

LIMITED = ("clone", "socket", "socketpair", "personality", "prctl", "ioctl")
ALLOW = Decision(Action.ALLOW)

values = st.integers(0, 2**32 - 1) | st.sampled_from((1, 2, 10, 16, 0x11, 0x10000000, 0x5401, 2**64 - 1))
samples = st.frozensets(st.tuples(*[values] * 6), min_size=1, max_size=5)
names = st.sampled_from(sorted(tables.numbers("x86_64").keys() | {*LIMITED}))
arches = st.frozensets(st.sampled_from(("x86_64", "x86", "x32")), min_size=1)


@st.composite
def uses(draw: st.DrawFn) -> Use:
    """A call of one of this machine's ABIs, let pass or refused."""
    name = draw(names | st.sampled_from(LIMITED))
    refused = draw(st.none() | st.sampled_from((errno.EPERM, errno.ENOSYS, errno.EACCES)))
    args = draw(st.none() | samples) if name in LIMITED and refused is None else None
    return Use(name, draw(arches), refused, args)


def decide(made: Generalised, name: str, args: tuple[int, ...] = (), arch: str = "x86_64") -> Decision:
    number = tables.number(arch, name)
    assert number is not None
    return Evaluator(made.profile, "x86_64").decide(arch, number, (*args, 0, 0, 0, 0, 0, 0)[:6])


def seen(*calls: str) -> list[Use]:
    return [Use(name, frozenset({"x86_64"})) for name in calls]


def allowed(made: Generalised) -> set[str]:
    return {name for rule in made.profile.rules if rule.action.permits for name in rule.names}


@given(st.lists(uses(), max_size=30), st.sets(st.sampled_from(("prctl", "ioctl"))))
def test_everything_that_was_seen_is_permitted(calls: list[Use], limits: set[str]) -> None:
    """With every argument it was seen with, on every ABI it was seen on, whatever is limited."""
    made = generalise(calls, limits=limits)
    evaluator = Evaluator(made.profile, "x86_64")
    for use in calls:
        for arch in use.arches:
            number = tables.number(arch, use.name)
            if use.errno is not None or number is None:
                continue
            for args in use.args or ((0,) * 6,):
                if use.name in made.limited and use.args is None:
                    continue
                found = evaluator.decide(arch, number, tuple(value & _width(arch) for value in args))
                assert found == ALLOW, (use, arch, args)


def _width(arch: str) -> int:
    return 0xFFFFFFFF if arch == "x86" else 2**64 - 1


@given(st.sets(names, max_size=30))
def test_generalising_again_adds_nothing(calls: set[str]) -> None:
    """What a profile allows, seen, gives the same profile."""
    once = allowed(generalise(seen(*calls)))
    assert allowed(generalise(seen(*once))) == once


@given(st.lists(uses(), max_size=10), st.lists(uses(), max_size=10))
def test_merging_loses_nothing_and_has_no_order(one: list[Use], other: list[Use]) -> None:
    """Two recordings together permit what each permits."""
    both = merge([*one, *other])
    assert both == merge([*other, *one]) or any(
        left.errno != right.errno for left, right in zip(both, merge([*other, *one]), strict=True)
    )
    passed = {use.name for use in (*one, *other) if use.errno is None}
    assert {use.name for use in both if use.errno is None} == passed
    for use in both:
        if use.args is not None:
            parts = [each.args for each in (*one, *other) if each.name == use.name and each.errno is None]
            assert use.args == frozenset().union(*(part for part in parts if part is not None))


def test_families_speak_of_calls_that_exist_and_of_none_that_is_dangerous() -> None:
    """A typing mistake would be an entry that does nothing, and a dangerous member a hole in every recorded profile."""
    brought = {name for family in FAMILIES for name in (*family.calls, *family.also)} | {*STARTUP, *RUNTIME}
    assert brought <= tables.all_names()
    assert {name for name in brought - {"clone3"} if danger.danger(name)} == set()
    assert "clone3" not in relatives(tables.all_names() - {"clone3"})


@pytest.mark.parametrize(
    ("call", "others"),
    [
        ("openat", {"open", "openat2"}),
        ("fstat", {"statx", "newfstatat", "fstat64"}),
        ("epoll_wait", {"epoll_pwait", "epoll_pwait2"}),
        ("poll", {"ppoll", "ppoll_time64"}),
        ("select", {"pselect6", "_newselect"}),
        ("fork", {"clone", "vfork"}),
        ("vfork", {"clone"}),
        ("pause", {"ppoll"}),
        ("alarm", {"setitimer"}),
        ("accept", {"accept4"}),
        ("dup2", {"dup3"}),
        ("pipe", {"pipe2"}),
        ("futex", {"futex_time64", "futex_waitv"}),
        ("recvfrom", {"recvmsg", "recv"}),
    ],
)
def test_a_family_comes_with_each_of_its_members(call: str, others: set[str]) -> None:
    """So that another libc, kernel or architecture finds the one that it calls."""
    assert others <= set(relatives([call]))


@pytest.mark.parametrize(
    "calls",
    [
        pytest.param(
            "capget capset chdir close epoll_ctl execve fcntl fstat fstatfs futex getdents64 getppid newfstatat openat"
            " prctl read rt_sigreturn setgid setgroups setuid write",
            id="runc-1.1",
        ),
        pytest.param(
            "capset close close_range execve munmap prctl pselect6 read rt_sigaction rt_sigprocmask setresgid setresuid",
            id="crun-1.8-and-1.21",
        ),
    ],
)
def test_what_a_runtimes_init_was_measured_to_need_is_allowed(calls: str) -> None:
    """Also where the recording was made on another runtime: a profile outlives the machine that it was recorded on."""
    assert set(calls.split()) <= allowed(generalise([]))


def test_every_addition_has_a_reason_that_names_where_it_comes_from() -> None:
    """Of what was seen; the reason says which call brought it."""
    made = generalise(seen("openat"))
    assert made.added["openat2"].startswith("with openat: ")
    assert "openat" not in made.added
    assert set(made.added) == allowed(made) - {"openat"}
    assert made.added["capset"] == "for the runtime's own init"
    assert made.added["rseq"] == "for the start and end of any program"


def test_nothing_more_is_allowed_than_seen_and_explained() -> None:
    """An empty recording permits start, end and runtime; no sockets, no processes."""
    made = generalise([])
    for name in ("socket", "clone", "ptrace", "mount", "kill", "connect", "unshare"):
        assert decide(made, name).action is Action.ERRNO
    assert decide(made, "execve") == ALLOW


def test_unknown_calls_do_not_exist_and_dangerous_ones_are_forbidden() -> None:
    """ENOSYS lets libraries take their other way; EPERM is what a program without the capability sees."""
    made = generalise(seen("read"))
    assert decide(made, "io_uring_setup") == Decision(Action.ERRNO, errno.ENOSYS)
    assert decide(made, "clone3") == Decision(Action.ERRNO, errno.ENOSYS)
    for name in refusals.refused(()):
        if tables.number("x86_64", name) is not None:
            assert decide(made, name) == Decision(Action.ERRNO, errno.EPERM), name


def test_a_refusal_that_was_lived_with_keeps_its_answer() -> None:
    """The workload was seen to go on with that very errno."""
    made = generalise([Use("mbind", frozenset({"x86_64"}), errno.EPERM)])
    assert decide(made, "mbind") == Decision(Action.ERRNO, errno.EPERM)
    assert decide(generalise([]), "mbind") == Decision(Action.ERRNO, errno.ENOSYS)


def test_sockets_are_limited_to_the_families_that_were_opened() -> None:
    """IPv6 comes with IPv4, and of netlink the protocol that was spoken."""
    args = frozenset({(2, 1, 0, 0, 0, 0), (16, 3, 0, 0, 0, 0)})
    made = generalise([Use("socket", frozenset({"x86_64"}), None, args)])
    for family, kind, protocol in ((2, 1, 0), (2, 2, 17), (10, 1, 0), (16, 3, 0)):
        assert decide(made, "socket", (family, kind, protocol)) == ALLOW
    for family, kind, protocol in ((1, 1, 0), (38, 5, 0), (40, 1, 0), (16, 3, 9)):
        assert decide(made, "socket", (family, kind, protocol)).action is Action.ERRNO


def test_clone_makes_no_namespace_that_it_did_not_make() -> None:
    """Threads and forks are free; a flag that was seen is."""
    plain = generalise(seen("fork"))
    assert decide(plain, "clone", (0x1200011,)) == ALLOW
    assert decide(plain, "clone", (0x10000011,)).action is Action.ERRNO
    made = generalise([Use("clone", frozenset({"x86_64"}), None, frozenset({(0x40000011, 0, 0, 0, 0, 0)}))])
    assert decide(made, "clone", (0x40000011,)) == ALLOW
    assert decide(made, "clone", (0x10000011,)).action is Action.ERRNO


def test_prctl_and_ioctl_are_limited_only_when_asked_for() -> None:
    """Asking a terminal is one request in glibc and another in musl."""
    calls = [
        Use("prctl", frozenset({"x86_64"}), None, frozenset({(22, 0, 0, 0, 0, 0)})),
        Use("ioctl", frozenset({"x86_64"}), None, frozenset({(0, 0x5401, 0, 0, 0, 0)})),
    ]
    free = generalise(calls)
    assert decide(free, "prctl", (99,)) == decide(free, "ioctl", (0, 0x5412)) == ALLOW
    tight = generalise(calls, limits=("prctl", "ioctl"))
    assert {"prctl", "ioctl"} <= set(tight.limited)
    assert decide(tight, "prctl", (22,)) == decide(tight, "prctl", (24,)) == ALLOW
    assert decide(tight, "ioctl", (3, 0x5413)) == ALLOW
    assert decide(tight, "ioctl", (3, 0xFFFFFFFF00005401)) == ALLOW
    assert decide(tight, "prctl", (99,)).action is decide(tight, "ioctl", (0, 0x5412)).action is Action.ERRNO


def test_arguments_that_are_not_all_known_limit_nothing() -> None:
    """A limit would break what was not written down."""
    made = generalise([Use("socket", frozenset({"x86_64"}), None, None)])
    assert decide(made, "socket", (38,)) == ALLOW
    assert "socket" not in made.limited


def test_abis_that_were_not_used_stay_shut() -> None:
    """A 32-bit call opens the 32-bit ABIs, nothing else does."""
    assert generalise(seen("read")).profile.architectures == ("SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64")
    both = generalise([Use("read", frozenset({"x86"}))])
    assert "SCMP_ARCH_X86" in both.profile.architectures
    assert decide(both, "socketcall", (), "x86").action is Action.ERRNO
