"""What the user asked `agent` for, as a value."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

WAIT_SECONDS = 180.0


class AgentAction(StrEnum):
    """What to do with the node agent."""

    INSTALL = "install"
    STATUS = "status"
    REMOVE = "remove"


@dataclass(frozen=True)
class AgentOptions:
    """Everything that only `agent` has. `image` None: the one that the manifest names."""

    action: AgentAction
    context: str | None = None
    image: str | None = None
    wait: float = WAIT_SECONDS
