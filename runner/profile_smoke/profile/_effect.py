"""Which rule for a name takes effect, the way runc and libseccomp load them.

Sources: `matchCall` in runc's `libcontainer/seccomp/seccomp_linux.go` (a rule that equals the default action
is skipped; an absent errno is EPERM, whatever the profile's default errno is); the code that adds a rule in
libseccomp's `src/db.c` (the first unconditional rule for a call clears the conditional ones before it and
keeps out all later ones).
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from profile_smoke.profile.model import Action, Arg, Op, Profile, Rule

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Outcome = tuple[Action, int]
"""An action with its errno; 0 where the action has none."""
_LOW_WORD = 0xFFFFFFFF


def outcome(action: Action, errno_ret: int | None) -> Outcome:
    """What libseccomp is told: two rules are the same to it when this is equal."""
    if action is Action.KILL:
        return Action.KILL_THREAD, 0
    if action in (Action.ERRNO, Action.TRACE):
        return action, errno.EPERM if errno_ret is None else errno_ret
    return action, 0


def of_rule(rule: Rule) -> Outcome:
    """The outcome of a rule."""
    return outcome(rule.action, rule.errno_ret)


def of_default(profile: Profile) -> Outcome:
    """The outcome of the default action."""
    return outcome(profile.default_action, profile.default_errno_ret)


def alternatives(args: Sequence[Arg]) -> tuple[tuple[Arg, ...], ...]:
    """The conditions of one rule as libseccomp gets them: several on one argument become a rule each, so any suffices."""
    if len({arg.index for arg in args}) < len(args):
        return tuple((arg,) for arg in args)
    return (tuple(args),)


def unconditional(rule: Rule, *, wide: bool = True) -> bool:
    """Whether a rule is for every call of its names: it has no conditions, or only such as compare no bit.

    libseccomp leaves these out. `wide` False asks for ABIs with 32-bit words, where a mask may have no bit left.
    """
    bits = -1 if wide else _LOW_WORD
    return any(
        all(arg.op is Op.MASKED_EQ and not arg.value & bits for arg in way) for way in alternatives(rule.args)
    )


def loaded(profile: Profile) -> Mapping[str, tuple[Rule, ...]]:
    """The rules of a plain profile that count, by name: one unconditional rule, or the conditional ones.

    Names without an entry get the default action.
    """
    default = of_default(profile)
    found: dict[str, tuple[Rule, ...]] = {}
    for rule in profile.rules:
        if of_rule(rule) == default:
            continue
        for name in rule.names:
            earlier = found.get(name, ())
            if earlier and unconditional(earlier[0]):
                continue
            found[name] = (rule,) if unconditional(rule) else (*earlier, rule)
    return found
