"""The figure of `seccompute`, another scorer of seccomp profiles, where it is installed."""

from __future__ import annotations

import importlib
import importlib.metadata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from profile_smoke.profile.render import to_oci

if TYPE_CHECKING:
    from profile_smoke.profile.model import Profile


@dataclass(frozen=True)
class Figure:
    """Its result: `score` from 0 to 100 (hardest), `grade` A to F, and its version."""

    score: int
    grade: str
    version: str


def figure(profile: Profile) -> Figure | None:
    """What it makes of a plain profile; None where it is not installed."""
    try:
        module = importlib.import_module("seccompute")
    except ModuleNotFoundError:
        return None
    result = module.score_profile(to_oci(profile))
    return Figure(int(result.score), str(result.grade), importlib.metadata.version("seccompute"))
