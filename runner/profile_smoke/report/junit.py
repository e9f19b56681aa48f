"""JUnit XML: a suite for each profile on a target, a case for each phase of a scenario, a probe being one.

Of the dialects the one that Jenkins, GitLab and Azure read alike: `testsuites`, `testsuite`, `testcase`, and in that
`failure`, `error` or `skipped`, then `system-out` (the xUnit plugin's `junit-10.xsd`). A failure is an unexpected verdict;
an error is a deciding cell that could not be judged; what only informs is never either.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from profile_smoke.model import CellResult, Expected, GateRule, Launch, LaunchKind, RunReport, Verdict
from profile_smoke.report import drift, gate, moment, story, words
from profile_smoke.report.escape import lines
from profile_smoke.report.text import Style, safe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from profile_smoke.model import Gate

_RUN = "profile-smoke"
_KINDS = ("failure", "error", "skipped")


@dataclass(frozen=True)
class _Case:
    """One test case. `kind` is one of `_KINDS`, empty for a pass; `message` one line; `output` what was said and seen."""

    name: str
    seconds: float
    kind: str = ""
    message: str = ""
    output: str = ""
    rule: GateRule = GateRule.BLOCKED
    """What a gate calls it when it fails."""


def render(report: RunReport) -> str:
    """The document, ending in a newline."""
    deciding = {cell.id for cell in report.deciding}
    root = ET.Element("testsuites", name=_RUN)
    for (target, profile), cells in _grouped(report.cells):
        cases = [
            (cell, _gated(case, cell, report.gate))
            for cell in cells
            for case in _cases(cell, decides=cell.id in deciding)
        ]
        suite = _suite(f"{profile}@{target}", [case for _, case in cases], report)
        _properties(suite, cells)
        for cell, case in cases:
            suite.append(_element(f"{profile}.{cell.scenario}", case))
        root.append(suite)
    if report.gate is not None:
        rules = list(_of_gate(report.gate))
        suite = _suite("gate", rules, report)
        suite.extend(_element("gate", case) for case in rules)
        root.append(suite)
    if incomplete := _incomplete(report):
        suite = _suite(_RUN, [incomplete], report)
        suite.append(_element(_RUN, incomplete))
        root.append(suite)
    for key in ("tests", "failures", "errors"):
        root.set(key, str(sum(int(suite.get(key, "0")) for suite in root)))
    root.set("time", f"{report.seconds:.3f}")
    ET.indent(root)
    text: str = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _grouped(cells: Sequence[CellResult]) -> Iterator[tuple[tuple[str, str], list[CellResult]]]:
    """The cells by target and profile, in the order in which each pair comes first."""
    groups: dict[tuple[str, str], list[CellResult]] = {}
    for cell in cells:
        groups.setdefault((cell.target.name, cell.profile.name), []).append(cell)
    yield from groups.items()


def _gated(case: _Case, cell: CellResult, judged: Gate | None) -> _Case:
    """A failure that a gate lets pass, or does not look for, fails no job."""
    if judged is None or case.kind != "failure":
        return case
    found = [each for each in judged.findings if each.rule is case.rule and cell.id in each.cells]
    if any(each.waiver is None for each in found):
        return case
    waivers = [each.waiver for each in found if each.waiver is not None]
    why = f"waived {gate.until(waivers[0])}" if waivers else "the gate does not look for it"
    return replace(case, kind="skipped", message=f"{why}: {case.message}")


def _of_gate(judged: Gate) -> Iterator[_Case]:
    """A case for each rule in force."""
    for rule in judged.rules:
        found = [each for each in judged.findings if each.rule is rule]
        failing = [each for each in found if each.waiver is None]
        kind = "" if not failing else "error" if rule is GateRule.ERROR else "failure"
        message = gate.line(failing[0]) if failing else ""
        yield _Case(rule.value, 0.0, kind, message, "\n".join(map(gate.line, found)))


def _incomplete(report: RunReport) -> _Case | None:
    if report.interrupted:
        return _Case("run", report.seconds, "error", "interrupted: the cells that are missing were not run")
    if report.failure:
        return _Case("run", report.seconds, "error", f"the run failed: {report.failure}")
    return None


def _suite(name: str, cases: Sequence[_Case], report: RunReport) -> ET.Element:
    counts = {
        word: str(sum(case.kind == kind for case in cases))
        for kind, word in zip(_KINDS, ("failures", "errors", "skipped"), strict=True)
    }
    seconds = sum(case.seconds for case in cases)
    suite = ET.Element("testsuite", name=safe(name), tests=str(len(cases)), time=f"{seconds:.3f}")
    for word, count in counts.items():
        suite.set(word, count)
    if began := moment.started(report):
        suite.set("timestamp", moment.shown(began).removesuffix("Z"))
    return suite


def _properties(suite: ET.Element, cells: Sequence[CellResult]) -> None:
    """The profile's file, the versions of the target, and what really ran."""
    values = {
        "profile.path": cells[0].profile.path or "",
        "profile.sha256": cells[0].profile.sha256 or "",
        **{f"target.{name}": version for name, version in cells[0].target.versions.items()},
        **{f"image.{cell.scenario}": cell.image.digest for cell in cells if cell.image},
    }
    element = ET.SubElement(suite, "properties")
    for name, value in values.items():
        ET.SubElement(element, "property", name=safe(name), value=safe(value))


def _element(classname: str, case: _Case) -> ET.Element:
    element = ET.Element(
        "testcase", classname=safe(classname), name=safe(case.name), time=f"{case.seconds:.3f}"
    )
    if case.kind:
        ET.SubElement(element, case.kind, message=safe(case.message))
    if case.output:
        ET.SubElement(element, "system-out").text = lines(case.output)
    return element


def _cases(cell: CellResult, *, decides: bool) -> Iterator[_Case]:
    """A case for each phase, and for each thing beside them that was looked at."""
    prefix = cell.id.partition("/")[2].replace(f"@{cell.target.name}", "") or cell.scenario or "-"
    launch = _judged(cell)
    phases = dict(cell.control.phases) if cell.control else {}
    order = list(dict.fromkeys([*phases, *(launch.phases if launch else {})]))
    ends = cell.phase if cell.verdict in (Verdict.BLOCKED, Verdict.ERROR) else None
    if not order or cell.verdict is Verdict.SKIPPED:
        yield _end(cell, _Case(prefix, cell.seconds), decides=decides)
    else:
        if ends is not None and ends not in order:
            order.append(ends)
        last = order.index(ends) if ends is not None else len(order) - 1
        times = _times(launch, order[: last + 1])
        for index, phase in enumerate(order):
            case = _Case(f"{prefix} {phase}", times.get(phase, 0.0))
            if index == last:
                case = _end(cell, case, decides=decides)
            elif index > last:
                case = replace(case, kind="skipped", message=f"not reached: it ended in {order[last]}")
            yield case
    if cell.expected is Expected.BLOCKED and cell.verdict is Verdict.PASSED:
        message = f"{cell.scenario} works under {cell.profile.name}, which is meant to stop it"
        yield _Case(f"{prefix} is blocked", 0.0, "failure", message, rule=GateRule.NOT_BLOCKED)
    if cell.forbidden:
        message = f"permits what it must not: {cell.forbidden[0]}"
        listed = "\n".join(cell.forbidden)
        yield _Case(f"{prefix} deny-check", 0.0, "failure", message, listed, GateRule.DANGEROUS)
    if cell.drift is not None:
        yield _Case(
            f"{prefix} baseline",
            0.0,
            "failure" if cell.drifted else "",
            drift.why(cell),
            "\n".join(drift.lines(cell)),
            GateRule.NEW_DENIAL,
        )


def _judged(cell: CellResult) -> Launch | None:
    """The launch that the verdict comes from: the enforced one of the profile as it is, else the control."""
    plain = (each for each in cell.launches if each.kind is LaunchKind.ENFORCE and not each.allowed)
    return next(plain, cell.control)


def _times(launch: Launch | None, order: Sequence[str]) -> dict[str, float]:
    """Seconds that each phase took."""
    if launch is None:
        return {}
    entered = [launch.phases[phase] / 1000 for phase in order if phase in launch.phases]
    spent = [max(after - before, 0.0) for before, after in itertools.pairwise([*entered, launch.seconds])]
    return dict(zip((phase for phase in order if phase in launch.phases), spent, strict=True))


def _end(cell: CellResult, case: _Case, *, decides: bool) -> _Case:
    """The case in which the cell ended, with its verdict and all that was said."""
    log = "\n".join(cell.log)
    if cell.verdict is Verdict.PASSED:
        return replace(case, output="\n".join([*words.caveats(cell), log]).strip("\n"))
    kind = _kind(cell, decides=decides)
    message = (
        f"{words.standing(cell)}: {words.blockers(cell) if cell.verdict is Verdict.BLOCKED else cell.reason}"
    )
    output = (
        f"{story.tell(cell, Style())}\nThe whole log:\n\n{log}" if cell.verdict is not Verdict.SKIPPED else ""
    )
    return replace(case, kind=kind, message=message if kind else "", output=output)


def _kind(cell: CellResult, *, decides: bool) -> str:
    match cell.verdict:
        case Verdict.ERROR:
            return "error" if decides else "skipped"
        case Verdict.BLOCKED if cell.expected is not Expected.BLOCKED:
            return "failure" if cell.expected is Expected.PASSED else "skipped"
        case Verdict.SKIPPED:
            return "skipped"
        case _:
            return ""
