"""The pipeline of one cell: control, enforce, then observation and blame. The verdict is the enforced launch's alone."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from profile_smoke.errors import InterruptedRunError, SmokeError
from profile_smoke.image.registry import RegistryUnreachable
from profile_smoke.image.store import NoStandinError
from profile_smoke.model import (
    PHASE_CREATE,
    CellResult,
    Denial,
    Drift,
    Effect,
    Evidence,
    Fix,
    Process,
    ProfileRef,
    Verdict,
)
from profile_smoke.observe.record import errno_text
from profile_smoke.profile import edit, places, render
from profile_smoke.profile.observed import UNOBSERVED
from profile_smoke.run.blame import Blame, find_blame
from profile_smoke.run.candidates import rules_of, unobserved
from profile_smoke.run.controls import Baseline, Controls, baseline_of
from profile_smoke.run.lab import Lab, Subject
from profile_smoke.run.review import Review
from profile_smoke.run.trials import BudgetExhausted
from profile_smoke.run.watch import Scene
from profile_smoke.syscall import tables

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from profile_smoke.image.interface import PreparedImage
    from profile_smoke.observe.interface import Observer
    from profile_smoke.profile.model import Profile, Rule
    from profile_smoke.profile.purpose import DenyCheck
    from profile_smoke.run.launch import Launcher, Result
    from profile_smoke.run.plan import Cell
    from profile_smoke.run.watch import Watch


@dataclass(frozen=True)
class Effort:
    """How much a cell may do: `observe` at all, launches for enforcing and blaming, how many of them side by side.

    `deny` is what its profile is checked for not to allow; None: for nothing. `watch` looks at what workloads use.
    """

    observe: bool
    max_launches: int
    jobs: int
    deny: DenyCheck | None = None
    watch: Watch | None = None


@dataclass
class _Draft:
    """What becomes a CellResult."""

    verdict: Verdict
    facts: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class CellRunner:
    """Runs cells of one target."""

    def __init__(
        self, launcher: Launcher, observer: Observer | None, controls: Controls, effort: Effort
    ) -> None:
        self.launcher, self.observer, self.controls, self.effort = (
            launcher,
            observer,
            controls,
            effort,
        )
        self.review = Review(launcher.target, effort.deny)

    def run(self, cell: Cell, heard: Callable[[str], None]) -> CellResult:
        """Everything about one cell. What breaks around it becomes the verdict `error`.

        Raises:
            InterruptedRunError: the run was interrupted; nothing is concluded.
        """
        began = time.monotonic()
        image: PreparedImage | None = None
        try:
            heard("image")
            image = self.controls.image(self.launcher, cell.scenario)
            draft = self._judge(cell, image, heard)
        except InterruptedRunError:
            raise
        except (RegistryUnreachable, NoStandinError) as error:
            skipped = cell.scenario.skip_without_image
            draft = _Draft(Verdict.SKIPPED if skipped else Verdict.ERROR, {"reason": str(error)})
        except SmokeError as error:
            draft = _Draft(Verdict.ERROR, {"reason": str(error)})
        return CellResult(
            id=cell.id,
            profile=_reference(cell, draft.facts),
            scenario=cell.scenario.name,
            target=self.launcher.target.info(),
            image=image.info if image else None,
            expected=cell.expected,
            verdict=draft.verdict,
            no_new_privileges=cell.scenario.start.no_new_privileges,
            notes=tuple(draft.notes),
            seconds=time.monotonic() - began,
            **draft.facts,
        )

    def _judge(self, cell: Cell, image: PreparedImage, heard: Callable[[str], None]) -> _Draft:
        control = self.controls.baseline(self.launcher, cell.scenario, heard)
        facts = {"control": control.launch}
        if not control.passed:
            reason = f"the control fails, under the default profile: {control.launch.reason}"
            return _Draft(
                Verdict.ERROR, {**facts, "phase": control.launch.phase, "reason": reason, "log": control.log}
            )
        if cell.profile.document is None:
            # The default profile under test is what the control launched.
            reviewed = self.review.facts(cell.profile, None, control)
            draft = _Draft(Verdict.PASSED, {**facts, "manifest": control.manifest, **reviewed})
        else:
            draft = _Trial(self, cell, image, baseline_of(cell.scenario, control), heard).draft(facts)
        if self.effort.watch is not None:
            passed = draft.verdict is Verdict.PASSED
            scene = Scene(cell, image, control, self.launcher, self.observer, heard, passed)
            draft.facts.update(self.effort.watch.facts(scene))
        return draft


class _Trial:
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

    def draft(self, facts: Mapping[str, Any]) -> _Draft:
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

    def _passed(self) -> _Draft:
        if not self._observes:
            return _Draft(Verdict.PASSED)
        draft = _Draft(Verdict.PASSED)
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

    def _failed(self, enforced: Result) -> _Draft:
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
        return _Draft(Verdict.BLOCKED, facts, notes)

    def _refuses(self, name: str) -> bool:
        number = tables.number(tables.native(), name)
        assert number is not None  # noqa: S101  every ABI has those that are asked about
        return not self._lab.evaluator(self._plain).decide(tables.native(), number, (1, 0, 1)).action.permits

    def _unexplained(self, facts: dict[str, Any], why: str) -> _Draft:
        """The profile failed, but no call is shown to be the cause: make sure that it was not chance."""
        self._heard("confirming")
        again = self._runner.controls.launch(self._runner.launcher, self._cell.scenario)
        if not again.passed:
            reason = f"inconclusive: the control passed, then failed ({again.launch.reason})"
            return _Draft(Verdict.ERROR, {**facts, "reason": reason})
        try:
            enforced = self._lab.enforce_plain(read_filter=False)
        except BudgetExhausted:
            return _Draft(Verdict.BLOCKED, facts, [f"which syscall: unknown; {why}"])
        if enforced.passed:
            return _Draft(
                Verdict.ERROR,
                {**facts, "reason": f"inconclusive: it failed ({facts['reason']}), then passed"},
            )
        return _Draft(Verdict.BLOCKED, facts, [f"which syscall: unknown; {why}"])

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


def _reference(cell: Cell, facts: Mapping[str, Any]) -> ProfileRef:
    """The profile, with the lines of its file that these facts are about."""
    document = cell.profile.document
    drift: Drift | None = facts.get("drift")
    told = {
        *facts.get("blocking", ()),
        *(call.name.rpartition(":")[2] for call in (drift.new if drift else ())),
        *(row.syscall for row in facts.get("dangerous", ()) if row.permitted and facts.get("forbidden")),
    }
    return ProfileRef(
        name=cell.profile.name,
        path=str(cell.profile.path) if cell.profile.path else None,
        sha256=document.sha256 if document else None,
        lines=places.lines(document, told) if document else {},
    )
