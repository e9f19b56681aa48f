r"""A scenario from the words of a command line, for an image that has no file.

A check is one word: its kind, a colon, and what it is about:

http:PORT[/PATH]      GET it; the answer must be 200
tcp:PORT:TEXT         connect; TEXT must come without being asked for (escapes such as \r\n and \xff are bytes)
redis:PORT            PING must be answered by PONG
log:REGEX             the output must hold it
exec:PROGRAM [ARG...] run it in the container (quoted as in a shell, but no shell runs); it must exit with 0
"""

from __future__ import annotations

import codecs
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from profile_smoke.errors import UsageError
from profile_smoke.scenario.checks import check_port
from profile_smoke.scenario.model import (
    Check,
    ExecCheck,
    HttpCheck,
    LogCheck,
    Probe,
    Ready,
    RedisCheck,
    Scenario,
    Start,
    Stop,
    TcpCheck,
)
from profile_smoke.scenario.values import MAX_BYTE, UnfitError, absolute_path, nearest, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_LAST_PORT = 65535
_ENDED_BY_TERM = (0, 2, 143)
"""How an image ends by SIGTERM: by a handler of its own; in Go without one, as process 1, which the kernel spares that
signal, whereupon Go's run time exits with 2; otherwise by the signal."""


def check(text: str) -> Check:
    """The check that is meant.

    Raises:
        UnfitError: it is none; the message says what would be right.
    """
    kind, colon, rest = text.partition(":")
    if kind not in _KINDS:
        raise UnfitError(f"{shown(kind)} is no kind of check; {nearest(kind, _KINDS)}")
    if not (colon and rest):
        raise UnfitError(f"{shown(text)} says nothing after its kind; {_EXAMPLES[kind]} is an example")
    return _KINDS[kind](rest)


def scenario(
    image: str,
    *,
    ready: Check,
    probes: Sequence[Check],
    env: Mapping[str, str],
    args: Sequence[str],
    ports: Sequence[int],
    volumes: Sequence[str],
) -> Scenario:
    """A scenario named after the image. Ports that checks connect to need not be among `ports`.

    Raises:
        UsageError: a volume is no absolute path.
    """
    for volume in volumes:
        try:
            absolute_path(volume)
        except UnfitError as error:
            raise UsageError(f"--volume: {error}") from None
    wanted = [*ports, *(port for each in (ready, *probes) if (port := check_port(each)) is not None)]
    return Scenario(
        name=_name(image),
        summary=f"{image}, described on the command line",
        image=image,
        start=Start(
            args=tuple(args), env=dict(env), ports=tuple(dict.fromkeys(wanted)), volumes=tuple(volumes)
        ),
        ready=Ready(ready),
        probes=tuple(Probe(f"probe-{number}", each) for number, each in enumerate(probes, 1)),
        stop=Stop(exit_codes=_ENDED_BY_TERM),
        profiles={},
        path=Path(f"--image {image}"),
    )


def _name(image: str) -> str:
    """`registry:5000/team/web_app:1.2@sha256:...` is `web-app`."""
    last = image.partition("@")[0].rstrip("/").rpartition("/")[2].partition(":")[0]
    words = re.findall("[a-z0-9]+", last.lower())
    return "-".join(words) or "image"


def _port(text: str) -> int:
    if not re.fullmatch("[0-9]{1,5}", text) or not 1 <= int(text) <= _LAST_PORT:
        raise UnfitError(f"a port from 1 to {_LAST_PORT} is needed, this is {shown(text)}")
    return int(text)


def _http(rest: str) -> Check:
    port, slash, path = rest.partition("/")
    if not path.isascii() or not path.isprintable() or " " in path:
        raise UnfitError(f"a URL path, percent-encoded, is needed, this is {shown(slash + path)}")
    return HttpCheck(_port(port), f"/{path}")


def _tcp(rest: str) -> Check:
    port, _, expect = rest.partition(":")
    number = _port(port)
    if not expect:
        raise UnfitError(
            f"a connection alone proves nothing, as a proxy may accept it; say what comes: tcp:{port}:TEXT"
        )
    try:
        text = codecs.decode(expect.encode("latin-1", "backslashreplace"), "unicode_escape")
    except UnicodeDecodeError as error:
        raise UnfitError(f"{shown(expect)} has a broken escape: {error.reason}") from None
    if max(map(ord, text)) > MAX_BYTE:
        raise UnfitError("holds a character above U+00FF; write its bytes, such as \\xe2\\x82\\xac")
    return TcpCheck(number, text)


def _redis(rest: str) -> Check:
    return RedisCheck(_port(rest), (("PING",),), "PONG")


def _log(rest: str) -> Check:
    try:
        compiled = re.compile(rest, re.MULTILINE)
    except re.error as error:
        raise UnfitError(f"{shown(rest)} is not a regular expression: {error}") from None
    if compiled.search(""):
        raise UnfitError(f"{shown(rest)} matches the empty text, so any log would do")
    return LogCheck(rest)


def _exec(rest: str) -> Check:
    try:
        argv = shlex.split(rest)
    except ValueError as error:
        raise UnfitError(f"{shown(rest)} cannot be split into words: {error}") from None
    if not argv:
        raise UnfitError("names no program")
    return ExecCheck(tuple(argv))


_KINDS: dict[str, Callable[[str], Check]] = {
    "http": _http,
    "tcp": _tcp,
    "redis": _redis,
    "log": _log,
    "exec": _exec,
}
_EXAMPLES = {
    "http": "http:80/health",
    "tcp": "tcp:25:220",
    "redis": "redis:6379",
    "log": "log:ready to accept",
    "exec": "'exec:redis-cli ping'",
}
