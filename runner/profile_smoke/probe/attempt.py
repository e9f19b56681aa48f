"""One try of a check. Each kind has its module; none lets a protocol's or the system's exception out."""

from __future__ import annotations

from typing import assert_never

from profile_smoke.probe.exchange import NotYetError
from profile_smoke.probe.interface import Attempt, Surface
from profile_smoke.scenario.model import (
    CallCheck,
    Check,
    ExecCheck,
    HttpCheck,
    LogCheck,
    MetricsCheck,
    RedisCheck,
    SqlCheck,
    TcpCheck,
)


def attempt(check: Check, surface: Surface, timeout: float) -> Attempt:
    """Try a check once, for at most `timeout` seconds (more than 0).

    What keeps it from holding becomes the attempt's detail; an exception here is a bug, or our own machinery
    failing.
    """
    try:
        return Attempt(True, _seen(check, surface, timeout))  # noqa: FBT003  the dataclass names it
    except NotYetError as problem:
        return Attempt(False, str(problem))  # noqa: FBT003  the dataclass names it


def _seen(check: Check, surface: Surface, timeout: float) -> str:  # noqa: PLR0911  one for each kind
    """What was seen when the check holds.

    Raises NotYetError when it does not. Protocol modules are imported when used.
    """
    match check:
        case HttpCheck():
            from profile_smoke.probe import http

            return http.seen(check, surface, timeout)
        case MetricsCheck():
            from profile_smoke.probe import metrics

            return metrics.seen(check, surface, timeout)
        case TcpCheck():
            from profile_smoke.probe import tcp

            return tcp.seen(check, surface, timeout)
        case SqlCheck():
            from profile_smoke.probe import sql

            return sql.seen(check, surface, timeout)
        case RedisCheck():
            from profile_smoke.probe import resp

            return resp.seen(check, surface, timeout)
        case CallCheck():
            from profile_smoke.probe import call

            return call.seen(check, surface)
        case ExecCheck() | LogCheck():
            from profile_smoke.probe import inside

            return inside.seen(check, surface, timeout)
        case _:
            assert_never(check)
