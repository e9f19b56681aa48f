"""A check that is a function: what it raises decides whether it does not hold yet, or is broken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from profile_smoke.errors import InstrumentError
from profile_smoke.probe.attempt import attempt
from profile_smoke.probe.fake import FakeSurface
from profile_smoke.scenario.checks import check_port
from profile_smoke.scenario.model import CallCheck

if TYPE_CHECKING:
    from profile_smoke.probe.interface import Surface


def raising(error: Exception) -> CallCheck:
    def function(_surface: Surface) -> None:
        raise error

    return CallCheck(function)


def test_it_holds_when_the_function_returns() -> None:
    """Whatever it returns: only an exception says no. It gets the container, and connects to no port of its own."""
    seen: list[object] = []
    surface = FakeSurface(log="up")
    check = CallCheck(seen.append)
    assert attempt(check, surface, 1).ok
    assert seen == [surface]
    assert check_port(check) is None


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (AssertionError("3 != 4\nand more"), "AssertionError: 3 != 4"),
        (AssertionError(), "AssertionError"),
        (
            ConnectionRefusedError(111, "Connection refused"),
            "ConnectionRefusedError: [Errno 111] Connection refused",
        ),
        (TimeoutError("x" * 1000), f"TimeoutError: {'x' * 146}"),
    ],
)
def test_what_may_hold_later_is_told_in_a_line(error: Exception, detail: str) -> None:
    """Assertions and what the system says; the wait goes on."""
    found = attempt(raising(error), FakeSurface(), 1)
    assert (found.ok, found.detail) == (False, detail)


def test_a_mistake_in_the_function_says_nothing_of_the_profile() -> None:
    """It is an instrument that fails, so that its cell is never blamed on the profile."""
    with pytest.raises(InstrumentError, match="the probe is broken: KeyError: 'berth'"):
        attempt(raising(KeyError("berth")), FakeSurface(), 1)
