"""A profile on trial, once its control passed: enforce, then explain. The verdict is the enforced launch's alone."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from profile_smoke.model import (
    PHASE_CREATE,
    Denial,
    Effect,
    Evidence,
    Fix,
    Process,
    Verdict,
)
from profile_smoke.observe.record import errno_text
from profile_smoke.profile import edit, render
from profile_smoke.profile.observed import UNOBSERVED
from profile_smoke.run.blame import Blame, find_blame
from profile_smoke.run.blame_trials import BudgetExhausted
from profile_smoke.run.candidates import rules_of, unobserved
from profile_smoke.run.lab import Lab, Subject
from profile_smoke.syscall import tables

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from profile_smoke.image.interface import PreparedImage
    from profile_smoke.profile.model import Profile, Rule
    from profile_smoke.run.cell import CellRunner
    from profile_smoke.run.controls import Baseline
    from profile_smoke.run.order import Result
    from profile_smoke.run.plan import Cell


@dataclass
class Draft:
    """What becomes a `CellResult`: the verdict, other fields by name, notes."""

    verdict: Verdict
    facts: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class Trial:
    """The part of a cell that has a profile under test and a control that passed."""

    def __init__(
        self,
        runner: CellRunner,
        cell: Cell,
        image: PreparedImage,
        baseline: Baseline,
        heard: Callable[[str], None],
    ) -> None:
        assert cell.profile.document is not None  # noqa: S101  the caller's condition, for the type checker
        document = cell.profile.document
        self._runner, self._cell, self._heard = runner, cell, heard
        target = runner.launcher.target
        self._plain = target.meaning(document)
        self._baseline = baseline
        capabilities = target.capabilities()
        self._observes = runner.effort.observe and capabilities.observe and runner.observer is not None
        self._reads = capabilities.read_filter
        self._notes = [f"profile: {warning}" for warning in document.warnings]
        if runner.effort.observe and not self._observes:
            self._notes.append(f"nothing was observed: {capabilities.observe_why_not}")
        self._lab = Lab(
            Subject(
                scenario=cell.scenario,
                image=image,
                plain=self._plain,
                document=target.hand_over(document),
                sha256=document.sha256,
                limits=baseline.limits,
                control=baseline.control,
            ),
            runner.launcher,
            runner.observer if self._observes else None,
            max_launches=runner.effort.max_launches,
            jobs=runner.effort.jobs,
            heard=heard,
        )

    def draft(self, facts: Mapping[str, Any]) -> Draft:
        """Enforce, then explain."""
        enforced = self._lab.enforce_plain(read_filter=self._reads)
        draft = self._passed() if enforced.passed else self._failed(enforced)
        draft.facts = {
            **facts,
            **self._runner.review.facts(self._cell.profile, self._plain, enforced),
            "log": enforced.log,
            "manifest": enforced.manifest,
            **draft.facts,
            "launches": tuple(self._lab.launches),
        }
        draft.notes = self._notes + draft.notes
        if enforced.kept:
            draft.notes.append(f"kept: {enforced.kept}")
        return draft

    def _passed(self) -> Draft:
        if not self._observes:
            return Draft(Verdict.PASSED)
        draft = Draft(Verdict.PASSED)
        try:
            seen = self._lab.refuse(())
        except BudgetExhausted:
            draft.notes.append("not observed: the bound on launches is reached")
            return draft
        if not seen.passed:
            launch = self._lab.launches[-1]
            draft.notes.append(
                f"passed when enforced, but failed when observed ({launch.phase}: {launch.reason}); the verdict is "
                "the enforced launch's"
            )
        draft.facts["denials"] = tuple(replace(each, effect=Effect.TOLERATED) for each in self._denials())
        return draft

    def _failed(self, enforced: Result) -> Draft:
        facts: dict[str, Any] = {"phase": enforced.launch.phase, "reason": enforced.launch.reason}
        if not self._observes:
            return self._unexplained(facts, "nothing was observed, so no syscall can be named")
        blame = find_blame(
            self._lab,
            unobservable=[unobserved(name) for name in UNOBSERVED if self._refuses(name)],
            failed_in_create=enforced.launch.phase == PHASE_CREATE,
        )
        facts["denials"] = self._effects(blame)
        if blame.needed is None:
            return self._unexplained(facts, _why_unknown(blame))
        notes = (
            []
            if blame.minimal
            else ["the bound on launches was reached before the fix was shown to be minimal"]
        )
        if blame.wide:
            notes.append("argument conditions were not enough; the fix allows whole calls")
        if blame.unsteady:
            notes.append(
                "with fewer calls allowed it passes at times and fails at times: a race that refusals lose"
            )
        facts["blocking"] = tuple(sorted(blame.proven))
        rules = rules_of(blame.needed, wide=blame.wide)
        facts["fix"] = Fix(
            rules=tuple(render.rule_to_oci(rule) for rule in rules),
            verified=self._lab.enforce(blame.needed, wide=blame.wide),
            minimal=blame.minimal,
            launches=len(self._lab.launches),
            diff=_diff(self._cell, rules),
        )
        return Draft(Verdict.BLOCKED, facts, notes)

    def _refuses(self, name: str) -> bool:
        number = tables.number(tables.native(), name)
        assert number is not None  # noqa: S101  every ABI has those that are asked about
        return not self._lab.evaluator(self._plain).decide(tables.native(), number, (1, 0, 1)).action.permits

    def _unexplained(self, facts: dict[str, Any], why: str) -> Draft:
        """The profile failed, but no call is shown to be the cause: make sure that it was not chance."""
        self._heard("confirming")
        again = self._runner.controls.launch(self._runner.launcher, self._cell.scenario)
        if not again.passed:
            reason = f"inconclusive: the control passed, then failed ({again.launch.reason})"
            return Draft(Verdict.ERROR, {**facts, "reason": reason})
        try:
            enforced = self._lab.enforce_plain(read_filter=False)
        except BudgetExhausted:
            return Draft(Verdict.BLOCKED, facts, [f"which syscall: unknown; {why}"])
        if enforced.passed:
            return Draft(
                Verdict.ERROR,
                {**facts, "reason": f"inconclusive: it failed ({facts['reason']}), then passed"},
            )
        return Draft(Verdict.BLOCKED, facts, [f"which syscall: unknown; {why}"])

    def _effects(self, blame: Blame) -> tuple[Denial, ...]:
        """Every denial with what the launches proved of it."""
        pool = {each.name for each in blame.pool}

        def effect(name: str) -> Effect:
            if name in blame.proven:
                return Effect.BLOCKING
            if name in blame.tolerated or (blame.needed is not None and name not in pool):
                return Effect.TOLERATED
            return Effect.UNKNOWN

        return tuple(
            replace(each, effect=effect(each.syscall)) for each in self._denials(proven=blame.proven)
        )

    def _denials(self, *, proven: Collection[str] = ()) -> Sequence[Denial]:
        """Those of all observed launches: the first launch's lines, then what only later ones met."""
        found: dict[tuple[str, str, str, str], Denial] = {}
        for result in self._lab.observed:
            for each in result.denials:
                found.setdefault(
                    (each.syscall, each.arch, each.phase, each.process.exe), self._as_tested(each)
                )
        denials = sorted(found.values(), key=lambda each: each.first_ms)
        unseen = [name for name in UNOBSERVED if name in proven]
        return [*(_denied(name, self._lab, self._plain) for name in unseen), *denials]

    def _as_tested(self, seen: Denial) -> Denial:
        """With the error of the profile under test: where part of a fix was on, the call may have got the fix's."""
        decision = self._lab.evaluator(self._plain).decide(seen.arch, seen.number, seen.args)
        return replace(seen, errno=errno_text(decision))


def _denied(name: str, lab: Lab, plain: Profile) -> Denial:
    """A call that is not observed; that it blocks was shown by relaunching."""
    arch = tables.native()
    number = tables.number(arch, name) or 0
    decision = lab.evaluator(plain).decide(arch, number, (1, 0, 1))
    return Denial(
        syscall=name,
        number=number,
        arch=arch,
        args=(),
        text=f"{name}(...)",
        errno=errno_text(decision),
        phase=PHASE_CREATE,
        process=Process(0, "", ""),
        first_ms=0.0,
        count=0,
        evidence=Evidence.RELAUNCH,
    )


def _diff(cell: Cell, rules: Sequence[Rule]) -> str:
    """How the rules come into the profile's file; for `patch -p1` where its path starts from."""
    assert cell.profile.document is not None  # noqa: S101  only a profile under test is fixed
    text = cell.profile.document.text
    return edit.diff(
        text, edit.write_fix(text, rules), str(cell.profile.path or cell.profile.name).lstrip("/")
    )


def _why_unknown(blame: Blame) -> str:
    if blame.exhausted:
        return "the bound on launches was reached first (--max-launches)"
    if not blame.pool:
        return "no refused call was seen that the default profile would answer otherwise"
    return "allowing every refused call that was seen does not make it work either"
