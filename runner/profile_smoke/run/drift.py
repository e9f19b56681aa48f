"""What a workload uses now, against a kept baseline: what is new, what is gone, and what its profile refuses of the new."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from profile_smoke.errors import BadFileError, InstrumentError
from profile_smoke.model import Drift, DriftCall
from profile_smoke.observe.record import errno_text
from profile_smoke.profile.evaluate import Evaluator
from profile_smoke.run.candidates import answers_alike
from profile_smoke.run.controls import Once, baseline_of
from profile_smoke.run.watch import call_name, key_of, used
from profile_smoke.syscall import tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from profile_smoke.baseline import Baseline, Calls, Workload
    from profile_smoke.run.plan import Cell
    from profile_smoke.run.usage import Usage
    from profile_smoke.run.watch import Scene


class DriftCheck:
    """Compares. A workload is observed once, however many profiles it runs under.

    `source` is the baseline's file as the user named it.
    """

    def __init__(self, baseline: Baseline, source: str) -> None:
        self._baseline, self._source = baseline, source
        self._once = Once()

    def check(self, cells: Sequence[Cell]) -> None:
        """Raise BadFileError when the baseline speaks of none of these cells: nothing would be compared."""
        if all(self._baseline.find(key_of(cell)) is None for cell in cells):
            raise BadFileError(
                self._source, "", f"speaks of none of the selected cells; {self._remedy(cells[0])}"
            )

    def facts(self, scene: Scene) -> Mapping[str, Any]:
        """The cell's `drift`. Raises InstrumentError where there is nothing to compare, or it cannot be observed."""
        kept = self._baseline.find(scene.key)
        if kept is None:
            raise InstrumentError(
                f"the baseline {self._source} does not speak of it; {self._remedy(scene.cell)}"
            )
        usage = self._once.get(scene.key, scene.observe)
        return {"drift": _drift(self._source, kept, usage, scene)}

    def _remedy(self, cell: Cell) -> str:
        setting = "denied" if cell.scenario.start.no_new_privileges else "allowed"
        return (
            f"add it with: profile-smoke baseline update {self._source} --scenario {cell.scenario.name} "
            f"--target {cell.target} --privilege-escalation {setting}"
        )


def compared(kept: Workload, now: Calls) -> tuple[Calls, Calls, Calls]:
    """The calls that are new, gone, and known but new in a phase, each with the phases that this is about.

    A call that was seen sometimes only is not gone where it is not seen.
    """
    new = {name: phases for name, phases in now.items() if name not in kept.names}
    gone = {name: phases for name, phases in kept.calls.items() if name not in now}
    moved = {}
    for name in sorted(kept.names & now.keys()):
        known = {*kept.calls.get(name, ()), *kept.sometimes.get(name, ())}
        if elsewhere := tuple(phase for phase in now[name] if phase not in known):
            moved[name] = elsewhere
    return new, gone, moved


def _drift(source: str, kept: Workload, usage: Usage, scene: Scene) -> Drift:
    new, gone, moved = compared(kept, used(usage))
    refused = _refused(new, usage, scene)
    return Drift(
        baseline=source,
        image=kept.image,
        new=_calls(new, refused),
        gone=_calls(gone, {}),
        moved=_calls(moved, {}),
        notes=tuple(_differences(kept, scene)),
    )


def _calls(found: Calls, refused: Mapping[str, str]) -> tuple[DriftCall, ...]:
    return tuple(DriftCall(name, found[name], refused.get(name)) for name in sorted(found))


def _refused(new: Calls, usage: Usage, scene: Scene) -> dict[str, str]:
    """What the profile under test answers to new calls that it refuses and the default profile answers otherwise."""
    document = scene.cell.profile.document
    if document is None or not new:
        return {}
    target = scene.launcher.target
    evaluator = Evaluator(target.meaning(document), tables.native(), known=target.knows)
    control = baseline_of(scene.cell.scenario, scene.control).control
    found: dict[str, str] = {}
    for name, arch, number, args in _attempts(usage):
        if name in new and name not in found:
            says = evaluator.decide(arch, number, args)
            default = control.decide(tables.audit_arch(arch), number, args)
            if not says.action.permits and not answers_alike(says, default):
                found[name] = errno_text(says)
    return found


def _attempts(usage: Usage) -> Iterator[tuple[str, str, int, tuple[int, ...]]]:
    """Name in the baseline, ABI, number and arguments of what was seen."""
    samples: dict[str, set[tuple[int, ...]]] = {}
    for each in usage.attempted:
        samples.setdefault(each.name, set()).update(each.samples)
    for line in usage.calls:
        # Samples are of all ABIs together; those of another one do no harm, as its registers mean the same.
        for args in {line.args, *samples.get(line.syscall, ())}:
            yield call_name(line), line.arch, line.number, args


def _differences(kept: Workload, scene: Scene) -> Iterator[str]:
    """What else is not as it was when the baseline was made."""
    info = scene.image.info
    if info.digest != kept.image.digest:
        yield f"the image is another one: {info.digest} now, {kept.image.digest} in the baseline"
    if tables.native() != kept.arch:
        yield f"the machine is another one: {tables.native()} now, {kept.arch} in the baseline"
    probes = [probe.name for probe in scene.cell.scenario.probes]
    for name in sorted({*probes} ^ {*kept.probes}):
        yield f"the baseline was made {'without' if name in probes else 'with'} the probe {name}"
    versions = scene.launcher.target.info().versions
    for name in sorted(versions.keys() | kept.versions.keys()):
        now, then = versions.get(name, "none"), kept.versions.get(name, "none")
        if now != then:
            yield f"{name} is {now} now, {then} in the baseline"
