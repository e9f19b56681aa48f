"""What a target is: somewhere containers run under a seccomp profile."""

from __future__ import annotations

import os
import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from profile_smoke.observe import process, readback
from profile_smoke.probe.interface import ExitState, Surface

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from profile_smoke.image.interface import PreparedImage
    from profile_smoke.image.store import Policy
    from profile_smoke.model import TargetInfo
    from profile_smoke.observe.interface import Observer
    from profile_smoke.profile.bpf import Program
    from profile_smoke.profile.document import Document
    from profile_smoke.profile.model import Profile
    from profile_smoke.scenario.model import Start


@dataclass(frozen=True)
class Capabilities:
    """What the target can do here. An empty `why_not` goes with True.

    `observe`: there is an observer that its runtime can reach; `read_filter`: loaded filters can be read back.
    """

    observe: bool
    observe_why_not: str
    read_filter: bool
    read_filter_why_not: str


@dataclass(frozen=True)
class Note:
    """What `doctor` says of a target: what was looked at, what was found, what to do about it. `good`: it limits nothing."""

    good: bool
    topic: str
    text: str
    remedy: str = ""


@dataclass(frozen=True)
class ContainerSpec:
    """One container to launch.

    `seccomp` is the profile document to hand over as it is, None for the target's own default. `launch_id` is unique in
    the run.
    """

    run_id: str
    launch_id: str
    image: PreparedImage
    start: Start
    seccomp: Mapping[str, Any] | None
    volumes_key: str
    """Containers with the same key see the same volumes; fresh per launch unless a scenario restarts."""
    restarts: bool = False
    """Whether it will be started again on its volumes."""
    stop_seconds: float = 30.0
    """How long it may take to stop."""
    stop: threading.Event = field(default_factory=threading.Event)
    """Set when the run is interrupted: ends every wait for something to happen."""
    offline: bool = False
    """Nobody connects to it, so it may go without a network: that is much of what an engine's start takes."""


class Container(Surface, ABC):
    """A created container; start it, use it, stop it. Closing (the context manager's exit) removes every trace."""

    @abstractmethod
    def start(self, timeout: float) -> None:
        """Create and start the workload's process.

        Raises:
            StartRefused: the runtime could not start it (may be the filter's doing); carries the runtime's message.
            InfrastructureError: something else is broken.
        """

    @abstractmethod
    def pid(self) -> int | None:
        """The init's pid in our pid namespace, None where it cannot be known (remote engine) or is gone."""

    def status_field(self, name: str) -> str | None:
        """One field of the init's /proc/PID/status (`Seccomp`, `NoNewPrivs`), None where it cannot be read."""
        pid = self.pid()
        return process.status_field(pid, name) if pid is not None else None

    def loaded_filters(self) -> tuple[Program, ...]:
        """The programs that the kernel has loaded for the init, the most recently loaded first.

        Raises:
            ProcessGoneError: it has ended.
            InstrumentError: they cannot be read.
        """
        pid = self.pid()
        if pid is None:
            raise readback.ProcessGoneError("the process ended before its filter was read")
        return readback.read_filters(pid)

    @abstractmethod
    def signal(self, name: str) -> None:
        """Send a signal (`HUP`) to the init. Nothing happens when it is gone."""

    def stop(self, signal: str, timeout: float) -> ExitState | None:
        """Ask it to end in order, by a signal or as the target does that; None when it still lives after so many seconds."""
        self.signal(signal)
        return self.wait(timeout)

    @abstractmethod
    def wait(self, timeout: float) -> ExitState | None:
        """Wait for the init to end; None when it still lives after `timeout` seconds."""

    @abstractmethod
    def restart(self, timeout: float) -> None:
        """Start the stopped container again: same file system, same volumes, same profile. Raises as `start`."""

    @abstractmethod
    def kill(self) -> None:
        """End it at once, whatever state it is in; never raises for a container that is gone."""

    @abstractmethod
    def enter_hint(self) -> str:
        """The command by which a user enters a kept container."""

    def manifest(self) -> tuple[Mapping[str, Any], ...]:
        """The documents that it was made of, where there are any that a user could apply."""
        return ()


class StartRefused(Exception):  # noqa: N818  an outcome, not an error: the pipeline decides what it means
    """The runtime could not start the container."""


class Target(ABC):
    """Where containers run."""

    name: str

    @abstractmethod
    def check(self) -> None:
        """Raise TargetUnavailableError, with what to do about it, unless containers can be launched here."""

    @abstractmethod
    def info(self) -> TargetInfo:
        """Name and versions: kernel, runtime, libseccomp, engine where there is one."""

    @abstractmethod
    def capabilities(self) -> Capabilities:
        """What can be observed here; detected, not assumed."""

    def notes(self) -> Iterable[Note]:
        """What else there is to say of it."""
        return ()

    @abstractmethod
    def observer(self) -> AbstractContextManager[Observer]:
        """What sees the refused calls of its containers, while it is open. Only where `capabilities` has `observe`."""

    def jobs(self) -> int:
        """How many containers at a time suit it."""
        return os.cpu_count() or 1

    @abstractmethod
    def default_capabilities(self) -> tuple[str, ...]:
        """The Linux capabilities (`CAP_*`) a container gets: Docker's format is resolved with them."""

    @abstractmethod
    def knows(self, syscall: str) -> bool:
        """Whether the runtime's libseccomp is known to know this name; True where that cannot be told from here."""

    @abstractmethod
    def hand_over(self, document: Document) -> Mapping[str, Any]:
        """What the runtime gets: the unmodified document where users deploy it so, a resolved one otherwise."""

    @abstractmethod
    def meaning(self, document: Document) -> Profile:
        """The plain profile (no includes, excludes, archMap) that this target makes of it."""

    @abstractmethod
    def prepare(self, image: str, standin: Path | None, *, policy: Policy) -> PreparedImage:
        """Make the image ready to launch. `policy` is `auto`, `always` or `never` take a stand-in. Raises ImageError."""

    @abstractmethod
    def container(
        self, spec: ContainerSpec, *, keep: Callable[[], bool]
    ) -> AbstractContextManager[Container]:
        """A container that is removed on exit, BaseException included, unless `keep()` says otherwise then."""

    @abstractmethod
    def finish(self) -> None:
        """Remove what outlives single launches (volumes, networks), at the end of the run."""

    def prune(self) -> list[str]:
        """Remove images that this target was given and the store has no more; one line for each."""
        return []

    @abstractmethod
    def sweep(self, run: Path) -> list[str]:
        """Remove what the dead run in this folder left behind; one line for each thing removed."""
