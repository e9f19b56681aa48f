"""Redis: its protocol is small enough to be spoken here, and a driver would own the connection.

Source: the Redis serialization protocol specification, version 2 (RESP2), which every server answers to until
HELLO 3.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, BinaryIO

from profile_smoke.probe.exchange import NotYetError, brief, exchange

if TYPE_CHECKING:
    from collections.abc import Sequence

    from profile_smoke.probe.interface import Surface
    from profile_smoke.scenario.model import RedisCheck

MAX_LINE = 64 << 10
MAX_BULK = 16 << 20
MAX_DEPTH = 8
_LENGTH = re.compile(r"-1|[0-9]{1,10}")


def seen(check: RedisCheck, surface: Surface, timeout: float) -> str:
    """Run the commands in order; the last answer's text when it is the expected one. Raises NotYetError."""
    with exchange(surface, check.port, timeout) as sock, sock.makefile("rb") as stream:
        answer = ""
        for command in check.commands:
            sock.sendall(encode(command))
            try:
                answer = decode(stream)
            except ServerError as error:
                raise NotYetError(f"{command[0]}: {brief(str(error))}") from error
    if answer != check.expect:
        raise NotYetError(
            f'{check.commands[-1][0]} gave "{brief(answer)}" instead of "{brief(check.expect)}"'
        )
    return f"{check.commands[-1][0]} gave the expected answer"


class ServerError(Exception):
    """The server answered with an error, such as `LOADING Redis is loading the dataset in memory`."""


def encode(command: Sequence[str]) -> bytes:
    """A command as an array of bulk strings."""
    words = [word.encode() for word in command]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


def decode(stream: BinaryIO, depth: int = 0) -> str:
    """One answer as text: an array's items are joined by spaces, nothing is `(nil)`.

    Raises:
        ServerError: the answer is an error.
        NotYetError: it is no RESP, or ends early.
    """
    line = stream.readline(MAX_LINE)
    kind, rest = line[:1], line[1:].rstrip(b"\r\n").decode(errors="replace")
    if not line.endswith(b"\r\n"):
        raise NotYetError("closed in the middle of an answer" if line else "closed without an answer")
    match kind:
        case b"+" | b":":
            return rest
        case b"-":
            raise ServerError(rest)
        case b"$":
            length = _length(rest, MAX_BULK)
            return "(nil)" if length < 0 else _bulk(stream, length)
        case b"*" if depth < MAX_DEPTH:
            length = _length(rest, MAX_LINE)
            return "(nil)" if length < 0 else " ".join(decode(stream, depth + 1) for _ in range(length))
        case _:
            raise NotYetError(f'not the Redis protocol: "{brief(line[:40].decode(errors="replace"))}"')


def _length(digits: str, most: int) -> int:
    if not _LENGTH.fullmatch(digits):
        raise NotYetError(f'not the Redis protocol: "{brief(digits[:40])}" as a length')
    if int(digits) > most:
        raise NotYetError(f"an answer of {digits} bytes or items, which is more than is read here")
    return int(digits)


def _bulk(stream: BinaryIO, length: int) -> str:
    data = stream.read(length + 2)
    if len(data) < length + 2:
        raise NotYetError("closed in the middle of an answer")
    return data[:-2].decode(errors="replace")
