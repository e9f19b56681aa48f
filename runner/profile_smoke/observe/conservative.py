"""What stands in for a default profile whose loaded filter cannot be read."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from profile_smoke.profile.model import Action, Decision
from profile_smoke.syscall import danger, tables

if TYPE_CHECKING:
    from collections.abc import Sequence


class ConservativeControl:
    """For a control whose filter cannot be read: permits nothing that any engine's default profile would refuse."""

    def decide(self, audit_arch: int, number: int, args: Sequence[int]) -> Decision:
        """By our own table; clone3 as engines do, so that libc falls back to clone."""
        arch = tables.abi(audit_arch, number)
        name = tables.name(arch, number)
        if name == "clone3":
            return Decision(Action.ERRNO, errno.ENOSYS)
        if name is None or danger.never_continue(arch, name, args):
            return Decision(Action.ERRNO, errno.EPERM)
        return Decision(Action.ALLOW)

    def looks_at_args(self, audit_arch: int, number: int) -> bool:
        """It may, for some calls; so for all."""
        del audit_arch, number
        return True
