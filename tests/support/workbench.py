"""A run without a command line: one target, its controls and its observer, for tests that launch by hand."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support import targets

from profile_smoke import rundir
from profile_smoke.image.store import Store
from profile_smoke.model import Answer, CellResult, LaunchKind
from profile_smoke.observe.policy import Policy
from profile_smoke.profile import render
from profile_smoke.profile.catalog import NamedProfile
from profile_smoke.profile.document import Document, parse
from profile_smoke.profile.evaluate import Evaluator
from profile_smoke.profile.model import Action, Profile, Rule
from profile_smoke.profile.observed import UNOBSERVED, observed
from profile_smoke.run.cell import CellRunner, Effort
from profile_smoke.run.controls import Baseline, Controls, baseline_of
from profile_smoke.run.launch import Launcher
from profile_smoke.run.limits import full_limits
from profile_smoke.run.order import Order, Result
from profile_smoke.run.plan import Cell
from profile_smoke.run.slots import Slots
from profile_smoke.scenario import document as scenarios
from profile_smoke.syscall import tables
from profile_smoke.target.docker import DockerTarget
from profile_smoke.target.kubernetes import KubernetesTarget
from profile_smoke.target.oci import OciTarget

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from profile_smoke.observe.interface import Observer
    from profile_smoke.scenario.model import Scenario
    from profile_smoke.target.interface import Target

ROOT = Path(__file__).resolve().parents[2]
JOBS = 2
MAX_LAUNCHES = 120


@cache
def scenario(name: str) -> Scenario:
    """A bundled scenario."""
    return scenarios.load(ROOT / "scenarios" / name)


def allowing(names: Collection[str], *, enosys: Collection[str] = ()) -> Document:
    """A profile that allows these names, answers ENOSYS to those, EPERM to the rest."""
    rules = [{"names": sorted(names), "action": "SCMP_ACT_ALLOW"}]
    if enosys:
        rules.append({"names": sorted(enosys), "action": "SCMP_ACT_ERRNO", "errnoRet": 38})  # type: ignore[dict-item]
    text = {"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": rules}
    return parse(json.dumps(text), "the test's profile")


@dataclass(frozen=True)
class Used:
    """What a workload asks for while it works, as far as the target's default profile lets it."""

    allowed: frozenset[str]
    enosys: frozenset[str]

    def without(self, names: Collection[str]) -> Document:
        """A profile of just these calls, but for some names."""
        return allowing(self.allowed - set(names), enosys=self.enosys - set(names))


class Workbench:
    """Launches on one target."""

    def __init__(self, target: Target, run: rundir.RunDir, store: Store, observer: Observer) -> None:
        self.target, self.observer = target, observer
        self.launcher = Launcher(
            target,
            run_id=run.run_id,
            stop=threading.Event(),
            slots=Slots(JOBS),
            keep_failed=False,
        )
        self.controls = Controls({}, "always", store.cancel)
        self.effort = Effort(observe=True, max_launches=MAX_LAUNCHES, jobs=JOBS)

    def baseline(self, name: str) -> Baseline:
        """The control of a scenario, launched once."""
        found = self.controls.baseline(self.launcher, scenario(name), lambda _text: None)
        assert found.passed, f"the control of {name} fails: {found.launch.reason}"
        return baseline_of(scenario(name), found)

    def enforce(self, name: str, document: Document) -> Result:
        """One launch of a scenario with a profile that the kernel alone enforces."""
        handed = self.target.hand_over(document)
        return self.launcher.launch(self._order(name, LaunchKind.ENFORCE, handed), self.launcher.new_id())

    def used(self, name: str) -> Used:
        """What the scenario's workload and the runtime's init ask for: everything refused, let pass, and so seen.

        A shell whose `fork` is interrupted while the supervisor is asked gives up, or leaves a step out. What was
        seen is then allowed for real, until the workload lives through the rest and asks for nothing more.
        """
        found: set[str] = set(UNOBSERVED)
        for _ in range(8):
            result = self.observed(name, found)
            more = {each.name for each in result.attempted if each.control.action.permits} - found
            found |= more
            if result.passed and not more:
                break
        fallback = {each.name for each in result.attempted if each.control.errno == 38}
        return Used(frozenset(found), frozenset(fallback - found))

    def observed(self, name: str, allowed: Collection[str], *, key: str | None = None) -> Result:
        """One launch in which every call but these is refused, let pass, and so seen; `key` is of another launch."""
        rules = (Rule(tuple(sorted(allowed)), Action.ALLOW),)
        plain = Profile(Action.ERRNO, architectures=("SCMP_ARCH_X86_64",), rules=rules)
        ident = self.launcher.new_id()
        path, key = self.observer.listener_path, key or ident
        document = render.to_oci(observed(plain, listener_path=path, metadata=key))
        policy = Policy(Evaluator(plain, tables.native()), self.baseline(name).control, Answer.CONTINUE)
        session = self.observer.open(key, policy)
        # Every single call goes through the supervisor: the limits of a plain launch say nothing of this one.
        order = replace(self._order(name, LaunchKind.OBSERVE, document), limits=full_limits(scenario(name)))
        return self.launcher.launch(order, ident, session)

    def run(self, name: str, document: Document, *, effort: Effort | None = None) -> CellResult:
        """The product's own answer for one cell."""
        runner = CellRunner(self.launcher, self.observer, self.controls, effort or self.effort)
        cell = Cell(NamedProfile("tested", document, None), scenario(name), self.target.name)
        return runner.run(cell, lambda _text: None)

    def _order(self, name: str, kind: LaunchKind, seccomp: Any) -> Order:
        baseline = self.baseline(name)
        image = self.controls.image(self.launcher, scenario(name))
        return Order(scenario(name), image, kind, seccomp, None, baseline.limits)


def _target(name: str, run: rundir.RunDir, store: Store) -> Target:
    if name == "kubernetes":
        return KubernetesTarget(run, store, context=targets.context())
    return {"oci": OciTarget, "docker": DockerTarget}[name](run, store)


@contextmanager
def workbench(target: str) -> Iterator[Workbench]:
    """A workbench on the target of this name; nothing is left of it afterwards."""
    with rundir.open_run(rundir.new_run_id()) as run:
        store = Store(rundir.home(), lambda _line: None)
        found = _target(target, run, store)
        found.check()
        try:
            with found.observer() as observer:
                yield Workbench(found, run, store, observer)
        finally:
            found.finish()


def rule_names(result: CellResult) -> frozenset[str]:
    """The calls that the fix of a result is about."""
    assert result.fix is not None
    return frozenset(name for rule in result.fix.rules for name in rule["names"])
