"""`profile-smoke filter`: what the filters of a live process do, read from the kernel."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from profile_smoke.cli import reading, wiring
from profile_smoke.cli.profile_options import Host, Reader
from profile_smoke.errors import BadFileError, RuntimeRefusedError, TargetUnavailableError, UsageError
from profile_smoke.observe import capabilities, cost, process, readback
from profile_smoke.profile import raw_oci
from profile_smoke.profile.dangerous import dangerous
from profile_smoke.profile.findings import Reading, findings
from profile_smoke.profile.loaded import LoadedFilter
from profile_smoke.profile.model import Action
from profile_smoke.report import loaded as report
from profile_smoke.report import write
from profile_smoke.report.text import Colour, Style, counted, safe, wrap
from profile_smoke.syscall import libseccomp, tables

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from profile_smoke.cli.options import Options
    from profile_smoke.model import FilterFinding
    from profile_smoke.profile.catalog import NamedProfile
    from profile_smoke.profile.model import Decision

_KILLS = (Action.KILL_THREAD, Action.KILL_PROCESS, Action.TRAP)
_KINDS = _PERMITTED, _SOMETIMES, _REFUSED, _KILLED = "permitted", "sometimes", "refused", "killed"
_DIFFERS = 1


def main(options: Options) -> int:
    """Print what was read; 1 where the filter lets through what the profile refuses, else 0."""
    pid = options.pid
    if pid is None:
        raise UsageError("filter needs a process: --pid PID (see profile-smoke filter --help)")
    named = _profile(options)
    if not Path(f"/proc/{pid}").exists():
        raise UsageError(f"--pid {pid}: there is no such process")
    if reason := readback.why_not():
        raise TargetUnavailableError(reason)
    found = LoadedFilter(readback.read_filters(pid))
    compared = _compare(found, named, pid) if named else ()
    write.check(options.output)
    style = Style.of(sys.stdout) if options.output == write.STDOUT else Style()
    parts = [*_about(pid, found, style), *(_comparison(named, compared, style) if named else ())]
    write.write(options.output, "\n\n".join(parts) + "\n")
    return _DIFFERS if any(each.opens for each in compared) else 0


def _profile(options: Options) -> NamedProfile | None:
    if not options.profiles:
        return None
    found = wiring.profiles(options)
    if len(found) != 1 or found[0].document is None:
        raise UsageError("--profile: a filter is compared with one profile that is a file")
    return found[0]


def _compare(found: LoadedFilter, named: NamedProfile, pid: int) -> tuple[FilterFinding, ...]:
    assert named.document is not None  # noqa: S101  chosen just so
    plain = reading.resolved(named.document, Reader.DOCKER, Host(caps=capabilities.bounding_set(pid)))
    raw = raw_oci.plain_reading(named.document) if named.document.profile.docker_only else None
    native = tables.native()
    try:
        return findings(found, Reading(plain, raw, native, libseccomp.resolves), tables.runnable(native))
    except RuntimeRefusedError as error:
        raise BadFileError(named.document.source, "", str(error)) from None


def _about(pid: int, found: LoadedFilter, style: Style) -> Iterator[str]:
    who = process.identify(pid)
    title = f"Process {pid} ({who.comm}{f', {who.exe}' if who.exe else ''})"
    if not found.programs:
        yield wrap(safe(f"{title} runs without a filter."), style.width)
        return
    measured = report.cost(cost.measure(found)) or "its cost cannot be measured under it"
    facts = (
        f"{counted(len(found.programs), 'filter')}, {counted(found.instructions, 'instruction')}; {measured}"
    )
    yield f"{style.paint(safe(title), Colour.BOLD)}\n{wrap(facts, style.width, '  ')}"
    arches = tables.runnable(tables.native())
    yield _answers(found, arches, style)
    rows = dangerous(found, arches)
    lines = report.open_classes(rows, style, "  ")
    title = "Dangerous calls that it permits" if lines else "It permits no dangerous call."
    yield "\n".join([style.paint(title, Colour.BOLD), *lines])


def _answers(found: LoadedFilter, arches: Sequence[str], style: Style) -> str:
    """How many calls of each ABI get which answer, and the names of those that are permitted."""
    head = "".join(f"{kind:>15}" for kind in _KINDS)
    lines = [f"  {'ABI':<8}{head}"]
    where: dict[str, tuple[str, ...]] = {}
    for arch in arches:
        counts = dict.fromkeys(_KINDS, 0)
        for name, number in tables.numbers(arch).items():
            kind = _kind(found.answers(arch, number))
            counts[kind] += 1
            if kind in (_PERMITTED, _SOMETIMES):
                shown = name if kind == _PERMITTED else f"{name}*"
                where[shown] = (*where.get(shown, ()), arch)
        lines.append(f"  {arch:<8}" + "".join(f"{count:>15}" for count in counts.values()))
    by_abis: dict[tuple[str, ...], list[str]] = {}
    for name, abis in where.items():
        by_abis.setdefault(abis, []).append(name)
    for abis, names in by_abis.items():
        lines += ["", wrap(f"{', '.join(abis)}: {', '.join(sorted(names))}", style.width, "  ", "    ")]
    if any(name.endswith("*") for name in where):
        lines += ["", "  * with some arguments only"]
    return "\n".join([style.paint("What it answers", Colour.BOLD), *lines])


def _kind(answers: Collection[Decision]) -> str:
    permitting = sum(each.action.permits for each in answers)
    if permitting:
        return _PERMITTED if permitting == len(answers) else _SOMETIMES
    return _KILLED if all(each.action in _KILLS for each in answers) else _REFUSED


def _comparison(named: NamedProfile, compared: Sequence[FilterFinding], style: Style) -> Iterator[str]:
    if not compared:
        yield style.paint(f"It does what `{safe(named.name)}` says.", Colour.BOLD)
        return
    title = f"Where it does other than `{safe(named.name)}` says"
    yield "\n".join([style.paint(title, Colour.BOLD), *report.finding_lines(compared, style, "  ")])
