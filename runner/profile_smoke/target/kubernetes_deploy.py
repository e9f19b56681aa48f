"""The node agent in a cluster: applying what `deploy/agent/agent.yaml` says, waiting for it, and taking it away again."""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from profile_smoke import __version__
from profile_smoke.agent.connection import Connection
from profile_smoke.errors import BadFileError, InfrastructureError, InstrumentError
from profile_smoke.rundir import new_run_id
from profile_smoke.target.kubernetes_agents import AGENT, NAMESPACE, Agents, is_ready
from profile_smoke.target.kubernetes_errors import ApiError, api_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from profile_smoke.target.kubernetes_api import Api

Document = dict[str, Any]
IMAGE = f"localhost/profile-smoke-agent:{__version__}"
"""What the manifest names; no registry is ever asked for what begins with `localhost/`."""
_WAITS = ("ImagePullBackOff", "ErrImagePull", "ErrImageNeverPull", "InvalidImageName", "CrashLoopBackOff")
_FAILS = ("CreateContainerError", "CreateContainerConfigError", "RunContainerError", "StartError")
_LOOK_SECONDS = 5
_PAUSE_SECONDS = 0.5


@dataclass(frozen=True)
class AgentState:
    """The agent of one node as `status` shows it; `trouble` is empty when it answers."""

    node: str
    pod: str
    version: str = ""
    trouble: str = ""
    filters_why_not: str = ""


def manifests(path: Path, image: str) -> list[Document]:
    """The documents of the shipped file, with another image. Raises BadFileError."""
    import yaml

    try:
        documents = list(yaml.safe_load_all(path.read_text("utf-8")))
    except (OSError, yaml.YAMLError) as error:
        raise BadFileError(path, "", f"cannot be read: {error}") from error
    for document in documents:
        if document["kind"] == "DaemonSet":
            pod = document["spec"]["template"]["spec"]
            for container in (*pod["initContainers"], *pod["containers"]):
                container["image"] = image
    return documents


class Deployment:
    """The agent in the cluster of `agents`."""

    def __init__(self, agents: Agents) -> None:
        self._agents, self._api = agents, agents.api

    def apply(self, documents: Sequence[Document]) -> None:
        """Make what is missing; the DaemonSet becomes what its document says, whatever it was. Raises ApiError."""
        for document in documents:
            kind, name = document["kind"], document["metadata"]["name"]
            with _client(self._api, f"applying the {kind} {name}") as (core, apps):
                match kind:
                    case "Namespace":
                        _unless_there(core.create_namespace, document)
                    case "ServiceAccount":
                        _unless_there(core.create_namespaced_service_account, NAMESPACE, document)
                    case _:
                        if not _unless_there(apps.create_namespaced_daemon_set, NAMESPACE, document):
                            apps.replace_namespaced_daemon_set(name, NAMESPACE, document)

    def wait(self, seconds: float) -> None:
        """Until every agent of the last `apply` answers.

        Raises:
            InfrastructureError: one cannot start, as far as the cluster tells why, or it takes longer.
        """
        deadline = time.monotonic() + seconds
        trouble = "the DaemonSet has not begun"
        while (left := deadline - time.monotonic()) > 0:
            listed = self._api.listed("DaemonSet")
            sets = listed.get("items") or ()
            found = next((each for each in sets if each["metadata"]["name"] == AGENT), None)
            if found is not None and _is_rolled_out(found):
                return
            trouble = self._trouble() or trouble
            self._await_change(listed, min(left, _LOOK_SECONDS))
        raise InfrastructureError(f"the node agent is not ready after {seconds:g} s: {trouble}")

    def _await_change(self, listed: Document, seconds: float) -> None:
        """Of the DaemonSet; a pod's trouble may come without one, so this is not for long."""
        version = str(listed["metadata"]["resourceVersion"])
        with suppress(ApiError):  # also a history that is not kept: the next list is as new as can be
            for _ in self._api.watch(
                "DaemonSet", version, max(1, int(seconds)), opened=lambda _response: None
            ):
                return

    def _trouble(self) -> str:
        """What keeps a pod from being ready. Raises InfrastructureError for what waiting does not mend."""
        for node, pod in sorted(self._agents.pods().items()):
            if is_ready(pod):
                continue
            reason, message = _state(pod)
            if reason in _WAITS or reason in _FAILS:
                hint = "; --image names one that the nodes can pull" if "Image" in reason else ""
                raise InfrastructureError(
                    f"the node agent cannot start on node {node}: {message or reason}{hint}"
                )
            return f"node {node or '(none yet)'}: {message or reason or 'starting'}"
        for event in self._api.listed("Event").get("items") or ():
            if event.get("reason") == "FailedCreate" and event["involvedObject"]["kind"] == "DaemonSet":
                raise InfrastructureError(
                    f"the cluster refuses the node agent's pods: {event.get('message', '')}"
                )
        return ""

    def states(self) -> list[AgentState]:
        """Every agent there is, asked who it is. Raises ApiError."""
        return [self._asked(node, pod) for node, pod in sorted(self._agents.pods().items())]

    def _asked(self, node: str, pod: Mapping[str, Any]) -> AgentState:
        name = str(pod["metadata"]["name"])
        if not is_ready(pod):
            reason, message = _state(pod)
            return AgentState(node, name, trouble=message or reason or "not ready")
        try:
            connection = Connection(node, new_run_id(), self._agents.dial(node))
        except InfrastructureError as error:
            return AgentState(node, name, trouble=str(error))
        connection.close(farewell=True)
        facts = connection.facts
        return AgentState(node, name, facts.version, filters_why_not=facts.filters_why_not)

    def remove(self, seconds: float) -> bool:
        """Take it away, with what it has put onto nodes; False where there is none.

        Raises:
            InfrastructureError: an agent serves somebody, or it is still there after so many seconds.
        """
        if not self._namespace():
            return False
        for node, pod in self._agents.pods().items():
            if is_ready(pod):
                connection = Connection(node, new_run_id(), self._agents.dial(node))
                try:
                    connection.ask("uninstall")
                except InstrumentError as error:
                    raise InfrastructureError(f"{error}; nothing was removed") from None
                finally:
                    connection.close(farewell=True)
        with _client(self._api, f"deleting the Namespace {NAMESPACE}") as (core, _):
            core.delete_namespace(NAMESPACE)
        deadline = time.monotonic() + seconds
        while self._namespace():
            if time.monotonic() > deadline:
                raise InfrastructureError(
                    f"the namespace {NAMESPACE} is still there {seconds:g} s after it was deleted"
                )
            time.sleep(_PAUSE_SECONDS)
        return True

    def _namespace(self) -> bool:
        """Whether it is there. Raises ApiError, also when it is somebody else's."""
        try:
            with _client(self._api, f"reading the Namespace {NAMESPACE}") as (core, _):
                found = core.read_namespace(NAMESPACE)
        except ApiError as error:
            if error.not_found:
                return False
            raise
        if (found.metadata.labels or {}).get("app.kubernetes.io/name") != AGENT:
            raise InfrastructureError(
                f"the namespace {NAMESPACE} is not this program's: it lacks its label; left alone"
            )
        return True


@contextmanager
def _client(api: Api, doing: str) -> Iterator[tuple[Any, Any]]:
    """The client's core and apps API. Raises ApiError for all that they raise."""
    from kubernetes.client import AppsV1Api

    core = api.stream_client()
    try:
        with api_errors(doing):
            yield core, AppsV1Api(core.api_client)
    finally:
        core.api_client.close()


def _unless_there(create: Callable[..., object], *arguments: object) -> bool:
    """Make it; False where it is there already."""
    from kubernetes.client import ApiException

    try:
        create(*arguments)
    except ApiException as error:
        if error.status != HTTPStatus.CONFLICT:
            raise
        return False
    return True


def _is_rolled_out(found: Mapping[str, Any]) -> bool:
    status = found.get("status") or {}
    wanted = status.get("desiredNumberScheduled", 0)
    return bool(
        status.get("observedGeneration") == found["metadata"]["generation"]
        and wanted > 0
        and wanted == status.get("updatedNumberScheduled") == status.get("numberReady")
    )


def _state(pod: Mapping[str, Any]) -> tuple[str, str]:
    """Reason and message of what a pod waits for: of a container, else of the pod, else of its scheduling."""
    status = pod.get("status") or {}
    for each in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        state = each.get("state") or {}
        found = state.get("waiting") or state.get("terminated") or {}
        # What waits for others only says so; an init container that has completed is no trouble.
        if found and found.get("reason") not in ("PodInitializing", "ContainerCreating", "Completed"):
            last = ((each.get("lastState") or {}).get("terminated") or {}).get("message", "")
            return str(
                found.get("reason", "")
            ), f"{each['name']}: {found.get('message') or last or found.get('reason')}"
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return str(condition.get("reason", "")), str(condition.get("message", ""))
    return str(status.get("reason", "")), str(status.get("message", ""))
