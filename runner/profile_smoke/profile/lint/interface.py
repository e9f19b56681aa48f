"""What a lint rule is, what it finds, and where it looks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from profile_smoke.profile.lint.subject import Place, Subject
    from profile_smoke.profile.model import Profile
    from profile_smoke.profile.source import Source


class Severity(StrEnum):
    """How bad it is, worst first.

    ERROR: a runtime refuses the file, or it does not do what it says. WARNING: it does, and that is most likely not what
    its owner wants. INFO: worth knowing.
    """

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True)
class Reading:
    """How the file is read.

    `plain`: by a reader of plain OCI, such as Kubernetes' containerd, which drops Docker's own fields. `caps`, `arch` and
    `kernel` resolve Docker's format otherwise (see `profile.resolve.resolve`). `known`: whether the machine's libseccomp
    knows a name; None where there is no library to ask.
    """

    caps: tuple[str, ...]
    arch: str
    kernel: tuple[int, int]
    plain: bool = False
    known: Callable[[str], bool] | None = None


@dataclass(frozen=True)
class Report:
    """What a rule's check found: where, what, and whether the rule's fix mends it."""

    place: Place
    message: str
    fixable: bool = False


@dataclass(frozen=True)
class Rule:
    """One rule. Its page is `docs/rules/<id>.md`; an id is never given to another rule.

    `fix` gives the text of a profile with all that this rule finds and can mend put right; its meaning stays, whatever
    reads it. None: no program can know what was meant.
    """

    id: str
    severity: Severity
    summary: str
    check: Callable[[Subject], Iterator[Report]]
    fix: Callable[[Source, Profile], str] | None = None


@dataclass(frozen=True)
class Finding:
    """One finding in a file: `line` and `column` from 1, `where` as `syscalls[2].names[0]` or empty, `message` one line."""

    rule: Rule
    line: int
    column: int
    where: str
    message: str
    fixable: bool
