"""The wire between a client and an agent: JSON objects, each behind its length; one connection for each run and node.

A frame is four bytes, big endian, with the length of the UTF-8 text that follows. Nothing longer than `FRAME_LIMIT` is sent
or read: what is larger travels in parts.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from profile_smoke.errors import InstrumentError

if TYPE_CHECKING:
    from collections.abc import Mapping

PROTOCOL = 1
"""Both ends must speak the same: raise it with every change of a message that the other end would misread."""
PORT = 7337
FRAME_LIMIT = 4 << 20
_LENGTH = struct.Struct(">I")
_CHUNK = 1 << 16


class WireError(InstrumentError):
    """What came over the wire is not what the other end may send, or the wire is broken."""


class ClosedError(WireError):
    """The other end is gone."""


def frame(message: Mapping[str, Any]) -> bytes:
    """One message as it travels. Raises WireError where it is too long."""
    text = json.dumps(message, separators=(",", ":")).encode()
    if len(text) > FRAME_LIMIT:
        raise WireError(f"a message of {len(text)} bytes: at most {FRAME_LIMIT} are sent at once")
    return _LENGTH.pack(len(text)) + text


class Deframer:
    """Turns what arrives, in whatever pieces, into messages."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes) -> None:
        """Take what has arrived."""
        self._data += data

    def next(self) -> dict[str, Any] | None:
        """The next message that has arrived whole, None where there is none yet.

        Raises:
            WireError: it is too long, or no JSON object.
        """
        if len(self._data) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._data)
        if length > FRAME_LIMIT:
            raise WireError(f"a message of {length} bytes is announced: at most {FRAME_LIMIT} are read")
        end = _LENGTH.size + length
        if len(self._data) < end:
            return None
        text = bytes(self._data[_LENGTH.size : end])
        del self._data[:end]
        return _object(text)

    def finish(self) -> None:
        """Say that nothing more will arrive. Raises WireError where a message was cut off."""
        if self._data:
            raise WireError(
                f"the connection ended in the middle of a message, after {len(self._data)} bytes of it"
            )


def _object(text: bytes) -> dict[str, Any]:
    try:
        message = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise WireError(f"a message is not JSON: {error}") from None
    if not isinstance(message, dict):
        raise WireError(f"a message is no JSON object but {text[:40]!r}")
    return message


class Channel:
    """One end of a connection. One thread may receive while others send."""

    def __init__(self, stream: socket.socket, *, timeout: float) -> None:
        self._stream, self._frames, self._sending = stream, Deframer(), threading.Lock()
        stream.settimeout(timeout)

    def send(self, message: Mapping[str, Any]) -> None:
        """Send one message. Raises WireError, ClosedError."""
        data = frame(message)
        try:
            with self._sending:
                self._stream.sendall(data)
        except TimeoutError:
            raise WireError("the other end takes no message any more") from None
        except OSError as error:
            raise ClosedError(f"the connection broke: {error.strerror or error}") from None

    def receive(self) -> dict[str, Any]:
        """The next message.

        Raises:
            ClosedError: the other end is gone.
            WireError: nothing came for as long as the timeout says, a message was cut off or is none.
        """
        while (message := self._frames.next()) is None:
            try:
                data = self._stream.recv(_CHUNK)
            except TimeoutError:
                raise WireError("the other end is silent") from None
            except OSError as error:
                raise ClosedError(f"the connection broke: {error.strerror or error}") from None
            if not data:
                self._frames.finish()
                raise ClosedError("the connection was closed by the other end")
            self._frames.feed(data)
        return message

    def close(self) -> None:
        """Hang up; whoever waits in `receive` gets ClosedError."""
        with suppress(OSError):  # it is gone already
            self._stream.shutdown(socket.SHUT_RDWR)
        self._stream.close()
