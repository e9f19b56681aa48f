"""One observed launch, as the pipeline holds it, while agents do the observing."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from profile_smoke.agent.documents import Seen, attempted_of, denial_of
from profile_smoke.errors import InstrumentError
from profile_smoke.model import PHASE_CREATE
from profile_smoke.observe.interface import NotHandedOverError, Session

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from profile_smoke.agent.connection import Connection
    from profile_smoke.model import Denial
    from profile_smoke.observe.record import Attempted


class NodeSession:
    """One launch, awaited by one node's agent. Everything raises InstrumentError when that agent is gone."""

    def __init__(self, connection: Connection, key: str, policy: Mapping[str, Any]) -> None:
        self._connection, self._key = connection, key
        connection.ask("open", key=key, policy=policy)
        self._opened = time.monotonic()

    @property
    def node(self) -> str:
        """Where it is awaited."""
        return self._connection.node

    def enter(self, phase: str) -> None:
        """What is refused from now on belongs to this phase."""
        self._connection.ask("phase", key=self._key, phase=phase)

    def check(self) -> None:
        """As `Session.check`."""
        self._connection.ask("check", key=self._key)

    def seen(self, started: float) -> Seen:
        """Everything until now; times count from `started`."""
        lines: list[Denial] = []
        names: list[Attempted] = []
        later_ms = (self._opened - started) * 1000

        def take(part: dict[str, Any]) -> None:
            lines.extend(denial_of(each, later_ms=later_ms) for each in part.get("denials", ()))
            names.extend(attempted_of(each) for each in part.get("attempted", ()))

        self._connection.ask("record", part=take, key=self._key)
        return Seen(tuple(lines), tuple(names))

    def close(self) -> None:
        """Await it no longer."""
        with suppress(InstrumentError):  # an agent that is gone awaits nothing
            self._connection.ask("close", key=self._key)


class FleetSession(Session):
    """One launch, awaited on several nodes until it has landed; a `Session`."""

    def __init__(self, sessions: Mapping[str, NodeSession], closed: Callable[[], object]) -> None:
        self._sessions, self._closed = dict(sessions), closed
        self.started = time.monotonic()
        self._phase = PHASE_CREATE
        self._seen = Seen()

    @property
    def record(self) -> Seen:
        """Fetched by `check`."""
        return self._seen

    @property
    def phase(self) -> str:
        """The phase that the launch is in; denials are noted with it. Setting it raises InstrumentError."""
        return self._phase

    @phase.setter
    def phase(self, phase: str) -> None:
        self._phase = phase
        for session in self._sessions.values():
            session.enter(phase)

    def landed(self, node: str) -> None:
        """Nobody but this node's agent waits any more. Raises InstrumentError when it does not."""
        if node not in self._sessions:
            raise InstrumentError(f"the pod landed on node {node}, where no agent observes it")
        for other in [name for name in self._sessions if name != node]:
            self._sessions.pop(other).close()

    def check(self) -> None:
        """Raise InstrumentError unless it was observed, on one node, and every call was answered; then `record` is whole."""
        observed = []
        failure: NotHandedOverError | None = None
        for session in self._sessions.values():
            try:
                session.check()
            except NotHandedOverError as error:
                failure = error
            else:
                observed.append(session)
        if not observed:
            raise failure or NotHandedOverError("no agent waits for it any more: nothing was observed")
        if len(observed) > 1:
            nodes = ", ".join(session.node for session in observed)
            raise InstrumentError(
                f"one launch was observed on several nodes ({nodes}): its calls cannot be told apart"
            )
        self._seen = observed[0].seen(self.started)

    def close(self) -> None:
        """Await it no longer; calls of its processes that still come are answered ENOSYS by the kernel."""
        for session in self._sessions.values():
            session.close()
        self._closed()
