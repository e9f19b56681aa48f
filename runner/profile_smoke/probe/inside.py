"""Checks that need no port: a command run in the container, and the container's own output."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from profile_smoke.probe.exchange import NotYetError, brief
from profile_smoke.scenario.model import ExecCheck, LogCheck

if TYPE_CHECKING:
    from profile_smoke.probe.interface import Surface


def seen(check: ExecCheck | LogCheck, surface: Surface, timeout: float) -> str:
    """What was seen when the check holds. Raises NotYetError when it does not."""
    return _exec(check, surface, timeout) if isinstance(check, ExecCheck) else _log(check, surface)


def _exec(check: ExecCheck, surface: Surface, timeout: float) -> str:
    try:
        result = surface.exec(check.argv, timeout)
    except TimeoutError as error:
        raise NotYetError(f"{check.argv[0]} did not end within {timeout:.3g} s") from error
    lines = result.output.strip().splitlines()
    tail = f': "{brief(lines[-1])}"' if lines else ""
    if result.exit_code != check.exit_code:
        raise NotYetError(f"{check.argv[0]} exited {result.exit_code} instead of {check.exit_code}{tail}")
    if check.output_contains is not None and check.output_contains not in result.output:
        raise NotYetError(
            f'{check.argv[0]} exited {result.exit_code} without "{check.output_contains}"{tail}'
        )
    return f"{check.argv[0]} exited {result.exit_code}"


def _log(check: LogCheck, surface: Surface) -> str:
    output = surface.logs()
    count = sum(1 for _ in re.finditer(check.pattern, output, re.MULTILINE))
    if count < check.count:
        raise NotYetError(
            f'"{check.pattern}" {count} of {check.count} times in {output.count(chr(10))} lines of log'
        )
    return f'"{check.pattern}" {count} times'
