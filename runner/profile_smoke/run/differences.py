"""Why a profile lets a workload work on one target and not on another, as far as there is evidence for it.

The evidence is what the profile means on each target, what was found in the loaded filters, which calls were met where, and
which setting the two cells differ in. What none of it explains is `unknown`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from profile_smoke.errors import SmokeError
from profile_smoke.model import (
    PHASE_CREATE,
    CellResult,
    Denial,
    Difference,
    DifferenceCause,
    LaunchKind,
    Outcome,
    Verdict,
)
from profile_smoke.profile import raw_oci
from profile_smoke.profile.evaluate import Evaluator
from profile_smoke.profile.resolve import reachable
from profile_smoke.syscall import tables

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from profile_smoke.profile.document import Document
    from profile_smoke.profile.model import Profile
    from profile_smoke.run.plan import Cell
    from profile_smoke.target.interface import Target

_NO_ARGS = (0,) * 6


def differences(
    cells: Sequence[Cell], results: Mapping[str, CellResult], targets: Mapping[str, Target]
) -> tuple[Difference, ...]:
    """For every two cells of one profile and scenario of which one passed and one did not, and that differ in one thing."""
    found: list[Difference] = []
    groups: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        if cell.id in results:
            groups.setdefault((cell.profile.name, str(cell.scenario.path)), []).append(cell)
    for group in groups.values():
        works = [cell for cell in group if results[cell.id].verdict is Verdict.PASSED]
        fails = [cell for cell in group if _fails(results[cell.id])]
        for one, other in product(works, fails):
            found += _between(_Side(one, results, targets), _Side(other, results, targets))
    return tuple(found)


def _fails(result: CellResult) -> bool:
    """Blocked, or not even working under the default profile."""
    return result.verdict is Verdict.BLOCKED or _control_fails(result)


def _control_fails(result: CellResult) -> bool:
    control = result.control
    return result.verdict is Verdict.ERROR and control is not None and control.outcome is Outcome.FAILED


class _Side:
    """One of two cells, with where it ran."""

    def __init__(self, cell: Cell, results: Mapping[str, CellResult], targets: Mapping[str, Target]) -> None:
        self.cell, self.result, self.target = cell, results[cell.id], targets[cell.target]

    @property
    def name(self) -> str:
        return self.cell.target

    @property
    def setting(self) -> bool:
        return self.cell.scenario.start.no_new_privileges

    def version(self, *names: str) -> str:
        """`libseccomp 2.5.4` and so on, of what this target tells."""
        versions = self.result.target.versions
        return ", ".join(f"{name} {versions[name]}" for name in names if name in versions)

    def permits(self, profile: Profile, call: Denial) -> bool:
        """Whether its runtime's filter, of this plain profile, lets the call pass. Raises RuntimeRefusedError."""
        evaluator = Evaluator(profile, tables.native(), known=self.target.knows)
        return evaluator.decide(call.arch, call.number, call.args or _NO_ARGS).action.permits


def _between(works: _Side, fails: _Side) -> Iterator[Difference]:
    if works.name == fails.name:
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
    yield from _targets(works, fails)


def _setting(works: _Side, fails: _Side) -> Difference:
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


@dataclass(frozen=True)
class _Meanings:
    """What the profile is on both sides, and to a reader of plain OCI."""

    works: Profile
    fails: Profile
    plain: Profile
    dropped: tuple[str, ...]


def _targets(works: _Side, fails: _Side) -> Iterator[Difference]:
    """One difference for each cause, with the blocking calls that it explains."""
    document, calls = fails.cell.profile.document, _blocking(fails.result)
    causes: dict[tuple[DifferenceCause, str], list[str]] = {}
    if document is not None:
        try:
            meanings = _meanings(document, works, fails)
            for call in calls:
                causes.setdefault(_cause(call, meanings, works, fails), []).append(call.syscall)
        except SmokeError as error:
            causes = {(DifferenceCause.UNKNOWN, f"could not be looked into: {error}"): []}
    if not causes:
        causes = {(DifferenceCause.UNKNOWN, "which calls block it is not known"): []}
    for (cause, text), names in causes.items():
        yield _difference(works, fails, cause, tuple(sorted(set(names))), text)


def _meanings(document: Document, works: _Side, fails: _Side) -> _Meanings:
    return _Meanings(
        works.target.meaning(document),
        fails.target.meaning(document),
        reachable(raw_oci.plain_reading(document), tables.native()),
        raw_oci.dropped_fields(document),
    )


def _blocking(result: CellResult) -> list[Denial]:
    """One attempt at each blocking call, as it was made."""
    found: dict[str, Denial] = {}
    for each in result.denials:
        if each.syscall in result.blocking:
            found.setdefault(each.syscall, each)
    return list(found.values())


def _cause(call: Denial, meanings: _Meanings, works: _Side, fails: _Side) -> tuple[DifferenceCause, str]:
    known = (works.target.knows(call.syscall), fails.target.knows(call.syscall))
    if known[0] is not known[1]:
        return DifferenceCause.RUNTIME, _runtimes("one libseccomp does not know its name", works, fails)
    here, there = fails.permits(meanings.fails, call), works.permits(meanings.works, call)
    if here is not there:
        return _cause_of_meaning(call, meanings, works, fails)
    if call.syscall in _found_in_filters(works, fails):
        return DifferenceCause.RUNTIME, _runtimes("what their runtimes load is not the same", works, fails)
    met = {each.syscall for each in works.result.denials}
    observed = any(launch.kind is LaunchKind.OBSERVE for launch in works.result.launches)
    if call.phase == PHASE_CREATE and observed and call.syscall not in met:
        return (
            DifferenceCause.RUNTIME,
            _runtimes(
                f"the runtime's init makes it on {fails.name}, and was not seen to on {works.name}",
                works,
                fails,
            ),
        )
    return (
        DifferenceCause.UNKNOWN,
        "the profile means the same for it on both, and nothing that was seen says why it is needed on one alone",
    )


def _cause_of_meaning(
    call: Denial, meanings: _Meanings, works: _Side, fails: _Side
) -> tuple[DifferenceCause, str]:
    """The profile itself is another on the two."""
    if meanings.dropped:
        plain = fails.permits(meanings.plain, call)
        for side, meaning in ((fails, meanings.fails), (works, meanings.works)):
            other = works if side is fails else fails
            if side.permits(meaning, call) is plain and meaning == meanings.plain:
                fields = ", ".join(meanings.dropped)
                return (
                    DifferenceCause.DOCKER_ONLY_FIELDS,
                    f"{side.name} drops fields of Docker's format from the profile ({fields}), which {other.name} resolves",
                )
    mine, others = set(works.target.default_capabilities()), set(fails.target.default_capabilities())
    if mine != others:
        parts = [
            f"{side.name} gives {', '.join(sorted(more))}"
            for side, more in ((works, mine - others), (fails, others - mine))
            if more
        ]
        return DifferenceCause.CAPABILITIES, f"containers have other capabilities: {'; '.join(parts)}"
    if works.version("kernel") != fails.version("kernel"):
        text = "rules of the profile ask for a kernel's version"
        return DifferenceCause.RUNTIME, _runtimes(text, works, fails, "kernel")
    return DifferenceCause.UNKNOWN, "the profile means another thing on the two, and why was not found"


def _found_in_filters(works: _Side, fails: _Side) -> Collection[str]:
    """Calls with which a loaded filter was found to do other than the profile's text."""
    checks = [side.result.filter for side in (works, fails) if side.result.filter is not None]
    return {name for check in checks for finding in check.findings for name in finding.calls}


def _runtimes(text: str, works: _Side, fails: _Side, *names: str) -> str:
    told = [
        f"{side.name} has {versions}"
        for side in (works, fails)
        if (versions := side.version(*(names or ("libseccomp", "runc", "crun", "containerd", "cri-o"))))
    ]
    return f"{text}: {'; '.join(told)}" if told else text


def _difference(
    works: _Side, fails: _Side, cause: DifferenceCause, calls: tuple[str, ...], text: str
) -> Difference:
    return Difference(works.cell.id, fails.cell.id, cause, calls, text)
