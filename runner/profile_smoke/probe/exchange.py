"""One conversation with a port of the container, cut at its deadline whatever the driver is doing."""

from __future__ import annotations

import errno
import os
import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from profile_smoke.probe.interface import Surface

MAX_DETAIL = 160


class NotYetError(Exception):
    """The check did not hold; the message says in a few words what was seen instead."""


@contextmanager
def exchange(surface: Surface, port: int, timeout: float) -> Iterator[socket.socket]:
    """A connection that is shut down `timeout` seconds from now: a server that drips bytes cannot hold us.

    Socket timeouts bound each receive, not the conversation, and drivers (TLS included) set their own: a
    timer on a duplicate of the descriptor ends them all alike.

    Raises:
        NotYetError: for every OSError from connecting to closing, and for the deadline.
    """
    deadline = time.monotonic() + timeout
    try:
        sock = surface.connect(port, timeout)
    except OSError as error:
        raise NotYetError(os_problem(error, timeout)) from error
    with _closed(sock), sock.dup() as guard:
        expired = threading.Event()
        timer = threading.Timer(max(deadline - time.monotonic(), 0.0), _cut, (guard, expired))
        timer.daemon = True
        timer.start()
        try:
            sock.settimeout(None)
            yield sock
        except (OSError, NotYetError) as error:
            if expired.is_set():
                raise NotYetError(_late(timeout)) from error
            if isinstance(error, OSError):
                raise NotYetError(os_problem(error, timeout)) from error
            raise
        finally:
            timer.cancel()
            timer.join()


@contextmanager
def _closed(sock: socket.socket) -> Iterator[None]:
    """Close it at the end, whatever a driver has made of it.

    What `makefile` gave keeps a socket open beyond `close`, and where a driver fails it lies in a cycle with the exception
    until the garbage collector comes by: readiness is asked for many times a second.
    """
    try:
        yield
    finally:
        if (descriptor := sock.detach()) != -1:
            os.close(descriptor)


def os_problem(error: OSError, timeout: float) -> str:
    """An operating system error in a few words: `connection refused`, `no answer within 2 s`."""
    if isinstance(error, TimeoutError) or error.errno in (errno.ETIMEDOUT, errno.EAGAIN):
        return _late(timeout)
    if isinstance(error, socket.gaierror):
        return brief(error.strerror or str(error))
    if error.errno is not None and error.errno > 0 and error.errno in errno.errorcode:
        return os.strerror(error.errno).lower()
    return brief(str(error))


def brief(text: str) -> str:
    """Foreign text on one line, without control characters, cut where it is long."""
    flat = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return flat if len(flat) <= MAX_DETAIL else flat[: MAX_DETAIL - 3] + "..."


def _late(timeout: float) -> str:
    return f"no full answer within {timeout:.3g} s"


def _cut(guard: socket.socket, expired: threading.Event) -> None:
    expired.set()
    try:
        guard.shutdown(socket.SHUT_RDWR)
    except OSError as error:
        if error.errno != errno.ENOTCONN:
            raise
