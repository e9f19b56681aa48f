"""Who read a profile in a stored result, and the file that was read: the targets themselves are not here any more."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from profile_smoke.cli.options import TargetName
from profile_smoke.errors import BadFileError, UsageError
from profile_smoke.profile.catalog import Catalog
from profile_smoke.profile.document import Document, load
from profile_smoke.profile.raw_oci import plain_reading
from profile_smoke.profile.resolve import reachable, release, resolve
from profile_smoke.resources import bundled
from profile_smoke.syscall import libseccomp, tables
from profile_smoke.target import capabilities

if TYPE_CHECKING:
    from profile_smoke.model import ProfileRef, TargetInfo
    from profile_smoke.profile.model import Profile


class StoredTarget:
    """What a target makes of a profile, from the versions that it told. See `run.difference_causes.Reader`."""

    def __init__(self, info: TargetInfo) -> None:
        self._info = info

    def meaning(self, document: Document) -> Profile:
        """In Kubernetes a plain reader's; elsewhere what Docker resolves, for the kernel that it ran on."""
        arch = tables.native()
        if self._info.name == TargetName.KUBERNETES:
            return reachable(plain_reading(document), arch)
        caps, kernel = self.default_capabilities(), release(self._info.versions.get("kernel", ""))
        return reachable(resolve(document.profile, caps=caps, arch=arch, kernel=kernel), arch)

    def default_capabilities(self) -> tuple[str, ...]:
        """All targets give the same."""
        return capabilities.DEFAULT

    def knows(self, syscall: str) -> bool:
        """Told by this machine's libseccomp where it is of the same version; else assumed."""
        if self._info.versions.get("libseccomp") == libseccomp.version():
            return libseccomp.resolves(syscall)
        return True


def document_of(profile: ProfileRef) -> Document | None:
    """The file that a cell was about, from where it was or among those that come along; None where neither is the same."""
    if profile.path is None:
        return None
    places = [Path(profile.path)]
    with suppress(UsageError):
        places.append(Catalog([bundled("profiles")]).path(profile.name))
    for place in places:
        if not place.is_file():  # a result may name anything; a pipe would be waited for
            continue
        with suppress(BadFileError):
            found = load(place)
            if found.sha256 == profile.sha256:
                return found
    return None
