"""A cell's laboratory: launches of its scenario with its profile, alone or with rules added, counted and bounded."""

from __future__ import annotations

import functools
import hashlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from profile_smoke.errors import SmokeError
from profile_smoke.model import Answer, Launch, LaunchKind
from profile_smoke.observe.interface import NotHandedOverError
from profile_smoke.observe.policy import Control, Policy
from profile_smoke.profile import render
from profile_smoke.profile.edit import add_rules
from profile_smoke.profile.evaluate import Evaluator
from profile_smoke.profile.model import Action, Op
from profile_smoke.profile.observed import observed
from profile_smoke.run.blame_trials import BudgetExhausted, Seen
from profile_smoke.run.candidates import Candidate, candidate, rules_of
from profile_smoke.run.order import Order, Result
from profile_smoke.run.slots import ASIDE
from profile_smoke.syscall import tables

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from profile_smoke.image.interface import PreparedImage
    from profile_smoke.observe.interface import Observer
    from profile_smoke.profile.model import Profile, Rule
    from profile_smoke.run.launch import Launcher
    from profile_smoke.run.limits import Limits
    from profile_smoke.scenario.model import Scenario

T = TypeVar("T")
TRIES = 3
"""Launches until one is observed at all."""


@dataclass(frozen=True)
class Subject:
    """What a cell launches: `plain` is what the target makes of the profile, `document` what it is handed."""

    scenario: Scenario
    image: PreparedImage
    plain: Profile
    document: Mapping[str, Any]
    sha256: str
    limits: Limits
    control: Control


class Lab:
    """Implements `blame_trials.Trials`; keeps every launch in order. Safe for use from several threads."""

    def __init__(
        self,
        subject: Subject,
        launcher: Launcher,
        observer: Observer | None,
        *,
        max_launches: int,
        jobs: int,
        heard: Callable[[str], None],
    ) -> None:
        self._subject, self._launcher, self._observer = subject, launcher, observer
        self._left, self._jobs, self._heard = max_launches, jobs, heard
        self._begun = 0
        self._lock = threading.Lock()
        self._enforced: dict[str, Result] = {}
        self.launches: list[Launch] = []
        self.observed: list[Result] = []

    def evaluator(self, plain: Profile) -> Evaluator:
        """What the target's runtime makes of a plain profile."""
        return Evaluator(plain, tables.native(), known=self._launcher.target.knows)

    def enforce_plain(self, *, read_filter: bool) -> Result:
        """The profile under test, unmodified: the launch that decides. Launched anew at each call."""
        subject = self._subject
        return self._launch(
            Order(
                subject.scenario,
                subject.image,
                LaunchKind.ENFORCE,
                subject.document,
                subject.sha256,
                subject.limits,
                read_filter=read_filter,
            )
        )

    def let_pass(self, allowed: Collection[Candidate]) -> Seen:
        """Observe, letting refused calls pass as far as the control does; the kernel lets those `allowed` pass unasked.

        Except where they are allowed for some values only (`socket`): the kernel would refuse others unseen.
        """
        settled = [each.name for each in allowed if not any(_by_value(rule) for rule in each.rules)]
        return self._observe(allowed, Answer.CONTINUE, settled=settled)

    def refuse(self, allowed: Collection[Candidate]) -> Seen:
        """Observe, refusing as the profile with `allowed` does."""
        return self._observe(allowed, Answer.DENY)

    def enforce(self, allowed: Collection[Candidate], *, wide: bool) -> bool:
        """Whether the profile with `allowed` passes, enforced by the kernel; launched once per set of rules."""
        return self.enforce_result(allowed, wide=wide).passed

    def enforce_result(self, allowed: Collection[Candidate], *, wide: bool) -> Result:
        """As `enforce`, the whole result."""
        order = self._enforcing(allowed, wide=wide)
        digest = str(order.profile_sha256)
        with self._lock:
            known = self._enforced.get(digest)
        if known is not None:
            return known
        result = self._launch(order)
        with self._lock:
            self._enforced[digest] = result
        return result

    def _enforcing(self, allowed: Collection[Candidate], *, wide: bool) -> Order:
        subject = self._subject
        document = render.to_oci(add_rules(subject.plain, rules_of(allowed, wide=wide)))
        return Order(
            subject.scenario,
            subject.image,
            LaunchKind.ENFORCE,
            document,
            sha256_of(document),
            subject.limits,
            allowed=tuple(sorted(each.name for each in allowed)),
        )

    def steady(self, allowed: Collection[Candidate], *, wide: bool, times: int) -> bool:
        """Whether the profile with `allowed` passes `times` more launches, side by side."""
        order = self._enforcing(allowed, wide=wide)
        results = self._side_by_side([functools.partial(self._launch, order)] * times)
        if any(result is None for result in results):
            raise BudgetExhausted
        failed = next((result for result in results if result and not result.passed), None)
        if failed is not None and order.profile_sha256 is not None:
            with self._lock:
                self._enforced[order.profile_sha256] = failed
        return failed is None

    def enforce_all(self, sets: Sequence[Collection[Candidate]], *, wide: bool) -> list[bool | None]:
        """Several `enforce` side by side. Every launch that was begun is waited for, whatever happens to another."""
        tasks = [functools.partial(self.enforce, each, wide=wide) for each in sets]
        return self._side_by_side(tasks)

    def _side_by_side(self, tasks: Sequence[Callable[[], T]]) -> list[T | None]:
        """The results, None where the bound forbade the launch; what was begun is waited for whatever happens."""

        def one(task: Callable[[], T]) -> T | None:
            try:
                return task()
            except BudgetExhausted:
                return None

        # As many as may wait and work at once; how many work, the slots say.
        with ThreadPoolExecutor(self._jobs * (1 + ASIDE), thread_name_prefix="blame") as pool:
            futures = [pool.submit(one, task) for task in tasks]
            try:
                return [future.result() for future in futures]
            except SmokeError:
                for future in futures:
                    future.cancel()
                raise

    def _observe(
        self, allowed: Collection[Candidate], answer: Answer, *, settled: Collection[str] = ()
    ) -> Seen:
        """Observe, anew where the runtime's init hung before there was anything to see.

        From when its filter is loaded until its listener is handed over nobody answers. A call that another thread of its
        Go runtime makes in that moment waits, and so, now and then, does all the rest for that thread.
        """
        failure = None
        for _ in range(TRIES):
            try:
                return self._observe_once(allowed, answer, settled)
            except NotHandedOverError as error:
                failure = error
            except BudgetExhausted:
                if failure is None:
                    raise
        assert failure is not None  # noqa: S101  there is at least one try
        raise failure

    def _observe_once(self, allowed: Collection[Candidate], answer: Answer, settled: Collection[str]) -> Seen:
        if self._observer is None:
            raise ValueError("this target cannot observe")
        subject = self._subject
        plain = add_rules(subject.plain, rules_of(allowed, wide=False))
        launch_id = self._launcher.new_id()
        instrumented = observed(
            plain, listener_path=self._observer.listener_path, metadata=launch_id, settled=settled
        )
        if not any(rule.action is Action.NOTIFY for rule in instrumented.rules):
            # It permits every call: there is nothing to see, and without such a rule a runtime hands over no listener.
            return Seen(passed=True, candidates=())
        document = render.to_oci(instrumented)
        policy = Policy(self.evaluator(plain), subject.control, answer)
        order = Order(
            subject.scenario,
            subject.image,
            LaunchKind.OBSERVE,
            document,
            sha256_of(document),
            subject.limits.relaxed(),
            answer=answer,
            allowed=tuple(sorted(each.name for each in allowed)),
        )
        result = self._launch(order, launch_id=launch_id, policy=policy)
        self.observed.append(result)
        found = (candidate(each) for each in result.attempted)
        return Seen(result.passed, tuple(each for each in found if each is not None))

    def _launch(self, order: Order, *, launch_id: str | None = None, policy: Policy | None = None) -> Result:
        with self._lock:
            if self._left <= 0:
                raise BudgetExhausted
            self._left -= 1
            self._begun += 1
            number = self._begun
        self._heard(f"launch {number}: {_heard(order)}")
        ident = launch_id or self._launcher.new_id()
        session = self._observer.open(ident, policy) if self._observer and policy else None
        result = self._launcher.launch(order, ident, session, owner=self)
        with self._lock:
            self.launches.append(result.launch)
        return result


def sha256_of(document: Mapping[str, Any]) -> str:
    """The digest of a generated profile: of its canonical JSON."""
    return hashlib.sha256(json.dumps(document, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _by_value(rule: Rule) -> bool:
    return any(arg.op is Op.EQ for arg in rule.args)


def _heard(order: Order) -> str:
    if order.kind is LaunchKind.OBSERVE:
        return "observing" if order.answer is Answer.CONTINUE else "observing refusals"
    return f"enforcing with {len(order.allowed)} calls added" if order.allowed else "enforcing"
