"""What is done on the nodes themselves, which the API server does not do for anyone: profiles, listeners, processes.

Kind nodes of this host are reached through this host's kernel (`kubernetes_kind`), any others through the node agent.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from profile_smoke.errors import InstrumentError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from profile_smoke.agent.processes import Address
    from profile_smoke.observe.interface import Observer
    from profile_smoke.profile.bpf import Program

FOLDER = "profile-smoke"
"""Below the kubelet's seccomp folder; each run has one of its own in it."""


class NodeAccess(ABC):
    """The way to the nodes that pods of this run may land on. Safe for use from several threads.

    `observe_why_not` and `read_filter_why_not` are empty where listeners can be received and filters be read back.
    """

    observe_why_not: str
    read_filter_why_not: str

    @abstractmethod
    def install(self, name: str, content: str) -> str:
        """Put a profile on every node, whole or not at all; its `localhostProfile`.

        Raises:
            InfrastructureError: a node cannot take it; names the node.
        """

    @abstractmethod
    def remove(self, name: str) -> None:
        """Take a profile away from every node. Raises InfrastructureError."""

    @abstractmethod
    def observer(self) -> AbstractContextManager[Observer]:
        """What receives the listeners of all nodes. Only where `observe_why_not` is empty."""

    @abstractmethod
    def landed(self, launch_id: str, node: str) -> None:
        """The pod of a launch is on this node. Raises InfrastructureError when nobody can look after it there."""

    @abstractmethod
    def pid(self, node: str, container: Address) -> int | None:
        """The pid of the container's init in our own pid namespace; None where it is gone or of another kernel."""

    @abstractmethod
    def status_field(self, node: str, container: Address, name: str) -> str | None:
        """One field of its /proc/PID/status, None where it cannot be read."""

    @abstractmethod
    def loaded_filters(self, node: str, container: Address) -> tuple[Program, ...]:
        """The programs loaded for it, the most recently loaded first. Raises ProcessGoneError, InstrumentError."""

    @abstractmethod
    def signal(self, node: str, container: Address, name: str) -> None:
        """Send a signal (`HUP`); nothing happens when it is gone. Raises InstrumentError where that is impossible."""

    @abstractmethod
    def kill(self, node: str, pod_uid: str) -> None:
        """End every process of a pod at once, also of a container that its runtime has not come to start."""

    def lacks(self, syscall: str) -> bool:
        """Whether the nodes' libseccomp is known not to know this name; False where that cannot be told."""
        del syscall
        return False

    @abstractmethod
    def versions(self) -> dict[str, str]:
        """Versions that only a node itself can tell: of its runc and its libseccomp, where they can be had."""

    @abstractmethod
    def close(self) -> None:
        """Remove what is left of this run on the nodes. Raises InfrastructureError."""


class NoAccess(NodeAccess):
    """No way to the nodes: the default profile is all that can be run. `why_not` says what would help."""

    def __init__(self, why_not: str) -> None:
        self.observe_why_not = self.read_filter_why_not = why_not

    def install(self, name: str, content: str) -> str:
        """Refuse."""
        del name, content
        raise InstrumentError(f"the profile cannot be put on the nodes: {self.observe_why_not}")

    def remove(self, name: str) -> None:
        """There is none."""

    def observer(self) -> AbstractContextManager[Observer]:
        """Never asked for."""
        raise NotImplementedError

    def landed(self, launch_id: str, node: str) -> None:
        """As good as anywhere."""

    def pid(self, node: str, container: Address) -> int | None:
        """Unknown."""
        del node, container
        return None

    def status_field(self, node: str, container: Address, name: str) -> str | None:
        """Unknown."""
        del node, container, name
        return None

    def loaded_filters(self, node: str, container: Address) -> tuple[Program, ...]:
        """Refuse."""
        del node, container
        raise InstrumentError(f"the loaded filter cannot be read: {self.read_filter_why_not}")

    def signal(self, node: str, container: Address, name: str) -> None:
        """Refuse."""
        del node, container
        raise InstrumentError(f"SIG{name} cannot be sent: {self.observe_why_not}")

    def kill(self, node: str, pod_uid: str) -> None:
        """The kubelet alone can."""

    def versions(self) -> dict[str, str]:
        """None."""
        return {}

    def close(self) -> None:
        """Nothing was put anywhere."""
