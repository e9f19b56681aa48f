"""What sees refused calls, wherever it runs: the pipeline knows observers by this alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Protocol

from profile_smoke.errors import InstrumentError

if TYPE_CHECKING:
    from profile_smoke.model import Denial
    from profile_smoke.observe.policy import Policy
    from profile_smoke.observe.record import Attempted


class NotHandedOverError(InstrumentError):
    """The runtime's init did not get so far as to hand over its listener."""


class Seen(Protocol):
    """What an observed launch showed so far."""

    def denials(self) -> tuple[Denial, ...]:
        """All denials, in the order of their first attempt."""

    def attempted(self) -> tuple[Attempted, ...]:
        """One entry per name: what only the runtime's init tried, then in the order of the workload's first attempts."""


class Session(Protocol):
    """One observed launch, seen from the pipeline: set its phase, look at its record, check that it really observed."""

    phase: str
    """The phase that the launch is in; denials are noted with it."""
    started: float
    """When the launch began, on this process's monotonic clock."""

    @property
    def record(self) -> Seen:
        """Whole once `check` has returned after the launch's end."""

    def check(self) -> None:
        """Raise InstrumentError unless the runtime handed over its listener and every call since was answered."""

    def close(self) -> None:
        """Forget the session; calls of its processes that still come are answered ENOSYS by the kernel."""


class Observer(ABC):
    """Receives the listeners of observed launches and answers their calls."""

    @property
    @abstractmethod
    def listener_path(self) -> str:
        """What goes into an observed profile's `listenerPath`: a socket as the runtime sees it."""

    @abstractmethod
    def open(self, key: str, policy: Policy) -> Session:
        """Start to observe the launch whose profile carries `key` as its listenerMetadata. Raises InstrumentError."""

    @abstractmethod
    def check(self) -> None:
        """Raise InstrumentError when it is dead."""
