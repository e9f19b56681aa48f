"""What a loaded filter does: compared with the text that it was made of, and with dangerous calls."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


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
