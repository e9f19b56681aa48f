"""One container of the target `kubernetes`: a pod, made as its user would deploy it."""

from __future__ import annotations

import json
import math
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from profile_smoke.errors import InfrastructureError
from profile_smoke.observe.readback import ProcessGoneError
from profile_smoke.probe.interface import ExecResult
from profile_smoke.target import kubernetes_log
from profile_smoke.target.engine import readable
from profile_smoke.target.interface import Container, ContainerSpec
from profile_smoke.target.kubernetes_life import BESIDE, LATE_SECONDS, TELL_SECONDS, Ground, Life, is_over
from profile_smoke.target.kubernetes_log import Following
from profile_smoke.target.kubernetes_manifest import shown
from profile_smoke.target.kubernetes_state import Broken, Ended, Running, State, node_of, state_of
from profile_smoke.target.kubernetes_streams import NOT_STARTED, Streams

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from profile_smoke.probe.interface import ExitState
    from profile_smoke.profile.bpf import Program
    from profile_smoke.target.kubernetes_manifest import Document


class KubernetesContainer(Container):
    """See `Container`. It exists from `start` on; a second life is another pod, on the same node and claims."""

    def __init__(self, spec: ContainerSpec, ground: Ground) -> None:
        self._spec, self._ground = spec, ground
        self._api, self._access = ground.api, ground.access
        self._streams = Streams(ground.api)
        self._profile: str | None = None
        self._life = Life(spec, ground, None)
        self._log: str | None = None
        self._exit: ExitState | None = None
        self._pidfd = -1
        self._pid: int | None = None

    def lay_out(self) -> None:
        """Put the profile on the nodes."""
        if self._spec.seccomp is not None:
            self._profile = self._access.install(self._profile_name, json.dumps(self._spec.seccomp))
        self._life = Life(self._spec, self._ground, self._profile)

    @property
    def _profile_name(self) -> str:
        return f"{self._spec.launch_id}.json"

    def start(self, timeout: float) -> None:
        """Make the pod, and hold on to its process where the node's are seen from here: its end is seen at once then."""
        self._life.begin(timeout)
        address = self._life.address()
        pid = self._access.pid(self._life.node, address) if address is not None else None
        if pid is not None:
            with suppress(ProcessLookupError):
                self._pidfd = os.pidfd_open(pid)
                self._pid = pid

    def pid(self) -> int | None:
        """The init's pid while it lives, on a kind node of this host."""
        return None if self._pidfd == -1 or readable(self._pidfd, 0) else self._pid

    def status_field(self, name: str) -> str | None:
        """Through whoever sees the node's processes."""
        address = self._life.address()
        return self._access.status_field(self._life.node, address, name) if address is not None else None

    def loaded_filters(self) -> tuple[Program, ...]:
        """Through whoever sees the node's processes."""
        address = self._life.address()
        if address is None:
            raise ProcessGoneError("the container has not begun")
        return self._access.loaded_filters(self._life.node, address)

    def connect(self, port: int, timeout: float) -> socket.socket:
        """Through the API server. This succeeds before the workload listens."""
        return self._streams.connect(self._life.pod(), port, timeout)

    def exec(self, argv: Sequence[str], timeout: float) -> ExecResult:
        """Through the API server, under the same filter."""
        try:
            return self._streams.exec(self._life.pod(), argv, timeout)
        except ConnectionError as error:
            return ExecResult(NOT_STARTED, str(error))

    def logs(self) -> str:
        """Its last 2000 lines, also those of a pod that is gone if we ended it."""
        if self._log is not None:
            return self._log
        view = self._life.view()
        if view is None or view.gone:
            return ""
        return kubernetes_log.read(self._api, view.pod["metadata"]["name"])

    def exited(self) -> ExitState | None:
        """Whether and how the init ended. Raises InfrastructureError when it was the cluster's doing."""
        if self._exit is None and self._life.made:
            gone = self._pidfd != -1 and readable(self._pidfd, 0)
            self._exit = _end_of(self._life.await_state(is_over, TELL_SECONDS if gone else 0))
            if gone and self._exit is None:
                raise InfrastructureError(
                    f"pod {self._spec.launch_id} on node {self._life.node}: its process is gone, but the kubelet does "
                    "not tell how it ended"
                )
        return self._exit

    def signal(self, name: str) -> None:
        """From outside, by whoever sees the node's processes."""
        address = self._life.address()
        if address is not None and self.exited() is None:
            self._access.signal(self._life.node, address, name)

    def stop(self, signal: str, timeout: float) -> ExitState | None:
        """By that signal, as anywhere; where nobody can send it, by deleting the pod, which sends its image's stop signal.

        Kubelets at times lose how the container of a deleted pod has ended (1.20: `ContainerStatusUnknown`).
        """
        if (ended := self.exited()) is not None:
            return ended
        if not self._access.observe_why_not:
            return super().stop(signal, timeout)
        with Following(self._api, self._life.pod()) as following:
            self._life.delete(grace=math.ceil(timeout))
            self.wait(timeout + TELL_SECONDS)
            self._log = following.text()
        return self._exit

    def wait(self, timeout: float) -> ExitState | None:
        """Sleep until its process is gone, at most `timeout` seconds; where that is not seen, until we are told of it."""
        if self._exit is None and self._life.made:
            if self._pidfd != -1:
                readable(self._pidfd, timeout)
                return self.exited()
            self._exit = _end_of(self._life.await_state(is_over, timeout + LATE_SECONDS))
        return self._exit

    def restart(self, timeout: float) -> None:
        """Another pod on the same claims and the same node, when the one before is gone."""
        self._life.take_away()
        self._let_go()
        self._life = Life(self._spec, self._ground, self._profile, self._life)
        self._exit, self._log = None, None
        self.start(timeout)

    def _let_go(self) -> None:
        """Of everything that leads to the pod."""
        self._streams.close()
        if self._pidfd != -1:
            os.close(self._pidfd)
        self._pidfd, self._pid = -1, None

    def kill(self) -> None:
        """End it at once; its log is kept."""
        view = self._life.view() if self._life.made else None
        if view is None or view.gone or self._life.stopping:
            return
        self._log = self.logs()
        self._access.kill(node_of(view), view.pod["metadata"]["uid"])
        self._life.delete(grace=1)

    def enter_hint(self) -> str:
        """How to look inside, dead or alive."""
        about = f"--context {self._api.context} -n {self._api.namespace}"
        if self._life.stopping:
            return "its pod was deleted: that is how it is stopped"
        view = self._life.view()
        if view is None or view.gone:
            return "its pod is gone"
        pod = view.pod["metadata"]["name"]
        if isinstance(state_of(view, stopping=False), Running):
            return f"kubectl {about} exec -it {pod} -- sh"
        return f"it does not run: kubectl {about} describe pod {pod}; its log: kubectl {about} logs {pod}"

    def leave(self) -> None:
        """Leave it to the user, and let go of it."""
        self._let_go()

    def manifest(self) -> tuple[Document, ...]:
        """What was created, as a report has it."""
        return shown(self._life.made)

    def remove(self) -> None:
        """Delete all that was made, and see the pod go; what goes later is waited for at the end of the run."""
        self._let_go()
        self._life.take_away()
        for document in self._life.made:
            if document["kind"] in BESIDE:
                self._api.delete(document["kind"], document["metadata"]["name"])
        if self._profile is not None:
            self._access.remove(self._profile_name)


def _end_of(state: State) -> ExitState | None:
    if isinstance(state, Broken):
        raise state.error
    return state.exit if isinstance(state, Ended) else None
