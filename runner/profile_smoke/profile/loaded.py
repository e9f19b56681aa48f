"""The filters that the kernel loaded for a process, answering as one: what its system calls really meet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from profile_smoke.profile import explore, returns
from profile_smoke.syscall import tables

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from profile_smoke.profile.bpf import Program
    from profile_smoke.profile.explore import Fixed
    from profile_smoke.profile.model import Decision

_NARROW = ("x86", "arm")
"""ABIs whose registers have 32 bits, so that the upper halves of arguments are 0."""


@dataclass(frozen=True)
class LoadedFilter:
    """Stacked programs, the most recently loaded first, combined as the kernel combines them."""

    programs: tuple[Program, ...]

    @property
    def instructions(self) -> int:
        """Of all programs together; each runs at every call that the kernel's cache does not answer."""
        return sum(len(program.instructions) for program in self.programs)

    def decide(self, audit_arch: int, number: int, args: Sequence[int]) -> Decision:
        """The kernel's own answer to one call."""
        return returns.decision(
            returns.combine(program.run(audit_arch, number, args) for program in self.programs)
        )

    def looks_at_args(self, audit_arch: int, number: int) -> bool:
        """Whether the answer to this call may depend on its arguments."""
        return any(program.looks_at_args(audit_arch, number) for program in self.programs)

    def answers(
        self, arch: str, number: int, *, fixed: Fixed = (), upper: bool = True
    ) -> Mapping[Decision, tuple[int, ...]]:
        """Every answer to a call, with arguments that get it; `upper` False leaves the upper halves of registers 0."""
        audit = tables.audit_arch(arch)
        if not self.looks_at_args(audit, number):
            args = explore.least(fixed)
            return {self.decide(audit, number, args): args}
        wide = upper and arch not in _NARROW
        found: dict[Decision, tuple[int, ...]] = {}
        for ret, args in explore.answers(self.programs, audit, number, fixed=fixed, wide=wide).items():
            found.setdefault(returns.decision(ret), args)
        return found
