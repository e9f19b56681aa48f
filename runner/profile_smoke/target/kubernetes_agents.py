"""The way to nodes that are not this host's: the node agents, through the API server's port-forward."""

from __future__ import annotations

from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any

from profile_smoke.agent.fleet import Fleet
from profile_smoke.agent.wire import PORT
from profile_smoke.errors import InfrastructureError, InstrumentError, TargetUnavailableError
from profile_smoke.observe.readback import ProcessGoneError
from profile_smoke.target.kubernetes_nodes import NodeAccess
from profile_smoke.target.kubernetes_streams import Streams

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from profile_smoke.agent.processes import Address
    from profile_smoke.observe.interface import Observer
    from profile_smoke.profile.bpf import Program
    from profile_smoke.target.kubernetes_api import Api

NAMESPACE = AGENT = "profile-smoke-agent"
"""The names that the shipped manifests give."""
SELECTOR = f"app.kubernetes.io/name={AGENT}"
_DIAL_SECONDS = 10.0


class Agents:
    """The agents' pods of a cluster; `api` has their namespace. Safe for use from several threads."""

    def __init__(self, api: Api) -> None:
        self.api, self._streams = api, Streams(api)

    def pods(self) -> dict[str, dict[str, Any]]:
        """Those that are to stay, by node. Raises ApiError."""
        found = self.api.listed("Pod", selector=SELECTOR).get("items") or ()
        return {
            str(pod["spec"].get("nodeName", "")): pod
            for pod in found
            if not pod["metadata"].get("deletionTimestamp")
        }

    def running(self) -> list[str]:
        """The nodes with an agent that has been seen to answer. Raises ApiError."""
        return sorted(node for node, pod in self.pods().items() if node and is_ready(pod))

    def dial(self, node: str) -> socket.socket:
        """A stream to the agent of a node, whichever pod that is now. Raises InstrumentError."""
        pod = self.pods().get(node)
        if pod is None:
            raise InstrumentError(f"there is no agent on node {node}: profile-smoke agent status")
        try:
            return self._streams.connect(pod["metadata"]["name"], PORT, _DIAL_SECONDS)
        except OSError as error:
            raise InstrumentError(f"the agent on node {node} cannot be reached: {error}") from None

    def close(self) -> None:
        """End what is left of the streams, and the connection to the API server."""
        self._streams.close()
        self.api.close()


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Whether all containers of a pod are."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(each.get("type") == "Ready" and each.get("status") == "True" for each in conditions)


class AgentAccess(NodeAccess):
    """Through the agents that run when it is made; pods that land elsewhere are errors."""

    def __init__(self, agents: Agents, run_id: str, knows: Callable[[str], bool]) -> None:
        """Connect to all of them.

        Raises:
            TargetUnavailableError: there is none.
            InfrastructureError: one does not answer, or speaks another protocol; names the node.
        """
        self._agents = agents
        nodes = agents.running()
        if not nodes:
            raise TargetUnavailableError(
                f"target kubernetes: no node agent is ready in the namespace {NAMESPACE}: profile-smoke agent install"
            )
        self._fleet = Fleet(nodes, run_id, agents.dial, knows).__enter__()
        self.observe_why_not = ""
        unable = [(node, self._fleet.on(node).facts.filters_why_not) for node in nodes]
        self.read_filter_why_not = next((f"node {node}: {why}" for node, why in unable if why), "")

    def install(self, name: str, content: str) -> str:
        """By every agent: a pod finds it wherever there is one."""
        return self._fleet.install(name, content)

    def remove(self, name: str) -> None:
        """By every agent."""
        self._fleet.remove(name)

    def observer(self) -> AbstractContextManager[Observer]:
        """All agents together; they go with `close`."""
        return nullcontext(self._fleet)

    def landed(self, launch_id: str, node: str) -> None:
        """The agent there is the one that counts."""
        if node not in self._fleet.nodes:
            raise InfrastructureError(
                f"the pod of {launch_id} landed on node {node}, where no node agent runs: no profile is there; "
                "profile-smoke agent status"
            )
        self._fleet.landed(launch_id, node)

    def pid(self, node: str, container: Address) -> int | None:
        """Of another kernel."""
        del node, container
        return None

    def status_field(self, node: str, container: Address, name: str) -> str | None:
        """As the agent reads it. Raises InstrumentError when it cannot be asked."""
        with suppress(ProcessGoneError):
            return self._fleet.on(node).status(container, name)[name]
        return None

    def loaded_filters(self, node: str, container: Address) -> tuple[Program, ...]:
        """As the reader beside the agent has them from the kernel."""
        return self._fleet.on(node).filters(container)

    def signal(self, node: str, container: Address, name: str) -> None:
        """By the agent, from outside the container."""
        with suppress(ProcessGoneError):
            self._fleet.on(node).signal(container, name)

    def kill(self, node: str, pod_uid: str) -> None:
        """By the agent; one that is gone leaves it to the kubelet."""
        with suppress(InstrumentError):
            self._fleet.on(node).kill(pod_uid)

    def versions(self) -> dict[str, str]:
        """An agent sees neither the node's runc nor its libseccomp."""
        return {}

    def close(self) -> None:
        """The agents remove what they have of this run."""
        try:
            self._fleet.__exit__()
        finally:
            self._agents.close()
