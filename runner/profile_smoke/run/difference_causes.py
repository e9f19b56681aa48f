"""Why a profile blocks a workload on one target and not on another: the evidence for each cause.

It is what the profile means on each target, what was found in the loaded filters, and which calls were met where.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from profile_smoke.errors import UsageError
from profile_smoke.model import PHASE_CREATE, CellResult, Denial, DifferenceCause, LaunchKind
from profile_smoke.profile import raw_oci
from profile_smoke.profile.evaluate import Evaluator
from profile_smoke.profile.resolve import reachable
from profile_smoke.syscall import tables

if TYPE_CHECKING:
    from collections.abc import Collection

    from profile_smoke.profile.document import Document
    from profile_smoke.profile.model import Profile

_NO_ARGS = (0,) * 6


class Reader(Protocol):
    """Who makes a filter of a profile's file: a target, as far as differences ask it."""

    def meaning(self, document: Document) -> Profile:
        """See `Target.meaning`."""

    def default_capabilities(self) -> tuple[str, ...]:
        """See `Target.default_capabilities`."""

    def knows(self, syscall: str) -> bool:
        """See `Target.knows`."""


@dataclass(frozen=True)
class Side:
    """One of two cells, with who read its profile."""

    result: CellResult
    reader: Reader

    @property
    def name(self) -> str:
        """The target's."""
        return self.result.target.name

    @property
    def setting(self) -> bool:
        """Whether no_new_privs was on."""
        return self.result.no_new_privileges

    def version(self, *names: str) -> str:
        """`libseccomp 2.5.4` and so on, of what this target tells."""
        versions = self.result.target.versions
        return ", ".join(f"{name} {versions[name]}" for name in names if name in versions)

    def permits(self, profile: Profile, call: Denial) -> bool:
        """Whether its runtime's filter, of this plain profile, lets the call pass. Raises RuntimeRefusedError."""
        evaluator = Evaluator(profile, tables.native(), known=self.reader.knows)
        return evaluator.decide(call.arch, call.number, call.args or _NO_ARGS).action.permits


def causes_of(document: Document, works: Side, fails: Side) -> dict[tuple[DifferenceCause, str], list[str]]:
    """The blocking calls that each cause explains, by the cause and a sentence that says it.

    Raises:
        SmokeError: a runtime would refuse the profile, or the calls are of another architecture than this machine's.
    """
    meanings = _meanings(document, works, fails)
    found: dict[tuple[DifferenceCause, str], list[str]] = {}
    for call in blocking_calls(fails.result):
        if call.arch not in tables.runnable(tables.native()):
            raise UsageError(f"the call was made on {call.arch}, and this machine is {tables.native()}")
        found.setdefault(_cause(call, meanings, works, fails), []).append(call.syscall)
    return found


def blocking_calls(result: CellResult) -> list[Denial]:
    """One attempt at each blocking call, as it was made."""
    found: dict[str, Denial] = {}
    for each in result.denials:
        if each.syscall in result.blocking:
            found.setdefault(each.syscall, each)
    return list(found.values())


@dataclass(frozen=True)
class _Meanings:
    """What the profile is on both sides, and to a reader of plain OCI."""

    works: Profile
    fails: Profile
    plain: Profile
    dropped: tuple[str, ...]


def _meanings(document: Document, works: Side, fails: Side) -> _Meanings:
    return _Meanings(
        works.reader.meaning(document),
        fails.reader.meaning(document),
        reachable(raw_oci.plain_reading(document), tables.native()),
        raw_oci.dropped_fields(document),
    )


def _cause(call: Denial, meanings: _Meanings, works: Side, fails: Side) -> tuple[DifferenceCause, str]:
    known = (works.reader.knows(call.syscall), fails.reader.knows(call.syscall))
    if known[0] is not known[1]:
        return DifferenceCause.RUNTIME, _runtimes("one libseccomp does not know its name", works, fails)
    here, there = fails.permits(meanings.fails, call), works.permits(meanings.works, call)
    if here is not there:
        return _cause_of_meaning(call, meanings, works, fails)
    if call.syscall in _found_in_filters(works, fails):
        return DifferenceCause.RUNTIME, _runtimes("what their runtimes load is not the same", works, fails)
    met = {each.syscall for each in works.result.denials}
    observed = any(launch.kind is LaunchKind.OBSERVE for launch in works.result.launches)
    if call.phase == PHASE_CREATE and observed and call.syscall not in met:
        return (
            DifferenceCause.RUNTIME,
            _runtimes(
                f"the runtime's init makes it on {fails.name}, and was not seen to on {works.name}",
                works,
                fails,
            ),
        )
    return (
        DifferenceCause.UNKNOWN,
        "the profile means the same for it on both, and nothing that was seen says why it is needed on one alone",
    )


def _cause_of_meaning(
    call: Denial, meanings: _Meanings, works: Side, fails: Side
) -> tuple[DifferenceCause, str]:
    """The profile itself is another on the two."""
    if meanings.dropped:
        plain = fails.permits(meanings.plain, call)
        for side, meaning in ((fails, meanings.fails), (works, meanings.works)):
            other = works if side is fails else fails
            if side.permits(meaning, call) is plain and meaning == meanings.plain:
                fields = ", ".join(meanings.dropped)
                return (
                    DifferenceCause.DOCKER_ONLY_FIELDS,
                    f"{side.name} drops fields of Docker's format from the profile ({fields}), which {other.name} resolves",
                )
    mine, others = set(works.reader.default_capabilities()), set(fails.reader.default_capabilities())
    if mine != others:
        parts = [
            f"{side.name} gives {', '.join(sorted(more))}"
            for side, more in ((works, mine - others), (fails, others - mine))
            if more
        ]
        return DifferenceCause.CAPABILITIES, f"containers have other capabilities: {'; '.join(parts)}"
    if works.version("kernel") != fails.version("kernel"):
        text = "rules of the profile ask for a kernel's version"
        return DifferenceCause.RUNTIME, _runtimes(text, works, fails, "kernel")
    return DifferenceCause.UNKNOWN, "the profile means another thing on the two, and why was not found"


def _found_in_filters(works: Side, fails: Side) -> Collection[str]:
    """Calls with which a loaded filter was found to do other than the profile's text."""
    checks = [side.result.filter for side in (works, fails) if side.result.filter is not None]
    return {name for check in checks for finding in check.findings for name in finding.calls}


def _runtimes(text: str, works: Side, fails: Side, *names: str) -> str:
    told = [
        f"{side.name} has {versions}"
        for side in (works, fails)
        if (versions := side.version(*(names or ("libseccomp", "runc", "crun", "containerd", "cri-o"))))
    ]
    return f"{text}: {'; '.join(told)}" if told else text
