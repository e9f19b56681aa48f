"""A kept baseline as text, for files that are reviewed: sorted, one line a call, the same text for the same calls."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from profile_smoke.baseline import SCHEMA, Baseline, Workload
from profile_smoke.errors import BadFileError
from profile_smoke.report.json import load_as
from profile_smoke.report.read import MAX_BYTES, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PHASE = re.compile(r"create|start|stop|probe:.+")
_CALL = re.compile(r"(x86_64:|x86:|x32:|aarch64:|arm:)?[a-z_][a-z0-9_]*")


def dump(baseline: Baseline) -> str:
    """The file's text. Phases are sorted as they come in a launch: create, start, probes, stop."""
    workloads = sorted(baseline.workloads, key=lambda each: each.key)
    body = ",\n".join(_workload(each) for each in workloads)
    return f'{{\n  "schema": "{SCHEMA}",\n  "workloads": [\n{body}\n  ]\n}}\n'


def load(content: str, source: str) -> Baseline:
    """Read what `dump` wrote, or what someone made of it by hand. `source` is the file as the user named it.

    Raises:
        BadFileError: what is wrong, and where in the file.
    """
    baseline: Baseline = load_as(Baseline, SCHEMA, content, source)
    for where, problem in _problems(baseline):
        raise BadFileError(source, where, problem)
    return baseline


def read(path: str) -> Baseline:
    """Read a file. Raises BadFileError, also where it cannot be read at all."""
    return load(text(path, MAX_BYTES), path)


def _workload(workload: Workload) -> str:
    members = []
    for key, value in asdict(workload).items():
        if key in ("calls", "sometimes"):
            members.append(f"      {json.dumps(key)}: {_calls(value, workload)}")
        else:
            members.append(f"      {json.dumps(key)}: {json.dumps(value)}")
    return "    {\n" + ",\n".join(members) + "\n    }"


def _calls(calls: Mapping[str, tuple[str, ...]], workload: Workload) -> str:
    if not calls:
        return "{}"
    order = ["create", "start", *(f"probe:{name}" for name in workload.probes), "stop"]
    lines = []
    for name in sorted(calls):
        phases = sorted(calls[name], key=lambda phase: (order.index(phase) if phase in order else 0, phase))
        lines.append(f"        {json.dumps(name)}: {json.dumps(phases)}")
    return "{\n" + ",\n".join(lines) + "\n      }"


def _problems(baseline: Baseline) -> Iterator[tuple[str, str]]:
    """Where something is wrong that types do not show, and what."""
    seen: dict[tuple[str, str, bool], int] = {}
    for index, workload in enumerate(baseline.workloads):
        where = f"workloads[{index}]"
        if (first := seen.setdefault(workload.key, index)) != index:
            yield where, f"{workload.name} is there already, as workloads[{first}]; remove one"
        if workload.runs < 1:
            yield f"{where}.runs", f"{workload.runs} launches can have shown nothing; it is 1 or more"
        for part in ("calls", "sometimes"):
            yield from _problems_of_calls(f"{where}.{part}", getattr(workload, part))
        for name in workload.calls.keys() & workload.sometimes.keys():
            if both := set(workload.calls[name]) & set(workload.sometimes[name]):
                yield (
                    f"{where}.sometimes.{name}",
                    f"{min(both)} is in calls too; it is either always or sometimes",
                )


def _problems_of_calls(where: str, calls: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, phases in calls.items():
        if not _CALL.fullmatch(name):
            yield where, f"{json.dumps(name)} is no name of a call, such as openat or x86:open"
        if not phases:
            yield f"{where}.{name}", "names no phase; a call that is not used is left out"
        for phase in phases:
            if not _PHASE.fullmatch(phase):
                yield f"{where}.{name}", f"{json.dumps(phase)} is no phase: create, start, probe:NAME or stop"
