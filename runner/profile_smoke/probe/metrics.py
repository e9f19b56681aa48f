"""Scraping Prometheus text: which metrics have at least one sample.

Format: Prometheus text exposition format 0.0.4. A sample is `name`, optional `{labels}`, and a value; `#
TYPE` alone is none.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from profile_smoke.probe.exchange import NotYetError
from profile_smoke.probe.http import get

if TYPE_CHECKING:
    from profile_smoke.probe.interface import Surface
    from profile_smoke.scenario.model import MetricsCheck

_SAMPLE = re.compile(r"^\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(?:\{.*\})?\s+(\S+)", re.MULTILINE)
_SUFFIXES = ("_bucket", "_sum", "_count")


def samples(text: str) -> dict[str, int]:
    """How many samples each name has, lines whose value is no number left out."""
    found: dict[str, int] = {}
    for match in _SAMPLE.finditer(text):
        try:
            float(match[2])
        except ValueError:
            continue
        found[match[1]] = found.get(match[1], 0) + 1
    return found


def seen(check: MetricsCheck, surface: Surface, timeout: float) -> str:
    """How many samples the wanted metrics have. Raises NotYetError when one has none."""
    answer = get(surface, check.port, check.path, timeout)
    if answer.status != HTTPStatus.OK:
        raise NotYetError(f"HTTP {answer.status} instead of 200")
    found = samples(answer.body.decode(errors="replace"))
    missing = [name for name in check.metrics if not _count(found, name)]
    if missing:
        raise NotYetError(f"no sample of {', '.join(missing)} among {len(found)} metrics")
    return f"{sum(_count(found, name) for name in check.metrics)} samples of {len(check.metrics)} metrics"


def _count(found: dict[str, int], name: str) -> int:
    """A histogram or summary has its samples under its name with a suffix."""
    return found.get(name, 0) + sum(found.get(name + suffix, 0) for suffix in _SUFFIXES)
