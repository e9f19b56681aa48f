"""What a filter's return value means, alone and among stacked filters."""

from __future__ import annotations

import pytest

from profile_smoke.profile.model import Action, Decision
from profile_smoke.profile.returns import combine, decision, value


@pytest.mark.parametrize(
    ("ret", "expected"),
    [
        (0x7FFF0000, Decision(Action.ALLOW)),
        (0x7FFC0000, Decision(Action.LOG)),
        (0x7FF00003, Decision(Action.TRACE, 3)),
        (0x7FC00000, Decision(Action.NOTIFY)),
        (0x00050026, Decision(Action.ERRNO, 38)),
        (0x0005FFFF, Decision(Action.ERRNO, 4095)),
        (0x00030001, Decision(Action.TRAP)),
        (0x00000000, Decision(Action.KILL_THREAD)),
        (0x80000000, Decision(Action.KILL_PROCESS)),
        (0x12340000, Decision(Action.KILL_PROCESS)),
    ],
)
def test_reads_results(ret: int, expected: Decision) -> None:
    """A return value is an action and, for some, a number; what the kernel does not know kills the process."""
    assert decision(ret) == expected


def test_stacked_filters() -> None:
    """The strictest result counts, the most recent filter's on a tie, and no filter allows."""
    order = [
        value(Action.KILL_PROCESS),
        value(Action.KILL_THREAD),
        value(Action.TRAP),
        value(Action.ERRNO, 1),
        value(Action.NOTIFY),
        value(Action.TRACE, 1),
        value(Action.LOG),
        value(Action.ALLOW),
    ]
    for index, stricter in enumerate(order):
        for other in order[index:]:
            assert combine([other, stricter]) == stricter
            assert combine([stricter, other]) == stricter
    assert combine([value(Action.ERRNO, 38), value(Action.ERRNO, 1)]) == value(Action.ERRNO, 38)
    assert combine([]) == value(Action.ALLOW)
