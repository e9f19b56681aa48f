"""What the user asked of a sub-command of `profile`, as one value for each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

from profile_smoke.report.interface import STDOUT, PlainFormat

if TYPE_CHECKING:
    from pathlib import Path

RUNTIME_DEFAULT = "runtime-default"
KUBELET_FOLDER = "/var/lib/kubelet/seccomp/profiles/kubernetes"
"""Below the kubelet's seccomp root, so that a pod names it as `localhostProfile: profiles/kubernetes/NAME.json`."""


class ProfileCommand(StrEnum):
    """The sub-commands of `profile`; each is a module `cli.commands.profile_<name>`."""

    LINT = "lint"
    SHOW = "show"
    DIFF = "diff"
    SCORE = "score"
    CONVERT = "convert"
    INSTALL = "install"


class Reader(StrEnum):
    """Who reads the profile: the same file means something else to each."""

    OCI = "oci"
    DOCKER = "docker"
    KUBERNETES = "kubernetes"


class Kind(StrEnum):
    """The formats that `convert` writes."""

    OCI = "oci"
    DOCKER = "docker"
    SPO = "spo"


@dataclass(frozen=True)
class Host:
    """What a profile in Docker's format is resolved for; None: this machine's, and Docker's default capabilities."""

    caps: tuple[str, ...] | None = None
    arch: str | None = None
    kernel: tuple[int, int] | None = None


class LintFormat(StrEnum):
    """How `lint` shows what it found: a line for each finding, or JSON."""

    TEXT = "text"
    JSON = "json"


@dataclass(frozen=True)
class LintOptions:
    """`profile lint`. Empty `select`: every rule; `ignore` wins over it. `strict`: warnings fail too."""

    command: ClassVar[ProfileCommand] = ProfileCommand.LINT
    profiles: tuple[str, ...]
    reader: Reader = Reader.DOCKER
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    strict: bool = False
    fix: bool = False
    host: Host = Host()
    profiles_dirs: tuple[Path, ...] = ()
    lint_format: LintFormat = LintFormat.TEXT
    output: str = STDOUT


@dataclass(frozen=True)
class ShowOptions:
    """`profile show`. `syscall` None: the whole table; `args` None: all of them; `abi` None: every ABI of the machine."""

    command: ClassVar[ProfileCommand] = ProfileCommand.SHOW
    profile: str
    syscall: str | None = None
    args: tuple[int, ...] | None = None
    abi: str | None = None
    reader: Reader = Reader.DOCKER
    host: Host = Host()
    profiles_dirs: tuple[Path, ...] = ()
    format: PlainFormat = PlainFormat.TABLE
    output: str = STDOUT


@dataclass(frozen=True)
class DiffOptions:
    """`profile diff`. `other` None: the same profile, as another reader sees it; `readers` of the first and the second."""

    command: ClassVar[ProfileCommand] = ProfileCommand.DIFF
    profile: str
    other: str | None = None
    readers: tuple[Reader, ...] = ()
    host: Host = Host()
    profiles_dirs: tuple[Path, ...] = ()
    check: bool = False
    format: PlainFormat = PlainFormat.TABLE
    output: str = STDOUT


@dataclass(frozen=True)
class ScoreOptions:
    """`profile score`. Empty `profiles`: all that are known; `against` is the reference."""

    command: ClassVar[ProfileCommand] = ProfileCommand.SCORE
    profiles: tuple[str, ...] = ()
    against: str = RUNTIME_DEFAULT
    reader: Reader = Reader.DOCKER
    host: Host = Host()
    profiles_dirs: tuple[Path, ...] = ()
    format: PlainFormat = PlainFormat.TABLE
    output: str = STDOUT


@dataclass(frozen=True)
class ConvertOptions:
    """`profile convert`. `name` None: the profile's own short name."""

    command: ClassVar[ProfileCommand] = ProfileCommand.CONVERT
    profile: str
    kind: Kind
    name: str | None = None
    namespace: str | None = None
    host: Host = Host()
    profiles_dirs: tuple[Path, ...] = ()
    output: str = STDOUT


@dataclass(frozen=True)
class InstallOptions:
    """`profile install`. No `profiles`: those for Kubernetes, or all of the folders; with `check` all installed."""

    command: ClassVar[ProfileCommand] = ProfileCommand.INSTALL
    profiles: tuple[str, ...] = ()
    folder: str = KUBELET_FOLDER
    check: bool = False
    rollback: bool = False
    force: bool = False
    profiles_dirs: tuple[Path, ...] = ()


ProfileOptions = LintOptions | ShowOptions | DiffOptions | ScoreOptions | ConvertOptions | InstallOptions
