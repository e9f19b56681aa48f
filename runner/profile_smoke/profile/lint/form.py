"""Rules about the form: what is no valid profile, and names that nothing knows or not every reader finds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from profile_smoke.profile._layout import in_plural
from profile_smoke.profile._names import FOREIGN
from profile_smoke.profile._vocabulary import nearest, quoted
from profile_smoke.profile.lint.interface import Report, Rule, Severity
from profile_smoke.syscall import tables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from profile_smoke.profile.lint.subject import Subject
    from profile_smoke.profile.model import Profile
    from profile_smoke.profile.source import Source


def _nothing(_: Subject) -> Iterator[Report]:
    """What is no valid profile never becomes a subject: these findings come from reading the file."""
    yield from ()


def _unknown_name(subject: Subject) -> Iterator[Report]:
    known = tables.all_names() | FOREIGN
    for name, place in subject.names():
        if name not in known:
            near = nearest(name, known)
            hint = f"; did you mean {quoted(near)}?" if near is not None else ""
            yield Report(place, f"{quoted(name)} is no known syscall; runtimes drop it without a word{hint}")


def _single_name(subject: Subject) -> Iterator[Report]:
    for index, entry in enumerate(subject.document.raw.get("syscalls") or ()):
        if entry.get("name"):
            yield Report(
                subject.rule(index, "name"),
                f'only Docker and Podman read "name"; plain OCI readers lose the rule: write "names": '
                f"[{quoted(entry['name'])}]",
                fixable=True,
            )


def _in_plural(source: Source, _: Profile) -> str:
    return in_plural(source)


SCHEMA = Rule(
    "schema", Severity.ERROR, "the file breaks the format: an unknown key or word, a wrong type", _nothing
)
NOTIFY = Rule(
    "notify", Severity.ERROR, "SCMP_ACT_NOTIFY, which runc limits and which cannot be tested", _nothing
)
RULES = (
    SCHEMA,
    NOTIFY,
    Rule("unknown-name", Severity.WARNING, "a name that is no known syscall", _unknown_name),
    Rule(
        "single-name",
        Severity.WARNING,
        'the old "name" key, which plain OCI readers drop',
        _single_name,
        _in_plural,
    ),
)
