"""A client's connection to the agent of one node: asks, waits for the answer, and keeps itself alive in between."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from profile_smoke import __version__
from profile_smoke.agent.documents import get, programs_of
from profile_smoke.agent.failures import failure_of
from profile_smoke.agent.wire import PROTOCOL, Channel, WireError
from profile_smoke.errors import InstrumentError, SmokeError

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from profile_smoke.agent.processes import Address
    from profile_smoke.profile.bpf import Program

PING_SECONDS = 3.0
_ANSWER_SECONDS = 30.0
"""Far longer than any request takes: reading a filter of a process that does not stop takes two seconds."""


@dataclass(frozen=True)
class Facts:
    """What an agent says of itself and its node."""

    version: str
    arch: str
    kernel: str
    listener: str
    filters_why_not: str


class AgentGoneError(InstrumentError):
    """The connection to an agent is broken; a new one may work."""


class Connection:
    """Open until `close`. Safe for use from several threads; requests are answered one after the other."""

    def __init__(self, node: str, run: str, stream: socket.socket) -> None:
        """Say hello. Raises InstrumentError, which names the node, when this does not get us an agent."""
        self.node, self.run = node, run
        self._channel = Channel(stream, timeout=_ANSWER_SECONDS)
        self._lock = threading.Lock()
        self._count = 0
        self._broken = ""
        self._closed = threading.Event()
        try:
            self.facts = self._hello()
        except BaseException:
            self._channel.close()
            raise
        self._pinging = threading.Thread(target=self._ping, name=f"agent-{node}", daemon=True)
        self._pinging.start()

    @property
    def where(self) -> str:
        """Who it is, in errors."""
        return f"the agent on node {self.node}"

    @property
    def broken(self) -> bool:
        """Whether nothing can be asked any more."""
        return bool(self._broken)

    def _hello(self) -> Facts:
        try:
            self._channel.send({"hello": PROTOCOL, "version": __version__, "run": self.run})
            answer = self._channel.receive()
            if "error" in answer:
                raise failure_of(get(answer, "error", dict), self.where)
            facts = get(answer, "ok", dict)
            return Facts(**{name: get(facts, name, str) for name in Facts.__dataclass_fields__})
        except WireError as error:
            raise InstrumentError(f"{self.where} does not answer as one: {error}") from None

    def ask(self, do: str, *, part: Callable[[dict[str, Any]], None] | None = None, **fields: Any) -> Any:
        """Ask for something, and wait for the answer; `part` gets what comes before it.

        Raises:
            AgentGoneError: the connection is broken.
            SmokeError: what the agent says.
        """
        with self._lock:
            if self._broken:
                raise AgentGoneError(f"{self.where} is gone: {self._broken}")
            self._count += 1
            try:
                answer = self._exchange({"id": self._count, "do": do, **fields}, part)
            except WireError as error:
                # Out of step for good: what comes next could be the answer to this.
                self._broken = str(error)
                self._channel.close()
                raise AgentGoneError(f"{self.where} is gone: {error}") from None
        if "error" in answer:
            raise failure_of(get(answer, "error", dict), self.where)
        return answer.get("ok")

    def _exchange(
        self, request: dict[str, Any], part: Callable[[dict[str, Any]], None] | None
    ) -> dict[str, Any]:
        self._channel.send(request)
        while True:
            answer = self._channel.receive()
            if answer.get("id") != request["id"] or ("part" in answer and part is None):
                raise WireError("an answer to something that nobody asked")
            if "part" not in answer or part is None:
                return answer
            part(get(answer, "part", dict))

    def install(self, name: str, content: str) -> str:
        """Put a profile there; the `localhostProfile` by which a pod names it. Raises DiskFullError, InstrumentError."""
        return str(self.ask("install", name=name, content=content))

    def remove(self, name: str) -> None:
        """Take a profile away. Raises InstrumentError."""
        self.ask("remove", name=name)

    def status(self, container: Address, *fields: str) -> dict[str, str | None]:
        """Fields of the /proc/PID/status of a container's first process. Raises ProcessGoneError, InstrumentError."""
        found = self.ask("status", container=container.container, pod=container.pod_uid, fields=list(fields))
        return {name: found.get(name) for name in fields}

    def filters(self, container: Address) -> tuple[Program, ...]:
        """The programs loaded for it, the most recently loaded first. Raises ProcessGoneError, InstrumentError."""
        return programs_of(self.ask("filters", container=container.container, pod=container.pod_uid))

    def signal(self, container: Address, name: str) -> None:
        """Send it a signal (`HUP`). Raises ProcessGoneError, InstrumentError."""
        self.ask("signal", container=container.container, pod=container.pod_uid, signal=name)

    def kill(self, pod_uid: str) -> None:
        """End every process of a pod of this run at once. Raises InstrumentError."""
        self.ask("kill", pod=pod_uid)

    def close(self, *, farewell: bool) -> None:
        """Hang up. With a farewell the agent removes what it has of this run, and has done so when this returns.

        An agent that is gone does so when it is back, and the run's lease has ended.
        """
        self._closed.set()
        try:
            if farewell:
                with suppress(AgentGoneError):
                    self.ask("farewell")
        finally:
            with self._lock:
                self._broken = self._broken or "closed"
                self._channel.close()
            self._pinging.join()

    def _ping(self) -> None:
        """Be heard of; a broken connection is noticed here as well, and told by the next `ask`."""
        while not self._closed.wait(PING_SECONDS) and not self._broken:
            try:
                self.ask("ping")
            except SmokeError:
                continue
