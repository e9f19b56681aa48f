"""The command line of `agent`."""

from __future__ import annotations

import pytest

from profile_smoke.cli.agent_options import AgentAction, AgentOptions
from profile_smoke.cli.arguments import parse
from profile_smoke.cli.options import Command, StandinMode
from profile_smoke.errors import UsageError


def test_options_of_agent() -> None:
    """What is said, and what holds where nothing is."""
    found = parse(
        ["agent", "install", "--image", "r/a:1", "--context", "c", "--wait", "5", "--standin", "never"]
    )
    assert found.command is Command.AGENT
    assert found.standin is StandinMode.NEVER
    assert found.agent == AgentOptions(AgentAction.INSTALL, context="c", image="r/a:1", wait=5)
    assert parse(["agent", "status"]).agent == AgentOptions(AgentAction.STATUS)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["agent"], "ACTION"),
        (["agent", "instal"], "install"),
        (["agent", "status", "--image", "x"], "for agent install"),
        (["agent", "remove", "--standin", "always"], "for agent install"),
        (["agent", "install", "--imag", "x"], "--image"),
        (["agent", "install", "--wait", "0"], "--wait"),
    ],
)
def test_mistakes(words: list[str], says: str) -> None:
    """One line that names what would be right."""
    with pytest.raises(UsageError, match=says):
        parse(words)
