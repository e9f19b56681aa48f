"""What a gate is told: which rules are in force, their limits, and the waivers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from profile_smoke.model import GateRule

if TYPE_CHECKING:
    from profile_smoke.model import Tier, Waiver
    from profile_smoke.profile.purpose import DenyCheck

SWITCHED = (
    GateRule.BLOCKED,
    GateRule.NOT_BLOCKED,
    GateRule.NEW_DENIAL,
    GateRule.DANGEROUS,
    GateRule.DIGEST,
)
"""The rules that are put in force by naming them."""
USUAL = (GateRule.BLOCKED, GateRule.NOT_BLOCKED, GateRule.NEW_DENIAL, GateRule.DANGEROUS)
"""Those in force where nothing is said."""
ALWAYS = (GateRule.ERROR, GateRule.EXPIRED_WAIVER, GateRule.UNUSED_WAIVER)
"""Always in force, and never waived: a gate that cannot tell does not let pass, and no waiver outlives its reason."""


@dataclass(frozen=True)
class Policy:
    """`max_unused` and `min_score` None: not looked at. `deny` says which dangerous calls a profile must not permit.

    `compares`: there is a baseline that new denials are told from.
    """

    fail_on: tuple[GateRule, ...]
    max_unused: int | None
    min_score: Tier | None
    waivers: tuple[Waiver, ...]
    deny: DenyCheck
    compares: bool = False

    @property
    def rules(self) -> tuple[GateRule, ...]:
        """All that are in force, in their usual order."""
        limits = {GateRule.UNUSED: self.max_unused, GateRule.SCORE: self.min_score}
        return tuple(
            rule
            for rule in GateRule
            if rule in self.fail_on or rule in ALWAYS or limits.get(rule) is not None
        )
