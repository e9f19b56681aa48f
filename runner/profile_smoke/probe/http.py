"""HTTP over a connection that the target hands us."""

from __future__ import annotations

import http.client
from dataclasses import dataclass
from typing import TYPE_CHECKING

from profile_smoke.probe.exchange import NotYetError, brief, exchange

if TYPE_CHECKING:
    from profile_smoke.probe.interface import Surface
    from profile_smoke.scenario.model import HttpCheck

MAX_BODY = 16 << 20


@dataclass(frozen=True)
class Answer:
    """A whole response. `body` is decoded from its transfer encoding, and at most `MAX_BODY` bytes long."""

    status: int
    body: bytes


def get(surface: Surface, port: int, path: str, timeout: float) -> Answer:
    """GET a path, the whole of it within `timeout` seconds. Raises NotYetError."""
    with exchange(surface, port, timeout) as sock:
        connection = http.client.HTTPConnection("localhost", port)
        connection.sock = sock
        try:
            connection.request("GET", path, headers={"User-Agent": "profile-smoke", "Connection": "close"})
            with connection.getresponse() as response:
                body = response.read(MAX_BODY + 1)
                missing = response.length
        except http.client.HTTPException as error:
            raise NotYetError(_http_problem(error)) from error
        except ValueError as error:  # what http.client lets through for a malformed chunk size or length
            raise NotYetError(f"not HTTP: {brief(str(error))}") from error
    if len(body) > MAX_BODY:
        raise NotYetError(f"HTTP {response.status} with a body of more than {MAX_BODY >> 20} MiB")
    if missing:  # a bounded read does not complain of a body that ends early
        raise NotYetError(f"HTTP {response.status}, the body ended {missing} bytes early")
    return Answer(response.status, body)


def seen(check: HttpCheck, surface: Surface, timeout: float) -> str:
    """The status and length of the answer when it is the one that was expected. Raises NotYetError."""
    answer = get(surface, check.port, check.path, timeout)
    if answer.status != check.status:
        raise NotYetError(f"HTTP {answer.status} instead of {check.status}")
    if check.body_bytes is not None and len(answer.body) != check.body_bytes:
        raise NotYetError(f"HTTP {answer.status} with {len(answer.body)} bytes instead of {check.body_bytes}")
    if check.body_contains is not None and check.body_contains.encode() not in answer.body:
        start = brief(answer.body[:60].decode(errors="replace"))
        raise NotYetError(
            f'HTTP {answer.status} without "{check.body_contains}" in its body, which begins "{start}"'
        )
    return f"HTTP {answer.status}, {len(answer.body)} bytes"


def _http_problem(error: http.client.HTTPException) -> str:
    if isinstance(error, http.client.RemoteDisconnected):
        return "closed without an answer"
    if isinstance(error, http.client.BadStatusLine):
        return f'not HTTP: "{brief(str(error))[:60]}"'
    if isinstance(error, http.client.IncompleteRead):
        return f"the body ended early, after {len(error.partial)} bytes"
    return f"not HTTP: {brief(str(error)) or type(error).__name__}"
