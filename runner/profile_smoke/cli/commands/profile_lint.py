"""`profile-smoke profile lint`: mistakes in profiles, by rules with ids, and mending the mechanical ones."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from profile_smoke.cli import reading
from profile_smoke.cli.profile_options import LintFormat
from profile_smoke.errors import BadFileError, UsageError
from profile_smoke.paths import is_dir
from profile_smoke.profile import document
from profile_smoke.profile.catalog import RUNTIME_DEFAULT, files_in
from profile_smoke.profile.lint import run
from profile_smoke.profile.lint.interface import Severity
from profile_smoke.profile.lint.rules import RULES
from profile_smoke.report.text import counted, safe
from profile_smoke.report.write import check, write, write_over
from profile_smoke.target import oci_default

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from profile_smoke.cli.profile_options import LintOptions
    from profile_smoke.profile.lint.interface import Finding, Reading, Rule

SCHEMA = "profile-smoke/profile-lint/v1"


@dataclass(frozen=True)
class _Linted:
    """One file: what was found (after mending), whether it was mended, or why it could not be read."""

    source: str
    findings: tuple[Finding, ...] = ()
    fixed: bool = False
    unreadable: BadFileError | None = None


def main(options: LintOptions) -> int:
    """Write the findings: 0; 1 where one of them counts; 2 where a file could not be read."""
    check(options.output)
    rules = [
        rule
        for rule in RULES
        if rule.id not in options.ignore and (not options.select or rule.id in options.select)
    ]
    if not rules:
        raise UsageError("--select and --ignore leave no rule to look for")
    how = reading.for_lint(options.reader, options.host)
    linted = [_lint(name, path, how, rules, fix=options.fix) for name, path in _files(options)]
    render = _json if options.lint_format is LintFormat.JSON else _text
    write(options.output, render(linted, options))
    if any(file.unreadable for file in linted):
        return UsageError.exit_code
    failing = (Severity.ERROR, Severity.WARNING) if options.strict else (Severity.ERROR,)
    return int(any(finding.rule.severity in failing for file in linted for finding in file.findings))


def _files(options: LintOptions) -> Iterator[tuple[str, Path | None]]:
    """What to look at, each file once; None is the default profile that comes along."""
    catalog = reading.catalog(options.profiles_dirs)
    seen: set[Path | None] = set()
    for word in options.profiles:
        if word == RUNTIME_DEFAULT:
            paths: Sequence[Path | None] = [None]
        elif is_dir(word):
            paths = list(files_in(Path(word)))
        else:
            paths = [catalog.path(word)]
        for path in paths:
            file = path and path.resolve()
            if file not in seen:
                seen.add(file)
                yield (oci_default.SOURCE if path is None else str(path)), path


def _lint(name: str, path: Path | None, how: Reading, rules: Sequence[Rule], *, fix: bool) -> _Linted:
    try:
        text = oci_default.document().text if path is None else document.read(path)
        mended = run.fix(text, name, rules) if fix and path is not None else text
        findings = run.lint(mended, name, how, rules)
    except BadFileError as error:
        return _Linted(name, unreadable=error)
    if mended != text:
        write_over(name, text, mended)
    return _Linted(name, findings, fixed=mended != text)


def _text(linted: Sequence[_Linted], _: LintOptions) -> str:
    lines = [line for file in linted for line in _lines(file)]
    counts = _counts(linted)
    found = ", ".join(counted(counts[severity], severity) for severity in (Severity.ERROR, Severity.WARNING))
    summary = f"{counted(len(linted), 'file')}: {found}, {counts[Severity.INFO]} for information"
    if unreadable := sum(file.unreadable is not None for file in linted):
        summary += f"; {unreadable} could not be read"
    if fixable := sum(finding.fixable for file in linted for finding in file.findings):
        summary += f"; --fix mends {fixable}"
    return "".join(f"{safe(line)}\n" for line in (*lines, summary))


def _lines(file: _Linted) -> Iterator[str]:
    if file.unreadable is not None:
        yield str(file.unreadable)
    if file.fixed:
        yield f"{file.source}: mended"
    for finding in file.findings:
        place = f"{file.source}:{finding.line}:{finding.column}"
        yield f"{place}: {finding.rule.severity} {finding.rule.id}: {finding.message}"


def _counts(linted: Sequence[_Linted]) -> Counter[Severity]:
    return Counter(finding.rule.severity for file in linted for finding in file.findings)


def _json(linted: Sequence[_Linted], options: LintOptions) -> str:
    counts = _counts(linted)
    result: dict[str, Any] = {
        "schema": SCHEMA,
        "for": options.reader.value,
        "files": [
            {
                "path": file.source,
                "unreadable": None if file.unreadable is None else str(file.unreadable),
                "fixed": file.fixed,
                "findings": [_finding(finding) for finding in file.findings],
            }
            for file in linted
        ],
        "counts": {severity.value: counts[severity] for severity in Severity},
    }
    return json.dumps(result, indent=2) + "\n"


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule.id,
        "severity": finding.rule.severity.value,
        "line": finding.line,
        "column": finding.column,
        "where": finding.where,
        "message": finding.message,
        "fixable": finding.fixable,
    }
