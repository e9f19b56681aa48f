"""What an agent has on its node, whoever it serves: where things lie, and who holds what."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from profile_smoke.agent.leases import Leases
from profile_smoke.agent.shelf import RUN, Shelf

if TYPE_CHECKING:
    from pathlib import Path

LEASE_SECONDS = 30.0
SILENCE_SECONDS = 20.0
"""A client pings far more often: one that is silent for this long is gone, whatever its connection says."""


@dataclass(frozen=True)
class Node:
    """The node that the agent is on.

    `name` as the cluster calls it; `shelf` in the kubelet's seccomp folder; `sockets` the supervisors' sockets' folder,
    the same path for the container runtime; `reader` the socket of the reader of filters, None where there is none.
    """

    name: str
    shelf: Shelf
    sockets: Path
    reader: Path | None
    silence: float = SILENCE_SECONDS
    leases: Leases = field(default_factory=lambda: Leases(LEASE_SECONDS))

    def take_over(self) -> None:
        """What an earlier life left: its sockets lead nowhere, its profiles wait for their clients."""
        for socket in self.sockets.glob("*.sock"):
            if RUN.fullmatch(socket.stem):
                socket.unlink()
        self.leases.found(self.shelf.runs())

    def listener(self, run: str) -> Path:
        """The socket of a run's supervisor."""
        return self.sockets / f"{run}.sock"

    def clear(self, run: str) -> None:
        """Remove what is left of a run."""
        self.shelf.remove_run(run)
        self.leases.forget(run)

    def clear_due(self) -> list[str]:
        """Remove what runs left whose clients did not come back; their ids."""
        due = self.leases.due()
        for run in due:
            self.clear(run)
        return due
