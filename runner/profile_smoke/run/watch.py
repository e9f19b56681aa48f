"""Looking at what the workload of a cell uses, beside its verdict: to keep it, or to compare it with what was kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from profile_smoke.errors import InstrumentError
from profile_smoke.run.controls import baseline_of
from profile_smoke.run.usage import Usage, observe_usage
from profile_smoke.syscall import tables

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from profile_smoke.image.interface import PreparedImage
    from profile_smoke.model import Denial
    from profile_smoke.observe.interface import Observer
    from profile_smoke.run.launch import Launcher
    from profile_smoke.run.order import Result
    from profile_smoke.run.plan import Cell


@dataclass(frozen=True)
class Scene:
    """A cell whose control has passed, and what its workload can be observed with."""

    cell: Cell
    image: PreparedImage
    control: Result
    launcher: Launcher
    observer: Observer | None
    heard: Callable[[str], None]
    passed: bool
    """Whether the cell's verdict is that its profile works."""

    @property
    def key(self) -> tuple[str, str, bool]:
        """What a baseline has one entry for."""
        return key_of(self.cell)

    def observe(self) -> Usage:
        """Everything that the workload uses.

        Raises:
            InstrumentError: it could not be seen to the end.
            InfrastructureError, InterruptedRunError: as `observe_usage`.
        """
        if self.observer is None:
            why = self.launcher.target.capabilities().observe_why_not or "observing was turned off"
            raise InstrumentError(f"what it uses cannot be observed: {why}")
        usage = observe_usage(
            self.launcher,
            self.observer,
            self.cell.scenario,
            self.image,
            baseline_of(self.cell.scenario, self.control),
            heard=self.heard,
        )
        if not usage.passed:
            failed = usage.results[-1].launch
            raise InstrumentError(
                f"what it uses could not be observed to the end: {failed.phase}: {failed.reason}"
            )
        return usage


class Watch(Protocol):
    """Looks at what workloads use."""

    def facts(self, scene: Scene) -> Mapping[str, Any]:
        """What it adds to the cell's result. Called from several threads. Raises SmokeError where it cannot tell."""


class Watches:
    """Several as one."""

    def __init__(self, watches: Sequence[Watch]) -> None:
        self._watches = watches

    def facts(self, scene: Scene) -> Mapping[str, Any]:
        """What all of them add."""
        found: dict[str, Any] = {}
        for watch in self._watches:
            found.update(watch.facts(scene))
        return found


def key_of(cell: Cell) -> tuple[str, str, bool]:
    """What a baseline has one entry for: a scenario on a target with a setting of no_new_privs."""
    return cell.scenario.name, cell.target, cell.scenario.start.no_new_privileges


def call_name(line: Denial) -> str:
    """The call as a baseline names it."""
    return line.syscall if line.arch == tables.native() else f"{line.arch}:{line.syscall}"


def used(usage: Usage) -> dict[str, tuple[str, ...]]:
    """The phases in which each call was seen."""
    found: dict[str, dict[str, None]] = {}
    for line in usage.calls:
        found.setdefault(call_name(line), {})[line.phase] = None
    return {name: tuple(phases) for name, phases in found.items()}
