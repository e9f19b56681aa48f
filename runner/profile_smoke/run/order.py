"""What to launch and why, and what a launch showed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from profile_smoke.model import Answer, Denial, FilterCheck, Launch, LaunchKind, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from profile_smoke.image.interface import PreparedImage
    from profile_smoke.observe.record import Attempted
    from profile_smoke.profile.bpf import Program
    from profile_smoke.run.limits import Limits
    from profile_smoke.scenario.model import Scenario


@dataclass(frozen=True)
class Order:
    """What to launch and why. `seccomp` None is the target's default profile; `read_filter` asks for the loaded programs."""

    scenario: Scenario
    image: PreparedImage
    kind: LaunchKind
    seccomp: Mapping[str, Any] | None
    profile_sha256: str | None
    limits: Limits
    answer: Answer | None = None
    allowed: tuple[str, ...] = ()
    read_filter: bool = False


@dataclass(frozen=True)
class Result:
    """What a launch showed. `seconds` per phase are what later launches of the same scenario are bounded by."""

    launch: Launch
    log: tuple[str, ...]
    filter: FilterCheck
    programs: tuple[Program, ...] = ()
    denials: tuple[Denial, ...] = ()
    attempted: tuple[Attempted, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    kept: str = ""
    manifest: tuple[Mapping[str, Any], ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the scenario worked."""
        return self.launch.outcome is Outcome.PASSED
