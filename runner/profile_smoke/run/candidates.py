"""From refused calls to the rules that would answer them as the target's default profile does.

A candidate is one syscall name with its rules: the narrowest that the observed arguments permit (`rules`), and the
same without argument conditions (`wide`). "As the default profile does" matters: `clone3` is often not to be allowed but
to be answered ENOSYS, so that libc falls back to `clone` (clone3(2); glibc's sysdeps/unix/sysv/linux/clone-internal.c).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from profile_smoke.profile.model import Action, Arg, Decision, Op, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from profile_smoke.observe.record import Attempted

NAMESPACE_FLAGS = 0x7E020000
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET (clone(2))."""
_FAMILIES = frozenset({1, 2, 10, 16})
"""AF_UNIX, AF_INET, AF_INET6, AF_NETLINK: the socket families of ordinary servers."""


@dataclass(frozen=True)
class Candidate:
    """A syscall that the profile refuses and the control answers otherwise. `in_init`: the runtime's init made it too."""

    name: str
    rules: tuple[Rule, ...]
    wide: tuple[Rule, ...]
    in_init: bool

    def chosen(self, *, wide: bool) -> tuple[Rule, ...]:
        """Its rules, with argument conditions unless `wide`."""
        return self.wide if wide else self.rules


def candidate(attempted: Attempted) -> Candidate | None:
    """The candidate for a refused call, None where the control answers it just as the profile does."""
    control = attempted.control
    if control.action.permits:
        wide = (Rule((attempted.name,), Action.ALLOW),)
        return Candidate(attempted.name, _narrowed(attempted) or wide, wide, attempted.in_init)
    if control.action is Action.ERRNO and not answers_alike(control, attempted.says):
        rules = (Rule((attempted.name,), Action.ERRNO, errno_ret=control.errno),)
        return Candidate(attempted.name, rules, rules, attempted.in_init)
    return None


def unobserved(name: str) -> Candidate:
    """One of `profile.observed.UNOBSERVED`: always worth a relaunch when the profile does not allow it."""
    rules = (Rule((name,), Action.ALLOW),)
    return Candidate(name, rules, rules, in_init=True)


def answers_alike(left: Decision, right: Decision) -> bool:
    """Whether two decisions are the same to the caller."""
    return left.action is right.action and left.errno == right.errno


def _narrowed(attempted: Attempted) -> tuple[Rule, ...] | None:
    """Rules with argument conditions, None where the call has no known family or its arguments do not fit one."""
    if not attempted.sampled_all:
        return None
    first = {args[0] & 0xFFFFFFFF for args in attempted.samples}
    if attempted.name == "clone" and not any(value & NAMESPACE_FLAGS for value in first):
        return (Rule(("clone",), Action.ALLOW, args=(Arg(0, NAMESPACE_FLAGS, Op.MASKED_EQ, 0),)),)
    if attempted.name in ("socket", "socketpair") and first <= _FAMILIES:
        return _equal_to(attempted.name, sorted(first))
    if attempted.name == "personality":
        return _equal_to(attempted.name, sorted(first))
    return None


def _equal_to(name: str, values: Sequence[int]) -> tuple[Rule, ...]:
    return tuple(Rule((name,), Action.ALLOW, args=(Arg(0, value, Op.EQ),)) for value in values)


def rules_of(candidates: Iterable[Candidate], *, wide: bool) -> tuple[Rule, ...]:
    """The rules of several candidates, names with the same plain action joined in one rule, sorted."""
    plain: dict[tuple[Action, int | None], list[str]] = {}
    conditional: list[Rule] = []
    for entry in sorted(candidates, key=lambda each: each.name):
        for rule in entry.chosen(wide=wide):
            if rule.args:
                conditional.append(rule)
            else:
                plain.setdefault((rule.action, rule.errno_ret), []).extend(rule.names)
    joined = [Rule(tuple(names), action, errno_ret=errno) for (action, errno), names in plain.items()]
    return (*joined, *conditional)
