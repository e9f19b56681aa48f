"""The loaded filter against the profile: every call of every ABI, around every value that the profile compares with."""

from __future__ import annotations

import errno
from collections import defaultdict
from typing import TYPE_CHECKING

from profile_smoke.profile import returns, sampling
from profile_smoke.profile.model import Action, Decision
from profile_smoke.syscall import tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from profile_smoke.profile.bpf import Program
    from profile_smoke.profile.evaluate import Evaluator

LIMIT = 20


def differences(programs: Sequence[Program], evaluator: Evaluator, arches: Sequence[str]) -> tuple[str, ...]:
    """Where stacked filters (most recent first) do other than the profile says: at most `LIMIT` lines and a count.

    `arches` are the ABIs to compare, usually all that the machine can run. Calls that differ alike share a line; lines
    where one side lets a call through and the other does not come first.
    """
    samples = sampling.samples(evaluator.profile)
    lines: list[tuple[bool, str]] = []
    for arch in arches:
        audit = tables.audit_arch(arch)
        alike: dict[tuple[bool, str, Decision, Decision], list[int]] = defaultdict(list)
        for number in sampling.numbers(arch):
            name = tables.name(arch, number)
            for args in samples.get(name or "", sampling.UNCONDITIONAL):
                says = evaluator.decide(arch, number, args)
                does = returns.decision(
                    returns.combine(program.run(audit, number, args) for program in programs)
                )
                if says != does:
                    alike[name is None, sampling.shown(args), says, does].append(number)
                    break
        for (_, shown, says, does), numbers in alike.items():
            answers = f"profile says {describe(says)}, loaded filter says {describe(does)}"
            alike_line = f"{arch}: {sampling.calls(arch, numbers)}{shown}: {answers}"
            lines.append((says.action.permits == does.action.permits, alike_line))
    lines.sort(key=lambda line: line[0])
    more = len(lines) - LIMIT
    return (*(text for _, text in lines[:LIMIT]), *((f"and {more} more",) if more > 0 else ()))


def describe(decision: Decision) -> str:
    """`ALLOW`, `ERRNO(EPERM)`, `TRACE(1)`."""
    name = decision.action.value.removeprefix("SCMP_ACT_")
    if decision.action is Action.ERRNO:
        return f"{name}({errno.errorcode.get(decision.errno, str(decision.errno))})"
    return f"{name}({decision.errno})" if decision.action is Action.TRACE else name
