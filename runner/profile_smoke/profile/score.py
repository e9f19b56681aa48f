"""How much a profile leaves open, in five tiers, each with its reasons.

| tier | what it takes                                                                                          |
| ---- | ------------------------------------------------------------------------------------------------------ |
| A    | as B; of the grave classes none at all, and at most three quarters of the reference's calls             |
| B    | lets through no dangerous call that the reference refuses                                              |
| C    | lets one through, but none of a class that hands over the machine                                      |
| D    | lets one of those through: modules, kexec, reboot, raw I/O, opening by handle ...                      |
| E    | a denylist: what no rule names is let through, so every call that a newer kernel brings is open         |

The tiers are this project's own. They count what the filter lets through on any ABI that the machine can run, whatever
capabilities stand behind it: a filter is there for the day when those fail.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from profile_smoke.model import Tier
from profile_smoke.profile import sampling
from profile_smoke.profile.dangerous import Meaning, dangerous
from profile_smoke.syscall import tables, ways

if TYPE_CHECKING:
    from collections.abc import Sequence

    from profile_smoke.model import DangerousCall
    from profile_smoke.profile.evaluate import Evaluator

HANDS_OVER = frozenset(
    {"modules", "kexec", "reboot", "raw-io", "file-handles", "swap", "time-setting", "accounting", "quota"}
)
"""Classes whose calls change the machine itself, or reach its files past the container's root."""
GRAVE = HANDS_OVER | frozenset(
    {
        *("bpf", "perf", "tracing", "mounts", "namespaces", "keyring", "io-uring", "userfaultfd", "fanotify"),
        *("security-modules", "sockets", "personality", "kernel-log"),
    }
)
"""Also those that reach other processes or much of the kernel, or switch a protection off."""
LESSER = frozenset(ways.CLASSES) - GRAVE
"""The others: a nuisance, obsolete, or harmless within the container."""
_TIGHT = 0.75


@dataclass(frozen=True)
class Calls:
    """How many calls of the machine's own ABI are let through, and how many of them with some arguments only."""

    allowed: int
    conditional: int


@dataclass(frozen=True)
class Score:
    """The tier of a profile, why, and what it is made from.

    `open` are the dangerous calls that it lets through, `beyond` those of them that the reference refuses.
    """

    tier: Tier
    reasons: tuple[str, ...]
    calls: Calls
    reference: Calls
    open: tuple[DangerousCall, ...]
    beyond: tuple[DangerousCall, ...]


def score(found: Evaluator, reference: Evaluator, arches: Sequence[str]) -> Score:
    """Judge a profile against a reference, on these ABIs; the first is the machine's own."""
    opened = _open(found, arches)
    known = {_key(row) for row in _open(reference, arches)}
    beyond = tuple(row for row in opened if _key(row) not in known)
    calls, others = count(found, arches[0]), count(reference, arches[0])
    tier, reasons = _tier(found, opened, beyond, calls, others)
    return Score(tier, reasons, calls, others, opened, beyond)


def count(found: Evaluator, abi: str) -> Calls:
    """The calls of one ABI that are let through with any arguments, those without a name left out."""
    samples = sampling.samples(found.profile)
    allowed = conditional = 0
    for name, number in tables.numbers(abi).items():
        permits = {
            found.decide(abi, number, args).action.permits
            for args in samples.get(name, sampling.UNCONDITIONAL)
        }
        allowed += True in permits
        conditional += len(permits) > 1
    return Calls(allowed, conditional)


def classes(rows: Sequence[DangerousCall]) -> dict[str, tuple[str, ...]]:
    """The classes of some dangerous calls, gravest first, each with its calls: `mount, umount2 on x86_64, x86`."""
    arches: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        call = f"{row.syscall}({row.detail})" if row.detail else row.syscall
        arches.setdefault((row.danger, call), []).append(row.abi)
    calls: dict[str, dict[str, list[str]]] = {}
    for (name, call), abis in arches.items():
        calls.setdefault(name, {}).setdefault(", ".join(abis), []).append(call)
    return {
        name: tuple(f"{', '.join(alike)} on {abis}" for abis, alike in calls[name].items())
        for name in sorted(calls, key=_gravity)
    }


def _open(found: Evaluator, arches: Sequence[str]) -> tuple[DangerousCall, ...]:
    return tuple(row for row in dangerous(Meaning(found), arches) if row.permitted)


def _key(row: DangerousCall) -> tuple[str, str, str]:
    return row.syscall, row.detail, row.abi


def _gravity(name: str) -> int:
    return 0 if name in HANDS_OVER else 1 if name in GRAVE else 2


def _tier(
    found: Evaluator,
    opened: Sequence[DangerousCall],
    beyond: Sequence[DangerousCall],
    calls: Calls,
    reference: Calls,
) -> tuple[Tier, tuple[str, ...]]:
    if found.otherwise.action.permits:
        return Tier.E, ("what no rule names is let through",)
    if worst := _named(opened, HANDS_OVER):
        return Tier.D, (f"hands over the machine: {worst}",)
    if beyond:
        return Tier.C, (f"opens what the reference keeps shut: {_named(beyond, frozenset(ways.CLASSES))}",)
    reasons = []
    if grave := _named(opened, GRAVE):
        reasons.append(f"grave, though the reference opens it too: {grave}")
    if calls.allowed > _TIGHT * reference.allowed:
        reasons.append(f"more than three quarters of the reference's {reference.allowed} calls")
    if reasons:
        return Tier.B, tuple(reasons)
    return Tier.A, ("nothing grave is open, and at most three quarters of the reference's calls",)


def _named(rows: Sequence[DangerousCall], among: frozenset[str]) -> str:
    return ", ".join(name for name in classes(rows) if name in among)
