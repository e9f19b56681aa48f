"""What cells are run with: opened once, used for one cell after the other or for many at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from profile_smoke import interrupts
from profile_smoke.errors import InterruptedRunError
from profile_smoke.run.cell import CellRunner, Effort
from profile_smoke.run.launch import Launcher
from profile_smoke.run.slots import Slots

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator, Mapping

    from profile_smoke.model import CellResult
    from profile_smoke.observe.interface import Observer
    from profile_smoke.run.controls import Controls
    from profile_smoke.run.plan import Cell
    from profile_smoke.target.interface import Target

TICK = 0.2
"""Seconds between looks of the main thread: how long a signal may wait."""


@dataclass(frozen=True)
class Settings:
    """How a run goes. `jobs` containers at once; `keep_failed` leaves those of failed enforce launches to the user."""

    effort: Effort
    keep_failed: bool

    @property
    def jobs(self) -> int:
        """How many containers at once."""
        return self.effort.jobs


@contextmanager
def cell_runners(
    run_id: str, targets: Mapping[str, Target], controls: Controls, settings: Settings, stop: threading.Event
) -> Iterator[Mapping[str, CellRunner]]:
    """Who runs cells, by the name of the target. Targets are finished at the end; `stop` ends every wait.

    Raises:
        InfrastructureError: cleaning up failed, or an observer could not begin.
    """
    slots = Slots(settings.jobs)
    with ExitStack() as stack:
        for target in targets.values():
            stack.callback(target.finish)
        yield {
            name: CellRunner(
                Launcher(target, run_id=run_id, stop=stop, slots=slots, keep_failed=settings.keep_failed),
                _observer(target, settings.effort, stack),
                controls,
                settings.effort,
            )
            for name, target in targets.items()
        }


def _observer(target: Target, effort: Effort, stack: ExitStack) -> Observer | None:
    observing = effort.observe and target.capabilities().observe
    return stack.enter_context(target.observer()) if observing else None


class Session:
    """Cells one at a time, as they are asked for; what they share is made once."""

    def __init__(self, runners: Mapping[str, CellRunner], controls: Controls, stop: threading.Event) -> None:
        self._runners, self._controls, self._stop = runners, controls, stop

    def judge(self, cell: Cell) -> CellResult:
        """Run it. A signal ends it in order, and the session with it.

        Raises:
            KeyboardInterrupt: a signal came.
            InterruptedRunError: one came before.
        """
        if self._stop.is_set():
            raise InterruptedRunError("interrupted")
        with interrupts.shielded(), ThreadPoolExecutor(1, thread_name_prefix="cell") as pool:
            future = pool.submit(self._runners[cell.target].run, cell, lambda _text: None)
            try:
                while not wait([future], timeout=TICK).done:
                    interrupts.check()
            except BaseException:
                self._stop.set()
                self._controls.cancel()
                raise
            return future.result()
