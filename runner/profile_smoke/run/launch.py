"""One launch from start to stop: the phases, what ended it, and the check that the filter was on."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from profile_smoke.errors import InstrumentError, InterruptedRunError
from profile_smoke.model import (
    PHASE_CREATE,
    PHASE_START,
    PHASE_STOP,
    FilterCheck,
    Launch,
    LaunchKind,
    Outcome,
    probe_phase,
)
from profile_smoke.observe import readback
from profile_smoke.probe.attempt import attempt
from profile_smoke.probe.wait import Waited, WaitState, wait_until
from profile_smoke.run.order import Order, Result
from profile_smoke.run.status import checked
from profile_smoke.target.interface import Container, ContainerSpec, StartRefused, Target

if TYPE_CHECKING:
    from collections.abc import Callable

    from profile_smoke.observe.interface import Session
    from profile_smoke.probe.interface import ExitState
    from profile_smoke.profile.bpf import Program
    from profile_smoke.run.slots import Slot, Slots
    from profile_smoke.scenario.model import Check, Probe

LOG_LINES = 20
_LONG_MS = 10_000
_PATIENCE = 0.4
"""The part of a wait's time after which it is likely to be in vain: more than twice what the control needed."""


class _Failed(Exception):  # noqa: N818  leaves the phases early
    """The scenario does not work; the text says how that showed."""


class Launcher:
    """Launches on one target. `stop` ends every wait; `slots` bounds how many containers run at once."""

    def __init__(
        self,
        target: Target,
        *,
        run_id: str,
        stop: threading.Event,
        slots: Slots,
        keep_failed: bool,
    ) -> None:
        self.target = target
        self._run_id, self._stop, self._slots, self._keep_failed = run_id, stop, slots, keep_failed
        self._count = 0
        self._lock = threading.Lock()

    def new_id(self) -> str:
        """A launch id, unique in the run and fit for names, labels and hostnames."""
        with self._lock:
            self._count += 1
            return f"{self._run_id}-{self.target.name}-{self._count}"

    def launch(
        self, order: Order, launch_id: str, session: Session | None = None, *, owner: object = None
    ) -> Result:
        """Run it. A scenario that does not work is a result; what breaks around it is raised.

        `owner` is whose launch it is: among those who wait, who has fewest at work comes first.

        Raises:
            InfrastructureError: target, image or instrument failed; nothing is known of the profile.
            InterruptedRunError: the run was interrupted meanwhile.
        """
        with self._slots.take(owner or launch_id) as slot:
            if self._stop.is_set():
                raise InterruptedRunError("interrupted")
            life = _Life(self, order, launch_id, session=session, stop=self._stop, slot=slot)
            return life.run(keep_failed=self._keep_failed)

    def spec(self, order: Order, launch_id: str) -> ContainerSpec:
        """What the target is to make."""
        return ContainerSpec(
            run_id=self._run_id,
            launch_id=launch_id,
            image=order.image,
            start=order.scenario.start,
            seccomp=order.seccomp,
            volumes_key=launch_id,
            restarts=any(probe.restart for probe in order.scenario.probes),
            stop_seconds=order.limits.stop,
            stop=self._stop,
        )


class _Life:
    def __init__(
        self,
        launcher: Launcher,
        order: Order,
        launch_id: str,
        *,
        session: Session | None,
        stop: threading.Event,
        slot: Slot,
    ) -> None:
        self._launcher, self._order, self._id = launcher, order, launch_id
        self._session, self._stop, self._slot = session, stop, slot
        self._began = self._entered = time.monotonic()
        self._phase = PHASE_CREATE
        self._marks: dict[str, float] = {PHASE_CREATE: 0.0}
        self._seconds: dict[str, float] = {}
        self._reason = ""
        self._filter = FilterCheck()
        self._programs: tuple[Program, ...] = ()

    def run(self, *, keep_failed: bool) -> Result:
        """Everything from create to stop, and the facts afterwards."""
        kept = ""
        with ExitStack() as stack:
            if self._session is not None:
                stack.callback(self._session.close)
                self._session.started = self._began
            wants_keep = keep_failed and self._order.kind is LaunchKind.ENFORCE
            container = stack.enter_context(
                self._launcher.target.container(
                    self._launcher.spec(self._order, self._id), keep=lambda: wants_keep and bool(self._reason)
                )
            )
            try:
                self._phases(container)
            except _Failed as failure:
                self._reason = str(failure)
                if wants_keep:
                    kept = container.enter_hint()
            if self._session is not None:
                self._session.check()
            if not kept:
                container.kill()
            manifest = container.manifest()
            log = tuple(container.logs().rstrip("\n").split("\n")[-LOG_LINES:])
        return replace(self._result(log, kept), manifest=manifest)

    def _result(self, log: tuple[str, ...], kept: str) -> Result:
        order, session = self._order, self._session
        launch = Launch(
            kind=order.kind,
            profile_sha256=order.profile_sha256,
            outcome=Outcome.FAILED if self._reason else Outcome.PASSED,
            seconds=time.monotonic() - self._began,
            phase=self._phase if self._reason else None,
            reason=self._reason,
            answer=order.answer,
            allowed=order.allowed,
            phases=self._marks,
        )
        return Result(
            launch=launch,
            log=log if log != ("",) else (),
            filter=self._filter,
            programs=self._programs,
            denials=session.record.denials() if session else (),
            attempted=session.record.attempted() if session else (),
            seconds=self._seconds,
            kept=kept,
        )

    def _enter(self, phase: str) -> None:
        now = time.monotonic()
        self._seconds[self._phase] = now - self._entered
        self._phase, self._entered = phase, now
        self._marks[phase] = (now - self._began) * 1000
        if self._session is not None:
            self._session.phase = phase

    def _phases(self, container: Container) -> None:
        order = self._order
        self._start(container.start, order.limits.start)
        self._enter(PHASE_START)
        self._ready(container)
        self._filter = checked(container, no_new_privileges=order.scenario.start.no_new_privileges)
        for probe in order.scenario.probes:
            self._enter(probe_phase(probe.name))
            self._probe(container, probe)
        if order.read_filter:
            self._read_filter(container)
        self._enter(PHASE_STOP)
        self._stop_gracefully(container)
        self._seconds[PHASE_STOP] = time.monotonic() - self._entered

    def _start(self, start: Callable[[float], None], timeout: float) -> None:
        try:
            start(timeout)
        except StartRefused as refusal:
            raise _Failed(f"the runtime could not start it: {refusal}") from refusal

    def _ready(self, container: Container) -> None:
        self._await(container, self._order.scenario.ready.check, self._order.limits.ready, "not ready")

    def _await(self, container: Container, check: Check, timeout: float, problem: str) -> None:
        began = time.monotonic()

        def exited() -> ExitState | None:
            if time.monotonic() - began > _PATIENCE * timeout:
                self._slot.step_aside()
            return container.exited()

        waited = wait_until(
            lambda left: attempt(check, container, left), exited, timeout=timeout, stop=self._stop
        )
        if waited.state is WaitState.STOPPED:
            raise InterruptedRunError("interrupted")
        if waited.state is not WaitState.READY:
            raise _Failed(self._failure(waited, problem))

    def _failure(self, waited: Waited, problem: str) -> str:
        if waited.exit is not None:
            return f"{waited.exit}, {self._elapsed()} after the launch began"
        return f"{problem} within {waited.seconds:.1f} s, still running: {waited.last}"

    def _elapsed(self) -> str:
        milliseconds = (time.monotonic() - self._began) * 1000
        return f"{milliseconds:.0f} ms" if milliseconds < _LONG_MS else f"{milliseconds / 1000:.1f} s"

    def _probe(self, container: Container, probe: Probe) -> None:
        limit = self._order.limits.probes[probe.name]
        if probe.signal is not None:
            container.signal(probe.signal)
        if probe.restart:
            self._stop_gracefully(container)
            self._start(container.restart, self._order.limits.start)
            self._ready(container)
        self._await(container, probe.check, limit, "the probe did not hold")

    def _stop_gracefully(self, container: Container) -> None:
        stop = self._order.scenario.stop
        state = container.stop(stop.signal, self._order.limits.stop)
        if state is None:
            raise _Failed(f"did not stop within {self._order.limits.stop:.1f} s of SIG{stop.signal}")
        if not state.is_orderly(stop.exit_codes, stop.signal):
            raise _Failed(f"{state} when stopped by SIG{stop.signal}")

    def _read_filter(self, container: Container) -> None:
        try:
            self._programs = container.loaded_filters()
        except readback.ProcessGoneError:
            self._filter = replace(self._filter, note="the workload ended before its filter was read back")
            return
        if not self._programs:
            raise InstrumentError("the kernel has no filter loaded for the workload")
        self._filter = replace(
            self._filter, instructions=sum(len(program.instructions) for program in self._programs)
        )
