"""The target `kubernetes`: pods of any cluster, through the official client.

The profile is a `Localhost` profile on the node, the control the runtime's own default. Pods go through the API server, its
scheduler and its admission; only what the API server does for nobody is done on the nodes (`kubernetes_nodes`).
"""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from profile_smoke.errors import InfrastructureError, TargetUnavailableError
from profile_smoke.image.tools import Tools
from profile_smoke.model import RUN_LABEL, TargetInfo
from profile_smoke.profile.raw_oci import plain_reading
from profile_smoke.profile.resolve import reachable
from profile_smoke.syscall import libseccomp, tables
from profile_smoke.target import (
    capabilities,
    kind_node,
    kubernetes_access,
    kubernetes_capacity,
    kubernetes_doctor,
    kubernetes_kind,
)
from profile_smoke.target.interface import Capabilities, Container, ContainerSpec, Note, Target
from profile_smoke.target.kubernetes_api import Api
from profile_smoke.target.kubernetes_images import NodeImages
from profile_smoke.target.kubernetes_life import Ground
from profile_smoke.target.kubernetes_plan import Reach, Shape
from profile_smoke.target.kubernetes_pod import KubernetesContainer
from profile_smoke.target.kubernetes_watch import Watcher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from profile_smoke import rundir
    from profile_smoke.image.interface import PreparedImage
    from profile_smoke.image.store import Policy, Store
    from profile_smoke.observe.interface import Observer
    from profile_smoke.profile.document import Document
    from profile_smoke.profile.model import Profile
    from profile_smoke.target.kind_node import KindNode
    from profile_smoke.target.kubernetes_nodes import NodeAccess

_ARCHITECTURES = {"amd64": "x86_64", "arm64": "aarch64"}
_OWNED = ("Deployment", "StatefulSet", "DaemonSet", "Pod", "PersistentVolumeClaim", "ConfigMap")
"""What a run makes, in the order in which it is taken away."""
_GONE_SECONDS = 60.0
_PLACE = "place.json"
"""In the run's folder: where `clean` finds what a killed run left."""


class KubernetesTarget(Target):
    """A context of the kubeconfig, and a namespace in it."""

    name = "kubernetes"

    def __init__(
        self,
        run: rundir.RunDir,
        store: Store,
        *,
        context: str | None = None,
        namespace: str | None = None,
        shape: Shape = Shape(),  # noqa: B008  frozen
        reach: Reach = Reach.AUTO,
    ) -> None:
        self._run, self._store, self._shape, self._reach = run, store, shape, reach
        self._context, self._namespace = context, namespace
        self._lock = threading.Lock()
        self._watcher: Watcher | None = None

    @cached_property
    def api(self) -> Api:
        """The connection, made at first use. Raises TargetUnavailableError."""
        return Api.connect(self._context, self._namespace)

    def check(self) -> None:
        """Raise TargetUnavailableError unless the API server answers and has a node for us."""
        try:
            version = self.api.version
            ready = [node for node in self._nodes if kubernetes_capacity.is_ready(node)]
        except TargetUnavailableError:
            raise
        except InfrastructureError as error:
            raise TargetUnavailableError(f"target kubernetes: {error}") from error
        if not ready:
            raise TargetUnavailableError(
                f"target kubernetes: context {self.api.context} ({version}) has no node that is ready and takes pods"
            )
        for node in ready:
            arch = str(node["status"]["nodeInfo"].get("architecture", ""))
            if _ARCHITECTURES.get(arch, arch) != tables.native():
                raise TargetUnavailableError(
                    f"target kubernetes: node {node['metadata']['name']} is {arch}, this machine {tables.native()}: "
                    "profiles mean something else there; run this on a machine like the nodes"
                )

    @cached_property
    def _nodes(self) -> list[dict[str, Any]]:
        """Those that pods may land on."""
        return [node for node in self.api.nodes() if kubernetes_capacity.takes_pods(node)]

    @cached_property
    def _kind_nodes(self) -> dict[str, KindNode]:
        """Those that are containers of this host, by their names in the API."""
        tools = Tools()
        found = {}
        for node in self._nodes:
            name, provider = node["metadata"]["name"], str(node["spec"].get("providerID", ""))
            here = kind_node.local(
                name, provider, str(node["status"]["nodeInfo"].get("machineID", "")), tools
            )
            if here is not None:
                found[name] = here
        return found

    @cached_property
    def access(self) -> NodeAccess:
        """The way to the nodes. Raises TargetUnavailableError, InfrastructureError."""
        names = [node["metadata"]["name"] for node in self._nodes]
        return kubernetes_access.choose(
            self._reach,
            self._run.run_id,
            names,
            self._kind_nodes,
            context=self._context,
            knows=self.knows,
        )

    def info(self) -> TargetInfo:
        """Versions of server, kubelet, kernel and runtime, of runc and libseccomp where a node tells them."""
        node = self._nodes[0]["status"]["nodeInfo"]
        runtime, _, version = str(node.get("containerRuntimeVersion", "")).partition("://")
        return TargetInfo(
            self.name,
            {
                "server": self.api.version,
                "kubelet": str(node.get("kubeletVersion", "")),
                "kernel": str(node.get("kernelVersion", "")),
                **({runtime: version} if runtime else {}),
                **self.access.versions(),
            },
        )

    def capabilities(self) -> Capabilities:
        """As far as the nodes can be reached."""
        observe, read = self.access.observe_why_not, self.access.read_filter_why_not
        return Capabilities(not observe, observe, not read, read)

    def jobs(self) -> int:
        """As its processors, nodes and quotas allow; kind nodes share this host's processors."""
        processors = super().jobs() if self._kind_nodes else None
        return kubernetes_capacity.jobs(
            self._nodes, kubernetes_capacity.quotas(self.api), processors=processors
        )

    def notes(self) -> Iterator[Note]:
        """Access, permissions, nodes, agents, settings of kubelets, storage."""
        return kubernetes_doctor.notes(self.api, self._nodes, self._shape.workload, self._context)

    def observer(self) -> AbstractContextManager[Observer]:
        """That of the nodes."""
        return self.access.observer()

    def default_capabilities(self) -> tuple[str, ...]:
        """Containerd gives Docker's set (containerd `pkg/cri/.../spec_opts`, `oci.defaultUnixCaps`)."""
        return capabilities.DEFAULT

    def knows(self, syscall: str) -> bool:
        """Told by the nodes' own libseccomp, or this machine's where the version is the same; else assumed."""
        if self.access.versions().get("libseccomp") == libseccomp.version():
            return libseccomp.resolves(syscall)
        return not self.access.lacks(syscall)

    def hand_over(self, document: Document) -> Mapping[str, Any]:
        """Users deploy the file as it is, so that is what goes to the node."""
        return document.raw

    def meaning(self, document: Document) -> Profile:
        """What containerd, a plain OCI reader, makes of it."""
        return reachable(plain_reading(document), tables.native())

    def prepare(self, image: str, standin: Path | None, *, policy: Policy) -> PreparedImage:
        """Into every kind node of this host, where it is not there; other nodes pull for themselves."""
        elsewhere = [
            node["metadata"]["name"]
            for node in self._nodes
            if node["metadata"]["name"] not in self._kind_nodes
        ]
        return NodeImages(self._store).prepare(
            image, standin, policy=policy, nodes=list(self._kind_nodes.values()), elsewhere=elsewhere
        )

    @contextmanager
    def container(self, spec: ContainerSpec, *, keep: Callable[[], bool]) -> Iterator[Container]:
        """A labelled pod with all that it needs, removed on exit unless kept."""
        container = KubernetesContainer(spec, self._ground())
        try:
            container.lay_out()
            yield container
        finally:
            if keep():
                container.leave()
                self._run.keep()
            else:
                container.remove()

    def _ground(self) -> Ground:
        with self._lock:
            if self._watcher is None:
                self._note_place()
                self._watcher = Watcher(self.api, self._run.run_id).__enter__()
            return Ground(self.api, self._watcher, self.access, self._shape)

    def _note_place(self) -> None:
        """As long as this folder is there, `clean` looks for what a killed run left."""
        folder = self._run.path / self.name
        folder.mkdir(exist_ok=True)
        place = {"context": self._context or self.api.context, "namespace": self.api.namespace}
        (folder / _PLACE).write_text(json.dumps(place), "utf-8")

    def finish(self) -> None:
        """See everything of this run go, unless something is kept, and close what is open."""
        try:
            if self._watcher is not None and not self._run.keeps:
                self._sweep_run(self._run.path, self.api)
        finally:
            if self._watcher is not None:
                self._watcher.__exit__()
                self._watcher = None
            if not self._run.keeps and "access" in self.__dict__:
                self.access.close()
            if "api" in self.__dict__:
                self.api.close()

    def sweep(self, runs: Sequence[Path]) -> list[str]:
        """Remove what is labelled with these runs where they ran, and their files on kind nodes of this host."""
        removed = []
        for run in runs:
            place = run / self.name / _PLACE
            if place.exists():
                found = json.loads(place.read_text("utf-8"))
                target = KubernetesTarget(
                    self._run, self._store, context=found["context"], namespace=found["namespace"]
                )
                removed += target.sweep_one(run)
        return removed

    def sweep_one(self, run: Path) -> list[str]:
        """What one run left in this context and namespace."""
        try:
            removed = self._sweep_run(run, self.api)
            roots = kubernetes_kind.open_roots(self._kind_nodes)
            removed += kubernetes_kind.clear_all(roots, run.name)
        finally:
            self.api.close()
        return removed

    def _sweep_run(self, run: Path, api: Api) -> list[str]:
        """Delete what carries the run's label, and wait until it is gone; one line for each thing."""
        selector, removed = f"{RUN_LABEL}={run.name}", dict[str, None]()
        deadline = time.monotonic() + _GONE_SECONDS
        while True:
            left = [
                (kind, each["metadata"]["name"], bool(each["metadata"].get("deletionTimestamp")))
                for kind in _OWNED
                for each in api.listed(kind, selector=selector).get("items") or ()
            ]
            if not left:
                break
            late = time.monotonic() > deadline
            for kind, name, going in left:
                if not going or late:
                    # A pod whose node does not answer goes only when nobody is waited for.
                    api.delete(
                        kind, name, grace=0 if late and kind == "Pod" else 1 if kind == "Pod" else None
                    )
                removed[f"kubernetes {kind} {api.namespace}/{name}"] = None
            if time.monotonic() > deadline + _GONE_SECONDS:
                things = ", ".join(f"{kind} {name}" for kind, name, _ in left)
                raise InfrastructureError(f"still there in namespace {api.namespace}: {things}")
            time.sleep(0.1)
        folder = run / self.name
        (folder / _PLACE).unlink(missing_ok=True)
        if folder.exists():
            folder.rmdir()
        return list(removed)
