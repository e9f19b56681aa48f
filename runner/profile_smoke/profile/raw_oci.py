"""What a plain OCI reader makes of a profile file: containerd, so Kubernetes' `Localhost`, or runc given the JSON as it is.

Such a reader decodes the file into the OCI specification's own structure and skips every field that it does not have:
`includes`, `excludes` (so all their rules are loaded), `archMap` (so the native ABI is alone) and the old `name`
(so the rule has no calls). Sources: `WithProfile` in containerd's `contrib/seccomp/seccomp.go`, `LinuxSeccomp` in the
OCI runtime-spec's `specs-go/config.go`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from profile_smoke.profile.document import Document
    from profile_smoke.profile.model import Profile


def plain_reading(document: Document) -> Profile:
    """The plain profile that such a reader loads."""
    profile = document.profile
    rules = tuple(
        replace(rule, includes=None, excludes=None)
        for rule, entry in zip(profile.rules, _entries(document), strict=True)
        if entry.get("names")
    )
    return replace(profile, arch_map=(), rules=rules)


def dropped_fields(document: Document) -> tuple[str, ...]:
    """The fields with a meaning that such a reader drops, each with how often it stands there; empty: none."""
    rules = document.profile.rules
    counts = {
        "archMap": len(document.profile.arch_map) and 1,
        "includes": sum(rule.includes is not None for rule in rules),
        "excludes": sum(rule.excludes is not None for rule in rules),
        "name": sum(not entry.get("names") for entry in _entries(document)),
    }
    return tuple(f"{field} ({count})" for field, count in counts.items() if count)


def _entries(document: Document) -> list[dict[str, object]]:
    return document.raw.get("syscalls") or []
