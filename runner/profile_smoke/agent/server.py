"""The agent's server: one thread for each client, one that clears up behind dead ones."""

from __future__ import annotations

import socket
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from profile_smoke.agent.conversation import Conversation
from profile_smoke.agent.wire import Channel, ClosedError, WireError
from profile_smoke.errors import SmokeError

if TYPE_CHECKING:
    from profile_smoke.agent.node import Node

MOST_CLIENTS = 64
_LOOK_SECONDS = 1.0
_GONE_SECONDS = 10.0


def listen(port: int) -> socket.socket:
    """A socket that only this network namespace reaches: from elsewhere, the API server's port-forward is the way in."""
    return socket.create_server(("127.0.0.1", port), backlog=MOST_CLIENTS)


class Server:
    """Serves clients on a listening socket, until it is stopped or fails."""

    def __init__(self, node: Node, listening: socket.socket) -> None:
        self._node, self._listening = node, listening
        self._lock = threading.Lock()
        self._clients: set[Conversation] = set()
        self._by_run: dict[str, Conversation] = {}
        self._stop = threading.Event()

    def serve(self) -> None:
        """Until `stop`. Raises OSError when the node fails it."""
        self._node.take_over()
        clearing = threading.Thread(target=self._clear, name="leases", daemon=True)
        clearing.start()
        try:
            while not self._stop.is_set():
                try:
                    stream, _ = self._listening.accept()
                except OSError:
                    if self._stop.is_set():
                        return
                    raise
                self._admit(stream)
        finally:
            self.stop()
            clearing.join()

    def stop(self) -> None:
        """From any thread: hang up on everybody. Their profiles stay for the agent's next life, or their leases' end."""
        self._stop.set()
        with suppress(OSError):  # it wakes `accept`; not listening any more is what is wanted
            self._listening.shutdown(socket.SHUT_RDWR)
        with self._lock:
            clients = list(self._clients)
        for client in clients:
            client.hang_up()
            client.done.wait(_GONE_SECONDS)

    def _admit(self, stream: socket.socket) -> None:
        with self._lock:
            full = len(self._clients) >= MOST_CLIENTS
            conversation = Conversation(self._node, Channel(stream, timeout=self._node.silence))
            if not full:
                self._clients.add(conversation)
        if full:
            _say(f"refused a client: {MOST_CLIENTS} are being served")
            conversation.hang_up()
            return
        threading.Thread(target=self._talk, args=(conversation,), name="client", daemon=True).start()

    def _talk(self, conversation: Conversation) -> None:
        run = ""
        try:
            run = conversation.greet()
            self._supersede(run, conversation)
            _say(f"{run}: connected")
            conversation.hold()
            _say(f"{run}: done")
        except ClosedError as error:
            # Without a hello it was somebody who only looks whether we listen.
            if run:
                _say(f"{run}: gone: {error}")
        except (SmokeError, OSError) as error:
            _say(f"{run or 'a client'}: {error}")
        finally:
            conversation.hang_up()
            with self._lock:
                self._clients.discard(conversation)
                if self._by_run.get(run) is conversation:
                    del self._by_run[run]
            conversation.done.set()

    def _supersede(self, run: str, conversation: Conversation) -> None:
        """A client that comes back may be here before its broken connection is noticed.

        Raises:
            WireError: the old one does not end.
        """
        with self._lock:
            before = self._by_run.get(run)
            self._by_run[run] = conversation
        if before is not None:
            before.hang_up()
            if not before.done.wait(_GONE_SECONDS):
                raise WireError("an earlier connection of the same run does not end")

    def _clear(self) -> None:
        while not self._stop.wait(_LOOK_SECONDS):
            try:
                for run in self._node.clear_due():
                    _say(f"{run}: its client did not come back; its profiles are removed")
            except OSError as error:
                _say(f"clearing up: {error}")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201  the container's log
