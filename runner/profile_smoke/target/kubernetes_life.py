"""One life of a workload in the cluster: what is made for it, what becomes of its pod, and how it is taken away."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from profile_smoke.agent.processes import Address
from profile_smoke.errors import InfrastructureError
from profile_smoke.model import LAUNCH_LABEL, RUN_LABEL
from profile_smoke.target import kubernetes_manifest
from profile_smoke.target.interface import ContainerSpec, StartRefused
from profile_smoke.target.kubernetes_errors import QuotaError
from profile_smoke.target.kubernetes_plan import Plan, Shape, Workload
from profile_smoke.target.kubernetes_state import (
    Broken,
    Ended,
    Pending,
    Refused,
    Running,
    State,
    container_id,
    node_of,
    state_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from profile_smoke.target.kubernetes_api import Api
    from profile_smoke.target.kubernetes_manifest import Document
    from profile_smoke.target.kubernetes_nodes import NodeAccess
    from profile_smoke.target.kubernetes_watch import View, Watcher

BESIDE = ("ConfigMap", "PersistentVolumeClaim")
"""What a workload needs beside it; a second life finds it there."""
TELL_SECONDS = 15.0
"""How much later than a thing happens on a node the API server may tell of it."""
LATE_SECONDS = 5.0
"""How much later than it happens the API server usually tells of a container's begin and end, on a busy machine."""
_PLACE_SECONDS = 120.0
"""For everything that comes before the runtime starts the container: quota, scheduling, volumes, sandbox, image."""
_GONE_SECONDS = 60.0
_QUOTA_PAUSE = 0.5


@dataclass(frozen=True)
class Ground:
    """Where pods are made: all that is the same for every one of a run."""

    api: Api
    watcher: Watcher
    access: NodeAccess
    shape: Shape


class Life:
    """`made` are the documents that were sent, the workload last; `earlier` is the life before this one."""

    def __init__(
        self, spec: ContainerSpec, ground: Ground, profile: str | None, earlier: Life | None = None
    ) -> None:
        self._spec, self._ground, self._profile = spec, ground, profile
        self.made: list[Document] = []
        self.node = ""
        self._past: frozenset[str] = frozenset()
        self.stopping = self._podless = False
        if earlier is not None:
            self.made = [each for each in earlier.made if each["kind"] in BESIDE]
            self.node, self._past = earlier.node, earlier.uids()

    def _documents(self) -> list[Document]:
        spec = self._spec
        return kubernetes_manifest.documents(
            Plan(
                name=spec.launch_id,
                image=spec.image.engine_ref or spec.image.info.ref,
                start=spec.start,
                shape=self._ground.shape,
                localhost_profile=self._profile,
                namespace=self._ground.api.namespace,
                labels={RUN_LABEL: spec.run_id, LAUNCH_LABEL: spec.launch_id},
                node=self.node or None,
                keep_volumes=spec.restarts,
                grace_seconds=math.ceil(spec.stop_seconds),
            )
        )

    def begin(self, timeout: float) -> None:
        """Make what is to be made, and wait until the container runs or has ended.

        Raises:
            StartRefused: its runtime could not start it, or did not within `timeout` seconds.
            InfrastructureError: the cluster did not come so far.
        """
        known = {(each["kind"], each["metadata"]["name"]) for each in self.made}
        for document in self._documents():
            if (document["kind"], document["metadata"]["name"]) not in known:
                # Noted first: an answer that is lost does not mean that nothing was made.
                self.made.append(document)
                self._create(document)
        state = self.await_state(_has_begun, _PLACE_SECONDS)
        if isinstance(state, Pending) and state.created:
            state = self.await_state(lambda each: not isinstance(each, Pending), timeout + LATE_SECONDS)
        if isinstance(state, Broken):
            raise state.error
        if isinstance(state, Pending) and not state.created:
            raise InfrastructureError(
                f"pod {self._spec.launch_id}: not started within {_PLACE_SECONDS:g} s: {state.why}"
            )
        self.node = node_of(self.view())
        self._ground.access.landed(self._spec.launch_id, self.node)
        if isinstance(state, Refused):
            raise StartRefused(state.message)
        if isinstance(state, Pending):
            raise StartRefused(
                f"the runtime did not finish starting it within {timeout:g} s: its init is wedged"
            )

    def _create(self, document: Document) -> None:
        """Make it; where a quota leaves no room, wait for room."""
        deadline = time.monotonic() + _PLACE_SECONDS
        while True:
            try:
                self._ground.api.create(document)
            except QuotaError:
                if time.monotonic() > deadline or self._spec.stop.wait(_QUOTA_PAUSE):
                    raise
            else:
                return

    def view(self) -> View | None:
        """The pod as last told of, if there is one."""
        return self._ground.watcher.view(self._spec.launch_id, self._past)

    def uids(self) -> frozenset[str]:
        """Of the pods of this life and of those before."""
        view = self.view()
        return self._past | ({view.pod["metadata"]["uid"]} if view is not None else set())

    def pod(self) -> str:
        """The pod's name. Raises ConnectionRefusedError where there is none."""
        view = self.view()
        if view is None or view.gone:
            raise ConnectionRefusedError("there is no pod")
        return str(view.pod["metadata"]["name"])

    def address(self) -> Address | None:
        """By which the container's processes are found on its node; None until it has an id."""
        view = self.view()
        ident = container_id(view)
        if view is None or not ident:
            return None
        return Address(ident, view.pod["metadata"]["uid"], self._spec.run_id)

    def await_state(self, decided: Callable[[State], bool], timeout: float) -> State:
        """The first state that is decided, else the last one.

        Raises:
            InfrastructureError: the API server does not tell of pods any more, or the pod's controller may not make it.
            InterruptedRunError: the run was interrupted before there was to be an end.
        """
        last: list[State] = []

        def look(view: View | None) -> State | None:
            last[:] = [state_of(view, stopping=self.stopping)]
            if view is None:
                self._look_at_controller()
            return last[0] if decided(last[0]) else None

        stop = None if self.stopping else self._spec.stop
        self._ground.watcher.wait(self._spec.launch_id, self._past, look, timeout, stop)
        return last[0]

    def _look_at_controller(self) -> None:
        """A controller that may not make its pod only tells of it in an event. Raises InfrastructureError then."""
        if self._ground.shape.workload is Workload.POD:
            return
        for event in self._ground.watcher.events(self._spec.launch_id):
            message = str(event.get("message", ""))
            if event.get("reason") == "FailedCreate" and "exceeded quota" not in message:
                raise InfrastructureError(f"{self._spec.launch_id}: no pod is made: {message}")

    def delete(self, *, grace: int) -> None:
        """Have the workload ended, by the kubelet's own way; once. A controller's pod has its own time to stop."""
        if not self.stopping and self.made and self.made[-1]["kind"] not in BESIDE:
            self.stopping = True
            kind, name = self.made[-1]["kind"], self.made[-1]["metadata"]["name"]
            there = self._ground.api.delete(kind, name, grace=grace if kind == "Pod" else None)
            # A pod that was there is told of; one that a controller is making yet is swept at the end of the run.
            self._podless = not there or kind != "Pod"

    def take_away(self) -> None:
        """See the pod go, whatever state it is in.

        A kubelet takes up to ten seconds more to give up a pod whose containers have ended (its status manager's period), so
        the API server is told then that nobody has to be waited for.
        """
        over = bool(self.made) and is_over(state_of(self.view(), stopping=self.stopping))
        self.delete(grace=0 if over else 1)
        if not self.stopping or (self._podless and self.view() is None):
            return
        ended = self.await_state(is_over, _GONE_SECONDS)
        view = self.view()
        if view is None or view.gone:
            return
        name = view.pod["metadata"]["name"]
        if not is_over(ended):
            # Nobody is there to wait for; its kubelet ends what is no pod any more as soon as it is back.
            self._ground.api.delete("Pod", name, grace=0)
            raise InfrastructureError(
                f"pod {self._spec.launch_id} on node {node_of(view)} does not end, {_GONE_SECONDS:g} s after it was "
                "deleted: is the node ready?"
            )
        self._ground.api.delete("Pod", name, grace=0)
        self._ground.watcher.wait(self._spec.launch_id, self._past, _is_gone, TELL_SECONDS)


def is_over(state: State) -> bool:
    """Whether nothing more becomes of it."""
    return isinstance(state, Ended | Broken | Refused)


def _has_begun(state: State) -> bool:
    return isinstance(state, Running) or is_over(state) or (isinstance(state, Pending) and state.created)


def _is_gone(view: View | None) -> bool | None:
    return True if view is None or view.gone else None
