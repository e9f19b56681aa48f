"""`profile-smoke lint`: every problem of profiles and scenarios, a line each; nothing is launched.

Of what `profile lint` finds in profiles, its errors are problems here too: a file that no runtime takes, or that does not
do what it says, is none to launch.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from profile_smoke import paths
from profile_smoke.cli import reading
from profile_smoke.cli.profile_options import Host, Reader
from profile_smoke.errors import BadFileError, UsageError
from profile_smoke.profile import document as profiles
from profile_smoke.profile.catalog import short_name
from profile_smoke.profile.lint import run
from profile_smoke.profile.lint.interface import Severity
from profile_smoke.profile.lint.rules import RULES
from profile_smoke.report.interface import STDOUT
from profile_smoke.report.text import counted, safe
from profile_smoke.report.write import write
from profile_smoke.scenario import document as scenarios

if TYPE_CHECKING:
    from collections.abc import Iterator

    from profile_smoke.cli.options import Options

_YAML = (".yaml", ".yml")


@dataclass
class _Findings:
    """What was found so far; `names` tells which file has a name, for two of one name are a problem."""

    files: int = 0
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    names: dict[tuple[str, str], Path] = field(default_factory=dict)

    def claim(self, kind: str, name: str, path: Path) -> None:
        """Note that this file has this name."""
        other = self.names.setdefault((kind, name), path)
        if other.resolve() != path.resolve():
            self.problems.append(f"{path}: the {kind} {other} has the same name, {name!r}")


def main(options: Options) -> int:
    """Check files and folders: 0 when all are fine, 2 when any has a problem. A warning is no problem."""
    findings = _Findings()
    for path in map(Path, options.paths):
        _check_path(path, findings)
    summary = f"{counted(findings.files, 'file')} checked, {counted(len(findings.problems), 'problem')}"
    lines = [*findings.problems, *(f"warning: {line}" for line in findings.warnings), summary]
    write(STDOUT, "".join(f"{safe(line)}\n" for line in lines))
    return UsageError.exit_code if findings.problems else 0


def _check_path(path: Path, findings: _Findings) -> None:
    if not paths.is_dir(path):
        _check_file(path, findings)
        return
    found = list(_files_in(path, findings))
    for file in found:
        _check_file(file, findings)
    if not found:
        findings.problems.append(f"{path}: holds neither a profile (*.json) nor a {scenarios.FILE_NAME}")


def _files_in(folder: Path, findings: _Findings) -> Iterator[Path]:
    """Scenarios at any depth, and profiles outside of scenarios' folders, where a JSON file may be anything.

    Links to folders are not followed: they may lead anywhere, and round in circles.
    """

    def unreadable(error: OSError) -> None:
        findings.problems.append(f"{error.filename}: cannot be read: {error.strerror}")

    for root, folders, names in os.walk(folder, onerror=unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if scenarios.FILE_NAME in names:
            folders.clear()
            yield Path(root, scenarios.FILE_NAME)
        else:
            yield from (
                Path(root, name) for name in sorted(names) if name.endswith(".json") and name[0] != "."
            )


def _check_file(path: Path, findings: _Findings) -> None:
    findings.files += 1
    if path.suffix == ".json":
        _check_profile(path, findings)
    elif path.suffix in _YAML:
        _check_scenario(path, findings)
    else:
        reason = (
            "is neither a profile (*.json) nor a scenario (*.yaml)" if paths.exists(path) else "no such file"
        )
        findings.problems.append(f"{path}: {reason}")


def _check_profile(path: Path, findings: _Findings) -> None:
    try:
        found = profiles.load(path)
        findings.claim("profile", short_name(path), path)
    except BadFileError as error:
        findings.problems.append(str(error))
        return
    findings.warnings += [f"{path}: {warning}" for warning in found.warnings]
    how = reading.for_lint(Reader.DOCKER, Host())
    errors = [rule for rule in RULES if rule.severity is Severity.ERROR]
    findings.problems += [
        f"{path}: line {error.line}, column {error.column} ({error.where}): {error.message} ({error.rule.id})"
        for error in run.lint(found.text, str(path), how, errors)
    ]


def _check_scenario(path: Path, findings: _Findings) -> None:
    problems = scenarios.check(path)
    findings.problems += map(str, problems)
    if not problems:
        findings.claim("scenario", scenarios.load(path).name, path)
