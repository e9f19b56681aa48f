"""What a cell says of the filter that its enforced launch ran under, worked out once for each distinct filter of a run."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from profile_smoke.observe.cost import measure
from profile_smoke.profile.compare import differences
from profile_smoke.profile.dangerous import Meaning, dangerous
from profile_smoke.profile.evaluate import Evaluator
from profile_smoke.profile.findings import Reading, findings
from profile_smoke.profile.loaded import LoadedFilter
from profile_smoke.profile.purpose import violations
from profile_smoke.profile.raw_oci import plain_reading
from profile_smoke.run.controls import Once
from profile_smoke.syscall import tables

if TYPE_CHECKING:
    from profile_smoke.model import DangerousCall, FilterCheck, FilterCost
    from profile_smoke.profile.catalog import NamedProfile
    from profile_smoke.profile.document import Document
    from profile_smoke.profile.model import Profile
    from profile_smoke.profile.purpose import DenyCheck
    from profile_smoke.run.order import Result
    from profile_smoke.target.interface import Target

LOADED, PROFILE = "loaded", "profile"


@dataclass(frozen=True)
class Expected:
    """A profile as a target should mean it."""

    document: Document
    plain: Profile


class Review:
    """Reviews filters of one target. Safe for use from several threads."""

    def __init__(self, target: Target, deny: DenyCheck | None) -> None:
        """`deny` None: no purpose is checked."""
        self._target, self._deny = target, deny
        self._once = Once()
        self._measuring = threading.Lock()
        self._native = tables.native()
        self._arches = tables.runnable(self._native)

    def facts(self, profile: NamedProfile, plain: Profile | None, result: Result) -> dict[str, Any]:
        """The fields of a CellResult that are about the filter; `plain` None is the target's own default profile."""
        expected = Expected(profile.document, plain) if profile.document and plain else None
        found = LoadedFilter(result.programs) if result.programs else None
        rows = self._rows(found, plain)
        checked = self._deny is not None and expected is not None
        forbids = self._deny.forbids(profile.name) if self._deny is not None and checked else ()
        return {
            "filter": self._check(result.filter, found, expected) if found else result.filter,
            "dangerous": rows,
            "dangerous_from": (LOADED if found else PROFILE) if rows else "",
            "forbidden": violations(rows, forbids),
        }

    def _rows(self, found: LoadedFilter | None, plain: Profile | None) -> tuple[DangerousCall, ...]:
        if found:
            return self._once.get(("dangerous", found), lambda: dangerous(found, self._arches))
        if plain is None:
            return ()
        return self._once.get(
            ("dangerous", plain), lambda: dangerous(Meaning(self._evaluator(plain)), self._arches)
        )

    def _check(self, check: FilterCheck, found: LoadedFilter, expected: Expected | None) -> FilterCheck:
        cost = self._once.get(("cost", found), lambda: self._cost(found))
        if expected is None:
            return replace(check, cost=cost)
        return self._once.get(
            ("check", found, expected.document.sha256, check),
            lambda: replace(
                check,
                cost=cost,
                differences=differences(found.programs, self._evaluator(expected.plain), self._arches),
                findings=findings(found, self._reading(expected), self._arches),
            ),
        )

    def _cost(self, found: LoadedFilter) -> FilterCost | None:
        """Measured one at a time: side by side they would slow each other."""
        with self._measuring:
            return measure(found)

    def _evaluator(self, plain: Profile) -> Evaluator:
        return Evaluator(plain, self._native, known=self._target.knows)

    def _reading(self, expected: Expected) -> Reading:
        docker_only = expected.document.profile.docker_only
        raw = plain_reading(expected.document) if docker_only else None
        return Reading(expected.plain, raw, self._native, self._target.knows)
