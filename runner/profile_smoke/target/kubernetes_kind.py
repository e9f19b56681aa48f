"""Kind nodes of this host: containers whose files and processes this host's root sees, under this host's kernel."""

from __future__ import annotations

import os
import re
import shutil
import signal as signals
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from profile_smoke.agent import processes
from profile_smoke.agent.wire import WireError
from profile_smoke.errors import InfrastructureError, InstrumentError
from profile_smoke.image.tools import ToolFailed
from profile_smoke.observe import process, readback
from profile_smoke.observe.supervisor import Supervisor
from profile_smoke.rundir import filesystem_errors
from profile_smoke.target.kubernetes_nodes import FOLDER, NodeAccess

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from profile_smoke.agent.processes import Address
    from profile_smoke.profile.bpf import Program
    from profile_smoke.target.kind_node import KindNode

KUBELET_SECCOMP = "var/lib/kubelet/seccomp"
_SOCKETS = "run/profile-smoke"
"""In the node: on its tmpfs, so that a node that is started again has none of them."""
_RUNTIMES = ("usr/local/sbin/runc", "usr/sbin/runc")
_VERSION = re.compile(r"^(runc version|libseccomp:?) (\S+)", re.MULTILINE)


class KindAccess(NodeAccess):
    """Through the root folder of each node's first process: to write a file takes no process in the node."""

    def __init__(self, run_id: str, nodes: Mapping[str, KindNode]) -> None:
        """`nodes` by the names that the API knows them by. Raises InfrastructureError when one does not run."""
        self._run_id, self._nodes = run_id, nodes
        self._roots = open_roots(nodes)
        self.observe_why_not = "" if os.geteuid() == 0 else "receiving listeners from kind nodes needs root"
        self.read_filter_why_not = readback.why_not()

    def install(self, name: str, content: str) -> str:
        """Write it under another name first: a runtime never reads half of it."""
        for node in self._nodes:
            folder = self._folder(node)
            with _node_errors(node), filesystem_errors(folder):
                folder.mkdir(parents=True, exist_ok=True)
                whole = folder / name
                part = whole.with_suffix(".part")
                part.write_text(content, "utf-8")
                part.replace(whole)
        return f"{FOLDER}/{self._run_id}/{name}"

    def remove(self, name: str) -> None:
        """Take it away where it is."""
        for node in self._nodes:
            with _node_errors(node):
                (self._folder(node) / name).unlink(missing_ok=True)

    def observer(self) -> Supervisor:
        """One supervisor in this process, with a socket in each node, which all see it by the same path."""
        paths = []
        for node in self._nodes:
            folder = self._root(node) / _SOCKETS
            with _node_errors(node), filesystem_errors(folder):
                folder.mkdir(parents=True, exist_ok=True)
            paths.append(folder / f"{self._run_id}.sock")
        return Supervisor(*paths, seen_as=f"/{_SOCKETS}/{self._run_id}.sock")

    def landed(self, launch_id: str, node: str) -> None:
        """Its profile is there, if it is one of our nodes."""
        if node not in self._nodes:
            raise InfrastructureError(
                f"the pod of {launch_id} landed on node {node}, which joined after the run began: no profile is there"
            )

    def pid(self, node: str, container: Address) -> int | None:
        """Kind nodes share this host's kernel and its pids."""
        del node
        with suppress(InstrumentError), processes.held(container) as (pid, _):
            return pid
        return None

    def status_field(self, node: str, container: Address, name: str) -> str | None:
        """From /proc."""
        pid = self.pid(node, container)
        return process.status_field(pid, name) if pid is not None else None

    def loaded_filters(self, node: str, container: Address) -> tuple[Program, ...]:
        """From the kernel."""
        del node
        with processes.held(container) as (pid, _):
            return readback.read_filters(pid)

    def signal(self, node: str, container: Address, name: str) -> None:
        """Send it from outside."""
        del node
        with suppress(readback.ProcessGoneError, ProcessLookupError):
            try:
                with processes.held(container) as (_, descriptor):
                    signals.pidfd_send_signal(descriptor, signals.Signals[f"SIG{name}"])
            except WireError as error:
                raise InstrumentError(f"SIG{name} cannot be sent: {error}") from error

    def kill(self, node: str, pod_uid: str) -> None:
        """Found by their cgroups, which carry the pod's uid: the runtime may not know them yet.

        And the runtime that is creating one of its containers: when its init filled the pipe that both write to, which is
        read only after it is created, neither goes on (seen with runc 1.1 under a profile that refuses `exit_group`).
        """
        del node
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with suppress(OSError):
                    if _is_of(entry, pod_uid) or _creates_for(entry, pod_uid):
                        os.kill(int(entry.name), signals.SIGKILL)

    def lacks(self, syscall: str) -> bool:
        """A name that is nowhere in the library is none that it knows."""
        return bool(self._library) and syscall.encode() + b"\0" not in self._library

    @cached_property
    def _library(self) -> bytes:
        """The libseccomp of the first node's runc: a library of its own, or linked into it."""
        root = next(map(self._root, self._nodes))
        places = (*root.glob("usr/lib/*/libseccomp.so.2"), *(root / place for place in _RUNTIMES))
        return next((place.read_bytes() for place in places if place.is_file()), b"")

    def versions(self) -> dict[str, str]:
        """As the first node's runc says."""
        return dict(self._versions)

    @cached_property
    def _versions(self) -> Mapping[str, str]:
        node = next(iter(self._nodes.values()))
        try:
            said = node.run("runc", "--version").decode("utf-8", "replace")
        except InfrastructureError:
            return {}
        return {key.split()[0].rstrip(":"): version for key, version in _VERSION.findall(said)}

    def close(self) -> None:
        """Remove this run's folders and sockets."""
        roots, self._roots = self._roots, {}
        clear_all(roots, self._run_id)

    def _root(self, node: str) -> Path:
        return _path(self._roots[node])

    def _folder(self, node: str) -> Path:
        return self._root(node) / KUBELET_SECCOMP / FOLDER / self._run_id


def _is_of(entry: Path, pod_uid: str) -> bool:
    """Whether a process is in a cgroup of the pod. The systemd driver writes a uid's hyphens as underscores."""
    return f"pod{pod_uid}" in (entry / "cgroup").read_text("utf-8", "replace").replace("_", "-")


def _creates_for(entry: Path, pod_uid: str) -> bool:
    """Whether it is a runtime at a container of the pod, as the bundle's configuration says (containerd's annotations)."""
    words = (entry / "cmdline").read_bytes().split(b"\0")
    if b"--bundle" not in words:
        return False
    bundle = os.fsdecode(words[words.index(b"--bundle") + 1]).lstrip("/")
    return pod_uid in (entry / "root" / bundle / "config.json").read_text("utf-8", "replace")


def clear(root: Path, run_id: str) -> list[str]:
    """Remove what a run left below a node's root; the paths in the node of what was there."""
    removed = []
    folder = root / KUBELET_SECCOMP / FOLDER / run_id
    if folder.is_dir():
        shutil.rmtree(folder)
        removed.append(f"/{KUBELET_SECCOMP}/{FOLDER}/{run_id}")
    socket = root / _SOCKETS / f"{run_id}.sock"
    if socket.exists():
        socket.unlink()
        removed.append(f"/{_SOCKETS}/{run_id}.sock")
    with suppress(OSError):  # other runs' folders may be there
        folder.parent.rmdir()
    return removed


def clear_all(roots: Mapping[str, int], run_id: str) -> list[str]:
    """As `clear`, for nodes by name, whose descriptors are closed; one line for each thing."""
    removed = []
    for node, root in roots.items():
        with _node_errors(node):
            removed += [f"{path} on node {node}" for path in clear(_path(root), run_id)]
        os.close(root)
    return removed


def open_roots(nodes: Mapping[str, KindNode]) -> dict[str, int]:
    """A descriptor of each node's root folder: it stays that node's, whoever gets its process's pid later.

    Raises:
        InfrastructureError: a node's container does not run, or this is not root.
    """
    found: dict[str, int] = {}
    try:
        for name, node in nodes.items():
            with _node_errors(name):
                said = node.tools.run(
                    [node.engine, "inspect", "--format", "{{.State.Pid}}", node.name]
                ).stdout
                place = f"/proc/{int(said)}/root"
                found[name] = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except BaseException:
        for root in found.values():
            os.close(root)
        raise
    return found


def _path(root: int) -> Path:
    return Path(f"/proc/self/fd/{root}")


@contextmanager
def _node_errors(node: str) -> Iterator[None]:
    """Name the node in what goes wrong with its files."""
    try:
        yield
    except (OSError, ValueError, ToolFailed) as error:
        raise InfrastructureError(f"node {node}: {error}") from error
