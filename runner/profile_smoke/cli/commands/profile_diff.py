"""`profile-smoke profile diff`: what differs between two profiles, or between two readers of one, by meaning."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from profile_smoke.cli import reading
from profile_smoke.cli.exit_code import AS_EXPECTED, UNEXPECTED
from profile_smoke.cli.profile_options import Reader
from profile_smoke.errors import UsageError
from profile_smoke.profile import sampling
from profile_smoke.profile.compare import describe
from profile_smoke.profile.difference import Difference, Effect, differences
from profile_smoke.report import write
from profile_smoke.report.interface import PlainFormat
from profile_smoke.report.text import safe, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from profile_smoke.cli.profile_options import DiffOptions
    from profile_smoke.cli.reading import Reading

SCHEMA = "profile-smoke/profile-diff/v1"
_WIDTH = 100
_HEADS = {
    Effect.OPENS: "let through by the second only",
    Effect.CLOSES: "let through by the first only",
    Effect.CHANGES: "refused by both, in another way",
}


def main(options: DiffOptions) -> int:
    """Write the differences: 0, or with `--check` 1 where there are any."""
    write.check(options.output)
    before, after = _readings(options)
    found = differences(before.evaluator, after.evaluator, before.arches)
    if options.format is PlainFormat.JSON:
        text = json.dumps(_document(before, after, found), indent=2) + "\n"
    else:
        text = "".join(f"{line}\n" for line in _lines(before, after, found))
    write.write(options.output, text)
    return UNEXPECTED if options.check and found else AS_EXPECTED


def _readings(options: DiffOptions) -> tuple[Reading, Reading]:
    """The two sides. Raises UsageError where there is only one."""
    readers = options.readers
    if not readers:
        readers = (Reader.DOCKER, Reader.KUBERNETES) if options.other is None else (Reader.DOCKER,)
    if len(readers) == 1:
        readers *= 2
    if len(readers) > 2:  # noqa: PLR2004  a difference has two sides
        raise UsageError("--for: two sides at most, the first profile's reader and the second's")
    if options.other is None and readers[0] is readers[1]:
        raise UsageError("diff: name another profile, or a second --for")
    catalog = reading.catalog(options.profiles_dirs)
    first = catalog.find(options.profile)
    second = first if options.other is None else catalog.find(options.other)
    return reading.read(first, readers[0], options.host), reading.read(second, readers[1], options.host)


def _lines(before: Reading, after: Reading, found: Sequence[Difference]) -> Iterator[str]:
    for which, side in (("first ", before), ("second", after)):
        yield safe(f"{which}  {side.title} on {side.native} ({side.source})")
        if side.dropped:
            yield f"        {side.reader} drops without a word: {', '.join(side.dropped)}"
    yield ""
    if not found:
        yield f"no difference: every call of {', '.join(before.arches)} fares alike"
    by_effect: dict[Effect, list[Difference]] = defaultdict(list)
    for difference in found:
        by_effect[difference.effect].append(difference)
    for effect, alike in by_effect.items():
        yield f"{_HEADS[effect]}:"
        for line in _merged(alike):
            yield from wrap(line, _WIDTH, indent="  ", hang="    ").splitlines()


def _merged(found: Sequence[Difference]) -> Iterator[str]:
    """Calls that change alike in the same ABIs share a line, on which those without a name come last."""
    arches: dict[tuple[str, str], list[str]] = defaultdict(list)
    for difference in found:
        for name in difference.names or (sampling.calls(difference.abi, difference.numbers),):
            arches[name, difference.change].append(difference.abi)
    names: dict[tuple[str, str], list[str]] = defaultdict(list)
    for (name, change), abis in arches.items():
        names[", ".join(abis), change].append(name)
    for (together, change), alike in names.items():
        yield f"{together}: {', '.join(sorted(alike, key=lambda name: (' ' in name, name)))}{change}"


def _document(before: Reading, after: Reading, found: Sequence[Difference]) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "arch": before.native,
        "abis": list(before.arches),
        "first": _side(before),
        "second": _side(after),
        "differences": [
            {
                "effect": difference.effect.value,
                "abi": difference.abi,
                "syscalls": list(difference.names),
                "numbers": list(difference.numbers),
                "args": None if difference.args is None else list(difference.args),
                "first": describe(difference.before),
                "second": describe(difference.after),
            }
            for difference in found
        ],
    }


def _side(side: Reading) -> dict[str, Any]:
    return {
        "name": side.name,
        "path": side.source,
        "for": side.reader.value,
        "dropped": list(side.dropped),
    }
