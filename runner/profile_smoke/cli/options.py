"""What the user asked for, as a value."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from profile_smoke.report.interface import STDOUT, Format
from profile_smoke.target.kubernetes_plan import Reach, SeccompAt, Workload

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from profile_smoke.cli.agent_options import AgentOptions
    from profile_smoke.cli.cluster_options import ClusterOptions
    from profile_smoke.cli.profile_options import ProfileOptions
    from profile_smoke.cli.record_options import RecordOptions
    from profile_smoke.model import GateRule, Tier, Waiver
    from profile_smoke.run.plan import Expectation

PROG = "profile-smoke"
MAX_LAUNCHES = 160
"""PostgreSQL under a profile that allows next to nothing takes 114 without a race, some twenty more with one."""
BASELINE_FILE = "profile-smoke-baseline.json"
OBSERVATIONS = 3
"""Enough to tell most of what is used only sometimes from what always is."""


class Command(StrEnum):
    """The commands; each is a module of `cli.commands` of the same name."""

    RUN = "run"
    LIST = "list"
    LINT = "lint"
    RECORD = "record"
    PROFILE = "profile"
    FILTER = "filter"
    DOCTOR = "doctor"
    IMAGES = "images"
    CLEAN = "clean"
    BASELINE = "baseline"
    REPORT = "report"
    CLUSTER = "cluster"
    AGENT = "agent"
    GATE = "gate"
    CONFIG = "config"
    MANIFESTS = "manifests"


class ListFormat(StrEnum):
    """How `list` shows the cells."""

    TABLE = "table"
    IDS = "ids"
    MATRIX = "matrix"
    JSON = "json"


class TargetName(StrEnum):
    """The targets that can be chosen."""

    OCI = "oci"
    DOCKER = "docker"
    KUBERNETES = "kubernetes"


class StandinMode(StrEnum):
    """When an image built from distribution packages may take the place of the one that was asked for."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class PrivilegeEscalation(StrEnum):
    """Whether workloads may gain privileges (no_new_privs off), may not (on), or are run both ways."""

    ALLOWED = "allowed"
    DENIED = "denied"
    BOTH = "both"


class Keep(StrEnum):
    """Which containers outlive the run."""

    NEVER = "never"
    ON_FAILURE = "on-failure"


@dataclass(frozen=True)
class Shard:
    """Part `index` (from 1) of `count`."""

    index: int
    count: int


@dataclass(frozen=True)
class ReportFile:
    """One more report, beside the one that goes to `--output`."""

    format: Format
    path: str


@dataclass(frozen=True)
class Options:
    """Everything the command line says; an option that a command does not have keeps its default.

    Empty `profiles`, `scenarios` and `targets` mean: not said, and so does None for `privilege_escalation`. `jobs` None:
    as many as suit the targets. `context` and `namespace` None: those that the kubeconfig names.
    `baseline` is the kept one, `observations` how often `baseline update` looks, `paths` are the files for `lint`,
    `report` and `gate`, `merge` whether `report` makes one result of several, `runs` the run ids for `clean`, `prune`
    whether it removes old images too, `into_store` whether `images` fills the store alone, `pid` the process for
    `filter`. `given` are the fields that the command line has
    named, `narrowed` those by which it or the environment chooses cells otherwise than the file of settings. `fail_on`
    empty: the gate's usual rules; `max_unused` and `min_score` None: not looked at.
    `profile` is what a sub-command of `profile` has, `record`, `cluster` and `agent` what those alone have.
    """

    command: Command
    profiles: tuple[str, ...] = ()
    scenarios: tuple[str, ...] = ()
    targets: tuple[TargetName, ...] = ()
    profiles_dirs: tuple[Path, ...] = ()
    scenarios_dirs: tuple[Path, ...] = ()
    images: Mapping[str, str] = field(default_factory=dict)
    standin: StandinMode = StandinMode.AUTO
    privilege_escalation: PrivilegeEscalation | None = None
    only: tuple[str, ...] = ()
    shard: Shard | None = None
    context: str | None = None
    namespace: str | None = None
    workload: Workload = Workload.POD
    seccomp_at: SeccompAt = SeccompAt.POD
    node_access: Reach = Reach.AUTO
    jobs: int | None = None
    max_launches: int = MAX_LAUNCHES
    observe: bool = True
    unused: bool = False
    format: Format = Format.TABLE
    list_format: ListFormat = ListFormat.TABLE
    output: str = STDOUT
    reports: tuple[ReportFile, ...] = ()
    keep: Keep = Keep.NEVER
    write_fix: str | None = None
    exit_zero: bool = False
    deny_check: bool = False
    deny: tuple[str, ...] = ()
    permit: tuple[str, ...] = ()
    quiet: bool = False
    baseline: str | None = None
    observations: int = OBSERVATIONS
    paths: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    prune: bool = False
    into_store: bool = False
    pid: int | None = None
    config: str | None = None
    use_config: bool = True
    gate: bool = False
    fail_on: tuple[GateRule, ...] = ()
    max_unused: int | None = None
    min_score: Tier | None = None
    expect: tuple[Expectation, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    given: frozenset[str] = field(default=frozenset(), compare=False)
    narrowed: frozenset[str] = field(default=frozenset(), compare=False)
    profile: ProfileOptions | None = None
    record: RecordOptions | None = None
    merge: bool = False
    cluster: ClusterOptions | None = None
    agent: AgentOptions | None = None
