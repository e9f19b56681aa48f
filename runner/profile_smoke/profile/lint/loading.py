"""Rules about names that are lost on the way into the kernel, and what only some readers and runtimes take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from profile_smoke.profile import raw_oci
from profile_smoke.profile._names import FOREIGN
from profile_smoke.profile.lint.interface import Report, Rule, Severity
from profile_smoke.profile.lint.subject import few, grouped
from profile_smoke.syscall import tables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from profile_smoke.profile.lint.subject import Place, Subject


def _lost(subject: Subject) -> Iterator[tuple[str, int, Place, bool]]:
    """Names that the machine's libseccomp does not know, with their rule, and whether the refused call is then permitted."""
    known = subject.reading.known
    if known is None:
        return
    for index, rule in enumerate(subject.profile.rules):
        for position, name in enumerate(rule.names):
            if name not in FOREIGN and not known(name):
                opens = subject.profile.default_action.permits and not rule.action.permits
                yield name, index, subject.name(index, position), opens


def _denial_not_loaded(subject: Subject) -> Iterator[Report]:
    for name, _, place, opens in _lost(subject):
        if opens:
            yield Report(
                place,
                f"{name} stays open here: this machine's libseccomp does not know the name, so the refusal is dropped "
                "and the default action permits the call",
            )


def _name_not_loaded(subject: Subject) -> Iterator[Report]:
    """One finding for each rule: a library that is a little older lacks many names."""
    by_rule = grouped(
        (index, (name, place))
        for name, index, place, opens in _lost(subject)
        if not opens and name in tables.all_names()
    )
    for lost in by_rule.values():
        yield Report(
            lost[0][1],
            f"this machine's libseccomp does not know {few([name for name, _ in lost])}: the default action answers here",
        )


def _name_without_number(subject: Subject) -> Iterator[Report]:
    if not subject.declared or len(subject.declared) < len(set(subject.loaded.architectures)):
        return  # the machine's own ABI, or one without a table, may have it
    there = frozenset().union(*(tables.numbers(arch) for arch in subject.declared))
    for name, place in subject.names():
        if name in tables.all_names() and name not in there:
            yield Report(
                place, f"{name} does not exist on any declared architecture ({', '.join(subject.declared)})"
            )


def _docker_only_field(subject: Subject) -> Iterator[Report]:
    if not subject.reading.plain:
        return
    if subject.profile.arch_map:
        yield Report(
            subject.key("archMap"),
            "containerd drops archMap: calls of 32-bit programs kill them; list the architectures in "
            '"architectures"',
        )
    for index, (rule, entry) in enumerate(
        zip(subject.profile.rules, subject.document.raw.get("syscalls") or (), strict=True)
    ):
        for field in ("includes", "excludes"):
            if getattr(rule, field) is not None:
                what = "opens these calls for" if rule.action.permits else "refuses these calls to"
                yield Report(
                    subject.rule(index, field),
                    f"containerd drops {field}: the rule {what} every container; resolve it with profile convert",
                )
        if not entry.get("names"):
            yield Report(
                subject.rule(index, "name"),
                'containerd drops "name", and the rule with it; write "names"',
            )


def _docker_format(subject: Subject) -> Iterator[Report]:
    dropped = raw_oci.dropped_fields(subject.document)
    if dropped and not subject.reading.plain:
        yield Report(
            subject.key("archMap", "syscalls"),
            f"Kubernetes would drop what only Docker reads here: {', '.join(dropped)}; --for kubernetes shows the "
            "consequences",
        )


def _filter_flags(subject: Subject) -> Iterator[Report]:
    if subject.profile.flags:
        yield Report(
            subject.key("flags"),
            "runc before 1.2 refuses a profile with any flag, and Docker before 23.0 drops them",
        )


RULES = (
    Rule(
        "denial-not-loaded",
        Severity.ERROR,
        "a refusal of a call that this machine's libseccomp does not know: a denylist that fails open",
        _denial_not_loaded,
    ),
    Rule(
        "name-not-loaded",
        Severity.INFO,
        "a name that this machine's libseccomp does not know",
        _name_not_loaded,
    ),
    Rule(
        "name-without-number",
        Severity.INFO,
        "a name that no declared architecture has",
        _name_without_number,
    ),
    Rule(
        "docker-only-field",
        Severity.ERROR,
        "a field that Kubernetes drops (with --for kubernetes)",
        _docker_only_field,
    ),
    Rule(
        "docker-format",
        Severity.INFO,
        "a file in Docker's own format, which means something else to Kubernetes",
        _docker_format,
    ),
    Rule("filter-flags", Severity.WARNING, "flags that older runtimes refuse", _filter_flags),
)
