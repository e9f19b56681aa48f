"""Docker's format made plain, as the engine does it when it creates a container.

Source: `setupSeccomp` in moby's `profiles/seccomp/seccomp_linux.go`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from profile_smoke.errors import RuntimeRefusedError, UsageError
from profile_smoke.profile.evaluate import Evaluator
from profile_smoke.syscall import tables

if TYPE_CHECKING:
    from collections.abc import Collection

    from profile_smoke.profile.model import Conditions, Profile, Rule

NATIVE = {
    "x86_64": ("amd64", "SCMP_ARCH_X86_64"),
    "x86": ("x86", "SCMP_ARCH_X86"),
    "aarch64": ("arm64", "SCMP_ARCH_AARCH64"),
    "arm": ("arm", "SCMP_ARCH_ARM"),
}
"""An engine's architecture, as the syscall tables name it: how `arches` and how `archMap` name it."""
_RELEASE = re.compile(r"(\d{1,9})(?:\.(\d{1,9}))?", re.ASCII)


def resolve(profile: Profile, *, caps: Collection[str], arch: str, kernel: tuple[int, int]) -> Profile:
    """The plain OCI profile that Docker hands to its runtime; a plain one comes back unchanged.

    `caps` is the container's bounding set (`CAP_SYS_ADMIN`), `arch` the engine's architecture as the syscall
    tables name it, `kernel` the (major, minor) of the engine's host.

    Raises:
        UsageError: an architecture that no engine runs on.
    """
    if not profile.docker_only:
        return profile
    if arch not in NATIVE:
        raise UsageError(f"no engine runs on architecture {arch}; one of {', '.join(NATIVE)}")
    docker_arch, scmp_arch = NATIVE[arch]

    def applies(rule: Rule) -> bool:
        return not _excluded(rule.excludes, caps, docker_arch, kernel) and _included(
            rule.includes, caps, docker_arch, kernel
        )

    rules = tuple(replace(rule, includes=None, excludes=None) for rule in profile.rules if applies(rule))
    architectures = profile.architectures or _mapped(profile, scmp_arch)
    return replace(profile, architectures=architectures, arch_map=(), rules=rules)


def release(text: str) -> tuple[int, int]:
    """Major and minor at the beginning of a version such as `6.1.0-18-amd64`; zeros for what is none."""
    found = _RELEASE.match(text)
    return (int(found[1]), int(found[2] or 0)) if found else (0, 0)


def reachable(profile: Profile, arch: str) -> Profile:
    """The profile without the architectures that a machine of this one cannot run (those without a table stay).

    Their part of a filter is never come to: the kernel asks a filter about calls of its own ABIs only. Compiling it is what
    takes longest in a launch: libseccomp needs 6 ms for a bundled profile's two ABIs of x86, 30 ms with the two of ARM.
    What a runtime refuses for whatever ABI it is to refuse itself, so such a profile comes back as it is.
    """
    try:
        Evaluator(profile, arch)
    except RuntimeRefusedError:
        return profile
    mine = tables.runnable(arch)
    kept = tuple(name for name in profile.architectures if (tables.arch_of_scmp(name) or arch) in mine)
    return replace(profile, architectures=kept)


def _excluded(excludes: Conditions | None, caps: Collection[str], arch: str, kernel: tuple[int, int]) -> bool:
    """Any match excludes: one of the capabilities, one of the architectures, or the kernel's age."""
    if excludes is None:
        return False
    old_enough = excludes.min_kernel is not None and kernel >= excludes.min_kernel
    return arch in excludes.arches or any(cap in caps for cap in excludes.caps) or old_enough


def _included(includes: Conditions | None, caps: Collection[str], arch: str, kernel: tuple[int, int]) -> bool:
    """All must match: every capability, one of the architectures, and the kernel's age."""
    if includes is None:
        return True
    if includes.arches and arch not in includes.arches:
        return False
    if includes.min_kernel is not None and kernel < includes.min_kernel:
        return False
    return all(cap in caps for cap in includes.caps)


def _mapped(profile: Profile, native: str) -> tuple[str, ...]:
    """The first entry for the native architecture; without one, libseccomp takes the native one alone."""
    for entry in profile.arch_map:
        if entry.architecture == native:
            return (native, *entry.sub_architectures)
    return ()
