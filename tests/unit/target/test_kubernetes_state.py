"""What a pod's status is taken for: above all, never the cluster's fault for the profile's."""

from __future__ import annotations

from typing import Any

import pytest

from profile_smoke.errors import ImageError, InfrastructureError, InstrumentError, RuntimeRefusedError
from profile_smoke.probe.interface import ExitState
from profile_smoke.target.kubernetes_state import (
    Broken,
    Ended,
    Pending,
    Refused,
    Running,
    container_id,
    node_of,
    state_of,
)
from profile_smoke.target.kubernetes_watch import View

SPEC = {"nodeName": "node-1", "containers": [{"name": "workload", "image": "nginx:1"}]}


def view(status: dict[str, Any], *, gone: bool = False, deleted: str = "", events: Any = ()) -> View:
    metadata = {"name": "p", "uid": "u", **({"deletionTimestamp": deleted} if deleted else {})}
    return View({"metadata": metadata, "spec": SPEC, "status": status}, gone, tuple(events))


def container(**state: Any) -> dict[str, Any]:
    """A status with this state of the workload's container, beside somebody's sidecar."""
    sidecar = {"name": "sidecar", "state": {"terminated": {"exitCode": 3}}}
    return {"containerStatuses": [sidecar, {"name": "workload", **state}]}


def ended(**terminated: Any) -> dict[str, Any]:
    return container(state={"terminated": {"containerID": "containerd://c", **terminated}})


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return container(state={"waiting": {"reason": reason, "message": message}})


def broken(status: dict[str, Any], **how: Any) -> InfrastructureError:
    found = state_of(view(status, **how), stopping=False)
    assert isinstance(found, Broken), found
    return found.error


def test_before_there_is_a_pod_it_is_waited_for() -> None:
    """So is a pod without any status, and one that waits for its container."""
    assert state_of(None, stopping=False) == Pending("there is no pod yet", created=False)
    assert isinstance(state_of(view({}), stopping=False), Pending)
    found = state_of(view(waiting("ContainerCreating")), stopping=False)
    assert found == Pending("ContainerCreating", created=False)


def test_what_a_pod_waits_for_is_told() -> None:
    """By the scheduler's condition, else by the last warning."""
    status = {
        "conditions": [{"type": "PodScheduled", "status": "False", "message": "0/2 nodes: Insufficient cpu"}]
    }
    assert state_of(view(status), stopping=False) == Pending(
        "not scheduled: 0/2 nodes: Insufficient cpu", created=False
    )
    warning = {"type": "Warning", "reason": "FailedCreatePodSandBox", "message": "no address"}
    found = state_of(view(waiting("ContainerCreating"), events=[warning]), stopping=False)
    assert found == Pending("FailedCreatePodSandBox: no address", created=False)


def test_a_container_that_its_runtime_is_starting_is_told_apart() -> None:
    """From then on time that passes may be the filter's doing."""
    created = {"type": "Normal", "reason": "Created", "message": "Created container workload"}
    found = state_of(view(waiting("ContainerCreating"), events=[created]), stopping=False)
    assert isinstance(found, Pending)
    assert found.created


def test_running_and_ended() -> None:
    """Exit codes above 128 are signals; a sidecar's end is not the workload's."""
    assert state_of(view(container(state={"running": {}})), stopping=False) == Running()
    assert state_of(view(ended(exitCode=0)), stopping=False) == Ended(ExitState(exit_code=0))
    assert state_of(view(ended(exitCode=159)), stopping=False) == Ended(ExitState(signal="SIGSYS"))


def test_a_container_that_was_started_again_has_ended_before() -> None:
    """A deployment's pod restarts what dies: its first end is the launch's."""
    last = {"terminated": {"containerID": "containerd://c", "exitCode": 1}}
    again = container(lastState=last, state={"running": {}})
    assert state_of(view(again), stopping=False) == Ended(ExitState(exit_code=1))
    crashing = container(lastState=last, state={"waiting": {"reason": "CrashLoopBackOff"}})
    assert state_of(view(crashing), stopping=False) == Ended(ExitState(exit_code=1))


@pytest.mark.parametrize(
    "status",
    [
        container(state={"terminated": {"exitCode": 128, "reason": "StartError", "message": "runc: no"}}),
        waiting("CreateContainerError", "runc: no"),
        waiting("RunContainerError", "runc: no"),
    ],
)
def test_what_the_runtime_could_not_start_may_be_the_filters_doing(status: dict[str, Any]) -> None:
    """With the runtime's own words."""
    assert state_of(view(status), stopping=False) == Refused("runc: no")


@pytest.mark.parametrize(
    "message",
    [
        'cannot load seccomp profile "/var/lib/kubelet/seccomp/x.json": open: no such file or directory',
        'failed to generate seccomp spec opts: cannot load seccomp profile "x": open x: no such file or directory',
    ],
)
def test_a_node_without_the_profile_is_named(message: str) -> None:
    """That says nothing of the profile."""
    error = broken(waiting("CreateContainerError", message))
    assert str(error).startswith("node node-1 does not have the profile of pod p: ")


def test_an_observer_that_is_gone_is_told_apart() -> None:
    """Its socket is not in the profile's place but in the profile; no such file is no such listener here."""
    message = (
        "error loading seccomp filter into kernel: dial unix /run/x.sock: connect: no such file or directory"
    )
    error = broken(waiting("StartError", message))
    assert isinstance(error, InstrumentError)
    assert str(error).startswith("node node-1: nobody observes pod p there any more: ")


def test_a_profile_that_the_runtime_cannot_read_is_told_apart() -> None:
    """It never was a filter."""
    error = broken(waiting("CreateContainerError", "decoding seccomp profile failed: invalid character"))
    assert isinstance(error, RuntimeRefusedError)


@pytest.mark.parametrize(
    "reason", ["ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"]
)
def test_an_image_that_the_node_does_not_get(reason: str) -> None:
    """Named with node and image."""
    error = broken(waiting(reason, "not found"))
    assert isinstance(error, ImageError)
    assert str(error) == f"node node-1: nginx:1: {reason}: not found"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ({"phase": "Failed", "reason": "Evicted", "message": "low on memory"}, "Evicted: low on memory"),
        ({"phase": "Failed", "reason": "OutOfcpu", "message": "m"}, "OutOfcpu: m"),
        (ended(exitCode=137, reason="OOMKilled"), "OOMKilled"),
        (ended(exitCode=137, reason="ContainerStatusUnknown"), "ContainerStatusUnknown"),
        (waiting("CreateContainerConfigError", "configmap not found"), "configmap not found"),
        (waiting("CreateContainerError", "write /x: no space left on device"), "no space left"),
    ],
)
def test_what_the_cluster_did_is_never_the_profiles(status: dict[str, Any], words: str) -> None:
    """Each is an error of the infrastructure that names the node."""
    error = broken(status)
    assert words in str(error)
    assert "node node-1" in str(error)


def test_a_pod_that_somebody_else_deletes() -> None:
    """Also while it still runs; where a newer server says why, that is told."""
    running = container(state={"running": {}})
    assert "deleted by somebody else" in str(broken(running, deleted="2026-01-01T00:00:00Z"))
    assert "deleted by somebody else" in str(broken(running, gone=True))
    target = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "EvictionByEvictionAPI",
        "message": "drained",
    }
    evicted = {**running, "conditions": [target]}
    assert "EvictionByEvictionAPI: drained" in str(broken(evicted, deleted="2026-01-01T00:00:00Z"))


def test_a_pod_that_we_delete_ends_as_it_ends() -> None:
    """And one that is gone before its end was told is nobody's verdict."""
    stopping = view(ended(exitCode=0), gone=True, deleted="2026-01-01T00:00:00Z")
    assert state_of(stopping, stopping=True) == Ended(ExitState(exit_code=0))
    running = view(container(state={"running": {}}), deleted="2026-01-01T00:00:00Z")
    assert state_of(running, stopping=True) == Running()
    lost = state_of(view(container(state={"running": {}}), gone=True), stopping=True)
    assert isinstance(lost, Broken)
    assert "gone before it was told how it ended" in str(lost.error)


def test_ids() -> None:
    """The container's id without its runtime's name; nothing while there is none."""
    found = view(container(containerID="containerd://abc", state={"running": {}}))
    assert (node_of(found), container_id(found)) == ("node-1", "abc")
    assert (node_of(None), container_id(None), container_id(view({}))) == ("", "", "")
