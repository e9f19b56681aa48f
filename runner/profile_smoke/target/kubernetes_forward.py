"""One TCP connection into a pod, over the client's WebSocket to the API server.

The client's own `PortForward` does not serve probes. It sleeps on data that came with the answer to its handshake, so that a
server that speaks first (MySQL) is never heard; it dies with a traceback when its user closes a connection with something
unread; and it leaves its WebSocket open then.
"""

from __future__ import annotations

import select
import socket
import threading
from contextlib import suppress
from typing import Any

_DATA, _ERROR = 0, 1
"""Channels of the one port; each begins with a message of the port's number (kubelet `portforward/websocket.go`)."""
_CHUNK = 1 << 16
_FRAME_SECONDS = 0.2
"""For the rest of a message; a TLS record without any content looks like the beginning of one."""
_TAKE_SECONDS = 30.0
_FAREWELL_SECONDS = 1


def forward(web: Any, name: str) -> socket.socket:
    """This end of a connection whose other end is in the pod; `web` is served, and closed, by a thread of its own.

    Connecting succeeds before anything listens in the pod: what is refused there shows as an end of the stream. Closing
    this end is all that there is to do.
    """
    outer, inner = socket.socketpair()
    pump = _Pump(web, inner)
    threading.Thread(target=pump.run, name=f"forward-{name}", daemon=True).start()
    return outer


class _Pump:
    """Alone touches the WebSocket: while a thread reads from a descriptor, its number must not become another's."""

    def __init__(self, web: Any, inner: socket.socket) -> None:
        self._web, self._inner = web, inner
        self._begun: set[int] = set()

    def run(self) -> None:
        """Carry data both ways until one end closes."""
        try:
            with suppress(OSError):  # our end was closed with something unread
                self._inner.settimeout(_TAKE_SECONDS)
                self._web.settimeout(_FRAME_SECONDS)
                while self._turn():
                    pass
        finally:
            self._inner.close()
            with suppress(Exception):  # the server may be gone, and then there is nobody to say farewell to
                self._web.close(timeout=_FAREWELL_SECONDS)
            self._web.shutdown()

    def _turn(self) -> bool:
        """Wait for either side and serve it; False at the end."""
        ours, theirs = self._inner.fileno(), self._web.fileno()
        ready = {theirs} if self._pending() else self._wait(ours, theirs)
        if theirs in ready and not self._from_pod():
            return False
        return ours not in ready or self._to_pod()

    def _pending(self) -> bool:
        """Whether TLS has read more than was taken from it: the descriptor does not tell."""
        pending = getattr(self._web.sock, "pending", None)
        return bool(pending and pending())

    @staticmethod
    def _wait(*descriptors: int) -> set[int]:
        poll = select.poll()
        for descriptor in descriptors:
            poll.register(descriptor, select.POLLIN)
        return {descriptor for descriptor, _ in poll.poll()}

    def _to_pod(self) -> bool:
        import websocket

        data = self._inner.recv(_CHUNK)
        if not data:
            return False
        try:
            self._web.send_binary(bytes([_DATA]) + data)
        except websocket.WebSocketException:
            return False
        return True

    def _from_pod(self) -> bool:
        """Take one message. The rest of one that is not there yet comes with a later turn."""
        import websocket

        try:
            code, frame = self._web.recv_data_frame(control_frame=True)
        except websocket.WebSocketTimeoutException:
            return True
        except websocket.WebSocketException:
            return False
        if code == websocket.ABNF.OPCODE_CLOSE:
            return False
        return code != websocket.ABNF.OPCODE_BINARY or not frame.data or self._deliver(frame.data)

    def _deliver(self, message: bytes) -> bool:
        channel = message[0]
        if channel not in (_DATA, _ERROR):
            return False
        if channel not in self._begun:
            self._begun.add(channel)
            return True
        if channel == _ERROR:
            return False
        self._inner.sendall(message[1:])
        return True
