"""What the search for blame asks of a cell: launches with candidates allowed beyond its profile, observed or enforced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from profile_smoke.run.candidates import Candidate


class BudgetExhausted(Exception):  # noqa: N818  ends the search, not the run
    """The bound on launches is reached."""


@dataclass(frozen=True)
class Seen:
    """What an observed launch showed: whether it passed, and candidates in the order of their first refused attempt."""

    passed: bool
    candidates: tuple[Candidate, ...]


class Trials(Protocol):
    """Launches of one cell, with candidates allowed beyond its profile. All raise BudgetExhausted at the bound."""

    def let_pass(self, allowed: Collection[Candidate]) -> Seen:
        """Observe, letting refused calls pass as far as the control does; those in `allowed` without being seen."""

    def refuse(self, allowed: Collection[Candidate]) -> Seen:
        """Observe, refusing as the profile with `allowed` does."""

    def enforce(self, allowed: Collection[Candidate], *, wide: bool) -> bool:
        """Whether it passes, enforced by the kernel. The same question is launched once."""

    def steady(self, allowed: Collection[Candidate], *, wide: bool, times: int) -> bool:
        """Whether it passes `times` more launches, side by side; where not, `enforce` says so from then on."""

    def enforce_all(self, sets: Sequence[Collection[Candidate]], *, wide: bool) -> list[bool | None]:
        """`enforce` for several sets, side by side; None for those that the bound did not allow any more."""
