"""SARIF 2.1.0, as code scanning takes it: what is wrong with a profile, at the line of its file where the fix belongs.

What says nothing about a profile (a cell that could not be judged, an interrupt) is no result but a notification, and
makes `executionSuccessful` false. Specification: OASIS sarif-v2.1.0; what GitHub reads of it: "SARIF support for code
scanning" in its documentation.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from profile_smoke.report import brief, moment, source
from profile_smoke.report.escape import json_text, lines
from profile_smoke.report.finding import MEANING, Finding, Level, Rule
from profile_smoke.report.findings import findings
from profile_smoke.report.text import clipped, counted, safe

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from profile_smoke.model import RunReport

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_ROOT = "%SRCROOT%"
_MOST = 5000
"""Code scanning shows no more results of one run."""
_LONGEST = 4000
"""Characters of a message: enough for every sentence, and nothing from a container can fill a file."""
_ANY = "any"
_LONGEST_LIST = 100
_LINK = re.compile(r"\[(?=[^\[\]]*\]\()")
_ABOUT_RUN = (Rule.NOT_JUDGED, Rule.INCOMPLETE)
_FINGERPRINTS = ("primaryLocationLineHash", "profileSmoke/v1")
"""The first alone is what code scanning compares. It would hash the line, on which findings of several calls stand."""


def render(report: RunReport) -> str:
    """The document, ending in a newline."""
    found = findings(report)
    results = [each for each in found if each.rule not in _ABOUT_RUN and each.profile and each.profile.path]
    others = [each for each in found if each not in results]
    notices = [_notification(each) for each in others]
    if len(results) > _MOST:
        text = f"{counted(len(results) - _MOST, 'more result')}, less severe, are left out"
        notices.append({"level": "warning", "message": {"text": text}})
    rules = list(dict.fromkeys(each.rule for each in results))
    run = {
        "tool": {"driver": _driver(report, rules)},
        "automationDetails": {"id": category(report)},
        "originalUriBaseIds": {_ROOT: {"uri": source.root_uri()}},
        "invocations": [
            {
                "executionSuccessful": not any(
                    each.level is Level.ERROR and each.rule in _ABOUT_RUN for each in others
                ),
                **_times(report),
                "toolExecutionNotifications": notices,
            }
        ],
        "columnKind": "unicodeCodePoints",
        "results": [_result(each, rules) for each in results[:_MOST]],
    }
    return json_text({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]})


def category(report: RunReport) -> str:
    """What tells the results of one job from those of the others of a workflow: the same in every run of that job.

    Targets; the profile and the scenario where the job has just one, else what it was told to take, else any; its part of
    the selection, if it has one.
    """
    profiles = _single(cell.profile.name for cell in report.cells)
    scenarios = _single(cell.scenario for cell in report.cells)
    only = report.selection.only if not (profiles and scenarios) else ()
    dimensions = [
        "+".join(sorted({cell.target.name for cell in report.cells})),
        _listed(profiles or report.selection.profile),
        _listed(scenarios or report.selection.scenario),
        *([_listed(only)] if only else []),
        *filter(None, _single(brief.setting(cell) for cell in report.cells)),
        *([f"part {report.shard.replace('/', ' of ')}"] if report.shard else []),
    ]
    while dimensions and dimensions[-1] in ("", _ANY):
        dimensions.pop()
    return "".join(f"{safe(each).replace('/', '-')}/" for each in ("profile-smoke", *dimensions))


def _single(names: Iterable[str]) -> list[str]:
    found = set(names)
    return list(found) if len(found) == 1 else []


def _listed(names: Sequence[str]) -> str:
    """The names, or of many something shorter that is as good for telling them apart."""
    text = "+".join(sorted(names)) or _ANY
    return text if len(text) <= _LONGEST_LIST else hashlib.sha256(text.encode()).hexdigest()[:12]


def _driver(report: RunReport, rules: Sequence[Rule]) -> dict[str, Any]:
    return {
        "name": "profile-smoke",
        "version": safe(report.version),
        "rules": [
            {
                "id": rule.value,
                "name": rule.value.title().replace("-", ""),
                "shortDescription": {"text": rule.value.replace("-", " ").capitalize()},
                "fullDescription": {"text": MEANING[rule]},
                "help": {"text": "The whole story of the cell is in the job's log and in its other reports."},
                "properties": {"tags": ["security", "seccomp"]},
            }
            for rule in rules
        ],
    }


def _result(finding: Finding, rules: Sequence[Rule]) -> dict[str, Any]:
    assert finding.profile is not None and finding.profile.path is not None  # noqa: S101, PT018  chosen just so
    return {
        "ruleId": finding.rule.value,
        "ruleIndex": rules.index(finding.rule),
        "level": finding.level.value,
        "message": {"text": _text(finding)},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": _artifact(finding.profile.path),
                    "region": {"startLine": finding.line or 1},
                }
            }
        ],
        "partialFingerprints": dict.fromkeys(_FINGERPRINTS, _fingerprint(finding)),
        "properties": {
            "cell": safe(finding.cell.id) if finding.cell else "",
            "subject": safe(finding.subject),
        },
    }


def _artifact(path: str) -> Mapping[str, str]:
    uri = source.uri(path)
    return {"uri": uri} if uri.startswith("file:") else {"uri": uri, "uriBaseId": _ROOT}


def _fingerprint(finding: Finding) -> str:
    """The same for the same finding in every run, wherever it stands in the file by then."""
    place = finding.cell.id if finding.cell else ""
    parts = (finding.rule.value, finding.profile.name if finding.profile else "", place, finding.subject)
    return hashlib.sha256("\0".join(map(safe, parts)).encode()).hexdigest()[:32]


def _notification(finding: Finding) -> dict[str, Any]:
    return {
        "descriptor": {"id": finding.rule.value},
        "level": finding.level.value,
        "message": {"text": _text(finding)},
    }


def _text(finding: Finding) -> str:
    """The sentences; what only looks like a link is none (SARIF 3.11.6: a backslash before the bracket)."""
    return _LINK.sub(r"\\[", clipped(lines(finding.text), _LONGEST))


def _times(report: RunReport) -> dict[str, str]:
    """When it began and ended, as far as these are times."""
    found = {"startTimeUtc": moment.started(report), "endTimeUtc": moment.ended(report)}
    return {name: moment.shown(each) for name, each in found.items() if each is not None}
