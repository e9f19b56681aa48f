"""The instrumented profile, checked against what runc and libseccomp make of it."""

from __future__ import annotations

import pytest
from hypothesis import assume, example, given
from tests.support.made_profiles import ARCH_MAP, NAMES, profiles
from tests.support.seccomp_oracle import compile_profile

from profile_smoke.errors import RuntimeRefusedError
from profile_smoke.profile import bpf, returns
from profile_smoke.profile.evaluate import Evaluator
from profile_smoke.profile.model import Action, Arg, Op, Profile, Rule
from profile_smoke.profile.observed import observed
from profile_smoke.syscall import libseccomp, tables

KILL_ALL = Profile(Action.KILL)


def made(profile: Profile) -> Profile:
    return observed(profile, listener_path="/run/l", metadata="id")


def rules(profile: Profile) -> dict[Action, tuple[str, ...]]:
    """The names by action, where each action has one unconditional rule."""
    found = made(profile).rules
    assert len({rule.action for rule in found}) == len(found)
    assert not any(rule.args for rule in found)
    return {rule.action: rule.names for rule in found}


@given(profiles(plain=True))
@example(Profile(Action.ALLOW, rules=(Rule(("write",), Action.LOG, args=(Arg(0, 1, Op.MASKED_EQ, 0),)),)))
def test_what_is_permitted_whatever_its_arguments_stays_and_the_rest_is_notified(profile: Profile) -> None:
    """For each name: NOTIFY, unless the filter of the profile permits the call without a look at the arguments."""
    assume(not profile.architectures)
    try:
        before = Evaluator(profile, "x86_64", enosys_boundary=False)
    except RuntimeRefusedError:
        assume(False)  # noqa: FBT003
    after = Evaluator(made(profile), "x86_64", enosys_boundary=False)
    calls = [(0,) * 6, (1, 2, 3, 0, 1, 2), (2**64 - 1,) * 6]
    for name in NAMES:
        number = tables.number("x86_64", name)
        assert number is not None
        was = [before.decide("x86_64", number, args).action for args in calls]
        now = [after.decide("x86_64", number, args).action for args in calls]
        if name == "write":
            assert set(now) <= {Action.ALLOW, Action.LOG}
        elif set(now) != {Action.NOTIFY}:
            for then, since in zip(was, now, strict=True):
                assert since is Action.NOTIFY or (since is then and since.permits)
        elif set(was) <= {Action.ALLOW, Action.LOG}:
            assert any(name in rule.names and rule.args for rule in profile.rules)


def test_a_denying_profile_notifies_every_other_name_of_every_table() -> None:
    """The default action cannot be NOTIFY, so it is spelled out, calls of other ABIs included."""
    found = rules(Profile(Action.ERRNO, 38, rules=(Rule(("read", "write"), Action.ALLOW),)))
    assert found[Action.ALLOW] == ("futex", "read", "rt_sigreturn", "write")
    assert set(found[Action.NOTIFY]) == tables.all_names() - {"futex", "read", "rt_sigreturn", "write"}
    assert list(found[Action.NOTIFY]) == sorted(found[Action.NOTIFY])


def test_a_permitting_profile_notifies_only_what_it_denies_or_asks_about() -> None:
    """All else must not cost a thing."""
    profile = Profile(
        Action.ALLOW,
        rules=(
            Rule(("mount",), Action.ERRNO),
            Rule(("socket",), Action.ERRNO, args=(Arg(0, 40, Op.EQ),)),
            Rule(("ptrace",), Action.LOG),
        ),
    )
    assert rules(profile) == {Action.LOG: ("ptrace",), Action.NOTIFY: ("mount", "socket")}


def test_write_is_allowed_and_never_notified() -> None:
    """runc refuses to start with NOTIFY on write, and hangs where anything waits for an answer before that write."""
    assert rules(KILL_ALL)[Action.ALLOW] == ("futex", "rt_sigreturn", "write")
    denied = Rule(("write",), Action.ERRNO, args=(Arg(0, 1, Op.EQ),))
    assert rules(Profile(Action.ALLOW, rules=(denied,))) == {Action.ALLOW: ("write",)}
    assert rules(Profile(Action.ERRNO, rules=(Rule(("write",), Action.LOG),)))[Action.LOG] == ("write",)


def test_the_first_unconditional_rule_decides() -> None:
    """It wins over later ones and over conditional ones on either side."""
    allow, deny = Rule(("read",), Action.ALLOW), Rule(("read",), Action.TRAP)
    asks = Rule(("read",), Action.TRAP, args=(Arg(0, 1, Op.EQ),))
    cases = {(allow, deny): True, (deny, allow): False, (asks, allow): True, (allow, asks): True}
    for order, allowed in cases.items():
        found = rules(Profile(Action.ERRNO, rules=order))
        assert ("read" in found[Action.ALLOW]) is allowed


def test_a_rule_that_repeats_the_default_does_not_count() -> None:
    """runc skips it, so that a later rule decides; another errno makes it count."""
    allow = Rule(("read",), Action.ALLOW)
    skipped, counts = Rule(("read",), Action.ERRNO, 1), Rule(("read",), Action.ERRNO, 38)
    assert "read" in rules(Profile(Action.ERRNO, rules=(skipped, allow)))[Action.ALLOW]
    assert "read" in rules(Profile(Action.ERRNO, rules=(counts, allow)))[Action.NOTIFY]
    same = Rule(("read",), Action.KILL_THREAD)
    assert "read" in rules(Profile(Action.KILL, rules=(same, allow)))[Action.ALLOW]


def test_the_rest_of_the_profile_is_kept_and_the_listener_is_ours() -> None:
    """Flags go, because runc before 1.2 rejects every one."""
    profile = Profile(
        Action.KILL_PROCESS,
        architectures=("SCMP_ARCH_X86_64", "SCMP_ARCH_X86"),
        flags=("SECCOMP_FILTER_FLAG_LOG",),
        listener_path="/run/agent",
        listener_metadata="theirs",
    )
    found = made(profile)
    assert (found.default_action, found.architectures) == (Action.KILL_PROCESS, profile.architectures)
    assert (found.flags, found.listener_path, found.listener_metadata) == ((), "/run/l", "id")


def test_a_profile_that_is_not_resolved_is_refused() -> None:
    """Its rules may not be the ones that are loaded."""
    with pytest.raises(ValueError, match="resolve it first"):
        made(Profile(Action.ERRNO, arch_map=ARCH_MAP))


@pytest.mark.skipif(
    libseccomp.library() is None or tables.native() != "x86_64", reason="needs libseccomp on x86_64"
)
@pytest.mark.parametrize("arches", [("X86_64",), ("X86_64", "X86")])
def test_libseccomp_takes_it_and_notifies_every_call_that_it_knows(arches: tuple[str, ...]) -> None:
    """Compiled by the machine's own library, for each number of each ABI: no rule collides, none is lost."""
    profile = Profile(
        Action.ERRNO,
        architectures=tuple(f"SCMP_ARCH_{arch}" for arch in arches),
        rules=(
            Rule(("read", "socket", "semop", "openat"), Action.ALLOW),
            Rule(("sendto", "clone"), Action.ALLOW, args=(Arg(0, 1, Op.EQ),)),
            Rule(("mount",), Action.KILL),
        ),
    )
    program = bpf.Program.parse(compile_profile(made(profile)))
    for arch in (arch.lower() for arch in arches):
        for name, number in tables.numbers(arch).items():
            if libseccomp.resolves(name):
                allowed = name in ("futex", "read", "write", "rt_sigreturn", "socket", "semop", "openat")
                found = returns.decision(program.run(tables.audit_arch(arch), number, (1,) * 6)).action
                assert found is (Action.ALLOW if allowed else Action.NOTIFY), f"{arch} {name}"


def test_an_ordinary_fork_is_not_notified_of() -> None:
    """Where clone is permitted without namespace flags, those calls stay the kernel's own; any other is notified of."""
    mask = 0x7E020000
    plain = Profile(
        Action.ERRNO,
        default_errno_ret=38,
        architectures=("SCMP_ARCH_X86_64",),
        rules=(Rule(("clone",), Action.ALLOW, args=(Arg(0, mask, Op.MASKED_EQ, 0),)),),
    )
    watched = observed(plain, listener_path="/x", metadata="y")
    program = bpf.Program.parse(compile_profile(watched))
    clone = tables.number("x86_64", "clone")
    assert clone is not None

    def action(flags: int) -> Action:
        return returns.decision(program.run(tables.audit_arch("x86_64"), clone, (flags,))).action

    assert [action(flags) for flags in (0, 0x11, 0x1200011, 0x3D0F00)] == [Action.ALLOW] * 4
    bits = [1 << place for place in range(32) if mask >> place & 1]
    assert [action(bit | 0x11) for bit in bits] == [Action.NOTIFY] * len(bits)
