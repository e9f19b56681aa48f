"""A control that is still being found out while it is asked already."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from profile_smoke.errors import SmokeError
from profile_smoke.observe.conservative import ConservativeControl

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future

    from profile_smoke.observe.policy import Control
    from profile_smoke.profile.model import Decision


class PromisedControl:
    """See `Control`. Whoever asks first waits.

    Where it cannot be found out, the conservative table answers in its place, so that nothing hangs; `settled` then says
    what went wrong.
    """

    def __init__(self, promise: Future[Control]) -> None:
        self._promise = promise

    def decide(self, audit_arch: int, number: int, args: Sequence[int]) -> Decision:
        """What the control says, once it is known."""
        return self._known.decide(audit_arch, number, args)

    def looks_at_args(self, audit_arch: int, number: int) -> bool:
        """What the control says, once it is known."""
        return self._known.looks_at_args(audit_arch, number)

    def settled(self) -> Control:
        """The control itself. Raises what kept it from being found out."""
        return self._promise.result()

    @cached_property
    def _known(self) -> Control:
        try:
            return self._promise.result()
        except SmokeError:
            return ConservativeControl()
