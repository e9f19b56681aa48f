"""What a pod's status says of a launch, decided without asking anyone.

The one distinction that counts: what the runtime could not start under the filter may be the profile's doing; what the
cluster did not do (schedule, pull, mount, keep) never is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from profile_smoke.errors import ImageError, InfrastructureError, InstrumentError, RuntimeRefusedError
from profile_smoke.target.engine import exit_state
from profile_smoke.target.kubernetes_manifest import CONTAINER

if TYPE_CHECKING:
    from profile_smoke.probe.interface import ExitState
    from profile_smoke.target.kubernetes_watch import View

_PULLING = {"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError"}
_REFUSING = {"CreateContainerError", "RunContainerError", "StartError", "ContainerCannotRun"}
_LOST = {"OOMKilled", "ContainerStatusUnknown", "DeadlineExceeded"}
_NO_PROFILE = ("cannot load seccomp profile", "unable to load local profile", "no such file or directory")
_BAD_PROFILE = (
    "decoding seccomp profile",
    "error loading seccomp",
    "invalid seccomp",
    "failed to unmarshal",
    "scmp_",
)
_MACHINE = (
    "no space left on device",
    "cannot allocate memory",
    "too many open files",
    "oom-killed",
    "memory limit",
)
_STARTING = 128
"""The exit code that a kubelet gives what its runtime could not start."""


@dataclass(frozen=True)
class Pending:
    """It does not run yet; `why` in a few words. `created`: the runtime is at starting the container."""

    why: str
    created: bool


@dataclass(frozen=True)
class Running:
    """The container runs."""


@dataclass(frozen=True)
class Ended:
    """The container has ended."""

    exit: ExitState


@dataclass(frozen=True)
class Refused:
    """The runtime could not start the container."""

    message: str


@dataclass(frozen=True)
class Broken:
    """The cluster did not do its part."""

    error: InfrastructureError


State = Pending | Running | Ended | Refused | Broken


def node_of(view: View | None) -> str:
    """The node that the pod is on; empty until it is on one."""
    return str(view.pod["spec"].get("nodeName", "")) if view is not None else ""


def container_id(view: View | None) -> str:
    """The container's id at its runtime, without the runtime's name; empty until there is one."""
    status = _container(view.pod) if view is not None else {}
    return str(status.get("containerID", "")).rpartition("/")[2]


def state_of(view: View | None, *, stopping: bool) -> State:
    """What it is at. `stopping`: we have asked for its end ourselves."""
    if view is None:
        return Pending("there is no pod yet", created=False)
    node = node_of(view)
    ended = _ended(view.pod, node)
    if (lost := _lost(view, stopping=stopping, known=ended is not None)) is not None:
        return Broken(InfrastructureError(f"pod {view.pod['metadata']['name']} on node {node}: {lost}"))
    if ended is not None:
        return ended
    found = _container(view.pod).get("state") or {}
    return Running() if "running" in found else _waiting(view, found.get("waiting") or {}, node)


def _lost(view: View, *, stopping: bool, known: bool) -> str | None:
    """How the cluster took it away; `known`: it has told how the container ended."""
    status = view.pod.get("status") or {}
    if status.get("phase") == "Failed" and status.get("reason"):
        return f"{status['reason']}: {status.get('message', '')}"
    if not stopping and (view.gone or view.pod["metadata"].get("deletionTimestamp")):
        return _disruption(status) or "deleted by somebody else"
    return "gone before it was told how it ended" if view.gone and not known else None


def _ended(pod: dict[str, Any], node: str) -> State | None:
    """The end of the container's first life: where a controller has it started again, that is its last state."""
    container = _container(pod)
    for key in ("lastState", "state"):
        end = (container.get(key) or {}).get("terminated")
        if not end:
            continue
        reason, message = str(end.get("reason", "")), str(end.get("message", ""))
        if reason in _REFUSING or (end.get("exitCode") == _STARTING and "containerID" not in end):
            return _refused(reason, message, pod["metadata"]["name"], node)
        if reason in _LOST:
            limits = ((_spec(pod).get("resources") or {}).get("limits")) or {}
            text = f"{reason}, with limits {limits}" if limits else reason
            return Broken(InfrastructureError(f"pod {pod['metadata']['name']} on node {node}: {text}"))
        return Ended(exit_state(int(end.get("exitCode", 0))))
    return None


def _waiting(view: View, waiting: dict[str, Any], node: str) -> State:
    name = view.pod["metadata"]["name"]
    reason, message = str(waiting.get("reason", "")), str(waiting.get("message", ""))
    if reason in _PULLING:
        image = str(_spec(view.pod).get("image", ""))
        return Broken(ImageError(f"node {node}: {image}: {reason}: {message or _last(view, 'Failed')}"))
    if reason in _REFUSING:
        return _refused(reason, message, name, node)
    if reason == "CreateContainerConfigError":
        return Broken(InfrastructureError(f"pod {name} on node {node}: {reason}: {message}"))
    created = any(event.get("reason") == "Created" for event in view.events)
    return Pending(_pending(view, reason), created)


def _refused(reason: str, message: str, pod: str, node: str) -> State:
    low = message.lower()
    if "dial unix" in low:  # the runtime, with a listener to hand over
        return Broken(InstrumentError(f"node {node}: nobody observes pod {pod} there any more: {message}"))
    if "seccomp" in low and any(word in low for word in _NO_PROFILE):
        return Broken(InfrastructureError(f"node {node} does not have the profile of pod {pod}: {message}"))
    if any(word in low for word in _BAD_PROFILE):
        return Broken(RuntimeRefusedError(f"node {node}: its runtime rejects the profile: {message}"))
    if any(word in low for word in _MACHINE):
        return Broken(InfrastructureError(f"node {node}: {reason}: {message}"))
    return Refused(message or reason)


def _pending(view: View, reason: str) -> str:
    """What it waits for, as the scheduler, the kubelet or the last warning says."""
    for condition in (view.pod.get("status") or {}).get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return f"not scheduled: {condition.get('message', condition.get('reason', ''))}"
    warning = next((each for each in reversed(view.events) if each.get("type") == "Warning"), None)
    if warning is not None:
        return f"{warning.get('reason', '')}: {warning.get('message', '')}"
    return reason or "waiting for its node"


def _last(view: View, reason: str) -> str:
    return next((str(each["message"]) for each in reversed(view.events) if each.get("reason") == reason), "")


def _disruption(status: dict[str, Any]) -> str:
    """Why the cluster took it away, as servers since 1.26 say."""
    for condition in status.get("conditions") or ():
        if condition.get("type") == "DisruptionTarget" and condition.get("status") == "True":
            return f"{condition.get('reason', '')}: {condition.get('message', '')}"
    return ""


def _container(pod: dict[str, Any]) -> dict[str, Any]:
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    return next((each for each in statuses if each.get("name") == CONTAINER), {})


def _spec(pod: dict[str, Any]) -> dict[str, Any]:
    return next((each for each in pod["spec"]["containers"] if each.get("name") == CONTAINER), {})
