"""The target `kubernetes`: pods of any cluster, through the official client.

The profile is a `Localhost` profile on the node, the control the runtime's own default. Pods go through the API server, its
scheduler and its admission; only what the API server does for nobody is done on the nodes (`kubernetes_nodes`).
"""

from __future__ import annotations

import threading
from contextlib import closing, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from profile_smoke.errors import InfrastructureError, TargetUnavailableError
from profile_smoke.model import TargetInfo
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
    kubernetes_rights,
    kubernetes_sweep,
)
from profile_smoke.target.interface import Capabilities, Container, ContainerSpec, Note, Target
from profile_smoke.target.kubernetes_api import Api
from profile_smoke.target.kubernetes_images import NodeImages
from profile_smoke.target.kubernetes_life import Ground
from profile_smoke.target.kubernetes_plan import Reach, Shape
from profile_smoke.target.kubernetes_pod import KubernetesContainer
from profile_smoke.target.kubernetes_sweep import Place
from profile_smoke.target.kubernetes_watch import Watcher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
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
            why = kubernetes_rights.why(error, self.api, self._shape.workload)
            raise TargetUnavailableError(f"target kubernetes: {why}") from error
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
        return kind_node.among(self._nodes)

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
                folder, context = self._run.path / self.name, self._context or self.api.context
                nodes = self._kind_nodes.values()
                place = Place(context, self.api.namespace, tuple(each.container for each in nodes))
                kubernetes_sweep.note_place(folder, place)
                self._watcher = Watcher(self.api, self._run.run_id).__enter__()
            return Ground(self.api, self._watcher, self.access, self._shape)

    def finish(self) -> None:
        """See everything of this run go, unless something is kept, and close what is open."""
        try:
            if self._watcher is not None and not self._run.keeps:
                self._sweep(self._run.path)
        finally:
            if self._watcher is not None:
                self._watcher.__exit__()
                self._watcher = None
            if not self._run.keeps and "access" in self.__dict__:
                self.access.close()
            if "api" in self.__dict__:
                self.api.close()

    def sweep(self, run: Path) -> list[str]:
        """Remove what is labelled with this run where it ran, and its files on kind nodes of this host."""
        folder = run / self.name
        if (place := kubernetes_sweep.noted_place(folder)) is None:
            return []
        target = KubernetesTarget(self._run, self._store, context=place.context, namespace=place.namespace)
        try:
            return target.sweep_here(run)
        except InfrastructureError as error:
            # kind takes its context along. Without it the nodes alone would not do: this may be the wrong engine.
            if isinstance(error, TargetUnavailableError) and kind_node.are_gone(place.nodes):
                kubernetes_sweep.forget_place(folder)
                return []
            raise InfrastructureError(
                f"{error}; run {run.name} was in namespace {place.namespace} of context {place.context}: "
                f"if that cluster is gone for good, remove {folder}"
            ) from error

    def sweep_here(self, run: Path) -> list[str]:
        """What a run left in this context and namespace."""
        with closing(self.api):
            removed = self._sweep(run)
            roots = kubernetes_kind.open_roots(self._kind_nodes)
            return [*removed, *kubernetes_kind.clear_all(roots, run.name)]

    def _sweep(self, run: Path) -> list[str]:
        removed = kubernetes_sweep.sweep(self.api, run.name)
        kubernetes_sweep.forget_place(run / self.name)
        return removed
