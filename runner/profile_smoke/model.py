"""The frozen dataclasses that travel between rooms, and that a report is made of.

Times are seconds as floats unless the name says `_ms`. Everything here is plain data: no behaviour beyond
derived values, no imports from other rooms.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003  the JSON report reads the annotations at run time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

SCHEMA = "profile-smoke/v1"
RUN_LABEL = "profile-smoke.run"
LAUNCH_LABEL = "profile-smoke.launch"
PHASE_CREATE, PHASE_START, PHASE_STOP = "create", "start", "stop"


def probe_phase(name: str) -> str:
    """The phase in which the probe of this name runs."""
    return f"probe:{name}"


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


class Cause(StrEnum):
    """Why a loaded filter does other than the profile's text says."""

    MISSING_FILTER = "missing-filter"
    UNKNOWN_NAME = "unknown-name"
    DOCKER_ONLY_FIELDS = "docker-only-fields"
    MISSING_ARCHITECTURE = "missing-architecture"
    RULE_ORDER = "rule-order"
    ENOSYS_BOUNDARY = "enosys-boundary"
    STACKED_FILTER = "stacked-filter"
    UNEXPLAINED = "unexplained"


@dataclass(frozen=True)
class FilterFinding:
    """Calls with which a loaded filter does other than the profile's text says, for one reason.

    `abi` is empty and `calls` is too where it is about the whole filter. `opens`: it lets through what the text refuses.
    """

    cause: Cause
    opens: bool
    abi: str
    calls: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class FilterCost:
    """What a loaded filter costs one call that it allows: medians, in ns, of the same loop without and with it."""

    call: str
    plain_ns: float
    filtered_ns: float


@dataclass(frozen=True)
class DangerousCall:
    """What a filter does with one dangerous call on one ABI.

    `detail` names the arguments that are meant, empty for the call as such; `danger` its class; `action` the most permissive
    of the answers that it can get.
    """

    syscall: str
    detail: str
    danger: str
    abi: str
    action: str
    permitted: bool


@dataclass(frozen=True)
class FilterCheck:
    """Whether the filter was really on.

    `mode` is the `Seccomp:` line of the workload's status (2 is filter), None where it could not be read.
    `instructions` is the length of the loaded BPF programs, None where they were not read back; `differences` are
    lines on where they do other than the profile means on this target; `findings` where they do other than its text
    says, with the cause.
    """

    mode: int | None = None
    instructions: int | None = None
    differences: tuple[str, ...] = ()
    note: str = ""
    findings: tuple[FilterFinding, ...] = ()
    cost: FilterCost | None = None
    """None where it was not measured."""


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

    `minimal` is True when leaving out any rule was launched too and failed; `launches` is what the proof cost.
    """

    rules: tuple[Mapping[str, Any], ...]
    verified: bool
    minimal: bool
    launches: int


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


@dataclass(frozen=True)
class Risk:
    """Unused calls of one class of dangerous calls, with what they open in `reason`, or of one group of all others."""

    name: str
    reason: str
    dangerous: bool
    calls: tuple[str, ...]


@dataclass(frozen=True)
class UnusedCalls:
    """What a profile allows and none of `cells` used: those that it is meant for and in which that was measured.

    `not_measured` are its other cells, which may need what is listed; `risks` has the dangerous ones first.
    """

    profile: str
    cells: tuple[str, ...]
    not_measured: tuple[str, ...]
    risks: tuple[Risk, ...]


class GateRule(StrEnum):
    """What a gate can find. The names are kept: waivers and other programs refer to them."""

    BLOCKED = "blocked"
    NOT_BLOCKED = "not-blocked"
    ERROR = "error"
    NEW_DENIAL = "new-denial"
    DANGEROUS = "dangerous"
    UNUSED = "unused"
    SCORE = "score"
    DIGEST = "digest"
    EXPIRED_WAIVER = "expired-waiver"
    UNUSED_WAIVER = "unused-waiver"


@dataclass(frozen=True)
class Waiver:
    """Findings that are let pass until a day: of a profile, in a scenario, by a rule, about a syscall.

    `profile` and `scenario` may be globs; None for `rule` or `syscall`: any. `expires` is the last day in UTC on which
    it holds, `2027-01-31`; `place` where it is written, `profile-smoke.toml:12`.
    """

    profile: str
    scenario: str
    rule: GateRule | None
    syscall: str | None
    reason: str
    expires: str
    place: str


@dataclass(frozen=True)
class GateFinding:
    """Something that a gate does not let through, unless `waiver` does.

    `profile` is empty where it is about no profile; `cells` are the ids of those that show it, `syscall` the call that it
    is about.
    """

    rule: GateRule
    profile: str
    cells: tuple[str, ...]
    syscall: str | None
    text: str
    waiver: Waiver | None = None


@dataclass(frozen=True)
class Gate:
    """A gate's judgement of a run: the rules that were in force, and what they found."""

    rules: tuple[GateRule, ...]
    findings: tuple[GateFinding, ...]

    @property
    def failing(self) -> tuple[GateFinding, ...]:
        """What no waiver lets pass."""
        return tuple(finding for finding in self.findings if finding.waiver is None)


class DifferenceCause(StrEnum):
    """Why a profile lets a workload work on one target, or in one setting, and not in another."""

    DOCKER_ONLY_FIELDS = "docker-only-fields"
    CAPABILITIES = "capabilities"
    RUNTIME = "runtime"
    NO_NEW_PRIVILEGES = "no-new-privileges"
    DEFAULT_PROFILE = "default-profile"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Difference:
    """Two cells of one profile and one scenario that came out differently, and one cause of it that there is evidence for.

    `works` and `fails` are their ids; `calls` those in which the cause shows, empty where it is not about single ones;
    `text` says it in a sentence.
    """

    works: str
    fails: str
    cause: DifferenceCause
    calls: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class RunReport:
    """The result of a run: the source of every report format."""

    run: str
    version: str
    started: str
    """UTC, RFC 3339."""
    seconds: float
    cells: tuple[CellResult, ...]
    interrupted: bool = False
    unused: tuple[UnusedCalls, ...] = ()
    """By profile; empty where it was not measured."""
    differences: tuple[Difference, ...] = ()
    """Between cells that only differ in target or setting."""
    gate: Gate | None = None
    """None: no gate judged it."""
    failure: str = ""
    """What ended the run early or left it incomplete, other than an interrupt; one line, empty where nothing did."""
    shard: str = ""
    """`2/5`: the second of five parts of a selection; empty for the whole."""
    notes: tuple[str, ...] = ()
    """What is to be known about the run as a whole."""
    schema: str = SCHEMA

    @property
    def deciding(self) -> tuple[CellResult, ...]:
        """The cells that decide the exit code: those that gate, and all where none does and no gate judged."""
        deciding = tuple(cell for cell in self.cells if cell.gates)
        return deciding if deciding or self.gate is not None else self.cells
