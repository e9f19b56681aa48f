"""What the user asked `cluster` for, as a value."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

CLUSTER_NAME = "profile-smoke"
NODE_IMAGE = "PROFILE_SMOKE_NODE_IMAGE"
"""The variable that names the node image where no option does."""


class ClusterAction(StrEnum):
    """What to do with the cluster."""

    UP = "up"
    STATUS = "status"
    DOWN = "down"


@dataclass(frozen=True)
class ClusterOptions:
    """Everything that only `cluster` has. `node_image` None: what kind takes by itself."""

    action: ClusterAction
    name: str = CLUSTER_NAME
    node_image: str | None = None
    nodes: int = 1
