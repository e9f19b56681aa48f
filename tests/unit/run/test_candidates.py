"""From refused calls to rules: as narrow as what was seen, and answering as the default profile does."""

from __future__ import annotations

import pytest

from profile_smoke.observe.record import Attempted
from profile_smoke.profile.model import Action, Arg, Decision, Op, Rule
from profile_smoke.run.candidates import NAMESPACE_FLAGS, Candidate, candidate, rules_of, unobserved

ALLOW = Decision(Action.ALLOW)
EPERM, ENOSYS = Decision(Action.ERRNO, 1), Decision(Action.ERRNO, 38)
SIGCHLD = 17
CLONE_NEWUSER = 0x10000000


def attempted(
    name: str,
    *firsts: int,
    control: Decision = ALLOW,
    says: Decision = EPERM,
    sampled_all: bool = True,
    in_init: bool = False,
) -> Attempted:
    samples = tuple((first, 0, 0, 0, 0, 0) for first in firsts)
    return Attempted(name, says, control, samples, sampled_all, in_init)


def rules(found: Candidate | None) -> tuple[Rule, ...]:
    assert found is not None
    return found.rules


def test_a_call_that_the_control_allows_is_to_be_allowed() -> None:
    """One rule without conditions, which is its own wide form; whether the runtime's init made it is kept."""
    found = candidate(attempted("mbind", 7, in_init=True))
    allowed = (Rule(("mbind",), Action.ALLOW),)
    assert found == Candidate("mbind", allowed, allowed, in_init=True)


def test_a_call_that_the_control_answers_otherwise_gets_that_answer() -> None:
    """`clone3` is refused with EPERM, the control says ENOSYS: the fix says ENOSYS, so that libc falls back."""
    found = candidate(attempted("clone3", control=ENOSYS))
    assert rules(found) == (Rule(("clone3",), Action.ERRNO, errno_ret=38),)


@pytest.mark.parametrize("decision", [EPERM, ENOSYS])
def test_a_call_that_the_control_refuses_alike_is_no_candidate(decision: Decision) -> None:
    """It cannot be what makes the difference."""
    assert candidate(attempted("reboot", control=decision, says=decision)) is None


def test_a_call_that_the_control_kills_for_is_no_candidate() -> None:
    """No fix should make a profile kill."""
    assert candidate(attempted("kexec_load", control=Decision(Action.KILL_PROCESS))) is None


def test_clone_is_allowed_without_namespaces_where_none_were_asked_for() -> None:
    """Forks and threads; the flags that make namespaces stay refused."""
    narrow = Rule(("clone",), Action.ALLOW, args=(Arg(0, NAMESPACE_FLAGS, Op.MASKED_EQ, 0),))
    found = candidate(attempted("clone", SIGCHLD, 0x3D0F00))
    assert rules(found) == (narrow,)
    assert found is not None
    assert found.wide == (Rule(("clone",), Action.ALLOW),)


def test_clone_for_namespaces_is_allowed_altogether() -> None:
    """One attempt with a namespace flag is enough: a narrow rule would not let it pass."""
    assert rules(candidate(attempted("clone", SIGCHLD, SIGCHLD | CLONE_NEWUSER))) == (
        Rule(("clone",), Action.ALLOW),
    )


@pytest.mark.parametrize("name", ["socket", "socketpair"])
def test_sockets_are_allowed_by_their_families(name: str) -> None:
    """One rule for each ordinary family that was asked for, whatever the upper half of the register holds."""
    found = candidate(attempted(name, 10, 1, (7 << 32) | 1))
    assert rules(found) == tuple(
        Rule((name,), Action.ALLOW, args=(Arg(0, family, Op.EQ),)) for family in (1, 10)
    )


def test_sockets_of_unusual_families_are_allowed_altogether() -> None:
    """AF_PACKET beside AF_INET: a list of odd families would only look narrow."""
    assert rules(candidate(attempted("socket", 2, 17))) == (Rule(("socket",), Action.ALLOW),)


def test_nothing_is_narrowed_to_what_was_not_all_seen() -> None:
    """More distinct arguments than were kept: the rest is unknown."""
    assert rules(candidate(attempted("socket", 1, sampled_all=False))) == (Rule(("socket",), Action.ALLOW),)


def test_personality_is_allowed_by_value() -> None:
    """As Docker's default profile does."""
    assert rules(candidate(attempted("personality", 0xFFFFFFFF))) == (
        Rule(("personality",), Action.ALLOW, args=(Arg(0, 0xFFFFFFFF, Op.EQ),)),
    )


def test_rules_are_joined_by_action_and_sorted() -> None:
    """One rule for all plain allows, one per errno, conditional rules as they are; `wide` drops the conditions."""
    found = [candidate(attempted("socket", 1)), candidate(attempted("mbind")), candidate(attempted("brk"))]
    found += [candidate(attempted("clone3", control=ENOSYS))]
    candidates = [each for each in found if each is not None]
    assert rules_of(candidates, wide=False) == (
        Rule(("brk", "mbind"), Action.ALLOW),
        Rule(("clone3",), Action.ERRNO, errno_ret=38),
        Rule(("socket",), Action.ALLOW, args=(Arg(0, 1, Op.EQ),)),
    )
    assert rules_of(candidates, wide=True) == (
        Rule(("brk", "mbind", "socket"), Action.ALLOW),
        Rule(("clone3",), Action.ERRNO, errno_ret=38),
    )


def test_write_is_a_candidate_of_the_runtimes_init() -> None:
    """It cannot be observed, and a runtime needs it first of all."""
    assert unobserved("write").in_init
    assert rules(unobserved("write")) == (Rule(("write",), Action.ALLOW),)
