"""`profile-smoke clean`: remove what killed runs left behind, and containers that were kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from profile_smoke import rundir
from profile_smoke.cli import wiring
from profile_smoke.cli.options import Options, TargetName
from profile_smoke.errors import InfrastructureError, TargetUnavailableError, UsageError
from profile_smoke.report.text import safe

if TYPE_CHECKING:
    from pathlib import Path

    from profile_smoke.image.store import Store


def main(options: Options) -> int:
    """Sweep every target that can be reached; runs that are still alive are left alone."""
    runs = _chosen(options)
    if options.prune and (busy := rundir.live_runs()):
        raise InfrastructureError(
            f"run {busy[0].name} is at work and may need any image: clean when it is done"
        )
    store = wiring.store()
    removed = store.sweep()
    swept, failures = _sweep(options, runs, store)
    removed += swept
    removed += [f"run {run.name}" for run in runs if rundir.remove_run(run)]
    for line in removed:
        print(f"removed {line}")  # noqa: T201
    for failure in failures[1:]:
        wiring.tell(f"profile-smoke: {safe(str(failure))}")
    if failures:
        raise failures[0]
    if not removed:
        wiring.tell("nothing to clean")
    return 0


def _chosen(options: Options) -> list[Path]:
    """The runs to sweep: those that are named, else all that are dead. Raises UsageError."""
    runs = rundir.dead_runs()
    if unknown := sorted(set(options.runs) - {run.name for run in runs}):
        raise UsageError(f"{unknown[0]}: no such run, or it is still alive")
    return [run for run in runs if not options.runs or run.name in options.runs]


def _sweep(options: Options, runs: list[Path], store: Store) -> tuple[list[str], list[InfrastructureError]]:
    """What was removed, and why something was not: one run that cannot be swept does not keep others from it."""
    removed, failures = list[str](), list[InfrastructureError]()
    with rundir.open_run(rundir.new_run_id()) as own:
        for name in options.targets or TargetName:
            there = [run for run in runs if (run / name.value).exists()]
            target = wiring.target(options, name, own, store)
            try:
                # In which cluster a run was is in its note; the one that the kubeconfig names now is not asked.
                if name in options.targets or (there and name is not TargetName.KUBERNETES):
                    target.check()
                for run in there:
                    try:
                        removed += target.sweep(run)
                    except InfrastructureError as error:
                        failures.append(error)
                if options.prune:
                    # What was kept is gone by now, so that its image can be as well.
                    removed += store.prune()
                    removed += target.prune()
            except TargetUnavailableError as error:
                if name in options.targets or there:
                    failures.append(error)
            finally:
                target.finish()
    return removed, failures
