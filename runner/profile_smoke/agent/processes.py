"""A container's process on this node, found through /proc by the ids that the API server gives.

A pid is given away again when its process ends, so that everything that is done to one goes through a descriptor of it
(pidfd) that was opened before the process was looked at. The pid namespace is the node's.
"""

from __future__ import annotations

import os
import re
import signal
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from profile_smoke.agent.wire import WireError
from profile_smoke.observe.process import comm, status_field
from profile_smoke.observe.readback import ProcessGoneError

if TYPE_CHECKING:
    from collections.abc import Iterator

PROC = Path("/proc")
_CONTAINER = re.compile(r"[0-9a-f]{64}")
_POD = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}")
_START_TIME = 19
"""Its place among the fields behind the name in /proc/PID/stat (proc_pid_stat(5), field 22)."""


@dataclass(frozen=True)
class Address:
    """A container as a client names it: its id and its pod's uid, as the API server shows them, and the run that made it."""

    container: str
    pod_uid: str
    run: str


def address(container: str, pod_uid: str, run: str) -> Address:
    """Checked. A static pod's uid has no hyphens. Raises WireError."""
    if not _CONTAINER.fullmatch(container):
        raise WireError(f"{container!r:.80} is no id of a container: expected 64 hexadecimal digits")
    if not _POD.fullmatch(pod_uid):
        raise WireError(f"{pod_uid!r:.80} is no uid of a pod")
    return Address(container, pod_uid, run)


@contextmanager
def held(wanted: Address) -> Iterator[tuple[int, int]]:
    """The pid of a container's first process, and a pidfd of the same.

    Raises:
        ProcessGoneError: there is none.
        WireError: the container is of another pod or not of this run: the agent looks at no other.
    """
    pid = _first(wanted)
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError as error:
        raise ProcessGoneError("the process has ended") from error
    try:
        # Again, now that the pid cannot become another process's unnoticed.
        if not _is_in(pid, wanted):
            raise ProcessGoneError("the process has ended")
        _refuse_others(pid, wanted)
        yield pid, descriptor
    finally:
        os.close(descriptor)


def status(wanted: Address, fields: list[str]) -> dict[str, str | None]:
    """These fields of its /proc/PID/status, None for what cannot be read. Raises as `held`."""
    with held(wanted) as (pid, _):
        return {name: status_field(pid, name) for name in fields}


def send(wanted: Address, name: str) -> None:
    """Send a signal (`HUP`). Raises as `held`, and WireError for what is no signal."""
    try:
        number = signal.Signals[f"SIG{name}"]
    except KeyError:
        raise WireError(f"{name!r:.40} is no signal") from None
    with held(wanted) as (_, descriptor), suppress(ProcessLookupError):
        signal.pidfd_send_signal(descriptor, number)


def kill_pod(pod_uid: str, run: str) -> None:
    """End every process of a pod of this run at once, and also a container's init that its runtime has not let go yet.

    Such an init has no host name of its own to know the run by; of other runs' pods it is all that could be hit.

    Raises:
        WireError: there is no such uid.
    """
    if not _POD.fullmatch(pod_uid):
        raise WireError(f"{pod_uid!r:.80} is no uid of a pod")
    for pid in _pids():
        with suppress(ProcessLookupError):
            descriptor = os.pidfd_open(pid)
            try:
                if _is_of_pod(pid, pod_uid) and (_is_runtimes(pid) or run in _hostname(pid)):
                    signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            finally:
                os.close(descriptor)


def _is_runtimes(pid: int) -> bool:
    """Whether a container's process is still runc's init (it calls itself `runc:[2:INIT]`) or crun's."""
    return comm(pid).startswith(("runc:[", "crun"))


def _first(wanted: Address) -> int:
    """The oldest process of the container whose parent is none of its own: what others were put beside it came later."""
    inside = {pid: found for pid in _pids() if (found := _facts(pid, wanted)) is not None}
    roots = [(started, pid) for pid, (parent, started) in inside.items() if parent not in inside]
    if not roots:
        raise ProcessGoneError("the container has no process on this node")
    return min(roots)[1]


def _pids() -> Iterator[int]:
    return (int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit())


def _facts(pid: int, wanted: Address) -> tuple[int, int] | None:
    """Parent and start of a process (in clock ticks since boot) of the container; None for others."""
    if not _is_in(pid, wanted):
        return None
    try:
        stat = (PROC / str(pid) / "stat").read_text("utf-8", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()
    return int(fields[1]), int(fields[_START_TIME])


def _is_in(pid: int, wanted: Address) -> bool:
    return any(_holds(part, wanted.container) for path in _cgroups(pid) for part in path.split("/"))


def _cgroups(pid: int) -> list[str]:
    """The paths of a process's cgroups; none where it is gone."""
    try:
        lines = (PROC / str(pid) / "cgroup").read_text("utf-8", "replace").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [line.split(":", 2)[-1] for line in lines]


def _holds(part: str, container: str) -> bool:
    """Whether a cgroup's name is a container's: the id, or `RUNTIME-ID.scope`, but not that of CRI-O's monitor of it."""
    name = part.removesuffix(".scope")
    return name == container or (name.endswith(f"-{container}") and "conmon" not in name)


def _refuse_others(pid: int, wanted: Address) -> None:
    if not _is_of_pod(pid, wanted.pod_uid):
        raise WireError(f"container {wanted.container[:12]} is not of the pod {wanted.pod_uid}")
    hostname = _hostname(pid)
    if wanted.run not in hostname:
        raise WireError(
            f"container {wanted.container[:12]} (host name {hostname or 'unknown'}) is not of the run {wanted.run}"
        )


def _is_of_pod(pid: int, pod_uid: str) -> bool:
    paths = "\n".join(_cgroups(pid))
    # The systemd driver writes a uid's hyphens as underscores (kubelet, cgroup_manager_linux.go).
    return any(f"pod{uid}" in paths for uid in (pod_uid, pod_uid.replace("-", "_")))


def _hostname(pid: int) -> str:
    """What the container's /etc/hostname says, which the runtime lays there: a pod's name."""
    # A container may have made it a link or a pipe: neither is followed or waited for.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(PROC / str(pid) / "root" / "etc" / "hostname", flags)
    except OSError:
        return ""
    try:
        return os.read(descriptor, 256).decode("ascii", "replace").strip()
    except OSError:
        return ""
    finally:
        os.close(descriptor)
