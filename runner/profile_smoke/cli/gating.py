"""The gate, from options to a judged result."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from profile_smoke import paths
from profile_smoke.cli import reading
from profile_smoke.cli.profile_options import RUNTIME_DEFAULT, Host, Reader
from profile_smoke.errors import BadFileError, NothingSelectedError, UsageError
from profile_smoke.gate.judge import Judge, Scope
from profile_smoke.gate.policy import USUAL, Policy
from profile_smoke.model import Expected, GateRule, ProfileScore, Verdict
from profile_smoke.profile import document
from profile_smoke.profile.catalog import NamedProfile
from profile_smoke.profile.purpose import DenyCheck
from profile_smoke.profile.score import score

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from profile_smoke.cli.options import Options
    from profile_smoke.model import CellResult, ProfileRef, RunReport
    from profile_smoke.run.plan import Cell

_Key = tuple[str | None, str | None, str]
"""A profile's path and hash, and the target."""


def check(options: Options, cells: Sequence[Cell]) -> None:
    """Raise before anything is launched what would leave the gate without an answer.

    Raises:
        UsageError: a rule needs what is not observed.
        NothingSelectedError: no cell can decide.
    """
    if not options.gate:
        return
    if options.max_unused is not None and not options.observe:
        raise UsageError("gate.max-unused tells what is observed; leave out --no-observe")
    if _compares(options) and options.baseline is None:
        raise UsageError(
            'gate.fail-on has "new-denial", which is told from a baseline; name one with --baseline'
        )
    if all(cell.expected is Expected.ANY for cell in cells):
        raise NothingSelectedError(
            "the gate would pass on nothing: no selected cell is expected to come to anything; say so in [expect]"
        )


def judged(report: RunReport, options: Options) -> RunReport:
    """The result with the gate's judgement, where there is a gate."""
    if not options.gate:
        return report
    if options.min_score is not None:
        report = _scored(report, options)
    judge = Judge(policy(options), datetime.now(UTC).date())
    return replace(report, gate=judge.judge(report, scope(options, report)))


def policy(options: Options) -> Policy:
    """What the gate of these options is told."""
    return Policy(
        fail_on=options.fail_on or USUAL,
        max_unused=options.max_unused,
        min_score=options.min_score,
        waivers=options.waivers,
        deny=DenyCheck(options.deny, options.permit),
        compares=_compares(options),
    )


def _compares(options: Options) -> bool:
    """Whether new denials are looked for: where the rule is asked for by its name, or there is a baseline."""
    asked = GateRule.NEW_DENIAL in options.fail_on
    return asked or (not options.fail_on and options.baseline is not None)


def scope(options: Options, report: RunReport) -> Scope:
    """How much of what the file of settings speaks of was run: a stored result may be a part, or lack one."""
    chosen = report.selection
    if options.narrowed - {"profiles"} or chosen.scenario or chosen.only or report.shard or report.failure:
        return Scope.PART
    return Scope.SOME_PROFILES if options.narrowed or chosen.profile else Scope.ALL


def _scored(report: RunReport, options: Options) -> RunReport:
    """Each cell with its profile's score; without one where the profile is not at hand as it was."""
    found: dict[_Key, ProfileScore | None] = {}
    return replace(
        report, cells=tuple(replace(cell, score=_score_of(cell, options, found)) for cell in report.cells)
    )


def _score_of(
    cell: CellResult, options: Options, found: dict[_Key, ProfileScore | None]
) -> ProfileScore | None:
    judged = cell.verdict in (Verdict.PASSED, Verdict.BLOCKED)
    if cell.profile.path is None or not judged or cell.target.name not in set(Reader):
        return None
    key = (cell.profile.path, cell.profile.sha256, cell.target.name)
    if key not in found:
        found[key] = _score(cell.profile, Reader(cell.target.name), options)
    return found[key]


def _score(profile: ProfileRef, reader: Reader, options: Options) -> ProfileScore | None:
    catalog = reading.catalog(options.profiles_dirs)
    for path in _files(profile, options):
        # What became of the file since must not cost the result: without a score the gate cannot tell, and says so.
        with suppress(BadFileError):
            loaded = document.load(path)
            if loaded.sha256 == profile.sha256:
                meant = reading.read(NamedProfile(profile.name, loaded, path), reader, Host())
                reference = reading.read(catalog.find(RUNTIME_DEFAULT), Reader.DOCKER, Host())
                judged = score(meant.evaluator, reference.evaluator, meant.arches)
                return ProfileScore(judged.tier, judged.reasons)
    return None


def _files(profile: ProfileRef, options: Options) -> Iterator[Path]:
    """Where a result's profile may be: where it was when it ran, or under its name here."""
    if profile.path is not None and paths.is_file(profile.path):
        yield Path(profile.path)
    catalog = reading.catalog(options.profiles_dirs)
    if profile.name in catalog.names:
        yield catalog.path(profile.name)
