"""One container of the target `docker`."""

from __future__ import annotations

import io
import json
import os
import socket
import tarfile
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlparse

from profile_smoke.errors import InfrastructureError
from profile_smoke.model import LAUNCH_LABEL, RUN_LABEL
from profile_smoke.probe.interface import ExecResult, ExitState
from profile_smoke.scenario.model import file_bytes
from profile_smoke.target import docker_wedged
from profile_smoke.target.docker_errors import engine_errors, start_errors
from profile_smoke.target.engine import bounded, exit_state, readable
from profile_smoke.target.interface import Container, ContainerSpec, StartRefused
from profile_smoke.target.oci_spec import PROCESSES_LIMIT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import docker

T = TypeVar("T")
_OUTPUT_LIMIT = 64 * 1024
_LOG_LINES = 2000
_SETTLE_SECONDS = 5.0
_REMOVE_SECONDS = 20.0


class DockerContainer(Container):
    """See `Container`. `local`: the engine's processes are visible here, by their pids."""

    def __init__(self, spec: ContainerSpec, client: docker.DockerClient, *, local: bool) -> None:
        self._spec, self._client, self._api, self._local = spec, client, client.api, local
        self._name = f"profile-smoke-{spec.launch_id}"
        self._id = ""
        self._pid: int | None = None
        self._pidfd = -1
        self._ports: dict[int, int] = {}
        self._exit: ExitState | None = None
        self._started = False

    def create(self) -> None:
        """Create the container, with volumes and files."""
        start, spec = self._spec.start, self._spec
        labels = {RUN_LABEL: spec.run_id, LAUNCH_LABEL: spec.launch_id}
        options = [f"seccomp={json.dumps(spec.seccomp)}"] if spec.seccomp is not None else []
        # Said either way: an engine may have been configured to set it by default.
        options.append(f"no-new-privileges={'true' if start.no_new_privileges else 'false'}")
        with engine_errors(f"creating a container of {spec.image.info.ref}"):
            host_config = self._api.create_host_config(
                security_opt=options,
                port_bindings={} if spec.offline else dict.fromkeys(start.ports, self._bind_address),
                network_mode="none" if spec.offline else None,
                pids_limit=PROCESSES_LIMIT,
            )
            self._id = self._api.create_container(
                spec.image.engine_ref,
                name=self._name,
                entrypoint=list(start.entrypoint) or None,
                command=list(start.args) or None,
                environment=dict(start.env or {}),
                user=start.user,
                ports=list(start.ports),
                volumes=list(start.volumes),
                labels=labels,
                host_config=host_config,
            )["Id"]
            if start.files:
                self._api.put_archive(self._id, "/", _archive(start.files))

    @property
    def _bind_address(self) -> tuple[str, ...]:
        return ("127.0.0.1",) if self._host == "127.0.0.1" else ("",)

    @property
    def _host(self) -> str:
        """Where published ports are reached."""
        return urlparse(os.environ.get("DOCKER_HOST", "")).hostname or "127.0.0.1"

    def start(self, timeout: float) -> None:
        """Start it; an engine whose runtime is wedged by the filter is freed by killing the runtime's init."""
        self._started, self._exit, self._ports = True, None, {}
        with start_errors():
            if not bounded(lambda: self._api.start(self._id), timeout, "start"):
                self._free()
                raise StartRefused(
                    f"the engine did not finish starting it within {timeout:g} s: the runtime's init is wedged"
                )
        with engine_errors("looking at the container"):
            self._note(self._api.inspect_container(self._id))

    def _note(self, facts: dict[str, Any]) -> None:
        """Remember pid and ports of a life that has just begun."""
        ports = (facts.get("NetworkSettings") or {}).get("Ports") or {}
        self._ports = {
            int(key.split("/")[0]): int(found[0]["HostPort"]) for key, found in ports.items() if found
        }
        pid = int(facts["State"].get("Pid") or 0)
        if self._local and pid:
            with suppress(ProcessLookupError):
                self._pidfd = os.pidfd_open(pid)
                self._pid = pid

    def pid(self) -> int | None:
        """The init's pid while it lives, where the engine is on this host."""
        return None if self.exited() else self._pid

    def connect(self, port: int, timeout: float) -> socket.socket:
        """Connect to the published port. Through the engine's proxy this succeeds before the workload listens."""
        published = self._ports.get(port)
        if published is None:
            raise ConnectionRefusedError(f"port {port} is not published")
        return socket.create_connection((self._host, published), timeout)

    def exec(self, argv: Sequence[str], timeout: float) -> ExecResult:
        """Run a command through the engine, under the same filter."""
        output: list[bytes] = []
        code: list[int | None] = []

        def run() -> None:
            ident = self._api.exec_create(self._id, list(argv))["Id"]
            output.append(self._api.exec_start(ident))
            code.append(self._api.exec_inspect(ident)["ExitCode"])

        with engine_errors("running a command in the container"):
            if not bounded(run, timeout, "exec"):
                raise TimeoutError(f"the command did not end within {timeout:g} s")
        return ExecResult(
            code[0] if code[0] is not None else 126, output[0][:_OUTPUT_LIMIT].decode("utf-8", "replace")
        )

    def logs(self) -> str:
        """Its last 2000 lines."""
        with engine_errors("reading the container's log"):
            text: bytes = self._api.logs(self._id, tail=_LOG_LINES)
        return text.decode("utf-8", "replace")

    def exited(self) -> ExitState | None:
        """Whether and how the init ended."""
        if self._exit is None and self._started and (self._pidfd == -1 or readable(self._pidfd, 0)):
            self._exit = self._ended()
            if self._exit is not None and self._pidfd != -1:
                os.close(self._pidfd)
                self._pidfd, self._pid = -1, None
        return self._exit

    def _ended(self) -> ExitState | None:
        """Ask the engine; where the process is known to be gone, give the engine a moment to notice."""
        gone = self._pidfd != -1
        deadline = time.monotonic() + _SETTLE_SECONDS
        while True:
            with engine_errors("asking how the container ended"):
                state = self._api.inspect_container(self._id)["State"]
            if not state["Running"]:
                return exit_state(int(state["ExitCode"]))
            if not gone:
                return None
            if time.monotonic() > deadline:
                raise InfrastructureError("the engine does not notice that the container's process has ended")
            time.sleep(0.01)

    def signal(self, name: str) -> None:
        """Send a signal through the engine."""
        import docker.errors

        with engine_errors(f"sending SIG{name}"), suppress(docker.errors.NotFound):
            try:
                self._api.kill(self._id, f"SIG{name}")
            except docker.errors.APIError as error:
                if "is not running" not in (error.explanation or ""):
                    raise

    def wait(self, timeout: float) -> ExitState | None:
        """Wait for the end: on the process itself where it is on this host, else by asking."""
        if self._pidfd != -1:
            readable(self._pidfd, timeout)
            return self.exited()
        deadline = time.monotonic() + timeout
        while (state := self.exited()) is None and (left := deadline - time.monotonic()) > 0:
            time.sleep(min(0.05, left))
        return state

    def restart(self, timeout: float) -> None:
        """Start the same container again."""
        self.start(timeout)

    def kill(self) -> None:
        """End it at once."""
        if self._id and self._started and self.exited() is None:
            self.signal("KILL")
            self.wait(_SETTLE_SECONDS)

    def enter_hint(self) -> str:
        """How to look inside, dead or alive."""
        if self.exited() is None:
            return f"docker exec -it {self._name} sh"
        files, again = f"docker export {self._name}", f"docker start -ai {self._name}"
        return f"it has exited; its files: {files}; once more under the same profile: {again}"

    def remove(self) -> None:
        """Remove it with its volumes, freeing a wedged engine first if need be."""
        import docker.errors

        def remove() -> None:
            with suppress(docker.errors.NotFound):
                self._api.remove_container(self._name, force=True, v=True)

        if self._pidfd != -1:
            os.close(self._pidfd)
            self._pidfd = -1
        with engine_errors(f"removing {self._name}"):
            if bounded(remove, _REMOVE_SECONDS, "remove"):
                return
            self._free()
            if not bounded(remove, _REMOVE_SECONDS, "remove"):
                raise InfrastructureError(f"the engine does not remove {self._name}: its runtime is wedged")

    def _free(self) -> None:
        """Free an engine that is wedged by this container, where its processes are seen."""
        if self._local and self._id:
            docker_wedged.free(self._id)


def _archive(files: Mapping[str, str | int]) -> bytes:
    """A tar of the scenario's files, as the engine's copy call takes it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, content in files.items():
            data = file_bytes(content)
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size, entry.mode = len(data), 0o644
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()
