"""Which cells there are: profiles x scenarios x targets, filtered, in a stable order."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from profile_smoke.errors import NothingSelectedError, UsageError
from profile_smoke.model import Expected

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from profile_smoke.profile.catalog import NamedProfile
    from profile_smoke.scenario.model import Scenario


@dataclass(frozen=True)
class Expectation:
    """What cells should come to, whatever their scenario says. `pattern` is of `PROFILE/SCENARIO` or of a whole id."""

    pattern: str
    expected: Expected
    place: str


@dataclass(frozen=True)
class Cell:
    """One profile under one scenario on one target."""

    profile: NamedProfile
    scenario: Scenario
    target: str
    asked_for: bool = False
    """Whether the user named just this scenario for a profile of their own, which no scenario file speaks of."""
    changed: bool = False
    """Whether `scenario.start.no_new_privileges` is other than the scenario's file says."""
    told: Expected | None = None
    """What the user's settings say of it."""

    @property
    def id(self) -> str:
        """Stable across runs and machines, such as `database/mysql@docker`.

        What is other than the scenario's file says is added: `database/mysql@docker+no-new-privs`, or `+new-privs`.
        """
        setting = "+no-new-privs" if self.scenario.start.no_new_privileges else "+new-privs"
        return f"{self.profile.name}/{self.scenario.name}@{self.target}{setting if self.changed else ''}"

    @property
    def expected(self) -> Expected:
        """What the settings say, else the scenario; what neither mentions informs only, unless it was asked for."""
        if self.told is not None:
            return self.told
        return self.scenario.profiles.get(
            self.profile.name, Expected.PASSED if self.asked_for else Expected.ANY
        )


def matrix(
    profiles: Sequence[NamedProfile],
    scenarios: Sequence[Scenario],
    targets: Sequence[str],
    *,
    own: Collection[str] = (),
    no_new_privileges: Collection[bool] = (),
    expectations: Sequence[Expectation] = (),
    only: Sequence[str] = (),
    shard: tuple[int, int] | None = None,
) -> list[Cell]:
    """All cells, those of one scenario and target together so that its control comes once and early.

    `own` are names of profiles that are expected to pass where no scenario says anything of them; with
    `no_new_privileges` each scenario is run so (empty: as its file says); `only` are ids or globs of ids; `shard` is
    (i, n), 1-based: every n-th cell, counted after `only`.

    Raises:
        UsageError: an id in `only` matches no cell.
        NothingSelectedError: nothing is left.
    """
    cells = [
        Cell(profile, variant, target, asked_for=profile.name in own, changed=variant != scenario)
        for target in targets
        for scenario in scenarios
        for variant in _variants(scenario, no_new_privileges)
        for profile in profiles
    ]
    if expectations:
        cells = [replace(cell, told=_told(cell, expectations)) for cell in cells]
    if only:
        cells = _only(cells, only)
    if shard is not None:
        index, count = shard
        cells = cells[index - 1 :: count]
    if not cells:
        raise NothingSelectedError(
            "no cell is selected: check --profile, --scenario, --only and --shard (see: profile-smoke list)"
        )
    return cells


def _told(cell: Cell, expectations: Sequence[Expectation]) -> Expected | None:
    """What the last expectation that fits says."""
    for each in reversed(expectations):
        if fnmatchcase(cell.id if "@" in each.pattern else cell.id.partition("@")[0], each.pattern):
            return each.expected
    return None


def _variants(scenario: Scenario, no_new_privileges: Collection[bool]) -> list[Scenario]:
    """The scenario with each of these settings, its own first."""
    own = scenario.start.no_new_privileges
    settings = sorted(set(no_new_privileges) or {own}, key=lambda setting: setting is not own)
    return [
        replace(scenario, start=replace(scenario.start, no_new_privileges=setting)) for setting in settings
    ]


def _only(cells: list[Cell], patterns: Sequence[str]) -> list[Cell]:
    ids = [cell.id for cell in cells]
    for pattern in patterns:
        if not any(fnmatchcase(ident, pattern) for ident in ids):
            near = difflib.get_close_matches(pattern, ids, 1)
            hint = f"; nearest: {near[0]}" if near else ""
            raise UsageError(f"--only {pattern}: no such cell{hint} (see: profile-smoke list)")
    return [cell for cell in cells if any(fnmatchcase(cell.id, pattern) for pattern in patterns)]
