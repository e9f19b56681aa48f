"""`profile-smoke run`: the main job, from options to reports and exit code."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from profile_smoke import rundir
from profile_smoke.cli import gating, publish, wiring
from profile_smoke.cli.exit_code import exit_code
from profile_smoke.cli.options import Keep, Options
from profile_smoke.errors import SmokeError, UsageError
from profile_smoke.interrupts import admitted
from profile_smoke.model import Selection
from profile_smoke.profile.edit import write_fix
from profile_smoke.profile.purpose import DenyCheck
from profile_smoke.report import baseline, write
from profile_smoke.report.progress import choose
from profile_smoke.report.text import Style, safe
from profile_smoke.run.cell import Effort
from profile_smoke.run.controls import Controls
from profile_smoke.run.drift import DriftCheck
from profile_smoke.run.runner import Runner
from profile_smoke.run.session import Settings
from profile_smoke.run.unused import UnusedCheck
from profile_smoke.run.watch import Watches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from profile_smoke.cli.options import TargetName
    from profile_smoke.model import RunReport
    from profile_smoke.profile.model import Rule
    from profile_smoke.run.plan import Cell
    from profile_smoke.run.watch import Watch


def main(options: Options) -> int:
    """Run the selected cells and write what was asked for."""
    publish.check(options)
    drift = _drift_check(options)
    deny = _deny_check(options)
    names = wiring.target_names(options)
    cells = wiring.cells(options, names)
    gating.check(options, cells)
    if drift is not None:
        drift.check(cells)
    watch = _watch(drift, options)
    if options.write_fix:
        write.check(options.write_fix)
        _check_fix_selection(cells)
    effort = Effort(options.observe, options.max_launches, options.jobs or 1, deny, watch)
    report, error = _execute(options, names, cells, effort)
    report = gating.judged(report, options)
    publish.publish(report, options)
    if error is not None and not isinstance(error, SmokeError):
        raise error
    if report.failure:
        print(f"profile-smoke: {safe(report.failure)}", file=sys.stderr)  # noqa: T201
    if options.write_fix:
        _write_fix(report, cells, options.write_fix)
    return exit_code(report, exit_zero=options.exit_zero)


def _execute(
    options: Options, names: Sequence[TargetName], cells: Sequence[Cell], effort: Effort
) -> tuple[RunReport, Exception | None]:
    """The report of the run, and what made it fail. What was found before the failure is not lost.

    Raises:
        SmokeError: the run could not begin.
    """
    runner: Runner | None = None
    report: RunReport | None = None
    failed: Exception | None = None
    try:
        with rundir.open_run(rundir.new_run_id()) as run:
            images = wiring.store()
            with admitted():
                targets = wiring.targets(options, names, run, images)
            runner = Runner(
                run,
                targets,
                Controls(options.images, options.standin.value, images.cancel),
                Settings(
                    replace(effort, jobs=wiring.jobs(options, targets.values())),
                    keep_failed=options.keep is Keep.ON_FAILURE,
                ),
                choose(sys.stderr, Style.of(sys.stderr), quiet=options.quiet),
            )
            report = runner.execute(cells)
    except KeyboardInterrupt:
        # A signal while it cleaned up. One that came before has been obeyed, and the report says so.
        if report is None:
            raise
        report = replace(report, interrupted=True)
    except Exception as error:
        if runner is None:
            raise
        failed = error
        report = runner.report(cells, failure=_words(error))
    shard = f"{options.shard.index}/{options.shard.count}" if options.shard else ""
    return replace(report, shard=shard, selection=_selection(options)), failed


def _selection(options: Options) -> Selection:
    """What the command line or the environment chose; a list in the file of settings is all that there is."""
    return Selection(
        profile=options.profiles if "profiles" in options.narrowed else (),
        scenario=options.scenarios if "scenarios" in options.narrowed else (),
        only=options.only,
    )


def _words(error: Exception) -> str:
    if isinstance(error, SmokeError):
        return str(error)
    return f"internal error: {type(error).__name__}: {error}"


def _deny_check(options: Options) -> DenyCheck | None:
    if not options.deny_check:
        if (options.deny or options.permit) and not options.gate:
            raise UsageError("--deny and --permit say what --deny-check looks for; add it")
        return None
    return DenyCheck(options.deny, options.permit)


def _drift_check(options: Options) -> DriftCheck | None:
    if options.baseline is None:
        return None
    if not options.observe:
        raise UsageError("--baseline compares what is observed; leave out --no-observe")
    return DriftCheck(baseline.read(options.baseline), options.baseline)


def _watch(drift: DriftCheck | None, options: Options) -> Watch | None:
    """What looks at what workloads use."""
    unused = options.unused or (options.gate and options.max_unused is not None)
    if options.unused and not options.observe:
        raise UsageError("--unused tells what is observed; leave out --no-observe")
    watches: list[Watch] = [drift] if drift is not None else []
    if unused:
        watches.append(UnusedCheck())
    return Watches(watches) if watches else None


def _check_fix_selection(cells: Sequence[Cell]) -> None:
    names = {cell.profile.name for cell in cells if cell.profile.document is not None}
    if len(names) != 1:
        raise UsageError(
            f"--write-fix writes one profile, but {len(names)} are selected; choose it with --profile"
        )


def _write_fix(report: RunReport, cells: Sequence[Cell], destination: str) -> None:
    """The profile with the verified fixes of all its cells, in the file's own formatting."""
    cell = next(cell for cell in cells if cell.profile.document is not None)
    assert cell.profile.document is not None  # noqa: S101  chosen just so
    fixes = [result.fix for result in report.cells if result.fix is not None and result.fix.verified]
    if not fixes:
        print(f"profile-smoke: {destination}: not written, there is no verified fix", file=sys.stderr)  # noqa: T201
        return
    rules = tuple(dict.fromkeys(rule for fix in fixes for rule in _rules(fix.rules)))
    write.write(destination, write_fix(cell.profile.document.text, rules))
    print(f"profile-smoke: wrote {Path(destination)}", file=sys.stderr)  # noqa: T201


def _rules(documents: Sequence[object]) -> tuple[Rule, ...]:
    """A fix's rules, read as any profile's are."""
    import json

    from profile_smoke.profile.document import parse

    text = json.dumps({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": list(documents)})
    return parse(text, "the fix").profile.rules
