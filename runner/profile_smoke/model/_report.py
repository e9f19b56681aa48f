"""The result of a run: its cells, and what only shows in several of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from profile_smoke.model._cell import CellResult
from profile_smoke.model._gate import Gate

SCHEMA = "profile-smoke/v1"


@dataclass(frozen=True)
class Risk:
    """Unused calls of one class of dangerous calls, with what they open in `reason`, or of one group of all others."""

    name: str
    reason: str
    dangerous: bool
    calls: tuple[str, ...]


@dataclass(frozen=True)
class UnusedCalls:
    """What a profile allows and none of `cells` used: those that it is meant for and in which that was measured.

    `not_measured` are its other cells, which may need what is listed; `risks` has the dangerous ones first.
    """

    profile: str
    cells: tuple[str, ...]
    not_measured: tuple[str, ...]
    risks: tuple[Risk, ...]


class DifferenceCause(StrEnum):
    """Why a profile lets a workload work on one target, or in one setting, and not in another."""

    DOCKER_ONLY_FIELDS = "docker-only-fields"
    CAPABILITIES = "capabilities"
    RUNTIME = "runtime"
    NO_NEW_PRIVILEGES = "no-new-privileges"
    DEFAULT_PROFILE = "default-profile"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Difference:
    """Two cells of one profile and one scenario that came out differently, and one cause of it that there is evidence for.

    `works` and `fails` are their ids; `calls` those in which the cause shows, empty where it is not about single ones;
    `text` says it in a sentence.
    """

    works: str
    fails: str
    cause: DifferenceCause
    calls: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class Selection:
    """What a run was told to take of all that there is, as it was told: names, globs, paths, ids. Empty: all."""

    profile: tuple[str, ...] = ()
    scenario: tuple[str, ...] = ()
    only: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunReport:
    """The result of a run: the source of every report format."""

    run: str
    version: str
    started: str
    """UTC, RFC 3339."""
    seconds: float
    cells: tuple[CellResult, ...]
    interrupted: bool = False
    unused: tuple[UnusedCalls, ...] = ()
    """By profile; empty where it was not measured."""
    differences: tuple[Difference, ...] = ()
    """Between cells that only differ in target or setting."""
    gate: Gate | None = None
    """None: no gate judged it."""
    failure: str = ""
    """What ended the run early or left it incomplete, other than an interrupt; one line, empty where nothing did."""
    shard: str = ""
    """`2/5`: the second of five parts of a selection; empty for the whole."""
    selection: Selection = Selection()
    notes: tuple[str, ...] = ()
    """What is to be known about the run as a whole."""
    schema: str = SCHEMA

    @property
    def deciding(self) -> tuple[CellResult, ...]:
        """The cells that decide the exit code: those that gate, and all where none does and no gate judged."""
        deciding = tuple(cell for cell in self.cells if cell.gates)
        return deciding if deciding or self.gate is not None else self.cells
