"""What a session of pytest has for a target: one on which the image's name says what becomes of it.

`blocked` never gets up under a profile, `broken` not even under the default one, `mute` says less under a profile,
and `slow` is never ready. Launches and the end of the run are noted in the file that the environment variable NOTES names.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

# A session within this process forgets what it was the first to import. What is compiled cannot be imported anew.
import yaml  # noqa: F401

import profile_smoke.pytest_plugin.items
import profile_smoke.pytest_plugin.probes  # noqa: F401
from profile_smoke.cli import wiring
from profile_smoke.cli.options import TargetName
from profile_smoke.errors import TargetUnavailableError
from profile_smoke.probe.interface import ExitState
from profile_smoke.target.fake import FakeTarget, Life

if TYPE_CHECKING:
    from collections.abc import Callable

    from profile_smoke.rundir import RunDir
    from profile_smoke.target.interface import ContainerSpec

_UP, _MUTE = Life(log="up\nmore\nmost\n"), Life(log="up\nmore\n")
_DOWN = Life(log="no", exit=ExitState(exit_code=7))


def use(set_attribute: Callable[[Any, str, Any], object]) -> None:
    """Have it, instead of what the machine has; none at all where NO_TARGET is set."""

    def targets(_options: object, _names: object, run: RunDir, _images: object) -> dict[str, FakeTarget]:
        if os.environ.get("NO_TARGET"):
            raise TargetUnavailableError("target oci: not root")
        return {"oci": _Target(run)}

    set_attribute(wiring, "targets", targets)
    set_attribute(wiring, "target_names", lambda _options: (TargetName.OCI,))


def _note(line: str) -> None:
    with Path(os.environ["NOTES"]).open("a") as file:
        file.write(f"{line}\n")


class _Target(FakeTarget):
    name = "oci"

    def __init__(self, run: RunDir) -> None:
        super().__init__(self._life)
        self._run = run

    def _life(self, spec: ContainerSpec) -> Life:
        image = spec.image.info.ref
        _note(f"{'control' if spec.seccomp is None else 'enforce'} {image} in {spec.run_id} by {os.getpid()}")
        if "slow" in image:
            return Life()
        if "mute" in image and spec.seccomp is not None:
            return _MUTE
        return _DOWN if "broken" in image or ("blocked" in image and spec.seccomp is not None) else _UP

    def finish(self) -> None:
        super().finish()
        _note(f"finished {self._run.run_id}")
