"""Bytes over TCP. A connect alone proves nothing: a proxy may accept before the application listens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from profile_smoke.probe.exchange import NotYetError, brief, exchange

if TYPE_CHECKING:
    from profile_smoke.probe.interface import Surface
    from profile_smoke.scenario.model import TcpCheck

MAX_ANSWER = 1 << 20


def seen(check: TcpCheck, surface: Surface, timeout: float) -> str:
    """Send, then read until the expected bytes are there. Raises NotYetError when they do not come."""
    expected = check.expect.encode("latin-1")
    got = b""
    with exchange(surface, check.port, timeout) as sock:
        sock.sendall(check.send.encode("latin-1"))
        while expected not in got:
            chunk = sock.recv(65536)
            if not chunk:
                raise NotYetError(f"closed after {_told(got)}")
            got += chunk
            if len(got) > MAX_ANSWER:
                raise NotYetError(f"more than {MAX_ANSWER >> 20} MiB without the expected bytes")
    return f"the expected bytes among {len(got)}"


def _told(got: bytes) -> str:
    return f'{len(got)} bytes: "{brief(got[:60].decode("latin-1"))}"' if got else "no bytes"
