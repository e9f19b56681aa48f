"""What the user asked `record` for, as a value; scenarios, targets and images are in `Options` as for other commands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from profile_smoke.report.interface import PlainFormat

if TYPE_CHECKING:
    from profile_smoke.scenario.model import Check


@dataclass(frozen=True)
class RecordOptions:
    """Everything that only `record` has.

    `image` is recorded without a scenario's file, as `ready`, `probes`, `env`, `args`, `ports` and `volumes` describe.
    """

    image: str | None = None
    ready: Check | None = None
    probes: tuple[Check, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    args: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    volumes: tuple[str, ...] = ()
    runs: int = 1
    prove: bool = False
    limits: tuple[str, ...] = ()
    merge: tuple[str, ...] = ()
    base: str | None = None
    force: bool = False
    format: PlainFormat = PlainFormat.TABLE
