"""Freeing an engine whose runtime does not come to an end: the filter refuses a container's init what that takes."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

_RUNTIMES = ("runc", "crun")


def free(container: str) -> None:
    """Kill every task of the container's cgroups, found by its id: the engine may not know them yet.

    And the runtime's own process for it: with its init gone it may still write a long complaint into the container's
    output, which nobody reads before it has ended.
    """
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                if container in (entry / "cgroup").read_text("ascii") or _is_runtime(entry, container):
                    os.kill(int(entry.name), signal.SIGKILL)


def _is_runtime(process: Path, container: str) -> bool:
    program, *words = (process / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
    return Path(program).name in _RUNTIMES and container in words
