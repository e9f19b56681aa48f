"""A whole `record`: scenarios side by side, one profile for all of them, verified before anyone sees it."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from profile_smoke import interrupts
from profile_smoke.errors import InfrastructureError
from profile_smoke.profile.compose import Composed, compose, without
from profile_smoke.recording import Recorded, Recording, Verification
from profile_smoke.run.launch import Launcher
from profile_smoke.run.recorder import Bench, Unverified, needed, record, uses, verify
from profile_smoke.run.slots import Slots
from profile_smoke.syscall import tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from profile_smoke.observe.interface import Observer
    from profile_smoke.profile.document import Document
    from profile_smoke.run.controls import Controls
    from profile_smoke.rundir import RunDir
    from profile_smoke.scenario.model import Scenario
    from profile_smoke.target.interface import Target

_TICK = 0.1
"""Seconds between looks of the main thread: how long a signal may wait."""


@dataclass(frozen=True)
class Request:
    """What to record: `runs` observed launches of each scenario; `prove`: find out which calls are required.

    `merged` are recordings of earlier runs and `profiles` whole profiles to unite with; `base` is one to start from. Their
    names, for the result, are in `merged_names`. `limits` are the optional ones of `profile.generalise`.
    """

    runs: int = 1
    prove: bool = False
    limits: tuple[str, ...] = ()
    merged: tuple[Recording, ...] = ()
    profiles: tuple[Document, ...] = ()
    merged_names: tuple[str, ...] = ()
    base: Document | None = None


class RecordingRun:
    """Records on some targets. A signal ends it in order (see `interrupts`)."""

    def __init__(
        self,
        run: RunDir,
        targets: Mapping[str, Target],
        controls: Controls,
        *,
        jobs: int,
        heard: Callable[[str], None],
    ) -> None:
        self._run, self._targets, self._controls = run, targets, controls
        self._jobs, self._heard = jobs, heard
        self._stop = threading.Event()

    def execute(self, scenarios: Sequence[Scenario], request: Request) -> tuple[Document, Recorded]:
        """The verified profile, and what is to be told of it.

        Raises:
            InfrastructureError: a scenario does not work, or not under the profile that was recorded.
            KeyboardInterrupt, InterruptedRunError: a signal came.
        """
        with ExitStack() as stack:
            for target in self._targets.values():
                stack.callback(target.finish)
                if not target.capabilities().observe:
                    raise InfrastructureError(
                        f"target {target.name} cannot be recorded on: {target.capabilities().observe_why_not}"
                    )
            slots = Slots(self._jobs)
            benches = [
                bench
                for target in self._targets.values()
                for bench in self._benches(
                    self._launcher(target, slots), stack.enter_context(target.observer()), scenarios
                )
            ]
            return self._attended(lambda: self._record(benches, request))

    def _launcher(self, target: Target, slots: Slots) -> Launcher:
        """One for all scenarios of a target: it is what gives every launch an id of its own."""
        return Launcher(target, run_id=self._run.run_id, stop=self._stop, slots=slots, keep_failed=False)

    def _benches(
        self, launcher: Launcher, observer: Observer, scenarios: Sequence[Scenario]
    ) -> Iterator[Bench]:
        for scenario in scenarios:
            name = f"{scenario.name}@{launcher.target.name}"
            heard = partial(self._heard_of, name)
            yield Bench(launcher, observer, self._controls, scenario, self._jobs, heard)

    def _heard_of(self, name: str, text: str) -> None:
        self._heard(f"{name}: {text}")

    def _attended(self, work: Callable[[], tuple[Document, Recorded]]) -> tuple[Document, Recorded]:
        """Work in a thread, so that this one, the main thread, can obey a signal."""
        with ThreadPoolExecutor(1, thread_name_prefix="record") as pool:
            future = pool.submit(work)
            try:
                while not wait([future], timeout=_TICK).done:
                    interrupts.check()
                return future.result()
            except BaseException:
                self._stop.set()
                self._controls.cancel()
                raise

    def _record(self, benches: Sequence[Bench], request: Request) -> tuple[Document, Recorded]:
        began = time.monotonic()
        with ThreadPoolExecutor(self._jobs, thread_name_prefix="scenario") as pool:
            recordings = list(pool.map(lambda bench: record(bench, request.runs), benches))
        notes: list[str] = []
        composed = self._compose(recordings, request)
        try:
            verified = self._verify(benches, composed)
        except Unverified as failure:
            notes.append(f"observed again, because at first it did not work under the profile: {failure}")
            recordings += [record(_with(bench, setting), 1) for bench in benches for setting in (False, True)]
            composed = self._compose(recordings, request)
            try:
                verified = self._verify(benches, composed)
            except Unverified as again:
                raise InfrastructureError(
                    f"not written: what was seen does not suffice when the kernel enforces it: {again}"
                ) from again
        return composed.document, Recorded(
            profile="",
            sha256=composed.document.sha256,
            recordings=tuple(recordings),
            merged=request.merged_names,
            base=request.base.source if request.base else None,
            observed=tuple(use.name for use in composed.uses if use.errno is None),
            generalised=composed.generalised.added,
            limited=composed.generalised.limited,
            refused={use.name: use.errno for use in composed.uses if use.errno is not None},
            required=self._needed(benches, composed) if request.prove else None,
            verified=verified,
            notes=(*notes, *_unnamed(recordings)),
            seconds=round(time.monotonic() - began, 3),
        )

    def _compose(self, recordings: Sequence[Recording], request: Request) -> Composed:
        target = next(iter(self._targets.values()))
        known = tables.all_names()
        return compose(
            [
                use
                for recording in (*recordings, *request.merged)
                for use in uses(recording)
                if use.name in known
            ],
            limits=request.limits,
            profiles=[target.meaning(document) for document in request.profiles],
            base=request.base,
            base_permits=_permitted(target, request.base) if request.base else (),
        )

    def _verify(self, benches: Sequence[Bench], composed: Composed) -> tuple[Verification, ...]:
        return tuple(each for bench in benches for each in verify(bench, composed.document))

    def _needed(self, benches: Sequence[Bench], composed: Composed) -> tuple[str, ...]:
        found: set[str] = set()
        names = [use.name for use in composed.uses if use.errno is None]
        for bench in benches:
            plain = bench.launcher.target.meaning(composed.document)
            found |= needed(bench, lambda name, plain=plain: without(plain, name), names)  # type: ignore[misc]
        return tuple(sorted(found))


def _with(bench: Bench, no_new_privileges: bool) -> Bench:  # noqa: FBT001  one of two settings
    start = replace(bench.scenario.start, no_new_privileges=no_new_privileges)
    return replace(bench, scenario=replace(bench.scenario, start=start))


def _permitted(target: Target, document: Document) -> frozenset[str]:
    """The names that a profile lets pass with some arguments at least."""
    return frozenset(
        name for rule in target.meaning(document).rules if rule.action.permits for name in rule.names
    )


def _unnamed(recordings: Sequence[Recording]) -> tuple[str, ...]:
    """Calls that no profile can speak of, as nobody has a name for them."""
    known = tables.all_names()
    unknown = {call.name for each in recordings for call in each.calls} - known
    return tuple(f"{name} has no name here, so the profile refuses it" for name in sorted(unknown))
