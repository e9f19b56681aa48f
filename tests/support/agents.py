"""A node agent in this process, on real sockets, with folders of its own; and the way to it."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from profile_smoke.agent.leases import Leases
from profile_smoke.agent.node import Node
from profile_smoke.agent.server import Server
from profile_smoke.agent.shelf import Shelf
from profile_smoke.errors import InstrumentError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Local:
    """A running agent: its folders, and the server to stop it by."""

    seccomp: Path
    port: int
    server: Server

    def dial(self, _node: str = "") -> socket.socket:
        """A stream to it, as a port-forward gives one."""
        try:
            return socket.create_connection(("127.0.0.1", self.port), timeout=5)
        except OSError as error:
            raise InstrumentError(f"nothing listens: {error}") from None


@contextmanager
def agent(
    folder: Path,
    *,
    name: str = "here",
    port: int = 0,
    lease: float = 30.0,
    silence: float = 20.0,
    reader: Path | None = None,
) -> Iterator[Local]:
    """One that serves within."""
    sockets = folder / "sockets"
    sockets.mkdir(exist_ok=True, parents=True)
    node = Node(name, Shelf(folder / "seccomp"), sockets, reader, silence=silence, leases=Leases(lease))
    with socket.create_server(("127.0.0.1", port)) as listening:
        server = Server(node, listening)
        thread = threading.Thread(target=server.serve, name="agent")
        thread.start()
        try:
            yield Local(folder / "seccomp", listening.getsockname()[1], server)
        finally:
            server.stop()
            thread.join()
