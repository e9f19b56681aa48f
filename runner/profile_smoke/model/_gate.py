"""A gate's judgement of a run: its rules, what they found, and the waivers that let findings pass."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


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
