"""`profile-smoke profile install`: profiles into a node's seccomp folder, and looking after them there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from profile_smoke.cli import reading
from profile_smoke.cli.exit_code import AS_EXPECTED, UNEXPECTED
from profile_smoke.errors import BadFileError, UsageError
from profile_smoke.node import folder
from profile_smoke.node.folder import Source, State
from profile_smoke.profile import raw_oci
from profile_smoke.profile.catalog import Catalog
from profile_smoke.report.interface import STDOUT
from profile_smoke.report.text import counted, safe
from profile_smoke.report.write import write
from profile_smoke.resources import bundled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from profile_smoke.cli.profile_options import InstallOptions
    from profile_smoke.profile.catalog import NamedProfile


def main(options: InstallOptions) -> int:
    """Install, check or undo: 0; with `--check` 1 where a file is not as it was installed."""
    destination = Path(options.folder)
    if options.rollback:
        if options.profiles:
            raise UsageError("--rollback undoes the last install as a whole; name no profiles")
        states = folder.rollback(destination, force=options.force)
    elif options.check:
        if options.force:
            raise UsageError("--check changes nothing, so there is nothing to --force")
        states = folder.check(destination, _sources(options) if options.profiles else {})
    else:
        states = folder.install(destination, _sources(options), force=options.force)
    write(STDOUT, "".join(f"{safe(line)}\n" for line in _lines(destination, states)))
    return UNEXPECTED if any(state.drift for state in states.values()) else AS_EXPECTED


def _lines(destination: Path, states: Mapping[str, State]) -> list[str]:
    drifted = sum(state.drift for state in states.values())
    summary = f"{destination}: {counted(len(states), 'profile')}"
    if drifted:
        summary += f", {drifted} not as installed"
    return [*(f"{name}: {state}" for name, state in states.items()), summary]


def _sources(options: InstallOptions) -> dict[str, Source]:
    """The files to be put there, by name. Raises UsageError where two have the same."""
    found: dict[str, Source] = {}
    for named in _chosen(options):
        if named.document is None or named.path is None:
            raise UsageError(f"{named.name}: the target's own default is no file that could be installed")
        if fields := raw_oci.dropped_fields(named.document):
            raise BadFileError(
                named.path,
                "",
                f"kubelet's runtime drops {', '.join(fields)}, which changes what it means; first: "
                "profile-smoke profile convert --to oci",
            )
        if named.path.name in found:
            raise UsageError(f"{named.path}: another profile has the same file name; rename one")
        content = named.document.text.encode("utf-8")
        found[named.path.name] = Source(content, str(named.path.absolute()))
    return found


def _chosen(options: InstallOptions) -> list[NamedProfile]:
    if options.profiles:
        catalog = reading.catalog(options.profiles_dirs)
        return [catalog.find(name) for name in dict.fromkeys(options.profiles)]
    folders = options.profiles_dirs or (bundled("profiles") / "kubernetes",)
    return [named for named in Catalog(folders).all() if named.document is not None]
