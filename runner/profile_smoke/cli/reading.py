"""A profile as one of its readers understands it: what the sub-commands of `profile` work on."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from profile_smoke.cli.profile_options import Host, Reader
from profile_smoke.errors import BadFileError, RuntimeRefusedError, UsageError
from profile_smoke.profile import raw_oci
from profile_smoke.profile.catalog import Catalog, NamedProfile
from profile_smoke.profile.evaluate import Evaluator
from profile_smoke.profile.lint import interface as lint
from profile_smoke.profile.resolve import release, resolve
from profile_smoke.resources import bundled
from profile_smoke.syscall import libseccomp, tables
from profile_smoke.target import capabilities, oci_default

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from profile_smoke.profile.document import Document
    from profile_smoke.profile.model import Profile


@dataclass(frozen=True)
class Reading:
    """What a reader makes of a profile.

    `source` is the file, `profile` plain, `native` the architecture of the machine, `arches` the ABIs that it can run,
    `dropped` the fields that the reader drops without a word.
    """

    name: str
    source: str
    reader: Reader
    profile: Profile
    native: str
    arches: tuple[str, ...]
    dropped: tuple[str, ...]
    evaluator: Evaluator

    @property
    def title(self) -> str:
        """`database for kubernetes`."""
        return f"{self.name} for {self.reader}"


def catalog(folders: Sequence[Path]) -> Catalog:
    """The profiles that come along and those in `folders`."""
    return Catalog([bundled("profiles"), *folders])


def document_of(named: NamedProfile) -> Document:
    """The profile's document; for `runtime-default` the one of target oci, the only one that is a file."""
    return oci_default.document() if named.document is None else named.document


def read(named: NamedProfile, reader: Reader, host: Host) -> Reading:
    """The profile as this reader understands it on this host.

    Raises:
        BadFileError: the runtime would refuse it.
        UsageError: an architecture without a table of syscalls.
    """
    document = document_of(named)
    native = native_of(host)
    profile = resolved(document, reader, host)
    try:
        evaluator = Evaluator(profile, native)
    except RuntimeRefusedError as error:
        raise BadFileError(document.source, "", str(error)) from None
    dropped = raw_oci.dropped_fields(document) if reader is Reader.KUBERNETES else ()
    return Reading(
        named.name, document.source, reader, profile, native, tables.runnable(native), dropped, evaluator
    )


def resolved(document: Document, reader: Reader, host: Host) -> Profile:
    """The plain profile that this reader makes of a document."""
    match reader:
        case Reader.KUBERNETES:
            return raw_oci.plain_reading(document)
        case Reader.DOCKER | Reader.OCI:
            caps = capabilities.DEFAULT if host.caps is None else host.caps
            return resolve(
                document.profile,
                caps=caps,
                arch=native_of(host),
                kernel=host.kernel or release(platform.release()),
            )
    assert_never(reader)


def for_lint(reader: Reader, host: Host) -> lint.Reading:
    """How the linter reads profiles for this reader on this host. Raises UsageError as `native_of`."""
    return lint.Reading(
        capabilities.DEFAULT if host.caps is None else host.caps,
        native_of(host),
        host.kernel or release(platform.release()),
        plain=reader is Reader.KUBERNETES,
        known=libseccomp.resolves if libseccomp.library() else None,
    )


def native_of(host: Host) -> str:
    """The architecture that is meant. Raises UsageError where this machine's has no table and none is named."""
    native = host.arch or tables.native()
    if native not in tables.ARCHES:
        raise UsageError(f"there is no table of syscalls for {native}; name an architecture with --arch")
    return native
