"""What launches of a container showed: how each went, what was refused in it, what they prove."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

RUN_LABEL = "profile-smoke.run"
LAUNCH_LABEL = "profile-smoke.launch"
PHASE_CREATE, PHASE_START, PHASE_STOP = "create", "start", "stop"


def probe_phase(name: str) -> str:
    """The phase in which the probe of this name runs."""
    return f"probe:{name}"


class LaunchKind(StrEnum):
    """Why a container was launched."""

    CONTROL = "control"
    ENFORCE = "enforce"
    OBSERVE = "observe"


class Answer(StrEnum):
    """How the supervisor answers a refused call in an observe launch."""

    CONTINUE = "continue"
    DENY = "deny"


class Outcome(StrEnum):
    """How one launch ended: the scenario worked, it did not, or we cannot tell."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"


class Effect(StrEnum):
    """What a denial did to the scenario, as far as relaunching proved it."""

    BLOCKING = "blocking"
    TOLERATED = "tolerated"
    UNKNOWN = "unknown"


class Evidence(StrEnum):
    """How we know of a denial."""

    NOTIFY = "notify"
    AUDIT = "audit"
    RELAUNCH = "relaunch"


@dataclass(frozen=True)
class Process:
    """A process at the moment of its call. `pid` is in our pid namespace; `exe` is empty where it could not be read."""

    pid: int
    comm: str
    exe: str


@dataclass(frozen=True)
class Denial:
    """Attempts at one syscall that the profile refuses, by one program in one phase.

    `number` and `arch` are the kernel's (arch as `x86_64`, `x86`, `x32`, `aarch64`, `arm`); `args` the six raw
    register values of the first attempt; `text` the call with what could be decoded of it; `errno` the name of the
    error that the profile answers (`EPERM`), or `SIGSYS` where it kills; `first_ms` milliseconds since the launch
    began; `count` attempts in all.
    """

    syscall: str
    number: int
    arch: str
    args: tuple[int, ...]
    text: str
    errno: str
    phase: str
    process: Process
    first_ms: float
    count: int
    evidence: Evidence
    effect: Effect = Effect.UNKNOWN


@dataclass(frozen=True)
class Launch:
    """One start-to-stop life of a container, as reported.

    `phase` is where it ended when it failed; `reason` one line on what happened there (`exited 1 after 212 ms`);
    `allowed` the syscalls that this launch allowed beyond the profile (blame); `answer` only for observe.
    """

    kind: LaunchKind
    profile_sha256: str | None
    outcome: Outcome
    seconds: float
    phase: str | None = None
    reason: str = ""
    answer: Answer | None = None
    allowed: tuple[str, ...] = ()
    phases: Mapping[str, float] = field(default_factory=dict)
    """Milliseconds since the launch began at which each phase was entered."""


@dataclass(frozen=True)
class Fix:
    """The smallest set of rules to add. `rules` are OCI seccomp rules; `verified` means a kernel-enforced launch passed.

    `minimal` is True when leaving out any rule was launched too and failed; `launches` is what the proof cost; `diff` the
    unified diff by which the rules take effect in the profile's file, in the file's own layout.
    """

    rules: tuple[Mapping[str, Any], ...]
    verified: bool
    minimal: bool
    launches: int
    diff: str = ""
