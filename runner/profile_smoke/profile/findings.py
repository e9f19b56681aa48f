"""Where a loaded filter does other than the profile's text says, and why.

The text is read with every name known and the first matching rule in force. Each difference is put down to the first of
these that accounts for it exactly, by evaluating the profile with that one thing changed: a name that the runtime's
libseccomp does not know, fields that only Docker reads, an ABI that was lost or came in, the runtime's ENOSYS boundary,
another filter stacked on it. What nothing accounts for is said to be unexplained.
"""

from __future__ import annotations

import errno
from collections import defaultdict
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from profile_smoke.errors import RuntimeRefusedError
from profile_smoke.model import Cause, FilterFinding
from profile_smoke.profile import returns, sampling
from profile_smoke.profile.compare import describe
from profile_smoke.profile.evaluate import Evaluator
from profile_smoke.profile.model import Action, Decision, Profile
from profile_smoke.profile.written import Written
from profile_smoke.syscall import danger, tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from profile_smoke.profile.loaded import LoadedFilter

_SHOWN = 8
_KILLED = Decision(Action.KILL_THREAD)
_ENOSYS = Decision(Action.ERRNO, errno.ENOSYS)
_WHY = {
    Cause.UNKNOWN_NAME: "the runtime's libseccomp does not know the name there and drops it",
    Cause.DOCKER_ONLY_FIELDS: "the runtime was given Docker's format as it is, without includes, excludes and archMap",
    Cause.MISSING_ARCHITECTURE: "the filter's architectures are not those of the profile",
    Cause.RULE_ORDER: "libseccomp combines the rules for a call in its own order, not in the file's",
    Cause.ENOSYS_BOUNDARY: "the runtime draws its ENOSYS boundary elsewhere",
    Cause.STACKED_FILTER: "another filter is stacked on it",
    Cause.UNEXPLAINED: "nothing known explains it",
}


class Reading(NamedTuple):
    """A profile as it should be meant.

    `plain` is resolved for the target, `raw` is what a plain OCI reader makes of the file.
    """

    plain: Profile
    raw: Profile | None
    native: str
    known: Callable[[str], bool]


class _Difference(NamedTuple):
    arch: str
    number: int
    args: tuple[int, ...]
    says: Decision
    does: Decision


class _Alike(NamedTuple):
    """What differences in one finding have in common."""

    cause: Cause
    arch: str
    named: bool
    shown: str
    says: Decision
    does: Decision


def findings(found: LoadedFilter, reading: Reading, arches: Sequence[str]) -> tuple[FilterFinding, ...]:
    """Every difference with its cause, those that open something first. `found` may hold no program at all."""
    if not found.programs:
        text = "no filter is loaded: every call is allowed"
        return (FilterFinding(Cause.MISSING_FILTER, opens=True, abi="", calls=(), text=text),)
    causes = _Causes(found, reading)
    made: list[FilterFinding] = []
    for arch in arches:
        differing = list(_differences(found, reading, arch))
        if differing and _kills_all(found, arch):
            made.append(_without_abi(arch, differing, causes))
        else:
            made += _grouped(differing, causes)
    return tuple(sorted(made, key=lambda each: not each.opens))


def _grouped(differing: Sequence[_Difference], causes: _Causes) -> Iterator[FilterFinding]:
    alike: dict[_Alike, list[int]] = defaultdict(list)
    for each in differing:
        named = tables.name(each.arch, each.number) is not None
        shown = sampling.shown(each.args)
        alike[_Alike(causes.of(each), each.arch, named, shown, each.says, each.does)].append(each.number)
    for key, numbers in alike.items():
        yield _finding(key, numbers)


def _kills_all(found: LoadedFilter, arch: str) -> bool:
    audit = tables.audit_arch(arch)
    return all(found.decide(audit, number, ()) == _KILLED for number in tables.numbers(arch).values())


def _without_abi(arch: str, differing: Sequence[_Difference], causes: _Causes) -> FilterFinding:
    """One finding for a whole ABI that the filter does not know, instead of one for each kind of answer that was lost."""
    lost = [each for each in differing if each.says.action.permits] or differing
    cause = causes.of(lost[0])
    names = tuple(name for each in lost if (name := tables.name(arch, each.number)))
    text = f"{arch}: every call is killed, {len(names)} that the profile permits among them: {_WHY[cause]}"
    return FilterFinding(cause, opens=False, abi=arch, calls=names, text=text)


def _differences(found: LoadedFilter, reading: Reading, arch: str) -> Iterator[_Difference]:
    """One for each call: that with the arguments for which the filter lets it through, where there are such."""
    written = Written(reading.plain, reading.native)
    samples = sampling.samples(reading.plain)
    audit = tables.audit_arch(arch)
    for number in sampling.numbers(arch):
        tried: list[tuple[int, ...]] = list(
            samples.get(tables.name(arch, number) or "", sampling.UNCONDITIONAL)
        )
        if found.looks_at_args(audit, number):
            tried += found.answers(arch, number).values()
        differing = [
            _Difference(arch, number, args, says, does)
            for args in tried
            if (says := written.decide(arch, number, args)) != (does := found.decide(audit, number, args))
        ]
        if differing:
            yield min(differing, key=lambda each: not _opens(each.says, each.does))


def _opens(says: Decision, does: Decision) -> bool:
    return does.action.permits and not says.action.permits


class _Causes:
    """Readings of the profile with one thing changed, each made when it is first asked for."""

    def __init__(self, found: LoadedFilter, reading: Reading) -> None:
        self._found, self._reading = found, reading

    def of(self, each: _Difference) -> Cause:
        """Why the filter differs there."""
        return next((cause for cause, holds in self._candidates(each) if holds), Cause.UNEXPLAINED)

    def _candidates(self, each: _Difference) -> Iterator[tuple[Cause, bool]]:
        """Each cause with whether it accounts for the difference, the next worked out only where the last does not."""
        name = tables.name(each.arch, each.number)
        if name is not None and not self._reading.known(name):
            yield Cause.UNKNOWN_NAME, self._as(each, self._meant)
        yield Cause.RULE_ORDER, self._as(each, self._every_name_known)
        yield Cause.ENOSYS_BOUNDARY, self._as(each, self._meant)
        yield Cause.ENOSYS_BOUNDARY, self._as(each, self._without_boundary)
        yield Cause.DOCKER_ONLY_FIELDS, self._as(each, self._raw)
        yield Cause.MISSING_ARCHITECTURE, self._as(each, self._other_architectures(each.arch))
        yield Cause.STACKED_FILTER, self._alone(each)
        if name is not None and each.arch != self._reading.native:
            yield Cause.UNKNOWN_NAME, self._as(each, self._lacking(name))
        yield Cause.ENOSYS_BOUNDARY, _ENOSYS in (each.says, each.does) and not _opens(each.says, each.does)

    def _as(self, each: _Difference, reading: Evaluator | None) -> bool:
        return reading is not None and reading.decide(each.arch, each.number, each.args) == each.does

    def _alone(self, each: _Difference) -> bool:
        programs = self._found.programs
        audit = tables.audit_arch(each.arch)
        return len(programs) > 1 and any(
            returns.decision(program.run(audit, each.number, each.args)) == each.says for program in programs
        )

    @cached_property
    def _meant(self) -> Evaluator | None:
        return self._read(self._reading.plain, known=self._reading.known)

    @cached_property
    def _every_name_known(self) -> Evaluator | None:
        return self._read(self._reading.plain)

    @cached_property
    def _without_boundary(self) -> Evaluator | None:
        return self._read(self._reading.plain, known=self._reading.known, boundary=False)

    @cached_property
    def _raw(self) -> Evaluator | None:
        return self._read(self._reading.raw, known=self._reading.known) if self._reading.raw else None

    @cached_property
    def _toggled(self) -> dict[str, Evaluator | None]:
        return {}

    def _other_architectures(self, arch: str) -> Evaluator | None:
        """The profile with this ABI taken out of its architectures, or put in."""
        if arch not in self._toggled:
            plain, name = self._reading.plain, tables.scmp_arch(arch)
            others = tuple(each for each in plain.architectures if each != name)
            changed = others if name in plain.architectures else (*plain.architectures, name)
            self._toggled[arch] = self._read(replace(plain, architectures=changed), known=self._reading.known)
        return self._toggled[arch]

    def _lacking(self, name: str) -> Evaluator | None:
        """One name taken for unknown: a libseccomp may know it, but not for each ABI (2.5.4: map_shadow_stack for x32)."""
        return self._read(
            self._reading.plain, known=lambda other: other != name and self._reading.known(other)
        )

    def _read(
        self, profile: Profile, *, known: Callable[[str], bool] | None = None, boundary: bool = True
    ) -> Evaluator | None:
        """None for a reading that the runtime would refuse: then that is not how it was read."""
        try:
            return Evaluator(profile, self._reading.native, known=known, enosys_boundary=boundary)
        except RuntimeRefusedError:
            return None


def _finding(key: _Alike, numbers: Sequence[int]) -> FilterFinding:
    names = [name for number in numbers if (name := tables.name(key.arch, number))]
    # What matters most is read first; a long list is folded in the text and whole in `calls`.
    names.sort(key=lambda name: danger.danger(name) is None)
    if key.named:
        worst = max(_SHOWN, sum(danger.danger(name) is not None for name in names))
        more = f" and {len(names) - worst} more" if len(names) > worst else ""
        calls = ", ".join(names[:worst]) + more
    else:
        calls = sampling.calls(key.arch, numbers)
    text = (
        f"{key.arch}: {calls}{key.shown}: profile says {describe(key.says)}, loaded filter says "
        f"{describe(key.does)}: {_WHY[key.cause]}"
    )
    return FilterFinding(
        key.cause, opens=_opens(key.says, key.does), abi=key.arch, calls=tuple(names), text=text
    )
