"""Putting the rules to a profile's text, and mending what can be mended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from profile_smoke.profile import document
from profile_smoke.profile.lint import form
from profile_smoke.profile.lint.interface import Finding, Rule
from profile_smoke.profile.lint.subject import Subject
from profile_smoke.profile.model import Action
from profile_smoke.profile.observed import UNOBSERVABLE
from profile_smoke.profile.source import Source

if TYPE_CHECKING:
    from collections.abc import Collection

    from profile_smoke.profile._fields import FieldError
    from profile_smoke.profile.lint.interface import Reading


_NOTIFY = (
    "SCMP_ACT_NOTIFY leaves the call to an agent: it cannot be tested, since observing needs a container's one listener; "
    f"runc refuses it as default action and on {UNOBSERVABLE}"
)
"""What runc refuses: `InitSeccomp` in its libcontainer/seccomp/seccomp_linux.go."""


def lint(text: str, name: str, reading: Reading, rules: Collection[Rule]) -> tuple[Finding, ...]:
    """What the rules find in the text of the file `name`, in the order of the text.

    A file that breaks the format is looked at for nothing else: what it means cannot be said.

    Raises:
        BadFileError: not JSON, or something else than a profile.
    """
    if broken := document.problems(text, name):
        found = [finding for finding in map(_of_error, broken) if finding.rule in rules]
    else:
        subject = Subject(document.parse(text, name), reading)
        found = [
            Finding(
                rule,
                *subject.source.position(report.place.offset),
                report.place.path,
                report.message,
                report.fixable,
            )
            for rule in rules
            for report in rule.check(subject)
        ]
    return tuple(sorted(found, key=lambda finding: (finding.line, finding.column)))


def fix(text: str, name: str, rules: Collection[Rule]) -> str:
    """The text with everything mended that these rules can mend; formatting and meaning stay.

    One that breaks the format comes back as it is.

    Raises:
        BadFileError: not JSON, or something else than a profile.
    """
    if document.problems(text, name):
        return text
    before = ""
    while (
        text != before
    ):  # what one rule mends may show another what to mend; each makes the text's rules fewer or plainer
        before = text
        for rule in rules:
            if rule.fix is not None:
                text = rule.fix(Source(text, name), document.parse(text, name).profile)
    return text


def _of_error(error: FieldError) -> Finding:
    """A finding of what the reader of files complains about."""
    field = error.field
    if field is None:
        raise ValueError("an error of a field knows its field")
    line, column = field.source.position(field.node.start)
    if field.node.value != Action.NOTIFY:
        return Finding(form.SCHEMA, line, column, field.path, error.problem, fixable=False)
    return Finding(form.NOTIFY, line, column, field.path, _NOTIFY, fixable=False)
