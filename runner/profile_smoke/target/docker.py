"""The target `docker`: any Docker Engine API, through the docker SDK (Podman's socket too)."""

from __future__ import annotations

import os
import platform
import threading
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from profile_smoke.errors import InfrastructureError, TargetUnavailableError
from profile_smoke.model import RUN_LABEL, TargetInfo
from profile_smoke.observe import readback
from profile_smoke.observe.supervisor import Supervisor
from profile_smoke.profile.resolve import reachable, release, resolve
from profile_smoke.syscall import libseccomp, tables
from profile_smoke.target import capabilities
from profile_smoke.target.docker_container import DockerContainer
from profile_smoke.target.docker_errors import engine_errors, last_words
from profile_smoke.target.docker_images import EngineImages
from profile_smoke.target.interface import Capabilities, Container, ContainerSpec, Target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import docker

    from profile_smoke import rundir
    from profile_smoke.image.interface import PreparedImage
    from profile_smoke.image.store import Policy, Store
    from profile_smoke.profile.document import Document
    from profile_smoke.profile.model import Profile

_TIMEOUT = 60
_CONNECTIONS = 64
_ENGINE = "engine"
LISTENERS_SINCE = 23
"""Docker passes `listenerPath` and `listenerMetadata` on since 23.0 (moby profiles/seccomp/seccomp.go)."""


class DockerTarget(Target):
    """A Docker engine, found as the docker command finds it (`DOCKER_HOST`, else the default socket)."""

    name = "docker"

    def __init__(self, run: rundir.RunDir, store: Store) -> None:
        self._run, self._store = run, store
        self._lock = threading.Lock()
        self._client: docker.DockerClient | None = None

    @property
    def client(self) -> docker.DockerClient:
        """The connection, made at first use. Raises TargetUnavailableError."""
        with self._lock:
            if self._client is None:
                self._client = connect()
            return self._client

    def check(self) -> None:
        """Raise TargetUnavailableError unless an engine with seccomp answers."""
        if not any("name=seccomp" in option for option in self._facts.get("SecurityOptions") or ()):
            raise TargetUnavailableError(
                "target docker: this engine runs containers without seccomp; every cell would be meaningless"
            )

    @cached_property
    def _facts(self) -> Mapping[str, Any]:
        client = self.client
        with engine_errors("asking the engine what it is"):
            return {**client.info(), "Version": client.version()}

    def info(self) -> TargetInfo:
        """Versions of engine, runtime, libseccomp (where the engine tells) and kernel."""
        version = self._facts["Version"]
        parts = {part["Name"].lower(): part["Version"] for part in version.get("Components") or ()}
        found = {
            "engine": str(version.get("Version", "")),
            "kernel": str(self._facts.get("KernelVersion", "")),
        }
        runtime = str(self._facts.get("DefaultRuntime", ""))
        if runtime in parts:
            found[runtime] = str(parts[runtime])
        if library := self._runtime_annotations.get("io.github.seccomp.libseccomp.version"):
            found["libseccomp"] = library
        return TargetInfo(self.name, found)

    @property
    def _runtime_annotations(self) -> Mapping[str, str]:
        """What the runtime says of itself (`runc features`), as the engine passes it on since 25.0."""
        import json

        runtime = (self._facts.get("Runtimes") or {}).get(self._facts.get("DefaultRuntime"), {})
        text = (runtime.get("status") or {}).get("org.opencontainers.runtime-spec.features", "{}")
        annotations = json.loads(text).get("annotations") or {}
        return {str(key): str(value) for key, value in annotations.items()}

    def capabilities(self) -> Capabilities:
        """Observation needs an engine from 23.0 on this very host; read-back needs root as well."""
        elsewhere = (
            "" if self._local else "the engine is not on this host, so no listener of ours can be reached"
        )
        reason = elsewhere or readback.why_not()
        observe = elsewhere or self._too_old
        return Capabilities(not observe, observe, not reason, reason)

    @property
    def _too_old(self) -> str:
        if _major(self._facts["Version"]) < LISTENERS_SINCE and not self._podman:
            version = self._facts["Version"].get("Version")
            return f"engine {version} drops the seccomp listener from profiles; 23.0 and newer pass it on"
        return ""

    @property
    def _podman(self) -> bool:
        return any(
            "podman" in str(part.get("Name", "")).lower()
            for part in self._facts["Version"].get("Components") or ()
        )

    @property
    def _local(self) -> bool:
        """A Unix socket, and the same kernel: not a virtual machine's (Docker Desktop forwards one too)."""
        address = os.environ.get("DOCKER_HOST", "unix://")
        return address.startswith("unix://") and self._facts.get("KernelVersion") == platform.release()

    def observer(self) -> Supervisor:
        """A supervisor in this process."""
        return Supervisor(self._run.socket(self.name))

    def default_capabilities(self) -> tuple[str, ...]:
        """What a container gets without further flags."""
        return capabilities.DEFAULT

    def knows(self, syscall: str) -> bool:
        """Told by this machine's libseccomp where the engine's runtime uses the same version; else assumed."""
        if self._local and self.info().versions.get("libseccomp") == libseccomp.version():
            return libseccomp.resolves(syscall)
        return True

    def hand_over(self, document: Document) -> Mapping[str, Any]:
        """The engine reads Docker's format, so it gets the file's content as it is."""
        return document.raw

    def meaning(self, document: Document) -> Profile:
        """The plain profile that the engine makes of it, as far as this machine ever comes to it."""
        kernel = release(str(self._facts.get("KernelVersion", "")))
        arch, caps = tables.native(), self.default_capabilities()
        return reachable(resolve(document.profile, caps=caps, arch=arch, kernel=kernel), arch)

    def prepare(self, image: str, standin: Path | None, *, policy: Policy) -> PreparedImage:
        """What the engine has, else pulled by it, else loaded from the store."""
        return self._images.prepare(image, standin, policy=policy)

    @cached_property
    def _images(self) -> EngineImages:
        return EngineImages(self.client, self._store)

    @contextmanager
    def container(self, spec: ContainerSpec, *, keep: Callable[[], bool]) -> Iterator[Container]:
        """A labelled container, removed with its volumes on exit unless kept."""
        self._note_engine()
        container = DockerContainer(spec, self.client, local=self._local)
        try:
            container.create()
            yield container
        finally:
            if keep():
                self._run.keep()
            else:
                container.remove()

    def _note_engine(self) -> None:
        """As long as this folder is there, `clean` asks this engine for what a killed run left."""
        with self._lock:
            if not (folder := self._run.path / self.name).exists():
                folder.mkdir()
                (folder / _ENGINE).write_text(_address(), "utf-8")

    def finish(self) -> None:
        """Remove what may be left of this run, unless something is kept, and close the connection."""
        if (self._run.path / self.name).exists() and not self._run.keeps:
            self.sweep(self._run.path)
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None

    def prune(self) -> list[str]:
        """Remove from the engine what the store has no more; what a container uses stays."""
        return self._images.prune()

    def sweep(self, run: Path) -> list[str]:
        """Remove containers and volumes labelled with this run. Raises InfrastructureError where another engine has them."""
        folder, removed = run / self.name, []
        engine = folder / _ENGINE
        noted = engine.read_text("utf-8") if engine.exists() else ""
        if noted not in ("", _address()):
            raise InfrastructureError(
                f"run {run.name} was in the engine at {noted}: set DOCKER_HOST to it; "
                f"if it is gone for good, remove {folder}"
            )
        label: dict[str, str | list[str] | bool] = {"label": f"{RUN_LABEL}={run.name}"}
        with engine_errors("sweeping"):
            for container in self.client.containers.list(all=True, filters=label):
                container.remove(force=True, v=True)
                removed.append(f"docker container {container.name}")
            for volume in self.client.volumes.list(filters=label):
                volume.remove(force=True)
                removed.append(f"docker volume {volume.name}")
        if folder.exists():
            engine.unlink(missing_ok=True)
            folder.rmdir()
        return removed


def _address() -> str:
    """Where the environment says that the engine is."""
    return os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"


def connect() -> docker.DockerClient:
    """A client for the engine that the environment names. Raises TargetUnavailableError."""
    import docker
    import docker.errors
    import requests.exceptions

    try:
        client = docker.from_env(timeout=_TIMEOUT, max_pool_size=_CONNECTIONS)
        client.ping()
    except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
        raise TargetUnavailableError(
            f"target docker: no engine answers ({last_words(error)}); start one, or use --target oci"
        ) from error
    return client


def engine_major(client: docker.DockerClient) -> int:
    """The first number of the engine's version; 0 where it is none."""
    with engine_errors("asking the engine's version"):
        return _major(client.version())


def _major(version: Mapping[str, Any]) -> int:
    head = str(version.get("Version", "")).split(".")[0]
    return int(head) if head.isdigit() else 0
