"""What runc and libseccomp make of a profile, one fact at a time."""

from __future__ import annotations

import pytest

from profile_smoke.errors import RuntimeRefusedError
from profile_smoke.profile.evaluate import Evaluator
from profile_smoke.profile.model import Action, Arg, Decision, Op, Profile, Rule
from profile_smoke.syscall import tables

ALL = ("SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32")
ALLOW, EPERM, ENOSYS = Decision(Action.ALLOW), Decision(Action.ERRNO, 1), Decision(Action.ERRNO, 38)
KILL = Decision(Action.KILL_THREAD)


def decide(profile: Profile, name: str, *args: int, arch: str = "x86_64") -> Decision:
    number = tables.number(arch, name)
    assert number is not None
    return Evaluator(profile, "x86_64").decide(arch, number, args)


def allow(*names: str, args: tuple[Arg, ...] = ()) -> Rule:
    return Rule(names, Action.ALLOW, args=args)


def strict(*rules: Rule, architectures: tuple[str, ...] = ALL, errno_ret: int | None = None) -> Profile:
    return Profile(Action.ERRNO, errno_ret, architectures, rules=rules)


def test_new_calls_get_enosys_above_the_highest_known_one() -> None:
    """A number above the profile's highest one answers ENOSYS, below it the default."""
    profile = strict(allow("read", "clone3"))
    assert decide(profile, "mseal") == ENOSYS
    assert decide(profile, "ptrace") == EPERM


def test_no_boundary_above_zero() -> None:
    """runc takes a highest number of 0 for none: a profile that allows `read` alone has no boundary on x86_64."""
    assert decide(strict(allow("read")), "mseal") == EPERM


def test_the_boundary_counts_names_of_refusing_rules() -> None:
    """A rule that only repeats the default still says that the profile knows its name."""
    profile = strict(allow("close"), Rule(("mseal",), Action.ERRNO))
    assert decide(profile, "cachestat") == EPERM


@pytest.mark.parametrize("default", [Action.ALLOW, Action.LOG, Action.TRACE])
def test_no_boundary_under_a_permissive_default(default: Action) -> None:
    """runc leaves out the boundary where the default lets calls through, or asks a tracer."""
    assert (
        decide(Profile(default, architectures=ALL, rules=(Rule(("close",), Action.KILL),)), "mseal").action
        is default
    )


def test_no_boundary_for_an_architecture_that_is_not_listed() -> None:
    """runc's boundary covers listed architectures alone, although libseccomp adds the native one."""
    assert decide(strict(allow("close"), architectures=()), "mseal") == EPERM


def test_runtimes_without_a_boundary() -> None:
    """Without runc's addition a new call answers as any other."""
    evaluator = Evaluator(strict(allow("close")), "x86_64", enosys_boundary=False)
    assert evaluator.decide("x86_64", 462, ()) == EPERM


def test_names_that_the_runtime_does_not_know() -> None:
    """They vanish: a deny list fails open, and they do not lift the boundary."""
    deny = Profile(Action.ALLOW, architectures=ALL, rules=(Rule(("mseal",), Action.KILL),))
    assert Evaluator(deny, "x86_64", known=lambda name: name != "mseal").decide("x86_64", 462, ()) == ALLOW
    allowed = strict(allow("close", "mseal"))
    assert (
        Evaluator(allowed, "x86_64", known=lambda name: name != "mseal").decide("x86_64", 452, ()) == ENOSYS
    )


def test_foreign_abis_are_killed() -> None:
    """A 32-bit or x32 call under a profile for x86_64 alone kills the thread."""
    profile = strict(allow("read"), architectures=("SCMP_ARCH_X86_64",))
    assert decide(profile, "read", arch="x86") == KILL
    assert decide(profile, "read", arch="x32") == KILL
    assert decide(profile, "read") == ALLOW


def test_a_skipped_call_is_not_foreign() -> None:
    """-1, by which a tracer skips a call, has x32's bit and yet gets the default."""
    profile = strict(allow("read"), architectures=("SCMP_ARCH_X86_64",))
    assert Evaluator(profile, "x86_64").decide("x86_64", -1, ()) == EPERM


def test_errno_values() -> None:
    """errnoRet, else EPERM, for a rule; defaultErrnoRet, else EPERM, for the rest."""
    profile = strict(
        Rule(("read",), Action.ERRNO, 13),
        Rule(("write",), Action.ERRNO),
        Rule(("mseal",), Action.TRACE),
        errno_ret=5,
    )
    assert decide(profile, "read").errno == 13
    assert decide(profile, "write").errno == 1
    assert decide(profile, "close").errno == 5
    assert decide(profile, "mseal") == Decision(Action.TRACE, 1)


def test_unconditional_rules_swallow_conditional_ones() -> None:
    """Whatever the order, and the first unconditional rule wins over later ones."""
    some = Rule(("read",), Action.TRAP, args=(Arg(0, 1, Op.EQ),))
    for rules in (
        [some, allow("read")],
        [allow("read"), some],
        [allow("read"), Rule(("read",), Action.KILL)],
    ):
        assert decide(strict(*rules), "read", 1) == ALLOW


def test_several_conditions_on_one_argument_are_alternatives() -> None:
    """runc makes a rule of each, so that any one suffices; on different arguments all must hold."""
    either = strict(allow("read", args=(Arg(0, 1, Op.EQ), Arg(0, 2, Op.EQ), Arg(1, 5, Op.EQ))))
    assert [decide(either, "read", *args) for args in ((1, 0), (2, 0), (3, 5), (3, 0))] == [
        ALLOW,
        ALLOW,
        ALLOW,
        EPERM,
    ]
    both = strict(allow("read", args=(Arg(0, 1, Op.EQ), Arg(1, 5, Op.EQ))))
    assert [decide(both, "read", *args) for args in ((1, 5), (1, 0), (0, 5))] == [ALLOW, EPERM, EPERM]


def test_contradicting_conditions_are_not_tried_in_order() -> None:
    """Equality comes before comparison and the higher argument before the lower one, wherever they stand."""
    wide = Rule(("read",), Action.ALLOW, args=(Arg(0, 3, Op.GT),))
    exact = Rule(("read",), Action.TRAP, args=(Arg(0, 7, Op.EQ),))
    later = Rule(("read",), Action.LOG, args=(Arg(1, 1, Op.EQ),))
    for rules in ([wide, exact, later], [later, wide, exact]):
        profile = strict(*rules)
        assert decide(profile, "read", 7, 0).action is Action.TRAP
        assert decide(profile, "read", 8, 0).action is Action.ALLOW
        assert decide(profile, "read", 7, 1).action is Action.LOG


def test_the_same_condition_with_two_actions_is_refused() -> None:
    """libseccomp answers EEXIST and runc does not start: the error says so and names the call."""
    one = (Arg(0, 1, Op.EQ),)
    profile = strict(allow("read", args=one), Rule(("read",), Action.TRAP, args=one))
    with pytest.raises(RuntimeRefusedError, match="syscall read: file exists"):
        Evaluator(profile, "x86_64")


def test_words_of_32_bit_abis() -> None:
    """Their conditions see the low word only."""
    profile = strict(allow("read", args=(Arg(0, 5 << 32 | 1, Op.EQ),)))
    assert decide(profile, "read", 1) == EPERM
    assert decide(profile, "read", 5 << 32 | 1) == ALLOW
    assert decide(profile, "read", 1, arch="x86") == ALLOW
    assert decide(profile, "read", 1, arch="x32") == ALLOW


def test_socket_rules_reach_socketcall() -> None:
    """On x86 a rule for `socket` opens `socketcall` for sockets too, without its condition on the family."""
    profile = strict(allow("socket", args=(Arg(0, 1, Op.EQ),)), allow("mseal"))
    assert decide(profile, "socketcall", 1, 0xBEEF, arch="x86") == ALLOW
    assert decide(profile, "socketcall", 2, 0xBEEF, arch="x86") == EPERM
    assert decide(profile, "socket", 1, arch="x86") == ALLOW
    assert decide(profile, "socket", 40, arch="x86") == EPERM


def test_architectures_without_a_table_are_left_alone() -> None:
    """A profile may list architectures that we cannot decode."""
    assert decide(strict(allow("read"), architectures=("SCMP_ARCH_RISCV64", *ALL)), "read") == ALLOW
