"""What a seccomp profile says, as frozen dataclasses: Docker's format, of which plain OCI is a part.

Sources: OCI runtime-spec `config-linux.md#seccomp`; moby `profiles/seccomp/seccomp.go` for `includes`,
`excludes`, `archMap`, `minKernel` and the old single `name`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Action(StrEnum):
    """The actions of the OCI runtime specification. `KILL` is the old name of `KILL_THREAD`."""

    ALLOW = "SCMP_ACT_ALLOW"
    ERRNO = "SCMP_ACT_ERRNO"
    KILL = "SCMP_ACT_KILL"
    KILL_THREAD = "SCMP_ACT_KILL_THREAD"
    KILL_PROCESS = "SCMP_ACT_KILL_PROCESS"
    TRAP = "SCMP_ACT_TRAP"
    TRACE = "SCMP_ACT_TRACE"
    LOG = "SCMP_ACT_LOG"
    NOTIFY = "SCMP_ACT_NOTIFY"

    @property
    def permits(self) -> bool:
        """Whether the call is carried out."""
        return self in (Action.ALLOW, Action.LOG)


class Op(StrEnum):
    """Comparisons of one argument. All are unsigned and 64 bits wide."""

    NE = "SCMP_CMP_NE"
    LT = "SCMP_CMP_LT"
    LE = "SCMP_CMP_LE"
    EQ = "SCMP_CMP_EQ"
    GE = "SCMP_CMP_GE"
    GT = "SCMP_CMP_GT"
    MASKED_EQ = "SCMP_CMP_MASKED_EQ"
    """`value` is the mask, `value_two` what the masked argument must equal."""


@dataclass(frozen=True)
class Arg:
    """One condition of a rule on argument `index` (0 to 5)."""

    index: int
    value: int
    op: Op
    value_two: int = 0


@dataclass(frozen=True)
class Conditions:
    """Docker's `includes` or `excludes`. `min_kernel` is (major, minor)."""

    caps: tuple[str, ...] = ()
    arches: tuple[str, ...] = ()
    min_kernel: tuple[int, int] | None = None


@dataclass(frozen=True)
class Rule:
    """What happens to `names` when all `args` hold. `errno_ret` None: the runtime's default, EPERM."""

    names: tuple[str, ...]
    action: Action
    errno_ret: int | None = None
    args: tuple[Arg, ...] = ()
    includes: Conditions | None = None
    excludes: Conditions | None = None
    comment: str = ""


@dataclass(frozen=True)
class ArchMapEntry:
    """One entry of Docker's `archMap`: a native architecture and what runs beside it."""

    architecture: str
    sub_architectures: tuple[str, ...]


@dataclass(frozen=True)
class Profile:
    """A whole profile. `architectures` are `SCMP_ARCH_*` names; empty means the native one only."""

    default_action: Action
    default_errno_ret: int | None = None
    architectures: tuple[str, ...] = ()
    arch_map: tuple[ArchMapEntry, ...] = ()
    flags: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    listener_path: str | None = None
    listener_metadata: str | None = None

    @property
    def docker_only(self) -> bool:
        """Whether it uses fields that a plain OCI reader (containerd, runc) drops without a word."""
        return bool(self.arch_map) or any(rule.includes or rule.excludes for rule in self.rules)


@dataclass(frozen=True)
class Decision:
    """What a filter does with one call: `errno` counts only for ERRNO (and TRACE's data)."""

    action: Action
    errno: int = 0
