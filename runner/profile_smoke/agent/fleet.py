"""The agents of a cluster's nodes, as one observer: a pod lands wherever the scheduler puts it, and is seen there.

A launch is awaited on every node until it is known where its pod has landed. An agent that was lost is dialled again for the
launches that come; what it was observing when it was lost stays an error.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Self, TypeVar

from profile_smoke.agent.connection import Connection
from profile_smoke.agent.documents import policy_document
from profile_smoke.agent.sessions import FleetSession, NodeSession
from profile_smoke.errors import InstrumentError
from profile_smoke.observe.interface import Observer
from profile_smoke.syscall import tables

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from socket import socket

    from profile_smoke.observe.policy import Policy

T = TypeVar("T")
_AT_ONCE = 16
_RETRY_SECONDS, _PAUSE_SECONDS = 20.0, 0.5
"""How long an agent that was lost is waited for: its container is started again within seconds."""


class Fleet(Observer):
    """Connections to the agents of `nodes`. A context manager; at its end nothing of the run is left on them.

    `dial` gives a stream to the agent of a node, and raises InstrumentError where it cannot; `knows` is whether the nodes'
    libseccomp knows a name. Safe for use from several threads.
    """

    def __init__(
        self, nodes: Collection[str], run: str, dial: Callable[[str], socket], knows: Callable[[str], bool]
    ) -> None:
        self.nodes = tuple(nodes)
        self._run, self._dial, self._knows = run, dial, knows
        self._locks = {node: threading.Lock() for node in nodes}
        self._connections: dict[str, Connection] = {}
        self._profiles: dict[str, str] = {}
        self._sessions: dict[str, FleetSession] = {}
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="agents")

    def __enter__(self) -> Self:
        try:
            self._everywhere(self._connect)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        def leave(node: str) -> None:
            if (connection := self._connections.pop(node, None)) is not None:
                connection.close(farewell=True)

        try:
            self._everywhere(leave, self.nodes)
        finally:
            self._pool.shutdown()

    @property
    def listener_path(self) -> str:
        """The same on every node: profiles are the same everywhere."""
        return next(iter(self._connections.values())).facts.listener

    def on(self, node: str) -> Connection:
        """The connection to the agent of a node, made anew where it is broken.

        Raises:
            InstrumentError: there is none on this node, or none that answers.
        """
        if node not in self._locks:
            raise InstrumentError(
                f"no agent runs on node {node}, so nothing there can be observed or read: profile-smoke agent status"
            )
        with self._locks[node]:
            connection = self._connections.get(node)
            if connection is None or connection.broken:
                connection = self._again(node)
            return connection

    def install(self, name: str, content: str) -> str:
        """Put a profile on every node; its `localhostProfile`. Raises DiskFullError, InstrumentError naming the node."""
        self._profiles[name] = content
        return self._everywhere(lambda node: self.on(node).install(name, content))[0]

    def remove(self, name: str) -> None:
        """Take a profile away from every node. Raises InstrumentError."""
        self._profiles.pop(name, None)
        self._everywhere(lambda node: self.on(node).remove(name))

    def open(self, key: str, policy: Policy) -> FleetSession:
        """Await a launch on every node. Raises InstrumentError."""
        document = policy_document(policy, self._knows)
        sessions = self._everywhere(lambda node: NodeSession(self.on(node), key, document))
        session = FleetSession({each.node: each for each in sessions}, lambda: self._sessions.pop(key, None))
        self._sessions[key] = session
        return session

    def landed(self, key: str, node: str) -> None:
        """The pod of a launch is on this node: nobody else waits for it any more; nothing happens where it is not observed.

        Raises:
            InstrumentError: no agent waits there.
        """
        if (session := self._sessions.get(key)) is not None:
            session.landed(node)

    def check(self) -> None:
        """Raise InstrumentError when a node's supervisor is dead."""
        self._everywhere(lambda node: self.on(node).ask("ping"))

    def _everywhere(self, act: Callable[[str], T], nodes: Iterable[str] | None = None) -> list[T]:
        """Do something for every node, side by side; the first failure is raised when all are done."""
        futures = [self._pool.submit(act, node) for node in (self.nodes if nodes is None else nodes)]
        wait(futures)
        return [future.result() for future in futures]

    def _connect(self, node: str) -> Connection:
        connection = Connection(node, self._run, self._dial(node))
        if connection.facts.arch != tables.native():
            connection.close(farewell=True)
            raise InstrumentError(
                f"node {node} is {connection.facts.arch}, this machine {tables.native()}: profiles are resolved for "
                "the machine that this program runs on; run it on one like the node"
            )
        self._connections[node] = connection
        return connection

    def _again(self, node: str) -> Connection:
        deadline = time.monotonic() + _RETRY_SECONDS
        while True:
            try:
                connection = self._connect(node)
            except InstrumentError:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(_PAUSE_SECONDS)
                continue
            for name, content in tuple(self._profiles.items()):
                connection.install(name, content)
            return connection
