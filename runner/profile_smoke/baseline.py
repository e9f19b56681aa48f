"""What a kept baseline holds: the calls that workloads used when someone looked and agreed; plain data, as a file has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from profile_smoke.model import ImageInfo  # noqa: TC001  so it does with this

SCHEMA = "profile-smoke/baseline-v1"

Calls = Mapping[str, tuple[str, ...]]
"""The phases in which each call was seen. A call of another ABI than the machine's own has it in front: `x86:open`."""


@dataclass(frozen=True)
class Workload:
    """What one scenario used on one target with one setting of no_new_privs.

    `probes` are what made it work, so the baseline covers that and no more; `runs` how many launches were observed.
    `calls` were seen in those phases in every one of them, `sometimes` only in some.
    """

    scenario: str
    target: str
    no_new_privileges: bool
    arch: str
    image: ImageInfo
    versions: Mapping[str, str]
    probes: tuple[str, ...]
    runs: int
    calls: Calls
    sometimes: Calls

    @property
    def key(self) -> tuple[str, str, bool]:
        """What there is one entry for."""
        return self.scenario, self.target, self.no_new_privileges

    @property
    def name(self) -> str:
        """``redis@oci``, ``redis@oci, no new privileges``."""
        setting = ", no new privileges" if self.no_new_privileges else ""
        return f"{self.scenario}@{self.target}{setting}"

    @property
    def names(self) -> frozenset[str]:
        """Every call that was seen at all."""
        return frozenset(self.calls) | frozenset(self.sometimes)


@dataclass(frozen=True)
class Baseline:
    """A whole file."""

    workloads: tuple[Workload, ...] = ()
    schema: str = SCHEMA

    def find(self, key: tuple[str, str, bool]) -> Workload | None:
        """The entry of this key."""
        return next((each for each in self.workloads if each.key == key), None)
