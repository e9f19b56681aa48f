"""Clusters made by kind, for people who have none: made, looked at, removed. What kind made for others is never touched.

Every node of ours has kind's configuration mounted at `MARK` from its first moment on, so that a cluster that a killed
process left half made is known as ours too.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from profile_smoke.errors import InfrastructureError, TargetUnavailableError, UsageError
from profile_smoke.image.tools import ToolFailed, last_line
from profile_smoke.target.kind_node import KindNode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from profile_smoke.image.store import Store

MARK = "/etc/profile-smoke/kind-config.yaml"
SECCOMP = "/var/lib/kubelet/seccomp"
_ENGINES = ("docker", "podman", "nerdctl")
_CREATE_SECONDS = 900.0
_READY = "180s"
_SECONDS = 120.0
_SETTLED = 3
"""How often in a row, a second apart, nothing of a cluster must be seen until it counts as gone."""
_KUBECTL = ("kubectl", "--kubeconfig=/etc/kubernetes/admin.conf")
_TAINTS = ("node-role.kubernetes.io/control-plane:NoSchedule-", "node-role.kubernetes.io/master:NoSchedule-")
"""What kind gives the control plane where there are workers; servers before 1.24 call it master."""


@dataclass(frozen=True)
class NodeState:
    """A node as it is: `ready` is what the API says, `profiles` are files below the kubelet's seccomp folder."""

    name: str
    ready: bool
    kubernetes: str
    runtime: str
    kernel: str
    profiles: tuple[str, ...]


class KindCluster:
    """The cluster of one name. `tell` gets a line for what takes long."""

    def __init__(self, name: str, store: Store, tell: Callable[[str], None]) -> None:
        self.name, self._store, self._tools, self._tell = name, store, store.tools, tell

    @property
    def context(self) -> str:
        """Its context in the kubeconfig, as kind names it."""
        return f"kind-{self.name}"

    def up(self, config: Path, *, nodes: int, image: str | None) -> bool:
        """Make it, all of its nodes open to pods, unless it is there; whether it had to be made.

        `config` is kind's; its first node is the pattern of all. `image` None: what this kind takes by itself.

        Raises:
            UsageError: a cluster of this name is there, made by somebody else.
            TargetUnavailableError: no kind, no engine. InfrastructureError: kind could not make it; nothing is left.
        """
        with self._store.alone(f"kind-{self.name}"):
            if found := self._nodes():
                self._refuse_others(found)
                if self._works(found, nodes):
                    self._kind("export", "kubeconfig")
                    return False
                self._tell(f"the cluster {self.name} does not work, or was left half made: making it anew")
                self._delete()
            self._tell(f"kind makes the cluster {self.name} ({nodes} nodes), which takes about a minute")
            try:
                self._create(config, nodes, image)
            except BaseException:
                self._tell(f"removing what there is of the cluster {self.name}")
                self._delete()
                self._delete_late()
                raise
            return True

    def down(self) -> bool:
        """Remove it; whether it was there. Raises as `up`."""
        with self._store.alone(f"kind-{self.name}"):
            found = self._nodes()
            self._refuse_others(found)
            if found:
                self._delete()
            return bool(found)

    def status(self) -> tuple[NodeState, ...]:
        """Its nodes; none where it is not there.

        Raises:
            InfrastructureError: it is there, but its API does not answer.
        """
        nodes = self._nodes()
        if not nodes:
            return ()
        seen = self._seen(nodes)
        return tuple(_state(document, nodes) for document in seen)

    def ours(self) -> bool:
        """Whether this program made it."""
        nodes = self._nodes()
        return bool(nodes) and all(self._marked(node) for node in nodes)

    # --- kind ----------------------------------------------------------------------------------------------------

    def _create(self, config: Path, nodes: int, image: str | None) -> None:
        with tempfile.TemporaryDirectory(prefix="profile-smoke-") as folder:
            path = Path(folder) / "kind-config.json"  # JSON is YAML
            path.write_text(json.dumps(_configuration(config, nodes)), "utf-8")
            options = ["--config", str(path), "--wait", _READY, *(["--image", image] if image else [])]
            self._kind("create", "cluster", *options, timeout=_CREATE_SECONDS)
        control = next(node for node in self._nodes() if node.name.endswith("control-plane"))
        if nodes > 1:
            for taint in _TAINTS:
                # One of the two is not there, which kubectl calls an error.
                try:
                    control.run(*_KUBECTL, "taint", "nodes", control.name, taint)
                except InfrastructureError as error:
                    if "not found" not in str(error):
                        raise
        control.run(
            *_KUBECTL, "wait", "--for=condition=Ready", "nodes", "--all", f"--timeout={_READY}", timeout=240
        )

    def _kind(self, *words: str, timeout: float = _SECONDS) -> None:
        try:
            self._tools.run([_kind_command(), *words, "--name", self.name], timeout=timeout)
        except ToolFailed as error:
            lines = [line for line in error.output.splitlines() if line.startswith("ERROR")]
            why = lines[-1].removeprefix("ERROR: ") if lines else last_line(error.output)
            raise InfrastructureError(f"kind {' '.join(words[:2])}: {why}") from error

    def _delete(self) -> None:
        self._kind("delete", "cluster")

    def _delete_late(self) -> None:
        """The engine may still be about to make a node that a kind which was ended has asked for."""
        settled = 0
        while settled < _SETTLED:
            self._tools.cancelled.wait(1.0)
            settled += 1
            if self._nodes():
                self._delete()
                settled = 0

    # --- its nodes -----------------------------------------------------------------------------------------------

    def _nodes(self) -> list[KindNode]:
        """The containers of its nodes, running or not."""
        label = f"label=io.x-k8s.kind.cluster={self.name}"
        names = self._engine("ps", "--all", "--filter", label, "--format", "{{.Names}}").split()
        return [KindNode(name, _engine(), self._tools) for name in sorted(names)]

    def _marked(self, node: KindNode) -> bool:
        mounts = json.loads(self._engine("inspect", "--format", "{{json .Mounts}}", node.name))
        return any(mount.get("Destination") == MARK for mount in mounts)

    def _refuse_others(self, nodes: Sequence[KindNode]) -> None:
        if not all(self._marked(node) for node in nodes):
            raise UsageError(
                f"the kind cluster {self.name} was not made by this program, so it is left alone; "
                f"choose another --name, or remove it with: kind delete cluster --name {self.name}"
            )

    def _works(self, nodes: Sequence[KindNode], wanted: int) -> bool:
        try:
            seen = self._seen(nodes)
        except InfrastructureError:
            return False
        return len(seen) == len(nodes) == wanted and all(_ready(document) for document in seen)

    def _seen(self, nodes: Sequence[KindNode]) -> list[dict[str, Any]]:
        """Its nodes as its API has them."""
        control = next((node for node in nodes if node.name.endswith("control-plane")), nodes[0])
        items: list[dict[str, Any]] = json.loads(control.run(*_KUBECTL, "get", "nodes", "-o", "json"))[
            "items"
        ]
        return items

    def _engine(self, *words: str) -> str:
        try:
            return self._tools.run([_engine(), *words], timeout=_SECONDS).stdout.decode(errors="replace")
        except ToolFailed as error:
            raise TargetUnavailableError(f"{_engine()} {words[0]}: {last_line(error.output)}") from error


def _configuration(config: Path, nodes: int) -> dict[str, Any]:
    """A configuration for kind with this many nodes like the first, paths made absolute, and our mark on each."""
    import yaml

    document: dict[str, Any] = yaml.safe_load(config.read_text("utf-8"))
    pattern = document["nodes"][0]
    mounts = [
        *({**mount, "hostPath": str(config.parent / mount["hostPath"])} for mount in pattern["extraMounts"]),
        {"hostPath": str(config), "containerPath": MARK, "readOnly": True},
    ]
    roles = ["control-plane", *["worker"] * (nodes - 1)]
    return {**document, "nodes": [{**pattern, "role": role, "extraMounts": mounts} for role in roles]}


def _kind_command() -> str:
    found = shutil.which("kind")
    if found is None:
        raise TargetUnavailableError(
            "kind is not installed; https://kind.sigs.k8s.io says how, or use a cluster that you have (--context)"
        )
    return found


def _engine() -> str:
    """The engine's command, as kind chooses it."""
    chosen = os.environ.get("KIND_EXPERIMENTAL_PROVIDER")
    for name in [chosen] if chosen else _ENGINES:
        if shutil.which(name):
            return name
    raise TargetUnavailableError(f"kind needs one of {', '.join(_ENGINES)}, and none is installed")


def _ready(document: dict[str, Any]) -> bool:
    conditions = document["status"].get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _state(document: dict[str, Any], nodes: Sequence[KindNode]) -> NodeState:
    name, info = document["metadata"]["name"], document["status"]["nodeInfo"]
    node = next((node for node in nodes if node.name == name), None)
    found = ""
    if node is not None:
        script = f"cd {SECCOMP} 2>/dev/null && find . -type f -name '*.json'; true"
        found = node.run("sh", "-c", script).decode(errors="replace")
    profiles = tuple(sorted(line.removeprefix("./") for line in found.splitlines()))
    return NodeState(
        name,
        _ready(document),
        info["kubeletVersion"],
        info["containerRuntimeVersion"],
        info["kernelVersion"],
        profiles,
    )
