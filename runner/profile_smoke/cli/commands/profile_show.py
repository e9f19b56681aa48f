"""`profile-smoke profile show`: what happens to a syscall under a profile, or to all of them."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from profile_smoke.cli import reading
from profile_smoke.cli.values import nearest
from profile_smoke.errors import UsageError
from profile_smoke.profile import sampling
from profile_smoke.profile.compare import describe
from profile_smoke.profile.explain import Answer, Explainer
from profile_smoke.report import write
from profile_smoke.report.interface import PlainFormat
from profile_smoke.report.text import counted, safe, wrap
from profile_smoke.syscall import groups, tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from profile_smoke.cli.profile_options import ShowOptions
    from profile_smoke.cli.reading import Reading

SCHEMA = "profile-smoke/profile-show/v1"
_WIDTH = 100
_NUMBER = re.compile("[0-9]{1,10}")
_GROUP_WIDTH = 22


def main(options: ShowOptions) -> int:
    """Write the answers: 0."""
    write.check(options.output)
    if options.args is not None and options.syscall is None:
        raise UsageError("--args: name the syscall that has these arguments")
    found = reading.read(
        reading.catalog(options.profiles_dirs).find(options.profile), options.reader, options.host
    )
    explainer = Explainer(found.evaluator)
    arches = found.arches if options.abi is None else (options.abi,)
    if options.syscall is None:
        whole = {abi: tuple(explainer.answers(abi)) for abi in arches}
        lines = _table(whole)
        answers = [answer for answers in whole.values() for answer in answers if answer.name]
    else:
        answers = [
            explainer.answer(abi, number, options.args) for abi, number in _calls(options.syscall, arches)
        ]
        lines = _few(answers, options.args)
    if options.format is PlainFormat.JSON:
        text = json.dumps(_document(found, options, answers), indent=2) + "\n"
    else:
        text = "".join(f"{line}\n" for line in (*_heading(found), *lines))
    write.write(options.output, text)
    return 0


def _calls(word: str, arches: Sequence[str]) -> list[tuple[str, int]]:
    """The call of this name or number in each ABI that has it. Raises UsageError.

    A number may lack the bit by which the kernel tells x32's calls from x86-64's.
    """
    if _NUMBER.fullmatch(word) and (number := int(word)) < 1 << 32:
        if number & tables.X32_BIT:
            arches = [abi for abi in arches if abi == "x32"]
        if not arches:
            raise UsageError(f"{number} is the number of an x32 call, and x32 is not asked for")
        return [(abi, number | tables.X32_BIT if abi == "x32" else number) for abi in arches]
    found = [(abi, named) for abi in arches if (named := tables.number(abi, word)) is not None]
    if not found and word in tables.all_names():
        raise UsageError(f"there is no {word} in {', '.join(arches)}")
    if not found:
        raise UsageError(f"there is no syscall {word!r}{nearest(word, tables.all_names())}")
    return found


def _heading(found: Reading) -> Iterator[str]:
    yield safe(f"{found.title} on {found.native} ({found.source})")
    if found.dropped:
        yield f"{found.reader} drops without a word: {', '.join(found.dropped)}"
    yield ""


def _few(answers: Sequence[Answer], args: Sequence[int] | None) -> Iterator[str]:
    shown = sampling.shown(args) if args is not None else ""
    for answer in answers:
        name = answer.name or "a call without a name"
        yield from wrap(
            f"{answer.abi}: {name} ({answer.number}){shown}: {answer.text}", _WIDTH, hang="  "
        ).splitlines()


def _table(answers: Mapping[str, Sequence[Answer]]) -> Iterator[str]:
    """The first ABI in full, the others by what they do otherwise."""
    first, *others = answers
    yield from _whole(first, answers[first])
    base = {answer.name: answer.text for answer in answers[first] if answer.name}
    for abi in others:
        yield ""
        texts = {answer.text for answer in answers[abi]}
        named = [answer for answer in answers[abi] if answer.name]
        same = [answer for answer in named if base.get(answer.name or "") == answer.text]
        if len(texts) == 1:
            yield f"{abi}: every call {texts.pop()}"
        elif len(same) == len(named):
            yield f"{abi}: as {first}"
        else:
            yield f"{abi}: as {first}, except"
            yield from _by_answer([answer for answer in named if answer not in same], indent="  ")


def _whole(abi: str, answers: Sequence[Answer]) -> Iterator[str]:
    yield f"{abi}:"
    yield from _by_answer([answer for answer in answers if answer.name], indent="  ")
    unnamed: dict[str, list[int]] = defaultdict(list)
    for answer in answers:
        if answer.name is None:
            unnamed[answer.text].append(answer.number)
    for text, numbers in unnamed.items():
        yield f"  {text}: {sampling.calls(abi, numbers)}"


def _by_answer(answers: Sequence[Answer], indent: str) -> Iterator[str]:
    """What lets most calls through comes first, then by how many there are."""
    by_text: dict[str, list[Answer]] = defaultdict(list)
    for answer in answers:
        by_text[answer.text].append(answer)
    for text, alike in sorted(by_text.items(), key=lambda entry: (_rank(entry[1][0]), -len(entry[1]))):
        yield from wrap(
            f"{text}: {counted(len(alike), 'call')}", _WIDTH, indent=indent, hang=f"{indent}  "
        ).splitlines()
        for group in groups.GROUPS:
            names = sorted(answer.name or "" for answer in alike if groups.group(answer.name or "") == group)
            if names:
                head = f"{indent}  {group} ({len(names)})".ljust(_GROUP_WIDTH + len(indent))
                yield from wrap(
                    " ".join(names), _WIDTH, indent=f"{head} ", hang=" " * (len(head) + 1)
                ).splitlines()


def _rank(answer: Answer) -> int:
    """0 for allowed, 1 for sometimes, 2 for never."""
    if answer.branches:
        return 1
    return 0 if answer.decision.action.permits else 2


def _document(found: Reading, options: ShowOptions, answers: Sequence[Answer]) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "profile": {"name": found.name, "path": found.source},
        "for": found.reader.value,
        "arch": found.native,
        "dropped": list(found.dropped),
        "args": None if options.args is None else list(options.args),
        "calls": [_call(answer) for answer in answers],
    }


def _call(answer: Answer) -> dict[str, Any]:
    return {
        "abi": answer.abi,
        "syscall": answer.name,
        "number": answer.number,
        "decision": describe(answer.decision),
        "exact": answer.exact,
        "when": [
            {
                "args": [
                    {"index": arg.index, "op": arg.op.value, "value": arg.value, "value_two": arg.value_two}
                    for arg in branch.args
                ],
                "decision": describe(branch.decision),
            }
            for branch in answer.branches
        ],
    }
