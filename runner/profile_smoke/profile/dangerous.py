"""What a filter does with every dangerous call, on every ABI, so that a way round is found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from profile_smoke.model import DangerousCall
from profile_smoke.profile import explore, sampling
from profile_smoke.profile.model import Action, Decision
from profile_smoke.syscall import tables, ways

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from profile_smoke.profile.evaluate import Evaluator
    from profile_smoke.profile.explore import Fixed
    from profile_smoke.syscall.ways import Way

UPPER = "with the upper half of the register set"
SOME = "with some arguments"
_HALF = 0xFFFFFFFF
_SEVERITY = (
    Action.ALLOW,
    Action.LOG,
    Action.NOTIFY,
    Action.TRACE,
    Action.ERRNO,
    Action.TRAP,
    Action.KILL_THREAD,
    Action.KILL_PROCESS,
)
"""From the most permissive to the strictest."""


class Answering(Protocol):
    """A filter that can be asked for all its answers to a call: a loaded one, or what a profile should be."""

    def answers(
        self, arch: str, number: int, *, fixed: Fixed = (), upper: bool = True
    ) -> Mapping[Decision, tuple[int, ...]]:
        """Every answer, with arguments that get it."""


def dangerous(found: Answering, arches: Sequence[str]) -> tuple[DangerousCall, ...]:
    """A row for each dangerous way of each ABI, in the order of the classes."""
    rows = [_row(found, arch, way) for arch in arches for way in ways.ways(arch)]
    order = {name: place for place, name in enumerate(ways.CLASSES)}
    return tuple(sorted(rows, key=lambda row: order[row.danger]))


def _row(found: Answering, arch: str, way: Way) -> DangerousCall:
    number = tables.numbers(arch)[way.syscall]
    answers = found.answers(arch, number, fixed=way.fixed, upper=False)
    most = _most(answers)
    details = [way.detail]
    if not most.action.permits:
        # The kernel cuts these arguments to 32 bits after the filter has seen all 64.
        wide = found.answers(arch, number, fixed=way.fixed)
        if _most(wide).action.permits:
            answers, most = wide, _most(wide)
            details.append(UPPER)
    elif not way.detail and any(not each.action.permits for each in answers):
        details.append(SOME)
    return DangerousCall(
        syscall=way.syscall,
        detail=", ".join(filter(None, details)),
        danger=way.danger,
        abi=arch,
        action=most.action.value,
        permitted=most.action.permits,
    )


def _most(answers: Mapping[Decision, tuple[int, ...]]) -> Decision:
    return min(answers, key=lambda each: _SEVERITY.index(each.action))


class Meaning:
    """What a profile should do, asked as a loaded filter is: for where the loaded one cannot be read."""

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator
        self._samples = sampling.samples(evaluator.profile)

    def answers(
        self, arch: str, number: int, *, fixed: Fixed = (), upper: bool = True
    ) -> Mapping[Decision, tuple[int, ...]]:
        """The answers around every value that the profile compares with."""
        found: dict[Decision, tuple[int, ...]] = {}
        samples = self._samples.get(tables.name(arch, number) or "", ())
        for sample in (explore.least(fixed), *samples):
            args = list(sample)
            for argument, mask, value in fixed:
                args[argument] = args[argument] & ~mask | value
            if not upper or arch in ("x86", "arm"):
                args = [arg & _HALF for arg in args]
            found.setdefault(self._evaluator.decide(arch, number, args), tuple(args))
        return found
