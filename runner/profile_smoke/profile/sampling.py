"""Which calls tell two filters apart: every number of an ABI, with arguments around every value that a profile compares.

Also how such calls are written down for people.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

from profile_smoke.profile.model import Arg, Op, Profile
from profile_smoke.syscall import multiplexed, tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_NAMED = 8
_BEYOND = 40
"""How many numbers above an ABI's highest known one are sampled too: calls that a newer kernel may have."""
_MIXES = 400
"""How many mixes of values are sampled for one name; beyond, one condition at a time has to do."""
_FULL = 0xFFFFFFFFFFFFFFFF
_ZEROS, _ONES = (0,) * 6, (_FULL,) * 6
UNCONDITIONAL = (_ZEROS, _ONES)
"""The arguments for a call that no condition is about."""


def calls(arch: str, numbers: Sequence[int]) -> str:
    """`mseal (462)`, the first `_NAMED` of many, or ranges of numbers that have no name."""
    if tables.name(arch, numbers[0]) is None:
        return f"calls without a name ({_ranges(numbers)})"
    text = ", ".join(f"{tables.name(arch, number)} ({number})" for number in numbers[:_NAMED])
    more = len(numbers) - _NAMED
    return f"{text} and {more} more" if more > 0 else text


def numbers(arch: str) -> Iterator[int]:
    """Every number of an ABI as the kernel sees it, gaps and `_BEYOND` its highest included."""
    known = tables.numbers(arch).values()
    base = tables.X32_BIT if arch == "x32" else 0
    # ARM's private calls lie far above the others: the range ends before them, they come by themselves.
    top = max(number for number in known if number - base < 0x1000)  # noqa: PLR2004  far above any table
    yield from range(base, top + _BEYOND + 1)
    yield from (number for number in known if number > top)


def samples(*profiles: Profile) -> Mapping[str, tuple[tuple[int, ...], ...]]:
    """For each name that has conditions: argument sets around every value that decides.

    One condition at a time for each rule, and every mix of values of all its rules where there are few enough. 32-bit
    `socketcall` and `ipc` have them for every call that goes through them and that a rule names.
    """
    found: dict[str, dict[tuple[int, ...], None]] = {}
    compared: dict[str, dict[Arg, None]] = {}
    for rule in (rule for profile in profiles for rule in profile.rules):
        sets = _sets(rule.args)
        for name in rule.names:
            if rule.args:
                found.setdefault(name, {_ZEROS: None}).update(dict.fromkeys(sets))
                compared.setdefault(name, {}).update(dict.fromkeys(rule.args))
            if name in multiplexed.THROUGH:
                through, index = multiplexed.THROUGH[name]
                inside = dict.fromkeys((index, *args[1:]) for args in sets)
                found.setdefault(through, {_ZEROS: None}).update(inside)
    for name, args in compared.items():
        found[name].update(dict.fromkeys(grid(tuple(args), _MIXES)))
    return {name: tuple(dict.fromkeys((*sets, _ONES))) for name, sets in found.items()}


def _sets(args: Sequence[Arg]) -> list[tuple[int, ...]]:
    met = list(_ZEROS)
    for arg in args:
        met[arg.index] = _meeting(arg)
    sets = [tuple(met)]
    for arg in args:
        for value in _around(arg):
            sets += [(*base[: arg.index], value, *base[arg.index + 1 :]) for base in (met, _ZEROS)]
    return sets


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


def grid(args: Sequence[Arg], most: int) -> tuple[tuple[int, ...], ...]:
    """Every mix of values around those that some conditions compare with; none where there are more than `most`."""
    values: list[set[int]] = [{0} for _ in _ZEROS]
    for arg in args:
        values[arg.index] |= {_FULL, *_around(arg)}
    if math.prod(map(len, values)) > most:
        return ()
    return tuple(itertools.product(*map(sorted, values)))


def shown(args: Sequence[int]) -> str:
    """`` with arguments 0x1, 0x2``, without zeros at the end; empty where all are 0."""
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
