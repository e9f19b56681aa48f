"""`profile-smoke profile score`: how much profiles leave open, beside a reference."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from profile_smoke.cli import reading
from profile_smoke.cli.profile_options import Reader
from profile_smoke.profile import seccompute
from profile_smoke.profile.score import Calls, Score, classes, score
from profile_smoke.report import write
from profile_smoke.report.interface import PlainFormat
from profile_smoke.report.text import safe, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from profile_smoke.cli.profile_options import ScoreOptions
    from profile_smoke.cli.reading import Reading
    from profile_smoke.model import DangerousCall
    from profile_smoke.profile.seccompute import Figure

SCHEMA = "profile-smoke/profile-score/v1"
_WIDTH = 100


@dataclass(frozen=True)
class _Scored:
    reading: Reading
    score: Score
    figure: Figure | None


def main(options: ScoreOptions) -> int:
    """Write the scores: 0."""
    write.check(options.output)
    catalog = reading.catalog(options.profiles_dirs)
    reference = reading.read(catalog.find(options.against), Reader.DOCKER, options.host)
    names = dict.fromkeys(options.profiles or catalog.names)
    found = [
        _score(reading.read(catalog.find(name), options.reader, options.host), reference) for name in names
    ]
    if options.format is PlainFormat.JSON:
        text = json.dumps(_document(found, reference), indent=2) + "\n"
    else:
        text = "".join(f"{line}\n" for line in _lines(found, reference))
    write.write(options.output, text)
    return 0


def _score(found: Reading, reference: Reading) -> _Scored:
    return _Scored(
        found, score(found.evaluator, reference.evaluator, found.arches), seccompute.figure(found.profile)
    )


def _lines(found: Sequence[_Scored], reference: Reading) -> Iterator[str]:
    from tabulate import tabulate

    figures = any(each.figure for each in found)
    heads = ["profile", "for", "tier", "calls", "of the reference's", "open", "beyond it"]
    rows = [_row(each) for each in found]
    if figures:
        heads.append(f"seccompute {next(each.figure.version for each in found if each.figure)}")
        for row, each in zip(rows, found, strict=True):
            row.append(f"{each.figure.score} ({each.figure.grade})" if each.figure else "-")
    yield from tabulate(rows, heads, disable_numparse=True).splitlines()
    yield ""
    yield from wrap(
        safe(
            f"reference: {reference.name} ({reference.source}); calls: those of {reference.native} that are let through, "
            "with conditions where there is a second number; open: classes of dangerous calls."
        ),
        _WIDTH,
    ).splitlines()
    for each in found:
        yield ""
        yield from _story(each)


def _row(each: _Scored) -> list[str]:
    share = each.score.calls.allowed / each.score.reference.allowed if each.score.reference.allowed else 1.0
    conditional = f" ({each.score.calls.conditional})" if each.score.calls.conditional else ""
    return [
        each.reading.name,
        each.reading.reader.value,
        each.score.tier.value,
        f"{each.score.calls.allowed}{conditional}",
        f"{share:.0%}",
        str(len(classes(each.score.open))),
        str(len(classes(each.score.beyond))),
    ]


def _story(each: _Scored) -> Iterator[str]:
    title = f"{each.reading.title}: tier {each.score.tier}, {'; '.join(each.score.reasons)}"
    yield from wrap(safe(title), _WIDTH, hang="  ").splitlines()
    if each.reading.dropped:
        yield f"  {each.reading.reader} drops without a word: {', '.join(each.reading.dropped)}"
    beyond = classes(each.score.beyond)
    for name, calls in classes(each.score.open).items():
        mark = " (not in the reference)" if name in beyond else ""
        yield from wrap(
            f"{name}{mark}: {'; '.join(calls)}", _WIDTH, indent="  open  ", hang="    "
        ).splitlines()


def _document(found: Sequence[_Scored], reference: Reading) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "reference": {"name": reference.name, "path": reference.source},
        "arch": reference.native,
        "abis": list(reference.arches),
        "profiles": [
            {
                "name": each.reading.name,
                "path": each.reading.source,
                "for": each.reading.reader.value,
                "dropped": list(each.reading.dropped),
                "tier": each.score.tier.value,
                "reasons": list(each.score.reasons),
                "calls": _calls(each.score.calls),
                "reference_calls": _calls(each.score.reference),
                "open": [_dangerous(row, each.score) for row in each.score.open],
                "seccompute": each.figure
                and {
                    "score": each.figure.score,
                    "grade": each.figure.grade,
                    "version": each.figure.version,
                },
            }
            for each in found
        ],
    }


def _dangerous(row: DangerousCall, found: Score) -> dict[str, Any]:
    return {
        "danger": row.danger,
        "syscall": row.syscall,
        "detail": row.detail,
        "abi": row.abi,
        "beyond": row in found.beyond,
    }


def _calls(calls: Calls) -> dict[str, int]:
    return {"allowed": calls.allowed, "conditional": calls.conditional}
