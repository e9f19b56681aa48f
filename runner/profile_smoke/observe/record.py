"""What a launch's denials add up to: counted, with their process, in order, however many there are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from profile_smoke.model import Denial, Evidence, Process
from profile_smoke.syscall import arguments, decode, tables

if TYPE_CHECKING:
    from collections.abc import Callable

    from profile_smoke.profile.model import Decision

_ARG_SAMPLES = 64
NARROWED = {
    "clone": (0,),
    "socket": (0, 1, 2),
    "socketpair": (0, 1, 2),
    "personality": (0,),
    "prctl": (0,),
    "ioctl": (1,),
}
"""Calls for which arguments decide how narrow a rule can be, and which arguments: those of every attempt are kept."""


@dataclass(frozen=True)
class Attempted:
    """A refused call as blame needs it: its name, how the control answers it, and the arguments it was tried with.

    `control` is the most permissive answer that the control gave to any attempt; `samples` are distinct argument tuples of
    the attempts that got this answer, at most 64 (`sampled_all` says whether those are all), of calls in `NARROWED` with
    zeros for the arguments that decide nothing; `says` is what the profile under test answers; `in_init` tells calls that
    the runtime's init made (too).
    """

    name: str
    says: Decision
    control: Decision
    samples: tuple[tuple[int, ...], ...]
    sampled_all: bool
    in_init: bool


@dataclass
class _Sums:
    says: Decision
    control: Decision
    samples: dict[tuple[int, ...], None] = field(default_factory=dict)
    sampled_all: bool = True
    in_init: bool = False
    in_workload: bool = False


@dataclass
class Line:
    """What is reported of one kind of refused call."""

    syscall: str
    number: int
    arch: str
    args: tuple[int, ...]
    text: str
    errno: str
    phase: str
    process: Process
    first_ms: float
    count: int = 0


class Record:
    """Collects the denials of one launch. Only the supervisor's thread writes; what others read is a moment's view."""

    def __init__(self, now_ms: Callable[[], float]) -> None:
        self._now_ms = now_ms
        self._lines: dict[tuple[str, int, str, str], Line] = {}
        self._sums: dict[str, _Sums] = {}

    def add(
        self,
        *,
        arch: str,
        number: int,
        args: tuple[int, ...],
        says: Decision,
        control: Decision,
        phase: str,
        process: Process,
        runtime: bool,
        memory: arguments.Reader,
    ) -> Line:
        """Count one refused call; its text is decoded at the first of its kind only.

        The line may be counted up directly for further calls of this kind, where their arguments do not matter.
        """
        name = tables.name(arch, number) or f"syscall_{number}"
        key = (arch, number, phase, process.exe or process.comm)
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = Line(
                name,
                number,
                arch,
                args,
                decode.decode(arch, name, args, memory),
                errno_text(says),
                phase,
                process,
                self._now_ms(),
            )
        line.count += 1
        self._sum(name, says, control, args, runtime=runtime)
        return line

    def _sum(
        self, name: str, says: Decision, control: Decision, args: tuple[int, ...], *, runtime: bool
    ) -> None:
        sums = self._sums.get(name)
        if sums is None:
            sums = self._sums[name] = _Sums(says, control)
        if not runtime and not sums.in_workload:
            # In order of the workload's own first attempt: what the runtime's init tried before says nothing of it.
            sums.in_workload = True
            self._sums[name] = self._sums.pop(name)
        if control.action.permits and not sums.control.action.permits:
            sums.control, sums.samples, sums.sampled_all = control, {}, True
        if (deciding := NARROWED.get(name)) is not None:
            args = tuple(value if index in deciding else 0 for index, value in enumerate(args))
        if control.action.permits == sums.control.action.permits and args not in sums.samples:
            if len(sums.samples) < _ARG_SAMPLES:
                sums.samples[args] = None
            else:
                sums.sampled_all = False
        sums.in_init = sums.in_init or runtime

    def denials(self) -> tuple[Denial, ...]:
        """All denials, in the order of their first attempt."""
        lines = sorted(self._lines.values(), key=lambda line: line.first_ms)
        return tuple(
            Denial(
                syscall=line.syscall,
                number=line.number,
                arch=line.arch,
                args=line.args,
                text=line.text,
                errno=line.errno,
                phase=line.phase,
                process=line.process,
                first_ms=line.first_ms,
                count=line.count,
                evidence=Evidence.NOTIFY,
            )
            for line in lines
        )

    def attempted(self) -> tuple[Attempted, ...]:
        """One entry per name: what only the runtime's init tried, then in the order of the workload's first attempts."""
        return tuple(
            Attempted(name, sums.says, sums.control, tuple(sums.samples), sums.sampled_all, sums.in_init)
            for name, sums in self._sums.items()
        )


def errno_text(says: Decision) -> str:
    """The name of the error that a refusal answers, `SIGSYS` where it kills or traps."""
    from profile_smoke.observe.policy import errno_of

    code = errno_of(says)
    return "SIGSYS" if code is None else decode.errno_name(code)
