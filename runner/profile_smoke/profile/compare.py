"""The loaded filter against the profile: every call of every ABI, around every value that the profile compares with."""

from __future__ import annotations

import errno
from collections import defaultdict
from typing import TYPE_CHECKING

from profile_smoke.profile import bpf
from profile_smoke.profile.model import Action, Arg, Decision, Op, Profile
from profile_smoke.syscall import tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from profile_smoke.profile.bpf import Program
    from profile_smoke.profile.evaluate import Evaluator

LIMIT = 20
_NAMED = 8
_BEYOND = 40
"""How many numbers above an ABI's highest known one are compared too: calls that a newer kernel may have."""
_FULL = 0xFFFFFFFFFFFFFFFF
_ZEROS, _ONES = (0,) * 6, (_FULL,) * 6


def differences(programs: Sequence[Program], evaluator: Evaluator, arches: Sequence[str]) -> tuple[str, ...]:
    """Where stacked filters (most recent first) do other than the profile says: at most `LIMIT` lines and a count.

    `arches` are the ABIs to compare, usually all that the machine can run. Calls that differ alike share a line; lines
    where one side lets a call through and the other does not come first.
    """
    samples = _samples(evaluator.profile)
    lines: list[tuple[bool, str]] = []
    for arch in arches:
        audit = tables.audit_arch(arch)
        alike: dict[tuple[bool, str, Decision, Decision], list[int]] = defaultdict(list)
        for number in _numbers(arch):
            name = tables.name(arch, number)
            for args in samples.get(name or "", (_ZEROS, _ONES)):
                says = evaluator.decide(arch, number, args)
                does = bpf.decision(bpf.combine(program.run(audit, number, args) for program in programs))
                if says != does:
                    alike[name is None, _shown(args), says, does].append(number)
                    break
        for (_, shown, says, does), numbers in alike.items():
            answers = f"profile says {describe(says)}, loaded filter says {describe(does)}"
            alike_line = f"{arch}: {_calls(arch, numbers)}{shown}: {answers}"
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


def _calls(arch: str, numbers: Sequence[int]) -> str:
    """`mseal (462)`, the first `_NAMED` of many, or ranges of numbers that have no name."""
    if tables.name(arch, numbers[0]) is None:
        return f"calls without a name ({_ranges(numbers)})"
    text = ", ".join(f"{tables.name(arch, number)} ({number})" for number in numbers[:_NAMED])
    more = len(numbers) - _NAMED
    return f"{text} and {more} more" if more > 0 else text


def _numbers(arch: str) -> Iterator[int]:
    known = tables.numbers(arch).values()
    base = tables.X32_BIT if arch == "x32" else 0
    # ARM's private calls lie far above the others: the range ends before them, they come by themselves.
    top = max(number for number in known if number - base < 0x1000)  # noqa: PLR2004  far above any table
    yield from range(base, top + _BEYOND + 1)
    yield from (number for number in known if number > top)


def _samples(profile: Profile) -> dict[str, tuple[tuple[int, ...], ...]]:
    """For each name that has conditions: argument sets around every value that decides, one condition at a time."""
    found: dict[str, dict[tuple[int, ...], None]] = {}
    for rule in profile.rules:
        if not rule.args:
            continue
        met = list(_ZEROS)
        for arg in rule.args:
            met[arg.index] = _meeting(arg)
        sets = [tuple(met)]
        for arg in rule.args:
            for value in _around(arg):
                sets += [(*base[: arg.index], value, *base[arg.index + 1 :]) for base in (met, _ZEROS)]
        for name in rule.names:
            found.setdefault(name, {_ZEROS: None}).update(dict.fromkeys([*sets, _ONES]))
    return {name: tuple(sets) for name, sets in found.items()}


def _meeting(arg: Arg) -> int:
    """A value for which the condition holds, where there is one."""
    match arg.op:
        case Op.NE | Op.GT:
            return (arg.value + 1) & _FULL
        case Op.LT:
            return max(arg.value - 1, 0)
        case Op.MASKED_EQ:
            return arg.value & arg.value_two
        case _:
            return arg.value


def _around(arg: Arg) -> set[int]:
    values = {arg.value - 1, arg.value, arg.value + 1, arg.value | 1 << 32, ~arg.value}
    if arg.op is Op.MASKED_EQ:
        values |= {arg.value_two, arg.value_two | ~arg.value, arg.value_two ^ (arg.value & -arg.value)}
    return {value & _FULL for value in values}


def _shown(args: Sequence[int]) -> str:
    if not any(args):
        return ""
    if all(arg == _FULL for arg in args):
        return " with every bit of its arguments set"
    used = max(index for index, arg in enumerate(args) if arg) + 1
    return " with arguments " + ", ".join(f"{arg:#x}" for arg in args[:used])


def _ranges(numbers: Sequence[int]) -> str:
    """`335, 437-451` for ascending numbers."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][-1] + 1:
            parts[-1] = [parts[-1][0], number]
        else:
            parts.append([number])
    return ", ".join("-".join(map(str, part)) for part in parts)
