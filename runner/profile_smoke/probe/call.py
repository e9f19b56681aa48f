"""A check that is a function of Python, for probes that no scenario file can say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from profile_smoke.errors import InstrumentError
from profile_smoke.probe.exchange import MAX_DETAIL, NotYetError

if TYPE_CHECKING:
    from profile_smoke.probe.interface import Surface
    from profile_smoke.scenario.model import CallCheck


def seen(check: CallCheck, surface: Surface) -> str:
    """Call it. How long that takes is its own affair: nothing can cut it short.

    Raises:
        NotYetError: it raised AssertionError or OSError.
        InstrumentError: it raised anything else, which is a mistake in the probe and says nothing of the profile.
    """
    try:
        check.function(surface)
    except (AssertionError, OSError) as problem:
        raise NotYetError(_words(problem)) from problem
    except Exception as error:
        raise InstrumentError(f"the probe is broken: {_words(error)}") from error
    return "returned"


def _words(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"[:MAX_DETAIL].rstrip(": ")
