"""What a workload uses: every call from the runtime's init to its stop, each seen as it happens.

It is launched under a profile that allows nothing, so that the kernel reports all there is, and every call gets the
answer that the target's default profile gives. `write` alone is never reported (see `profile.observed`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from profile_smoke.profile import render
from profile_smoke.profile.model import Action, Profile
from profile_smoke.run.blame import ROUNDS, let_pass
from profile_smoke.run.lab import TRIES, Lab, Subject, sha256_of
from profile_smoke.syscall import tables

if TYPE_CHECKING:
    from collections.abc import Callable

    from profile_smoke.image.interface import PreparedImage
    from profile_smoke.model import Denial
    from profile_smoke.observe.interface import Observer
    from profile_smoke.observe.policy import Control
    from profile_smoke.observe.record import Attempted
    from profile_smoke.run.launch import Launcher
    from profile_smoke.run.limits import Limits
    from profile_smoke.run.order import Result
    from profile_smoke.scenario.model import Scenario


def nothing() -> Profile:
    """The profile that allows nothing, on every ABI of this machine."""
    arches = tables.runnable(tables.native())
    return Profile(Action.ERRNO, architectures=tuple(map(tables.scmp_arch, arches)))


class Ground(Protocol):
    """What an observation stands on: how long phases may take, and what the default profile answers."""

    @property
    def limits(self) -> Limits:
        """Before they are relaxed for observing."""

    @property
    def control(self) -> Control:
        """What answers in the place of the profile that allows nothing."""


@dataclass(frozen=True)
class Usage:
    """What the launches of one observation showed.

    One launch is the rule. A workload that does not bear being observed (see `blame.let_pass`) is launched again, with
    what was seen so far allowed for real and so not reported again: what it uses is the union of all of them.
    """

    results: tuple[Result, ...]

    @property
    def passed(self) -> bool:
        """Whether the workload worked to the end; otherwise there may be more than was seen."""
        return self.results[-1].passed

    @property
    def calls(self) -> tuple[Denial, ...]:
        """A line for each call by each program in each phase, in the order of the launches and of first attempts."""
        found: dict[tuple[str, str, str, str], Denial] = {}
        for result in self.results:
            for each in result.denials:
                found.setdefault((each.syscall, each.arch, each.phase, each.process.exe), each)
        return tuple(found.values())

    @property
    def attempted(self) -> tuple[Attempted, ...]:
        """Names with the arguments they were called with and the control's answers; a name once for each launch."""
        return tuple(each for result in self.results for each in result.attempted)


def observe_usage(
    launcher: Launcher,
    observer: Observer,
    scenario: Scenario,
    image: PreparedImage,
    baseline: Ground,
    *,
    heard: Callable[[str], None],
) -> Usage:
    """Launch and look. `baseline` is of the scenario's control on this target.

    Raises:
        InfrastructureError: target, image or supervisor failed; nothing is known.
        InterruptedRunError: the run was interrupted.
    """
    plain = nothing()
    document = render.to_oci(plain)
    lab = Lab(
        Subject(
            scenario=scenario,
            image=image,
            plain=plain,
            document=document,
            sha256=sha256_of(document),
            limits=baseline.limits,
            control=baseline.control,
        ),
        launcher,
        observer,
        max_launches=ROUNDS * TRIES,
        jobs=1,
        heard=heard,
    )
    let_pass(lab, {})
    return Usage(tuple(lab.observed))
