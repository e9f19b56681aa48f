"""A home for each worker of pytest-xdist: what one of them kills, leaves behind and cleans is nobody else's.

Images are not made once more: in a worker's home, what holds them is a link to the machine's home.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from profile_smoke import rundir

VARIABLE = "PROFILE_SMOKE_HOME"
_MACHINE = "SMOKE_TESTS_HOME"  # the product refuses names of its own that it does not know
_SHARED = ("images", "rootfs", "archives", "bases", "work", "locks")
"""What `image.store` keeps in a home. Its locks hold between processes, so it is safe to share."""


def machine() -> Path:
    """The home that all workers' homes lie in."""
    return Path(os.environ.get(_MACHINE) or rundir.home())


def settle(worker: str) -> None:
    """Give this process and what it starts the worker's home, without what tests that were killed have left there."""
    whole = machine()
    own = whole / "tests" / worker
    for folder in (whole, own.parent, own):  # as the store makes its root: setuid programs lie in it
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in _SHARED:
        (whole / name).mkdir(exist_ok=True)
        if not (own / name).is_symlink():
            (own / name).symlink_to(whole / name)
    os.environ |= {_MACHINE: str(whole), VARIABLE: str(own)}
    if rundir.dead_runs():
        _clean()
    # The cluster of tests that were killed may never be reached again: what they left there is not for us to remove.
    if unreachable := [run for run in rundir.dead_runs() if (run / "kubernetes").exists()]:
        for run in unreachable:
            shutil.rmtree(run / "kubernetes")
        _clean()


def _clean() -> None:
    subprocess.run([sys.executable, "-m", "profile_smoke", "clean"], check=False)


def others_runs() -> frozenset[str]:
    """The ids of the runs, living or dead, that belong to other homes than this process's."""
    own, whole = rundir.home(), machine()
    homes = (whole, *whole.glob("tests/*"))
    return frozenset(run.name for home in homes if home != own for run in home.glob("runs/*"))
