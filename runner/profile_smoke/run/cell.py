"""The pipeline of one cell, from image and control to the verdict; what breaks around it is an `error`, never passed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from profile_smoke.errors import InterruptedRunError, SmokeError
from profile_smoke.image.registry import RegistryUnreachable
from profile_smoke.image.store import NoStandinError
from profile_smoke.model import CellResult, Drift, ProfileRef, Verdict
from profile_smoke.profile import places
from profile_smoke.run.controls import Controls, baseline_of
from profile_smoke.run.review import Review
from profile_smoke.run.trial import Draft, Trial
from profile_smoke.run.watch import Scene

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from profile_smoke.image.interface import PreparedImage
    from profile_smoke.observe.interface import Observer
    from profile_smoke.profile.purpose import DenyCheck
    from profile_smoke.run.launch import Launcher
    from profile_smoke.run.plan import Cell
    from profile_smoke.run.watch import Watch


@dataclass(frozen=True)
class Effort:
    """How much a cell may do: `observe` at all, launches for enforcing and blaming, how many of them side by side.

    `deny` is what its profile is checked for not to allow; None: for nothing. `watch` looks at what workloads use.
    """

    observe: bool
    max_launches: int
    jobs: int
    deny: DenyCheck | None = None
    watch: Watch | None = None


class CellRunner:
    """Runs cells of one target."""

    def __init__(
        self, launcher: Launcher, observer: Observer | None, controls: Controls, effort: Effort
    ) -> None:
        self.launcher, self.observer, self.controls, self.effort = (
            launcher,
            observer,
            controls,
            effort,
        )
        self.review = Review(launcher.target, effort.deny)

    def run(self, cell: Cell, heard: Callable[[str], None]) -> CellResult:
        """Everything about one cell. What breaks around it becomes the verdict `error`.

        Raises:
            InterruptedRunError: the run was interrupted; nothing is concluded.
        """
        began = time.monotonic()
        image: PreparedImage | None = None
        try:
            heard("image")
            image = self.controls.image(self.launcher, cell.scenario)
            draft = self._judge(cell, image, heard)
        except InterruptedRunError:
            raise
        except (RegistryUnreachable, NoStandinError) as error:
            skipped = cell.scenario.skip_without_image
            draft = Draft(Verdict.SKIPPED if skipped else Verdict.ERROR, {"reason": str(error)})
        except SmokeError as error:
            draft = Draft(Verdict.ERROR, {"reason": str(error)})
        return CellResult(
            id=cell.id,
            profile=_reference(cell, draft.facts),
            scenario=cell.scenario.name,
            target=self.launcher.target.info(),
            image=image.info if image else None,
            expected=cell.expected,
            verdict=draft.verdict,
            no_new_privileges=cell.scenario.start.no_new_privileges,
            notes=tuple(draft.notes),
            seconds=time.monotonic() - began,
            **draft.facts,
        )

    def _judge(self, cell: Cell, image: PreparedImage, heard: Callable[[str], None]) -> Draft:
        control = self.controls.baseline(self.launcher, cell.scenario, heard)
        facts = {"control": control.launch}
        if not control.passed:
            reason = f"the control fails, under the default profile: {control.launch.reason}"
            return Draft(
                Verdict.ERROR, {**facts, "phase": control.launch.phase, "reason": reason, "log": control.log}
            )
        if cell.profile.document is None:
            # The default profile under test is what the control launched.
            reviewed = self.review.facts(cell.profile, None, control)
            draft = Draft(Verdict.PASSED, {**facts, "manifest": control.manifest, **reviewed})
        else:
            draft = Trial(self, cell, image, baseline_of(cell.scenario, control), heard).draft(facts)
        if self.effort.watch is not None:
            passed = draft.verdict is Verdict.PASSED
            scene = Scene(cell, image, control, self.launcher, self.observer, heard, passed)
            draft.facts.update(self.effort.watch.facts(scene))
        return draft


def _reference(cell: Cell, facts: Mapping[str, Any]) -> ProfileRef:
    """The profile, with the lines of its file that these facts are about."""
    document = cell.profile.document
    drift: Drift | None = facts.get("drift")
    told = {
        *facts.get("blocking", ()),
        *(call.name.rpartition(":")[2] for call in (drift.new if drift else ())),
        *(row.syscall for row in facts.get("dangerous", ()) if row.permitted and facts.get("forbidden")),
    }
    return ProfileRef(
        name=cell.profile.name,
        path=str(cell.profile.path) if cell.profile.path else None,
        sha256=document.sha256 if document else None,
        lines=places.lines(document, told) if document else {},
    )
