"""What someone should act on: the kinds of it, how bad each is, and one of them with its place.

Rules have stable ids: whoever dismissed or filtered one finds it again after an upgrade.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from profile_smoke.model import CellResult, ProfileRef


class Level(StrEnum):
    """How bad it is; an error makes the run fail or leaves it without an answer."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Rule(StrEnum):
    """What is wrong."""

    BLOCKED_SYSCALL = "blocked-syscall"
    BLOCKED = "blocked"
    NOT_BLOCKED = "not-blocked"
    PERMITS_FORBIDDEN = "permits-forbidden"
    NEW_CALL_REFUSED = "new-call-refused"
    FILTER_DIFFERS = "filter-differs"
    UNUSED_DANGEROUS = "unused-dangerous"
    UNUSED_CALLS = "unused-calls"
    LOW_SCORE = "low-score"
    UNPINNED_IMAGE = "unpinned-image"
    EXPIRED_WAIVER = "expired-waiver"
    UNUSED_WAIVER = "unused-waiver"
    NOT_JUDGED = "not-judged"
    INCOMPLETE = "incomplete"


MEANING = {
    Rule.BLOCKED_SYSCALL: "A workload fails under the profile, and launches proved that this refused syscall is the cause.",
    Rule.BLOCKED: "A workload fails under the profile; which syscall is the cause was not proven.",
    Rule.NOT_BLOCKED: "A profile lets a workload work that it is meant to stop.",
    Rule.PERMITS_FORBIDDEN: "The filter permits a dangerous call that the profile's purpose forbids.",
    Rule.NEW_CALL_REFUSED: "The profile refuses a call that the workload did not use when the baseline was kept.",
    Rule.FILTER_DIFFERS: "The filter that the kernel loaded does other than the profile's text says.",
    Rule.UNUSED_DANGEROUS: "The profile allows dangerous calls that no probe of the workloads it is meant for used.",
    Rule.UNUSED_CALLS: "The profile allows more calls that no workload used than the gate lets pass.",
    Rule.LOW_SCORE: "The profile leaves more open than the gate lets pass.",
    Rule.UNPINNED_IMAGE: "The image is not pinned by digest: tomorrow it may be another one.",
    Rule.EXPIRED_WAIVER: "A waiver is over and lets nothing pass any more.",
    Rule.UNUSED_WAIVER: "A waiver lets nothing pass: what it was for is gone.",
    Rule.NOT_JUDGED: "A cell could not be judged: nothing is said about the profile.",
    Rule.INCOMPLETE: "The run did not come to its end.",
}


@dataclass(frozen=True)
class Finding:
    """One thing to act on.

    `subject` tells findings of one rule in one cell apart (a syscall, say) and is the same in every run; `text` is plain,
    of one or more lines, the first of them a sentence that stands alone; `line` that of the profile's file, None where
    there is no file or nothing was found in it; `cell` is None for what is about a profile or the run as a whole.
    """

    rule: Rule
    level: Level
    text: str
    subject: str = ""
    cell: CellResult | None = None
    profile: ProfileRef | None = None
    line: int | None = None

    @property
    def title(self) -> str:
        """``Blocked syscall: database/mysql@docker``."""
        name = self.rule.value.replace("-", " ").capitalize()
        place = self.cell.id if self.cell else self.profile.name if self.profile else ""
        return f"{name}: {place}" if place else name
