"""The filter that a real runc loads for a profile: a container is created, never started, and read back."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

from profile_smoke.observe.readback import read_filters

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from profile_smoke.profile.bpf import Program

_NAMESPACES = ("pid", "mount")


class RuncRefusedError(Exception):
    """runc created no container; the argument is what it said."""


def loaded(folder: Path, ident: str, seccomp: Mapping[str, Any]) -> tuple[Program, ...]:
    """What the kernel has loaded for the init of a container with this `linux.seccomp`, handed to runc as it is.

    With no_new_privs off the filter is loaded before the init waits to be started. Raises RuncRefusedError.
    """
    bundle = folder / ident
    (bundle / "rootfs" / "proc").mkdir(parents=True)
    program = bundle / "rootfs" / "program"
    program.touch()
    program.chmod(0o755)
    config = {
        "ociVersion": "1.0.2",
        "process": {
            "user": {"uid": 0, "gid": 0},
            "args": ["/program"],
            "cwd": "/",
            "noNewPrivileges": False,
        },
        "root": {"path": "rootfs"},
        "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
        "linux": {"namespaces": [{"type": each} for each in _NAMESPACES], "seccomp": seccomp},
    }
    (bundle / "config.json").write_text(json.dumps(config), "utf-8")
    runc = ["runc", "--root", str(folder / "state")]
    log, pid = bundle / "log", bundle / "pid"
    create = [*runc, "--log", str(log), "create", "--bundle", str(bundle), "--pid-file", str(pid), ident]
    with (bundle / "output").open("wb") as output:
        # The container's init keeps these open: a pipe would never end.
        done = subprocess.run(
            create, check=False, stdin=subprocess.DEVNULL, stdout=output, stderr=output, timeout=60
        )
    try:
        if done.returncode:
            raise RuncRefusedError(log.read_text("utf-8"))
        return read_filters(int(pid.read_text("ascii")))
    finally:
        subprocess.run([*runc, "delete", "--force", ident], check=False, capture_output=True, timeout=60)
