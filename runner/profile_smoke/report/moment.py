"""When a run was: its `started`, which in a stored result may be any text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from profile_smoke.model import RunReport

_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def started(report: RunReport) -> datetime | None:
    """When the run began, in UTC; None where that is no time."""
    try:
        return datetime.strptime(report.started, _FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None


def ended(report: RunReport) -> datetime | None:
    """When it ended; None where that is no time."""
    began = started(report)
    try:
        return began + timedelta(seconds=report.seconds) if began else None
    except OverflowError:
        return None


def shown(moment: datetime) -> str:
    """As RFC 3339: ``2026-01-31T07:00:00Z``."""
    return moment.strftime(_FORMAT)
