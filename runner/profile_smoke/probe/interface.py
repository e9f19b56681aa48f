"""What a probe may see of a container, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence


@dataclass(frozen=True)
class ExecResult:
    """How a command in the container ended; `output` is stdout and stderr together, at most 64 KiB of it."""

    exit_code: int
    output: str


_SIGNALLED = 128


@dataclass(frozen=True)
class ExitState:
    """How the container's init ended: an exit code, or the signal that killed it (`SIGSYS`)."""

    exit_code: int | None = None
    signal: str | None = None

    def __str__(self) -> str:
        return f"killed by {self.signal}" if self.signal else f"exited with code {self.exit_code}"

    def is_orderly(self, codes: Sequence[int], signal: str) -> bool:
        """Whether it ended with one of these codes, or by the signal that was sent, as a program without a handler does.

        Shells and engines call the latter 128 + number, so it counts where a code above 128 is expected.
        """
        if self.exit_code is not None:
            return self.exit_code in codes
        return self.signal == f"SIG{signal}" and any(code > _SIGNALLED for code in codes)


class Surface(Protocol):
    """The part of a running container that probes use, whatever the target."""

    def connect(self, port: int, timeout: float) -> socket.socket:
        """A TCP connection to a port of the container. Raises OSError while nothing listens."""

    def exec(self, argv: Sequence[str], timeout: float) -> ExecResult:
        """Run a command in the container.

        Raises TimeoutError; a refused start is an ExecResult with code 126.
        """

    def logs(self) -> str:
        """The output so far, stdout and stderr together (head and tail where it is huge)."""

    def exited(self) -> ExitState | None:
        """None while the container's init lives."""


@dataclass(frozen=True)
class Attempt:
    """One try of a check: whether it held, and in a few words what was seen (`HTTP 502`)."""

    ok: bool
    detail: str
