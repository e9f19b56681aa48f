"""Which rule for a name takes effect, the way runc and libseccomp load them.

Sources: `matchCall` in runc's `libcontainer/seccomp/seccomp_linux.go` (a rule that equals the default action
is skipped; an absent errno is EPERM, whatever the profile's default errno is); the code that adds a rule in
libseccomp's `src/db.c` (the first unconditional rule for a call clears the conditional ones before it and
keeps out all later ones).
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from profile_smoke.profile.model import Action, Profile, Rule

if TYPE_CHECKING:
    from collections.abc import Mapping

Outcome = tuple[Action, int]
"""An action with its errno; 0 where the action has none."""


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
            if not rule.args:
                found[name] = earlier if earlier and not earlier[0].args else (rule,)
            elif not earlier or earlier[0].args:
                found[name] = (*earlier, rule)
    return found
