"""The profile for an observe launch: what the tested one does not simply permit is handed to the supervisor.

Every name becomes at most one unconditional rule. Argument conditions cannot stay beside it, because
libseccomp lets an unconditional rule swallow the conditional ones for the same call, so the supervisor
evaluates them itself. Names that a runtime does not know are ignored by it, and get the default action as
before.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from profile_smoke.profile._effect import loaded
from profile_smoke.profile.model import Action, Arg, Op, Profile, Rule
from profile_smoke.syscall import tables

if TYPE_CHECKING:
    from collections.abc import Collection

_ARGUMENT_BITS = 64
UNOBSERVABLE = "write"
"""runc refuses to start with NOTIFY on it: its init sends the listener's number to the parent by `write`
after the filter is on, before anyone listens (`InitSeccomp` in `libcontainer/seccomp/seccomp_linux.go`). Left
to the profile, a refusal would end the launch there with nothing learnt, so it is allowed; enforce launches
show what refusing it does."""
UNOBSERVED = ("futex", "rt_sigreturn", UNOBSERVABLE)
"""What is allowed unasked, for in the moments before that `write` the thread that makes it may have to do more: wake
another thread (Go's scheduler, `futex`), or return from the handler of a signal by which the scheduler preempts it (SIGURG).
It would wait for an answer from whoever gets the listener only after the `write`, for ever."""


def observed(
    profile: Profile, *, listener_path: str, metadata: str, settled: Collection[str] = ()
) -> Profile:
    """The plain profile under test, instrumented.

    Names that it permits unconditionally keep their ALLOW or LOG. All others become NOTIFY: with a denying
    default every other name of every table, with a permitting one only those that have a denying or
    conditional rule. The default action stays, as runc takes no NOTIFY there. Flags are left out, as runc
    before 1.2 rejects them all. The rules for `settled` names stay as they are, so nobody is asked about these calls.
    Where a call is permitted while all bits of a mask are clear (`clone` without namespace flags), it stays so, and
    one NOTIFY rule for each bit brings the rest: an ordinary fork is then never made to wait for the supervisor, where
    a signal could end it with EINTR.

    Raises:
        ValueError: fields are left that only Docker understands; resolve first.
    """
    if profile.docker_only:
        raise ValueError("the profile holds fields that only Docker reads; resolve it first")
    rules = loaded(profile)
    kept = [replace(rule, names=(name,)) for name in sorted(settled) for rule in rules.get(name, ())]
    masked = {name for name in set(rules).difference(settled, UNOBSERVED) if _clear_bits(rules[name])}
    for name in sorted(masked):
        kept += _split(name, rules[name][0])
    names = set(rules)
    if not profile.default_action.permits:
        names |= tables.all_names()
    actions = {name: _action(rules.get(name, ())) for name in names.difference(settled, masked)}
    for name in UNOBSERVED:
        if name in actions and not actions[name].permits:
            actions[name] = Action.ALLOW
    grouped = {action: tuple(sorted(n for n, a in actions.items() if a is action)) for action in Action}
    return replace(
        profile,
        flags=(),
        rules=(*(Rule(group, action) for action, group in grouped.items() if group), *kept),
        listener_path=listener_path,
        listener_metadata=metadata,
    )


def _clear_bits(rules: tuple[Rule, ...]) -> bool:
    """Whether these are one rule that permits the call while all bits of a mask are clear."""
    match rules:
        case (Rule(action=action, args=(Arg(op=Op.MASKED_EQ, value_two=0),)),):
            return action.permits
        case _:
            return False


def _split(name: str, rule: Rule) -> list[Rule]:
    """The rule, and one that notifies for each bit of its mask."""
    (arg,) = rule.args
    bits = [1 << place for place in range(_ARGUMENT_BITS) if arg.value >> place & 1]
    notify = [Rule((name,), Action.NOTIFY, args=(Arg(arg.index, bit, Op.MASKED_EQ, bit),)) for bit in bits]
    return [replace(rule, names=(name,)), *notify]


def _action(rules: tuple[Rule, ...]) -> Action:
    if rules and not rules[0].args and rules[0].action.permits:
        return rules[0].action
    return Action.NOTIFY
