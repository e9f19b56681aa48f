"""What a profile allows and a workload did not use, by risk: what it could lose as far as these probes can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from profile_smoke.model import CellResult, Expected, Risk, UnusedCalls, Verdict
from profile_smoke.profile.observed import UNOBSERVED
from profile_smoke.run.controls import Once
from profile_smoke.syscall import danger, groups, tables

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from profile_smoke.profile.model import Profile
    from profile_smoke.run.watch import Scene


class UnusedCheck:
    """Finds what a passed cell's profile allows beyond what its workload uses.

    A workload is observed once, however many profiles it runs under. The target's own default profile is not looked at:
    it is meant for every workload.
    """

    def __init__(self) -> None:
        self._once = Once()

    def facts(self, scene: Scene) -> Mapping[str, Any]:
        """The cell's `unused`. Raises as `Scene.observe`."""
        document = scene.cell.profile.document
        if document is None or not scene.passed:
            return {}
        usage = self._once.get(scene.key, scene.observe)
        used = {line.syscall for line in usage.calls} | {*UNOBSERVED}
        allowed = allowed_names(scene.launcher.target.meaning(document))
        return {"unused": tuple(sorted(allowed - used))}


def allowed_names(plain: Profile) -> frozenset[str]:
    """The calls of this machine's own ABI that a plain profile lets pass, with some arguments at least."""
    here = frozenset(tables.numbers(tables.native()))
    named = {name for rule in plain.rules if rule.action.permits for name in rule.names}
    if plain.default_action.permits:
        refused = {
            name for rule in plain.rules if not (rule.action.permits or rule.args) for name in rule.names
        }
        named |= here - refused
    return frozenset(named & here)


def unused_by_profile(cells: Iterable[CellResult]) -> tuple[UnusedCalls, ...]:
    """For each profile what none of its cells used, of those that it is meant for and in which that was measured."""
    by_profile: dict[str, list[CellResult]] = {}
    for cell in cells:
        if cell.expected is Expected.PASSED:
            by_profile.setdefault(cell.profile.name, []).append(cell)
    return tuple(
        _unused(name, found)
        for name, found in by_profile.items()
        if any(cell.unused is not None for cell in found)
    )


def _unused(profile: str, cells: Sequence[CellResult]) -> UnusedCalls:
    measured = [cell for cell in cells if cell.unused is not None]
    names = frozenset.intersection(*(frozenset(cell.unused or ()) for cell in measured))
    return UnusedCalls(
        profile=profile,
        cells=tuple(cell.id for cell in measured),
        not_measured=tuple(
            cell.id for cell in cells if cell.unused is None and cell.verdict is not Verdict.SKIPPED
        ),
        risks=tuple(_risks(names)),
    )


def _risks(names: Collection[str]) -> Iterator[Risk]:
    """Classes of dangerous calls first, in their table's order, then the groups of all others."""
    left = set(names)
    for each in danger.CLASSES:
        if calls := sorted(left & each.calls):
            yield Risk(each.name, each.reason, dangerous=True, calls=tuple(calls))
            left -= each.calls
    for group in groups.GROUPS:
        if calls := sorted(left & groups.members(group)):
            yield Risk(group, "", dangerous=False, calls=tuple(calls))
