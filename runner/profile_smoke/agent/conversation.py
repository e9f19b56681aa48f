"""What an agent does for one client: answers its requests in their order, observes its launches, and cleans up behind it.

A request is `{"id", "do", ...}`; it is answered by `{"id", "ok"}` or `{"id", "error": {"kind", "text"}}`, before the former
by any number of `{"id", "part"}`. The first message is the client's `{"hello": PROTOCOL, "version", "run"}`.
"""

from __future__ import annotations

import platform
import threading
from typing import TYPE_CHECKING, Any

from profile_smoke import __version__
from profile_smoke.agent import processes, reader
from profile_smoke.agent.documents import (
    attempted_document,
    denial_document,
    get,
    policy_of,
    programs_document,
)
from profile_smoke.agent.failures import failure_document
from profile_smoke.agent.shelf import checked_run
from profile_smoke.agent.wire import PROTOCOL, Channel, WireError
from profile_smoke.errors import InstrumentError, SmokeError
from profile_smoke.observe.supervisor import Supervisor
from profile_smoke.syscall import tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from profile_smoke.agent.node import Node
    from profile_smoke.agent.processes import Address
    from profile_smoke.observe.supervisor import LocalSession

_AT_ONCE = 64
"""Lines of a record in one part: one has a few hundred bytes, at most some kilobytes."""
MOST_SESSIONS = 256


class Conversation:
    """One connection's. `run` is empty until the client has said hello."""

    def __init__(self, node: Node, channel: Channel) -> None:
        self._node, self._channel = node, channel
        self._supervisor: Supervisor | None = None
        self._sessions: dict[str, LocalSession] = {}
        self._farewell = False
        self.run = ""
        self.done = threading.Event()

    def greet(self) -> str:
        """Read the client's hello: the id of its run.

        Raises:
            WireError: it is none, or of a client that speaks another protocol; it has been told.
        """
        hello = self._channel.receive()
        try:
            _refuse_other_protocols(hello)
            self.run = checked_run(get(hello, "run", str))
        except WireError as error:
            self._channel.send({"error": failure_document(error)})
            raise
        return self.run

    def hold(self) -> None:
        """Serve until the client goes. Raises WireError when it does so without a farewell, or sends nonsense."""
        node, run = self._node, self.run
        path = node.listener(run)
        path.unlink(missing_ok=True)
        node.leases.hold(run)
        try:
            with Supervisor(path) as self._supervisor:
                self._channel.send({"ok": self._facts()})
                while not self._farewell:
                    self._serve(self._channel.receive())
        finally:
            if not self._farewell:
                node.leases.release(run)

    def hang_up(self) -> None:
        """From another thread: end it."""
        self._channel.close()

    def _facts(self) -> dict[str, Any]:
        node = self._node
        return {
            "version": __version__,
            "node": node.name,
            "arch": tables.native(),
            "kernel": platform.release(),
            "listener": str(node.listener(self.run)),
            "filters_why_not": reader.why_not(node.reader)
            if node.reader
            else "the agent runs without a reader",
        }

    def _serve(self, request: Mapping[str, Any]) -> None:
        ident = get(request, "id", int)
        try:
            action = self._actions.get(get(request, "do", str))
            if action is None:
                raise WireError(f"{request['do']!r:.40} is nothing that can be asked for")
            answer: dict[str, Any] = {"id": ident, "ok": action(request)}
        except (SmokeError, OSError) as error:
            answer = {"id": ident, "error": failure_document(error)}
        self._channel.send(answer)

    @property
    def _actions(self) -> Mapping[str, Callable[[Mapping[str, Any]], Any]]:
        return {
            "ping": self._ping,
            "install": self._install,
            "remove": self._remove,
            "open": self._open,
            "phase": self._phase,
            "check": self._check,
            "record": self._record,
            "close": self._close,
            "status": self._status,
            "filters": self._filters,
            "signal": self._signal,
            "kill": self._kill,
            "uninstall": self._uninstall,
            "farewell": self._bid_farewell,
        }

    def _ping(self, _request: Mapping[str, Any]) -> None:
        self._live.check()

    @property
    def _live(self) -> Supervisor:
        if self._supervisor is None:
            raise InstrumentError("there is no supervisor")
        return self._supervisor

    def _install(self, request: Mapping[str, Any]) -> str:
        content = get(request, "content", str).encode()
        return self._node.shelf.install(self.run, get(request, "name", str), content)

    def _remove(self, request: Mapping[str, Any]) -> None:
        self._node.shelf.remove(self.run, get(request, "name", str))

    def _open(self, request: Mapping[str, Any]) -> None:
        key = get(request, "key", str)
        if key in self._sessions or len(self._sessions) >= MOST_SESSIONS:
            raise WireError(f"{key}: it is observed already, or {MOST_SESSIONS} others are")
        self._sessions[key] = self._live.open(key, policy_of(get(request, "policy", dict)))

    def _session(self, request: Mapping[str, Any]) -> LocalSession:
        key = get(request, "key", str)
        if key not in self._sessions:
            raise WireError(f"{key}: nothing of that name is observed")
        return self._sessions[key]

    def _phase(self, request: Mapping[str, Any]) -> None:
        self._session(request).phase = get(request, "phase", str)

    def _check(self, request: Mapping[str, Any]) -> None:
        self._session(request).check()

    def _record(self, request: Mapping[str, Any]) -> None:
        """Send it in parts: how long it is, the workload decides."""
        record = self._session(request).record
        for lines in _parts([denial_document(each) for each in record.denials()]):
            self._channel.send({"id": request["id"], "part": {"denials": lines}})
        for lines in _parts([attempted_document(each) for each in record.attempted()]):
            self._channel.send({"id": request["id"], "part": {"attempted": lines}})

    def _close(self, request: Mapping[str, Any]) -> None:
        self._session(request).close()
        del self._sessions[request["key"]]

    def _address(self, request: Mapping[str, Any]) -> Address:
        return processes.address(get(request, "container", str), get(request, "pod", str), self.run)

    def _status(self, request: Mapping[str, Any]) -> dict[str, str | None]:
        return processes.status(self._address(request), [str(name) for name in get(request, "fields", list)])

    def _filters(self, request: Mapping[str, Any]) -> list[str]:
        if self._node.reader is None:
            raise InstrumentError("the agent runs without a reader of filters")
        return programs_document(reader.filters(self._node.reader, self._address(request)))

    def _signal(self, request: Mapping[str, Any]) -> None:
        processes.send(self._address(request), get(request, "signal", str))

    def _kill(self, request: Mapping[str, Any]) -> None:
        processes.kill_pod(get(request, "pod", str), self.run)

    def _uninstall(self, _request: Mapping[str, Any]) -> None:
        """Take the agent's own profile away: its pod is about to be."""
        if others := sorted(self._node.leases.held() - {self.run}):
            raise InstrumentError(f"it serves other runs: {', '.join(others)}")
        self._node.shelf.remove_own()

    def _bid_farewell(self, _request: Mapping[str, Any]) -> None:
        """Clear up before it is answered, so that a client that has gone has left nothing."""
        self._node.clear(self.run)
        self._farewell = True


def _refuse_other_protocols(hello: Mapping[str, Any]) -> None:
    spoken = get(hello, "hello", int)
    if spoken != PROTOCOL:
        raise WireError(
            f"the agent speaks protocol {PROTOCOL} (profile-smoke {__version__}), the client {spoken} "
            f"(profile-smoke {hello.get('version')}): profile-smoke agent install replaces the agent"
        )


def _parts(lines: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    for start in range(0, len(lines), _AT_ONCE):
        yield lines[start : start + _AT_ONCE]
