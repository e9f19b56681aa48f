"""Errors that travel: what the agent raised is raised at the client, as the same kind."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any

from profile_smoke.errors import DiskFullError, InstrumentError, SmokeError
from profile_smoke.observe.interface import NotHandedOverError
from profile_smoke.observe.readback import ProcessGoneError

if TYPE_CHECKING:
    from collections.abc import Mapping

_KINDS: Mapping[str, type[SmokeError]] = {
    "disk-full": DiskFullError,
    "not-handed-over": NotHandedOverError,
    "process-gone": ProcessGoneError,
    "instrument": InstrumentError,
}
"""By the name that travels, the special ones before the general one."""


def failure_document(error: Exception) -> dict[str, str]:
    """What is told of an error: its kind and its line. What was not raised on purpose is told with its type."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return {"kind": "disk-full", "text": "no space left in the kubelet's seccomp folder"}
    for kind, found in _KINDS.items():
        if isinstance(error, found):
            return {"kind": kind, "text": str(error)}
    text = str(error) if isinstance(error, SmokeError) else f"{type(error).__name__}: {error}"
    return {"kind": "instrument", "text": text}


def failure_of(document: Mapping[str, Any], where: str) -> SmokeError:
    """The error to raise at the client; `where` names the node."""
    found = _KINDS.get(str(document.get("kind")), InstrumentError)
    return found(f"{where}: {document.get('text', 'it does not say what went wrong')}")
