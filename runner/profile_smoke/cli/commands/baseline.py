"""`profile-smoke baseline update`: observe what workloads use, and keep it in a file for later runs to compare with."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from profile_smoke import paths, rundir
from profile_smoke.baseline import Baseline
from profile_smoke.cli import wiring
from profile_smoke.cli.options import BASELINE_FILE
from profile_smoke.errors import BadFileError, InfrastructureError, InterruptedRunError, NothingSelectedError
from profile_smoke.interrupts import admitted
from profile_smoke.model import Verdict
from profile_smoke.profile.catalog import RUNTIME_DEFAULT, NamedProfile
from profile_smoke.report import baseline as form
from profile_smoke.report import write
from profile_smoke.report.progress import choose
from profile_smoke.report.text import Style, counted, safe
from profile_smoke.run.cell import Effort
from profile_smoke.run.controls import Controls
from profile_smoke.run.drift import compared
from profile_smoke.run.keeper import Keeper
from profile_smoke.run.runner import Runner
from profile_smoke.run.session import Settings
from profile_smoke.run.watch import key_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from profile_smoke.baseline import Workload
    from profile_smoke.cli.options import Options
    from profile_smoke.model import RunReport
    from profile_smoke.run.plan import Cell


def main(options: Options) -> int:
    """Observe the selected workloads and write them into the file; what it holds of others stays."""
    file = options.baseline or BASELINE_FILE
    write.check(file)
    before = _read(file)
    names = wiring.target_names(options)
    cells = _workloads(wiring.cells(options, names))
    keeper = Keeper(options.observations)
    with rundir.open_run(rundir.new_run_id()) as run:
        images = wiring.store()
        with admitted():
            targets = wiring.targets(options, names, run, images)
        jobs = wiring.jobs(options, targets.values())
        runner = Runner(
            run,
            targets,
            Controls(options.images, options.standin.value, images.cancel),
            Settings(Effort(observe=True, max_launches=1, jobs=jobs, watch=keeper), keep_failed=False),
            choose(sys.stderr, Style.of(sys.stderr), quiet=options.quiet),
        )
        report = runner.execute(cells)
    if report.interrupted:
        return InterruptedRunError.exit_code
    if keeper.workloads:
        _write(file, before, keeper.workloads)
    return _exit_code(report)


def _workloads(cells: Sequence[Cell]) -> list[Cell]:
    """A cell for each workload of these, under the target's own default profile: what it uses is no profile's matter."""
    default = NamedProfile(RUNTIME_DEFAULT, None, None)
    found = {key_of(cell): replace(cell, profile=default) for cell in cells}
    return list(found.values())


def _read(file: str) -> Baseline:
    """The baseline in a file; an empty one where there is no file yet. Raises BadFileError."""
    if not paths.exists(file):
        return Baseline()
    return form.read(file)


def _write(file: str, before: Baseline, workloads: Sequence[Workload]) -> None:
    """Put these into what the file holds now, which may be more than it did when the work began.

    Raises:
        BadFileError: what it holds of one of these was changed meanwhile; nothing is written.
    """
    now = _read(file)
    for each in workloads:
        if now.find(each.key) != before.find(each.key):
            raise BadFileError(
                file, each.name, "was changed while it was observed, so nothing was written; run it again"
            )
    keys = {each.key for each in workloads}
    rest = [each for each in now.workloads if each.key not in keys]
    write.write(file, form.dump(Baseline((*rest, *workloads))))
    for each in sorted(workloads, key=lambda each: each.key):
        write.write(write.STDOUT, f"{safe(each.name)}: {_summary(before.find(each.key), each)}\n")


def _summary(before: Workload | None, now: Workload) -> str:
    text = counted(len(now.names), "call")
    if now.sometimes.keys() - now.calls.keys():
        text += f", {len(now.sometimes.keys() - now.calls.keys())} of them only sometimes"
    if before is None:
        return f"{text}; not in the file before"
    new, gone, _ = compared(before, {**now.sometimes, **now.calls})
    changes = [
        f"{word}: {', '.join(sorted(calls))}" for word, calls in (("new", new), ("gone", gone)) if calls
    ]
    return "; ".join([text, *(changes or ["the same calls as before"])])


def _exit_code(report: RunReport) -> int:
    """0 when all that can be had was kept; what was not is told on stderr."""
    for cell in report.cells:
        if cell.verdict in (Verdict.ERROR, Verdict.SKIPPED):
            print(f"{cell.id.partition('/')[2]}: not kept: {safe(cell.reason)}", file=sys.stderr)  # noqa: T201
    if any(cell.verdict is Verdict.ERROR for cell in report.cells):
        return InfrastructureError.exit_code
    kept = any(cell.verdict is not Verdict.SKIPPED for cell in report.cells)
    return 0 if kept else NothingSelectedError.exit_code
