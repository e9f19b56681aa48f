"""The target `oci`: runc on this host, no daemon.

A launch is one bundle in the run's folder: an overlay over the unpacked image, its own network namespace (loopback
only; probes enter it), its own cgroup. This process adopts the detached container's init, so it learns exactly how it
ended.
"""

from __future__ import annotations

import os
import platform
import shutil
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from profile_smoke.errors import TargetUnavailableError
from profile_smoke.model import TargetInfo
from profile_smoke.observe import readback
from profile_smoke.observe.supervisor import Supervisor
from profile_smoke.profile import render
from profile_smoke.profile.resolve import reachable, release, resolve
from profile_smoke.syscall import libseccomp, tables
from profile_smoke.target import capabilities, oci_default
from profile_smoke.target.interface import Capabilities, Container, ContainerSpec, Target
from profile_smoke.target.linux import adopt_orphans, mounts_below, unmount
from profile_smoke.target.oci_container import OciContainer
from profile_smoke.target.runc import Runc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from profile_smoke import rundir
    from profile_smoke.image.interface import PreparedImage
    from profile_smoke.image.store import Policy, Store
    from profile_smoke.profile.document import Document
    from profile_smoke.profile.model import Profile


class OciTarget(Target):
    """runc on this host. `keep`-ing a container leaves its bundle in the run's folder."""

    name = "oci"

    def __init__(self, run: rundir.RunDir, store: Store) -> None:
        self._run, self._store = run, store
        self._runc = Runc(run.path / "oci" / "state")

    def check(self) -> None:
        """Raise TargetUnavailableError unless this is root and runc is there."""
        if os.geteuid() != 0:
            raise TargetUnavailableError("target oci: not root; run with sudo, or use --target docker")
        if shutil.which("runc") is None:
            raise TargetUnavailableError("target oci: runc is not installed; install the package runc")
        adopt_orphans()

    def info(self) -> TargetInfo:
        """Versions of the kernel, of runc, and of the libseccomp that runc uses."""
        return TargetInfo(self.name, {"kernel": platform.release(), **self._runc_versions})

    @cached_property
    def _runc_versions(self) -> Mapping[str, str]:
        return self._runc.versions()

    def capabilities(self) -> Capabilities:
        """Notification needs runc 1.1; read-back needs root's CAP_SYS_ADMIN."""
        version = self._runc_versions.get("runc", "0")
        old = release(version) < (1, 1)
        reason = readback.why_not()
        return Capabilities(
            observe=not old,
            observe_why_not=f"runc {version} has no seccomp listener; 1.1.0 brought it" if old else "",
            read_filter=not reason,
            read_filter_why_not=reason,
        )

    def observer(self) -> Supervisor:
        """A supervisor in this process."""
        return Supervisor(self._run.socket(self.name))

    def default_capabilities(self) -> tuple[str, ...]:
        """Docker's default set: the cells of both targets mean the same."""
        return capabilities.DEFAULT

    def knows(self, syscall: str) -> bool:
        """Whether runc's libseccomp knows the name (runc links the machine's library)."""
        return libseccomp.resolves(syscall)

    def hand_over(self, document: Document) -> Mapping[str, Any]:
        """Runc reads plain OCI only: Docker's conditions are resolved as Docker would."""
        return render.to_oci(self.meaning(document))

    def meaning(self, document: Document) -> Profile:
        """The plain profile, resolved for this machine and the default capabilities."""
        arch, kernel, caps = tables.native(), release(platform.release()), self.default_capabilities()
        return reachable(resolve(document.profile, caps=caps, arch=arch, kernel=kernel), arch)

    def prepare(self, image: str, standin: Path | None, *, policy: Policy) -> PreparedImage:
        """Obtain the image and unpack it."""
        return self._store.unpack(self._store.obtain(image, standin, policy=policy))

    @contextmanager
    def container(self, spec: ContainerSpec, *, keep: Callable[[], bool]) -> Iterator[Container]:
        """A bundle of its own; removed on exit unless kept. Runc has no default profile; this project's stands in for it."""
        seccomp = spec.seccomp if spec.seccomp is not None else self.hand_over(oci_default.document())
        container = OciContainer(spec, seccomp, self._runc, self._run.path / "oci")
        try:
            container.lay_out()
            yield container
        finally:
            if keep():
                container.leave()
                self._run.keep()
            else:
                container.remove()

    def finish(self) -> None:
        """Remove what only the last launch leaves behind: volumes and empty folders of this run."""
        if not self._run.keeps:
            sweep_run(self._run.path, self._runc)

    def sweep(self, run: Path) -> list[str]:
        """Remove what the run in this folder left on this host."""
        return sweep_run(run, Runc(run / "oci" / "state"))


def sweep_run(run: Path, runc: Runc) -> list[str]:
    """Containers, mounts, cgroups and folders of one run; one line for each thing that was removed."""
    base = run / "oci"
    if not base.exists():
        return []
    removed = []
    for ident in runc.list():
        runc.delete(ident)
        removed.append(f"oci container {ident}")
    for point in mounts_below(base):
        unmount(point)
        removed.append(f"mount {point}")
    runc.remove_cgroups(run.name)
    shutil.rmtree(base)
    return removed
