"""Which cells came out differently and only differ in target or setting, and what it is that made it so.

A cause is told as far as there is evidence for it (`difference_causes`). What none explains is `unknown`.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from profile_smoke.errors import SmokeError
from profile_smoke.model import PHASE_CREATE, CellResult, Difference, DifferenceCause, Outcome, Verdict
from profile_smoke.run.difference_causes import Side, blocking_calls, causes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from profile_smoke.model import ProfileRef, TargetInfo
    from profile_smoke.profile.document import Document
    from profile_smoke.run.difference_causes import Reader


def differences(
    results: Sequence[CellResult],
    readers: Callable[[TargetInfo], Reader],
    document: Callable[[ProfileRef], Document | None],
) -> tuple[Difference, ...]:
    """For every two cells of one profile and scenario of which one passed and one did not, and that differ in one thing.

    `readers` gives who reads profiles on a target, `document` a profile's file as it was, None where that cannot be had.
    """
    found: list[Difference] = []
    groups: dict[tuple[str, str | None, str], list[CellResult]] = {}
    for result in results:
        key = (result.profile.name, result.profile.sha256, result.scenario)
        groups.setdefault(key, []).append(result)
    for group in groups.values():
        works = [each for each in group if each.verdict is Verdict.PASSED]
        fails = [each for each in group if _fails(each)]
        for one, other in product(works, fails):
            sides = Side(one, readers(one.target)), Side(other, readers(other.target))
            found += _between(*sides, document)
    return tuple(found)


def _fails(result: CellResult) -> bool:
    """Blocked, or not even working under the default profile."""
    return result.verdict is Verdict.BLOCKED or _control_fails(result)


def _control_fails(result: CellResult) -> bool:
    control = result.control
    return result.verdict is Verdict.ERROR and control is not None and control.outcome is Outcome.FAILED


def _between(
    works: Side, fails: Side, document: Callable[[ProfileRef], Document | None]
) -> Iterator[Difference]:
    if works.name == fails.name:
        # Else two scenarios of one name, in parts of a merged result: there is no telling what differs.
        if works.setting is not fails.setting:
            yield _setting(works, fails)
        return
    if works.setting is not fails.setting:
        return
    if _control_fails(fails.result):
        yield _difference(
            works,
            fails,
            DifferenceCause.DEFAULT_PROFILE,
            (),
            f"under {works.name}'s own default profile the workload works, under that of {fails.name} it does not",
        )
        return
    yield from _targets(works, fails, document)


def _setting(works: Side, fails: Side) -> Difference:
    """Only no_new_privs differs, so that is the cause."""
    how = (
        "with no_new_privs it is blocked, without it works"
        if fails.setting
        else ("without no_new_privs it is blocked, with it works")
    )
    calls = fails.result.blocking
    created = {each.syscall for each in fails.result.denials if each.phase == PHASE_CREATE}
    if calls and created.issuperset(calls):
        how += (
            ": the runtime's init loads the filter earlier then, and makes more calls under it"
            if (not fails.setting)
            else ": what is refused is the runtime's init"
        )
    return _difference(works, fails, DifferenceCause.NO_NEW_PRIVILEGES, calls, how)


def _targets(
    works: Side, fails: Side, document: Callable[[ProfileRef], Document | None]
) -> Iterator[Difference]:
    """One difference for each cause, with the blocking calls that it explains."""
    profile = fails.result.profile
    why = "which calls block it is not known"
    causes: dict[tuple[DifferenceCause, str], list[str]] = {}
    if blocking_calls(fails.result):
        text = document(profile)
        if text is None:
            why = f"the file of the profile {profile.name} is not here as it was, so what targets make of it is not known"
        else:
            try:
                causes = causes_of(text, works, fails)
            except SmokeError as error:
                why = f"could not be looked into: {error}"
    for (cause, told), names in (causes or {(DifferenceCause.UNKNOWN, why): []}).items():
        yield _difference(works, fails, cause, tuple(sorted(set(names))), told)


def _difference(
    works: Side, fails: Side, cause: DifferenceCause, calls: tuple[str, ...], text: str
) -> Difference:
    return Difference(works.result.id, fails.result.id, cause, calls, text)
