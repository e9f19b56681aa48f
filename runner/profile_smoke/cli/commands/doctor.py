"""`profile-smoke doctor`: what this machine can do, and what to do about what is missing."""

from __future__ import annotations

import os
import platform
import shutil
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from profile_smoke import rundir
from profile_smoke.cli import wiring
from profile_smoke.cli.options import Options, TargetName
from profile_smoke.errors import InfrastructureError, TargetUnavailableError
from profile_smoke.observe import readback
from profile_smoke.report.text import safe, wrap
from profile_smoke.syscall import libseccomp, tables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from profile_smoke.target.interface import Target

_NOTIFY_SINCE = (5, 7)
_ACTIONS = Path("/proc/sys/kernel/seccomp/actions_avail")
_WIDTH = 100
_SHOWN = 12


class Mark(StrEnum):
    """How a finding counts."""

    GOOD = "ok"
    LIMIT = "limited"
    BAD = "missing"


@dataclass(frozen=True)
class Finding:
    """One line of the diagnosis: what was looked at, what was found, and what to do about it."""

    mark: Mark
    topic: str
    text: str
    remedy: str = ""


def main(options: Options) -> int:
    """Print the findings; 0 when at least one target works (each chosen one, where some were chosen), else 4."""
    findings = [*_kernel(), *_library(), *_tools()]
    wanted = options.targets or tuple(TargetName)
    working = 0
    with rundir.open_run(rundir.new_run_id()) as run:
        for name in wanted:
            try:
                target = wiring.targets(options, [name], run, wiring.store())[name.value]
            except TargetUnavailableError as error:
                findings.append(
                    Finding(Mark.BAD, f"target {name}", str(error).removeprefix(f"target {name}: "))
                )
                continue
            working += 1
            try:
                findings += _target(target)
            finally:
                target.finish()
    for finding in findings:
        print(_line(finding))  # noqa: T201
    satisfied = working == len(wanted) if options.targets else working > 0
    if not satisfied:
        print("\nno target works here: nothing can be run")  # noqa: T201
    return 0 if satisfied else InfrastructureError.exit_code


def _line(finding: Finding) -> str:
    remedy = f"; {finding.remedy}" if finding.remedy else ""
    head = f"{finding.mark.value:8} {finding.topic:16} "
    return wrap(safe(finding.text + remedy), _WIDTH, head, " " * len(head))


def _kernel() -> Iterator[Finding]:
    release = platform.release()
    numbers = tuple(int(part) for part in release.split("-")[0].split(".")[:2])
    if numbers >= _NOTIFY_SINCE:
        yield Finding(Mark.GOOD, "kernel", f"{release} on {platform.machine()}")
    else:
        yield Finding(
            Mark.LIMIT, "kernel", f"{release}: cannot be asked which calls were refused", "5.7 or newer can"
        )
    try:
        actions = _ACTIONS.read_text("ascii").split()
    except OSError as error:
        yield Finding(
            Mark.BAD, "seccomp", f"{_ACTIONS}: {error.strerror}", "use a kernel with CONFIG_SECCOMP_FILTER"
        )
        return
    mark = Mark.GOOD if "user_notif" in actions else Mark.LIMIT
    yield Finding(mark, "seccomp", f"actions {' '.join(actions)}")
    reason = readback.why_not()
    if reason:
        yield Finding(
            Mark.LIMIT,
            "filter read-back",
            reason,
            "the filter that was loaded is not compared with the profile",
        )
    else:
        yield Finding(Mark.GOOD, "filter read-back", "loaded filters can be compared with their profiles")


def _library() -> Iterator[Finding]:
    version = libseccomp.version()
    if version is None:
        yield Finding(Mark.BAD, "libseccomp", "not installed", "install libseccomp2")
        return
    arch = tables.native()
    unknown = sorted(name for name in tables.numbers(arch) if not libseccomp.resolves(name))
    if not unknown:
        yield Finding(Mark.GOOD, "libseccomp", f"{version}, knows every call of {arch}")
        return
    names = ", ".join(unknown[:_SHOWN]) + (
        f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
    )
    text = f"{version} does not know {len(unknown)} calls of {arch}: {names}"
    remedy = "rules on them are dropped without a word: a profile that denies by name lets them pass"
    yield Finding(Mark.LIMIT, "libseccomp", text, remedy)


def _tools() -> Iterator[Finding]:
    missing = [name for name in ("skopeo", "umoci", "mmdebstrap") if shutil.which(name) is None]
    if missing:
        text = f"not installed: {', '.join(missing)}"
        yield Finding(
            Mark.LIMIT, "image tools", text, "target oci needs skopeo and umoci, stand-ins mmdebstrap as well"
        )
    else:
        yield Finding(Mark.GOOD, "image tools", "skopeo, umoci, mmdebstrap")
    home = rundir.home()
    existing = next(path for path in (home, *home.parents) if path.exists())
    free = shutil.disk_usage(existing).free / 1e9
    if os.access(existing, os.W_OK):
        yield Finding(Mark.GOOD, "home", f"{home}, {free:.0f} GB free")
    else:
        yield Finding(Mark.BAD, "home", f"{home} cannot be written", "set PROFILE_SMOKE_HOME")


def _target(target: Target) -> Iterator[Finding]:
    versions = ", ".join(f"{name} {version}" for name, version in target.info().versions.items())
    yield Finding(Mark.GOOD, f"target {target.name}", versions)
    capabilities = target.capabilities()
    topic = "  evidence"
    if capabilities.observe:
        yield Finding(Mark.GOOD, topic, "refused calls are seen live (seccomp user notification)")
    else:
        yield Finding(
            Mark.LIMIT,
            topic,
            capabilities.observe_why_not,
            "verdicts are still sound, but no syscall is named",
        )
    for note in target.notes():
        yield Finding(Mark.GOOD if note.good else Mark.LIMIT, f"  {note.topic}", note.text, note.remedy)
