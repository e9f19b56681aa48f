"""A cell: the profile, the scenario, the image and the target that it is of, and all that is known of it when it is done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from profile_smoke.model._filter import DangerousCall, FilterCheck
from profile_smoke.model._launch import Denial, Fix, Launch


def forbidden_call(line: str) -> str:
    """The syscall of a line of `CellResult.forbidden`, which begins with it: `clone(CLONE_NEWUSER) [...] on ...`."""
    return line.partition(" ")[0].partition("(")[0]


class Verdict(StrEnum):
    """What a cell came to."""

    PASSED = "passed"
    BLOCKED = "blocked"
    ERROR = "error"
    SKIPPED = "skipped"


class Expected(StrEnum):
    """What a cell should come to. `ANY` informs and never gates."""

    PASSED = "passed"
    BLOCKED = "blocked"
    ANY = "any"


@dataclass(frozen=True)
class ProfileRef:
    """A profile as a report names it. `path` is None for the target's own default; `sha256` is of the file's bytes.

    `lines` are those of the file, from 1, in which a rule first names the calls that the cell has something to say of;
    under the empty name that of `syscalls`, where a new rule goes.
    """

    name: str
    path: str | None
    sha256: str | None
    lines: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Standin:
    """An image built from distribution packages because no registry answered."""

    name: str
    distribution: str
    packages: Mapping[str, str]
    """Main packages and their versions."""


@dataclass(frozen=True)
class ImageInfo:
    """The image that a cell really ran: what was asked for, what it was, and whether it only stands in."""

    ref: str
    digest: str
    standin: Standin | None = None


@dataclass(frozen=True)
class TargetInfo:
    """Where a cell ran, with the versions that decide what a filter does (kernel, runtime, libseccomp, engine)."""

    name: str
    versions: Mapping[str, str]


@dataclass(frozen=True)
class DriftCall:
    """A call that differs from a kept baseline, and the phases that this is about.

    `name` is that of the baseline: with the ABI in front where it is not the machine's own (`x86:open`). `refused` is the
    error that the profile under test answers where the default profile answers otherwise; None: it does not.
    """

    name: str
    phases: tuple[str, ...]
    refused: str | None


@dataclass(frozen=True)
class Drift:
    """What the workload uses now, against a kept baseline.

    `baseline` is its file, `image` what it was made of; `moved` are known calls in phases in which it has not seen them;
    `notes` say what else is not as it was.
    """

    baseline: str
    image: ImageInfo
    new: tuple[DriftCall, ...]
    gone: tuple[DriftCall, ...]
    moved: tuple[DriftCall, ...]
    notes: tuple[str, ...]


class Tier(StrEnum):
    """How much a profile leaves open, from tight to open."""

    A = "A"
    B = "B"
    C = "C"
    D = "D"
    E = "E"


@dataclass(frozen=True)
class ProfileScore:
    """How much a profile leaves open on a target, and why."""

    tier: Tier
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class CellResult:
    """Everything that is known about one cell when it is done."""

    id: str
    profile: ProfileRef
    scenario: str
    target: TargetInfo
    image: ImageInfo | None
    expected: Expected
    verdict: Verdict
    no_new_privileges: bool = False
    """Whether the workload could gain no privileges (`NoNewPrivs: 1` in its status); the runtime's init differs then."""
    phase: str | None = None
    reason: str = ""
    control: Launch | None = None
    launches: tuple[Launch, ...] = ()
    denials: tuple[Denial, ...] = ()
    blocking: tuple[str, ...] = ()
    fix: Fix | None = None
    filter: FilterCheck | None = None
    log: tuple[str, ...] = ()
    """Last lines of the workload's output in the enforce launch."""
    notes: tuple[str, ...] = ()
    """Where evidence and verdict disagree, what could not be seen, and why."""
    manifest: tuple[Mapping[str, Any], ...] = ()
    """The API documents of the enforce launch, or of the control where that is all, with long texts cut; empty elsewhere."""
    unused: tuple[str, ...] | None = None
    """Allowed calls that nothing used; None: not measured in this run."""
    dangerous: tuple[DangerousCall, ...] = ()
    """Every dangerous call on every ABI of the machine."""
    dangerous_from: str = ""
    """`loaded`: asked of the loaded filter; `profile`: of what the profile means here; empty: not asked."""
    forbidden: tuple[str, ...] = ()
    """Calls that the filter permits against the profile's purpose; always empty unless that was to be checked."""
    drift: Drift | None = None
    """None: not compared with a baseline."""
    score: ProfileScore | None = None
    """None: not asked for, or the target's own default profile."""
    seconds: float = 0.0

    @property
    def gates(self) -> bool:
        """Whether this cell decides the exit code."""
        return self.expected is not Expected.ANY or bool(self.forbidden)

    @property
    def unexpected(self) -> bool:
        """Whether the verdict is a definite one and not the expected one, or what must not be is open or refused."""
        if self.verdict not in (Verdict.PASSED, Verdict.BLOCKED):
            return False
        differs = self.gates and self.verdict.value != self.expected.value
        return bool(self.forbidden) or self.drifted or differs

    @property
    def drifted(self) -> bool:
        """Whether a profile that is meant for the workload refuses calls that are new against the baseline."""
        new = self.drift.new if self.drift is not None else ()
        return self.expected is Expected.PASSED and any(call.refused for call in new)
