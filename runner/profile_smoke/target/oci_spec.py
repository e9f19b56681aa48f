"""The OCI runtime configuration of one launch: what a Docker container gets, without the daemon.

Capabilities, mounts, masked and read-only paths are those of a default Docker container (moby `oci/defaults.go`,
`oci/caps/defaults.go`), so that a cell means the same on both targets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from profile_smoke.model import LAUNCH_LABEL, RUN_LABEL
from profile_smoke.target import capabilities

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

PROCESSES_LIMIT = 2048
"""Tasks in one container: far above what the reference workloads start, and the end of a fork bomb."""

_MASKED = (
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
)
_READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
_DEVICE_RULES = (
    {"allow": False, "access": "rwm"},
    *({"allow": True, "type": "c", "major": 1, "minor": minor, "access": "rwm"} for minor in (3, 5, 7, 8, 9)),
    {"allow": True, "type": "c", "major": 5, "minor": 0, "access": "rwm"},
    {"allow": True, "type": "c", "major": 5, "minor": 2, "access": "rwm"},
    {"allow": True, "type": "c", "major": 136, "access": "rwm"},
    {"allow": True, "type": "c", "access": "m"},
    {"allow": True, "type": "b", "access": "m"},
)


@dataclass(frozen=True)
class Bind:
    """A host path bound into the container."""

    source: Path
    destination: str
    read_only: bool = False


@dataclass(frozen=True)
class Identity:
    """Who the workload's first process is."""

    uid: int
    gid: int
    groups: tuple[int, ...]


def configuration(
    *,
    rootfs: Path,
    args: Sequence[str],
    env: Mapping[str, str],
    cwd: str,
    identity: Identity,
    binds: Sequence[Bind],
    seccomp: Mapping[str, Any],
    no_new_privileges: bool,
    run_id: str,
    launch_id: str,
) -> dict[str, Any]:
    """The whole config.json."""
    return {
        "ociVersion": "1.0.2",
        "hostname": launch_id,
        "annotations": {RUN_LABEL: run_id, LAUNCH_LABEL: launch_id},
        "root": {"path": str(rootfs)},
        "process": process(
            args=args, env=env, cwd=cwd, identity=identity, no_new_privileges=no_new_privileges
        ),
        "mounts": [*_mounts(), *(_bind_mount(bind) for bind in binds)],
        "linux": {
            "cgroupsPath": f"/profile-smoke/{run_id}/{launch_id}",
            "namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount")],
            "resources": {"devices": list(_DEVICE_RULES), "pids": {"limit": PROCESSES_LIMIT}},
            "maskedPaths": list(_MASKED),
            "readonlyPaths": list(_READ_ONLY),
            "seccomp": dict(seccomp),
        },
    }


def process(
    *, args: Sequence[str], env: Mapping[str, str], cwd: str, identity: Identity, no_new_privileges: bool
) -> dict[str, Any]:
    """The `process` object, also for an exec'd one. As in Docker, only root keeps effective capabilities."""
    kept = list(capabilities.DEFAULT) if identity.uid == 0 else []
    return {
        "user": {"uid": identity.uid, "gid": identity.gid, "additionalGids": list(identity.groups)},
        "args": list(args),
        "env": [f"{name}={value}" for name, value in env.items()],
        "cwd": cwd,
        "capabilities": {"bounding": list(capabilities.DEFAULT), "effective": kept, "permitted": kept},
        "noNewPrivileges": no_new_privileges,
    }


def _mounts() -> list[dict[str, Any]]:
    quiet = ["nosuid", "noexec", "nodev"]
    return [
        {"destination": "/proc", "type": "proc", "source": "proc", "options": quiet},
        {
            "destination": "/dev",
            "type": "tmpfs",
            "source": "tmpfs",
            "options": ["nosuid", "strictatime", "mode=755", "size=65536k"],
        },
        {
            "destination": "/dev/pts",
            "type": "devpts",
            "source": "devpts",
            "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
        },
        {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": [*quiet, "ro"]},
        {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": [*quiet, "ro"]},
        {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": quiet},
        {
            "destination": "/dev/shm",  # noqa: S108  the container's own
            "type": "tmpfs",
            "source": "shm",
            "options": [*quiet, "mode=1777", "size=65536k"],
        },
    ]


def _bind_mount(bind: Bind) -> dict[str, Any]:
    options = ["rbind", "rprivate", *(["ro"] if bind.read_only else [])]
    return {"destination": bind.destination, "type": "bind", "source": str(bind.source), "options": options}
