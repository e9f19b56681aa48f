"""Whether a workload really runs as it is reported to: with a filter, and with the no_new_privs that was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from profile_smoke.errors import InstrumentError
from profile_smoke.model import FilterCheck

if TYPE_CHECKING:
    from profile_smoke.target.interface import Container

_FILTER_MODE = 2  # SECCOMP_MODE_FILTER of linux/seccomp.h, as /proc/PID/status shows it


def checked(container: Container, *, no_new_privileges: bool) -> FilterCheck:
    """What the status of the workload's process says; nothing passes without a filter, or with another setting.

    Raises:
        InstrumentError: it runs otherwise than it would be reported.
    """
    mode, privileges = container.status_field("Seccomp"), container.status_field("NoNewPrivs")
    if mode is None or privileges is None:
        return FilterCheck(note="the workload's status cannot be read from here")
    if int(mode) != _FILTER_MODE:
        raise InstrumentError(f"the workload runs without a seccomp filter (Seccomp: {mode})")
    if bool(int(privileges)) is not no_new_privileges:
        raise InstrumentError(
            f"privilege escalation was to be {'denied' if no_new_privileges else 'allowed'}, but the workload runs "
            f"with NoNewPrivs: {privileges}: the runtime does otherwise, or the workload sets it itself"
        )
    return FilterCheck(mode=int(mode))
