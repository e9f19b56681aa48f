"""The rules: each looks at a whole result and tells what it finds, whatever the others say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from profile_smoke.model import Expected, GateFinding, GateRule, Tier, Verdict, forbidden_call
from profile_smoke.profile.purpose import violations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from profile_smoke.gate.policy import Policy
    from profile_smoke.model import CellResult, DangerousCall, RunReport
    from profile_smoke.profile.purpose import DenyCheck

_DEFINITE = (Verdict.PASSED, Verdict.BLOCKED)
_FOLD = 8


def findings(report: RunReport, policy: Policy) -> tuple[GateFinding, ...]:
    """What the rules in force find, in the order of the rules. Waivers are not looked at."""
    return tuple(
        finding for rule in policy.rules if rule in _RULES for finding in _RULES[rule](report, policy)
    )


def _blocked(report: RunReport, _policy: Policy) -> Iterator[GateFinding]:
    """Blocked though it should pass: a finding for each call that blocks, one where none was proven."""
    for cell in report.cells:
        if cell.verdict is Verdict.BLOCKED and cell.expected is Expected.PASSED:
            for syscall in cell.blocking:
                text = f"{cell.id}: blocked by {syscall}, though it should pass"
                yield GateFinding(GateRule.BLOCKED, cell.profile.name, (cell.id,), syscall, text)
            if not cell.blocking:
                text = f"{cell.id}: blocked by an unknown call, though it should pass: {cell.reason}"
                yield GateFinding(GateRule.BLOCKED, cell.profile.name, (cell.id,), None, text)


def _not_blocked(report: RunReport, _policy: Policy) -> Iterator[GateFinding]:
    for cell in report.cells:
        if cell.verdict is Verdict.PASSED and cell.expected is Expected.BLOCKED:
            text = f"{cell.id}: passed, though it should be blocked"
            yield GateFinding(GateRule.NOT_BLOCKED, cell.profile.name, (cell.id,), None, text)


def _error(report: RunReport, policy: Policy) -> Iterator[GateFinding]:
    """What could not be judged, and what a rule in force needs that was not measured."""
    for cell in report.cells:
        if cell.verdict is Verdict.ERROR and cell.gates:
            yield _cannot_tell(cell, f"could not be judged: {cell.reason}")
        elif cell.verdict in _DEFINITE and cell.profile.path is not None:
            yield from (_cannot_tell(cell, text) for text in _unmeasured(cell, policy))


def _cannot_tell(cell: CellResult, text: str) -> GateFinding:
    return GateFinding(GateRule.ERROR, cell.profile.name, (cell.id,), None, f"{cell.id}: {text}")


def _unmeasured(cell: CellResult, policy: Policy) -> Iterator[str]:
    meant = cell.expected is Expected.PASSED
    if GateRule.DANGEROUS in policy.fail_on and not cell.dangerous_from:
        yield "which dangerous calls its filter permits was not asked"
    if policy.compares and meant and cell.drift is None:
        yield "what its workload uses was not compared with a baseline (--baseline)"
    if policy.max_unused is not None and meant and cell.verdict is Verdict.PASSED and cell.unused is None:
        yield "what its profile allows and nothing used was not measured (--unused)"
    if policy.min_score is not None and cell.score is None:
        yield "its profile was not scored"


def _new_denial(report: RunReport, _policy: Policy) -> Iterator[GateFinding]:
    for cell in report.cells:
        if cell.drift is None or not cell.drifted:
            continue
        for new in cell.drift.new:
            if new.refused:
                text = (
                    f"{cell.id}: {new.name} is new against {cell.drift.baseline}, and refused ({new.refused})"
                )
                yield GateFinding(GateRule.NEW_DENIAL, cell.profile.name, (cell.id,), new.name, text)


def _dangerous(report: RunReport, policy: Policy) -> Iterator[GateFinding]:
    """What filters permit against their profiles' purpose: a finding for each profile, target and call."""
    found: dict[tuple[str, str, str, str], list[CellResult]] = {}
    for cell in report.cells:
        if cell.profile.path is None or cell.verdict not in _DEFINITE:
            continue
        for (syscall, danger), rows in _permitted(cell, policy.deny):
            [line, *more] = violations(rows, {danger})
            details = f" (and {len(more)} more ways of calling it)" if more else ""
            key = (cell.profile.name, cell.target.name, syscall, f"{line}{details}")
            found.setdefault(key, []).append(cell)
    for (profile, target, syscall, text), cells in found.items():
        yield GateFinding(
            GateRule.DANGEROUS,
            profile,
            tuple(cell.id for cell in cells),
            syscall,
            f"{profile} on {target} permits {text}",
        )


def _permitted(cell: CellResult, deny: DenyCheck) -> Iterable[tuple[tuple[str, str], list[DangerousCall]]]:
    """The permitted rows of forbidden classes by call and class: of those that the run was told of, too."""
    forbidden = deny.forbids(cell.profile.name)
    told = {forbidden_call(line) for line in cell.forbidden}
    found: dict[tuple[str, str], list[DangerousCall]] = {}
    for row in cell.dangerous:
        meant = row.danger in forbidden or (row.syscall in told and row.danger not in deny.permit)
        if row.permitted and meant:
            found.setdefault((row.syscall, row.danger), []).append(row)
    return found.items()


def _unused(report: RunReport, policy: Policy) -> Iterator[GateFinding]:
    limit = policy.max_unused or 0
    for each in report.unused:
        calls = [name for risk in each.risks for name in risk.calls]
        if len(calls) > limit:
            more = f" and {len(calls) - _FOLD} more" if len(calls) > _FOLD else ""
            text = (
                f"{each.profile} allows {len(calls)} calls that none of its workloads used, and {limit} are let pass: "
                f"{', '.join(calls[:_FOLD])}{more}"
            )
            yield GateFinding(GateRule.UNUSED, each.profile, each.cells, None, text)


def _score(report: RunReport, policy: Policy) -> Iterator[GateFinding]:
    """A finding for each profile and target whose tier is more open than the limit."""
    found: dict[tuple[str, str], list[CellResult]] = {}
    for cell in report.cells:
        if cell.score is not None and cell.score.tier > (policy.min_score or Tier.E):
            found.setdefault((cell.profile.name, cell.target.name), []).append(cell)
    for (profile, target), cells in found.items():
        score = cells[0].score
        assert score is not None  # noqa: S101  chosen just so
        text = (
            f"{profile} on {target} is of tier {score.tier}, and {policy.min_score} is the least that is let pass: "
            f"{'; '.join(score.reasons)}"
        )
        yield GateFinding(GateRule.SCORE, profile, tuple(cell.id for cell in cells), None, text)


def _digest(report: RunReport, _policy: Policy) -> Iterator[GateFinding]:
    """A finding for each image of a deciding cell that may be another one tomorrow, or was another one today."""
    found: dict[tuple[str, str], list[CellResult]] = {}
    for cell in report.cells:
        if cell.gates and cell.image is not None and (cell.image.standin or not _pinned(cell.image.ref)):
            found.setdefault((cell.scenario, cell.image.ref), []).append(cell)
    for (scenario, ref), cells in found.items():
        standin = any(cell.image is not None and cell.image.standin for cell in cells)
        text = (
            f"a stand-in ran instead of {ref}"
            if standin
            else f"{ref} is not pinned by digest ({ref}@sha256:...)"
        )
        yield GateFinding(GateRule.DIGEST, "", tuple(cell.id for cell in cells), None, f"{scenario}: {text}")


def _pinned(ref: str) -> bool:
    return "@sha256:" in ref


_RULES: Mapping[GateRule, Callable[[RunReport, Policy], Iterator[GateFinding]]] = {
    GateRule.BLOCKED: _blocked,
    GateRule.NOT_BLOCKED: _not_blocked,
    GateRule.ERROR: _error,
    GateRule.NEW_DENIAL: _new_denial,
    GateRule.DANGEROUS: _dangerous,
    GateRule.UNUSED: _unused,
    GateRule.SCORE: _score,
    GateRule.DIGEST: _digest,
}
"""Those that look at a result; the rules about waivers look at the others' findings."""
