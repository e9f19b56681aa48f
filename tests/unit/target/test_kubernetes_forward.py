"""A connection into a pod over a WebSocket: what comes is heard, and every end is an end."""

from __future__ import annotations

import queue
import socket
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import websocket
from websocket import ABNF

from profile_smoke.target.kubernetes_forward import forward

if TYPE_CHECKING:
    from collections.abc import Iterator


class FakeWeb:
    """A WebSocket whose messages are put into it; `early` are those that TLS has read before anyone looks."""

    def __init__(self, *early: bytes) -> None:
        self._ours, self._theirs = socket.socketpair()
        self._early = list(early)
        self._late: queue.Queue[bytes | Exception | None] = queue.Queue()
        self.sent: queue.Queue[bytes] = queue.Queue()
        self.shut = threading.Event()
        self.sock = SimpleNamespace(pending=lambda: len(self._early))

    def fileno(self) -> int:
        return self._ours.fileno()

    def settimeout(self, seconds: float) -> None:
        del seconds

    def put(self, message: bytes | Exception | None) -> None:
        self._late.put(message)
        self._theirs.send(b"x")

    def recv_data_frame(self, *, control_frame: bool) -> tuple[int, Any]:
        assert control_frame
        if self._early:
            message: bytes | Exception | None = self._early.pop(0)
        else:
            self._ours.recv(1)
            message = self._late.get()
        if isinstance(message, Exception):
            raise message
        if message is None:
            return ABNF.OPCODE_CLOSE, SimpleNamespace(data=b"")
        return ABNF.OPCODE_BINARY, SimpleNamespace(data=message)

    def send_binary(self, data: bytes) -> None:
        self.sent.put(data)

    def close(self, timeout: float) -> None:
        del timeout

    def shutdown(self) -> None:
        self._ours.close()
        self._theirs.close()
        self.shut.set()


BEGIN = (b"\x00\x50\x00", b"\x01\x50\x00")
"""The port's number, on either channel."""


@pytest.fixture
def connection(request: pytest.FixtureRequest) -> Iterator[tuple[FakeWeb, socket.socket]]:
    web = FakeWeb(*BEGIN, *getattr(request, "param", ()))
    ours = forward(web, "test")
    ours.settimeout(5)
    yield web, ours
    ours.close()
    assert web.shut.wait(5), "the WebSocket was left open"


Connection = tuple[FakeWeb, socket.socket]


@pytest.mark.parametrize("connection", [(b"\x00I speak first",)], indirect=True)
def test_a_server_that_speaks_first_is_heard(connection: Connection) -> None:
    """What came with the answer to the handshake, of which the descriptor tells nothing."""
    assert connection[1].recv(100) == b"I speak first"


def test_both_ways(connection: Connection) -> None:
    """Bytes as they are."""
    web, ours = connection
    ours.sendall(bytes(range(256)))
    assert web.sent.get(timeout=5) == b"\x00" + bytes(range(256))
    web.put(b"\x00answer")
    assert ours.recv(100) == b"answer"


@pytest.mark.parametrize(
    "end", [None, b"\x01dial tcp 127.0.0.1:80: refused", websocket.WebSocketConnectionClosedException("gone")]
)
def test_an_end_over_there_is_an_end_here(connection: Connection, end: Any) -> None:
    """Closed, refused by the kubelet, or broken."""
    web, ours = connection
    web.put(end)
    assert ours.recv(100) == b""


def test_a_message_that_is_not_whole_yet_is_waited_for(connection: Connection) -> None:
    """A TLS record may hold nothing of it."""
    web, ours = connection
    web.put(websocket.WebSocketTimeoutException("later"))
    web.put(b"\x00whole")
    assert ours.recv(100) == b"whole"


def test_closing_with_something_unread_ends_it(connection: Connection) -> None:
    """No traceback, and nothing left open: the fixture looks."""
    web, ours = connection
    web.put(b"\x00never read")
    ours.close()
    assert web.shut.wait(5)
