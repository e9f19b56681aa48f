"""`profile-smoke clean`: remove what killed runs left behind, and containers that were kept."""

from __future__ import annotations

import sys

from profile_smoke import rundir
from profile_smoke.cli import wiring
from profile_smoke.cli.options import Options, TargetName
from profile_smoke.errors import TargetUnavailableError, UsageError


def main(options: Options) -> int:
    """Sweep every target that can be reached; runs that are still alive are left alone."""
    runs = rundir.dead_runs()
    if options.runs:
        wanted = set(options.runs)
        if unknown := sorted(wanted - {run.name for run in runs}):
            raise UsageError(f"{unknown[0]}: no such run, or it is still alive")
        runs = [run for run in runs if run.name in wanted]
    removed, failure = wiring.store().sweep(), None
    with rundir.open_run(rundir.new_run_id()) as own:
        for name in options.targets or TargetName:
            try:
                target = wiring.targets([name], own, wiring.store())[name.value]
            except TargetUnavailableError as error:
                if name in options.targets:
                    raise
                if any((run / name.value).exists() for run in runs):
                    failure = error
                continue
            try:
                removed += target.sweep(runs)
            finally:
                target.finish()
    removed += [f"run {run.name}" for run in runs if rundir.remove_run(run)]
    for line in removed:
        print(f"removed {line}")  # noqa: T201
    if failure is not None:
        raise failure
    if not removed:
        print("nothing to clean", file=sys.stderr)  # noqa: T201
    return 0
