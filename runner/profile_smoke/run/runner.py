"""A run: cells side by side, results in the plan's order, and an end that leaves nothing behind."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from profile_smoke import __version__, interrupts
from profile_smoke.errors import InterruptedRunError
from profile_smoke.model import CellResult, ProfileRef, RunReport, Verdict
from profile_smoke.run.differences import differences
from profile_smoke.run.session import TICK, Settings, cell_runners
from profile_smoke.run.unused import unused_by_profile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from profile_smoke.model import Difference
    from profile_smoke.report.progress import Progress
    from profile_smoke.run.cell import CellRunner
    from profile_smoke.run.controls import Controls
    from profile_smoke.run.plan import Cell
    from profile_smoke.rundir import RunDir
    from profile_smoke.target.interface import Target


class Runner:
    """One run. A signal ends it in order, whoever else still works (see `interrupts`)."""

    def __init__(
        self,
        run: RunDir,
        targets: Mapping[str, Target],
        controls: Controls,
        settings: Settings,
        progress: Progress,
    ) -> None:
        self._run, self._targets, self._controls = run, targets, controls
        self._settings, self._progress = settings, progress
        self._stop = threading.Event()
        self._interrupted = False
        self._results: dict[str, CellResult] = {}
        self._differences: tuple[Difference, ...] = ()
        self._began, self._started = time.monotonic(), datetime.now(UTC)

    def execute(self, cells: Sequence[Cell]) -> RunReport:
        """Run the cells. After an interrupt the report holds what was finished, and says so.

        Raises:
            InfrastructureError: cleaning up failed, or an observer could not begin; `report` has what was finished.
        """
        self._began, self._started = time.monotonic(), datetime.now(UTC)
        self._progress.run_started(len(cells))
        try:
            with cell_runners(
                self._run.run_id, self._targets, self._controls, self._settings, self._stop
            ) as runners:
                self._all(cells, runners)
                # While the targets are open: what they make of a profile is asked of them.
                documents = {cell.profile.name: cell.profile.document for cell in cells}
                self._differences = differences(
                    [self._results[cell.id] for cell in cells if cell.id in self._results],
                    lambda info: self._targets[info.name],
                    lambda profile: documents[profile.name],
                )
        finally:
            self._progress.run_finished()
        return self.report(cells)

    def report(self, cells: Sequence[Cell], *, failure: str = "") -> RunReport:
        """What is known of the cells now; `failure` is what ended the run, if that was no interrupt."""
        why = "the run failed" if failure else "interrupted"
        finished = tuple(
            self._results.get(cell.id) or self._skipped(cell, f"{why} before it was done") for cell in cells
        )
        return RunReport(
            run=self._run.run_id,
            version=__version__,
            started=self._started.strftime("%Y-%m-%dT%H:%M:%SZ"),
            seconds=time.monotonic() - self._began,
            cells=finished,
            interrupted=self._interrupted,
            unused=unused_by_profile(finished),
            differences=self._differences,
            failure=failure,
        )

    def _all(self, cells: Sequence[Cell], runners: Mapping[str, CellRunner]) -> None:
        with ThreadPoolExecutor(self._settings.jobs, thread_name_prefix="cell") as pool:
            futures: list[Future[None]] = [
                pool.submit(self._one, cell, runners[cell.target]) for cell in cells
            ]
            try:
                pending = set(futures)
                while pending:
                    done, pending = wait(pending, timeout=TICK)
                    interrupts.check()
                    for future in done:
                        future.result()
            except BaseException as error:
                self._stop.set()
                self._controls.cancel()
                for future in futures:
                    future.cancel()
                self._interrupted = isinstance(error, KeyboardInterrupt | InterruptedRunError)
                if not self._interrupted:
                    raise

    def _one(self, cell: Cell, runner: CellRunner) -> None:
        if self._stop.is_set():
            return
        self._progress.cell_started(cell.id)
        try:
            result = runner.run(cell, lambda text: self._progress.cell_phase(cell.id, text))
        except InterruptedRunError:
            if not self._stop.is_set():
                raise
            return
        self._results[cell.id] = result
        self._progress.cell_done(result)

    def _skipped(self, cell: Cell, reason: str) -> CellResult:
        document = cell.profile.document
        path = str(cell.profile.path) if cell.profile.path else None
        return CellResult(
            id=cell.id,
            profile=ProfileRef(cell.profile.name, path, document.sha256 if document else None),
            scenario=cell.scenario.name,
            target=self._targets[cell.target].info(),
            image=None,
            expected=cell.expected,
            verdict=Verdict.SKIPPED,
            no_new_privileges=cell.scenario.start.no_new_privileges,
            reason=reason,
        )
