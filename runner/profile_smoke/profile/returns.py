"""What a filter's return value means, alone and among stacked filters.

Sources: linux/seccomp.h, and the kernel's `seccomp_run_filters` and `__seccomp_filter` (kernel/seccomp.c).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from profile_smoke.profile.model import Action, Decision

if TYPE_CHECKING:
    from collections.abc import Iterable

_ACTION_MASK, _DATA_MASK, _MAX_ERRNO = 0xFFFF0000, 0xFFFF, 4095
_VALUES = {
    Action.KILL_PROCESS: 0x80000000,
    Action.KILL: 0x00000000,
    Action.KILL_THREAD: 0x00000000,
    Action.TRAP: 0x00030000,
    Action.ERRNO: 0x00050000,
    Action.NOTIFY: 0x7FC00000,
    Action.TRACE: 0x7FF00000,
    Action.LOG: 0x7FFC0000,
    Action.ALLOW: 0x7FFF0000,
}
_ACTIONS = {number: action for action, number in _VALUES.items() if action is not Action.KILL}


def value(action: Action, data: int = 0) -> int:
    """The return value by which a filter asks for an action; `data` is the errno of ERRNO or the message of TRACE."""
    return _VALUES[action] | (data & _DATA_MASK if action in (Action.ERRNO, Action.TRACE) else 0)


def decision(ret: int) -> Decision:
    """What the kernel does on a filter's return value: unknown actions kill, errno is capped at 4095."""
    action = _ACTIONS.get(ret & _ACTION_MASK, Action.KILL_PROCESS)
    if action is Action.ERRNO:
        return Decision(action, min(ret & _DATA_MASK, _MAX_ERRNO))
    return Decision(action, ret & _DATA_MASK if action is Action.TRACE else 0)


def combine(rets: Iterable[int]) -> int:
    """The value that counts among stacked filters, given most recent first: the lowest action, first on a tie.

    Actions compare as signed 32-bit numbers, which puts KILL_PROCESS below all others.
    """

    def rank(ret: int) -> int:
        action = ret & _ACTION_MASK
        return action - (1 << 32) if action & 0x80000000 else action

    return min(rets, key=rank, default=_VALUES[Action.ALLOW])
