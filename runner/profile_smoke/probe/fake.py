"""A container that is only scripted: sockets to handlers in this process, a log, results, an exit."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Self

from profile_smoke.probe.interface import ExecResult, ExitState

Handler = Callable[[socket.socket], None]
"""Serves one connection; the socket is closed when it returns."""


class FakeSurface:
    """A `Surface` whose every answer is given. Leaving it as a context manager waits for its handlers.

    Args:
        servers: by port, what serves a connection, each on its own thread; other ports refuse.
        commands: by argv, the result, or the exception to raise; others are not found (exit code 127).
        log: the output so far; may be assigned later, as `exit` may.
    """

    def __init__(
        self,
        *,
        servers: Mapping[int, Handler] | None = None,
        commands: Mapping[tuple[str, ...], ExecResult | Exception] | None = None,
        log: str = "",
        exit: ExitState | None = None,  # noqa: A002  the word that ExitState is about
    ) -> None:
        self.servers = dict(servers or {})
        self.commands = dict(commands or {})
        self.log, self.exit = log, exit
        self.connected: list[int] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self._threads:
            thread.join()

    def connect(self, port: int, timeout: float) -> socket.socket:
        """One end of a socket pair whose other end the port's handler has."""
        self.connected.append(port)
        if port not in self.servers:
            raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
        ours, theirs = socket.socketpair()
        ours.settimeout(timeout)
        thread = threading.Thread(target=_serve, args=(self.servers[port], theirs), daemon=True)
        self._threads.append(thread)
        thread.start()
        return ours

    def exec(self, argv: Sequence[str], timeout: float) -> ExecResult:
        """The scripted result."""
        del timeout
        result = self.commands.get(tuple(argv), ExecResult(127, f"{argv[0]}: not found"))
        if isinstance(result, Exception):
            raise result
        return result

    def logs(self) -> str:
        """The scripted output."""
        return self.log

    def exited(self) -> ExitState | None:
        """The scripted end."""
        return self.exit


def _serve(handler: Handler, connection: socket.socket) -> None:
    with connection, contextlib.suppress(ConnectionError):  # the client may leave first, as real ones do
        handler(connection)
