"""Every answer that loaded programs can give to a call, each with arguments that get it.

The programs are run, and at each comparison with an argument they are run again with that word changed so that the
comparison comes out otherwise, until nothing new appears. So an answer is never guessed: the arguments that it is
reported with were evaluated by the very instructions that the kernel runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from profile_smoke.profile import bpf, returns

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from profile_smoke.profile.bpf import Program

_WORD = 0xFFFFFFFF
_ARGS, _WORDS, _SCRATCH = 4, 16, 16
"""The call's words: number, architecture, two of the instruction pointer, then two for each of six arguments."""
_AND_K = 0x54
_JEQ, _JSET = 0x15, 0x45
_MOST = 2000
"""Calls tried for one number; far more than any real filter has paths for it."""

Fixed = tuple[tuple[int, int, int], ...]
"""Bits of arguments that are given: argument, mask, value."""


class _Seen(NamedTuple):
    """A comparison with bits `mask` of one word of the call."""

    word: int
    mask: int
    operation: int
    operand: int


def answers(
    programs: Sequence[Program], audit_arch: int, number: int, *, fixed: Fixed = (), wide: bool = True
) -> Mapping[int, tuple[int, ...]]:
    """Every value that stacked programs (most recent first) come to, with the first arguments that were found for it.

    `fixed` bits keep their value in all arguments tried; where `wide` is False the upper halves stay 0.
    """
    masks, values = _words(fixed)
    found: dict[int, tuple[int, ...]] = {}
    todo = [tuple(values)]
    known = set(todo)
    while todo:
        words = todo.pop()
        call = [number & _WORD, audit_arch, 0, 0, *words]
        results = [_traced(program, call) for program in programs]
        found.setdefault(returns.combine(ret for ret, _ in results), _args(words))
        for each in (seen for _, comparisons in results for seen in comparisons):
            place = each.word - _ARGS
            if place % 2 and not wide:
                continue
            for value in _otherwise(each, words[place]):
                changed = value & ~masks[place] | values[place]
                new = (*words[:place], changed, *words[place + 1 :])
                if new not in known and len(known) < _MOST:
                    known.add(new)
                    todo.append(new)
    return found


def least(fixed: Fixed) -> tuple[int, ...]:
    """Arguments with these bits, and all others 0."""
    return _args(_words(fixed)[1])


def _words(fixed: Fixed) -> tuple[list[int], list[int]]:
    masks, values = [0] * (_WORDS - _ARGS), [0] * (_WORDS - _ARGS)
    for argument, mask, value in fixed:
        for half in (0, 1):
            masks[2 * argument + half] |= mask >> 32 * half & _WORD
            values[2 * argument + half] |= (value & mask) >> 32 * half & _WORD
    return masks, values


def _args(words: Sequence[int]) -> tuple[int, ...]:
    return tuple(low | high << 32 for low, high in zip(words[::2], words[1::2], strict=True))


def _otherwise(seen: _Seen, word: int) -> Iterator[int]:
    """Values of a word for which a comparison holds, and for which it does not."""
    if seen.operation == _JSET:
        wanted = [seen.operand, 0]
    else:
        lowest = seen.mask & -seen.mask
        wanted = [seen.operand, seen.operand ^ lowest]
        if seen.operation != _JEQ:
            wanted += [seen.operand + 1, seen.operand - 1]
    mask = seen.operand if seen.operation == _JSET else seen.mask
    for value in wanted:
        if 0 <= value <= _WORD:
            yield word & ~mask | value & mask


def _traced(program: Program, words: Sequence[int]) -> tuple[int, list[_Seen]]:
    """The program's answer, and the comparisons with arguments on the way to it."""
    memory = [0] * _SCRATCH
    compared: list[_Seen] = []
    pc = a = x = 0
    origin: tuple[int, int] | None = None
    while True:
        code, jt, jf, k = program.instructions[pc]
        pc += 1
        if code == bpf.LD_ABS:
            a, origin = words[k >> 2], (k >> 2, _WORD)
        elif code == bpf.RET_K:
            return k, compared
        elif code == bpf.RET_A:
            return a, compared
        elif code == bpf.JA:
            pc += k
        elif code & ~bpf.X in bpf.COMPARE:
            operand = x if code & bpf.X else k
            if origin and origin[0] >= _ARGS:
                compared.append(_Seen(*origin, code & ~bpf.X, operand))
            pc += jt if bpf.COMPARE[code & ~bpf.X](a, operand) else jf
        elif code == bpf.DIV_X and not x:
            return 0, compared
        else:
            a, x = bpf.compute(code, k, a, x, memory)
            # What arithmetic made of a word is run, but not solved for.
            origin = (origin[0], origin[1] & k) if code == _AND_K and origin else None
