"""A scenario as data: the image, how to start it, when it is ready, what is probed, how it stops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from profile_smoke.model import Expected


@dataclass(frozen=True)
class HttpCheck:
    """GET `path` on `port`: the status, a text in the body, its length in bytes (None: not checked)."""

    port: int
    path: str = "/"
    status: int = 200
    body_contains: str | None = None
    body_bytes: int | None = None


@dataclass(frozen=True)
class TcpCheck:
    """Connect, send `send`, and expect bytes that hold `expect`.

    A connect alone proves nothing behind a proxy. Both are bytes written as text: the characters U+0000 to
    U+00FF stand for the bytes 0 to 255 (latin-1).
    """

    port: int
    expect: str
    send: str = ""


@dataclass(frozen=True)
class ExecCheck:
    """Run `argv` in the container: its exit code, and a text its output holds.

    The process is filtered too.
    """

    argv: tuple[str, ...]
    exit_code: int = 0
    output_contains: str | None = None


@dataclass(frozen=True)
class LogCheck:
    """A regular expression that the container's output holds at least `count` times."""

    pattern: str
    count: int = 1


@dataclass(frozen=True)
class SqlCheck:
    """Run `statements` over the server's own protocol (`engine` is `mysql` or `postgresql`).

    The first row that the last one gives, as texts, must equal `expect`. Every attempt runs all of them
    afresh, so they must bear being repeated (`IF NOT EXISTS`, `REPLACE`).
    """

    engine: str
    port: int
    user: str
    password: str
    database: str
    statements: tuple[str, ...]
    expect: tuple[str, ...]


@dataclass(frozen=True)
class RedisCheck:
    """Run `commands` (each a list of words) over RESP; the last one's answer as text must equal `expect`."""

    port: int
    commands: tuple[tuple[str, ...], ...]
    expect: str


@dataclass(frozen=True)
class MetricsCheck:
    """Scrape Prometheus text from `path`; each name in `metrics` must be there with at least one sample."""

    port: int
    metrics: tuple[str, ...]
    path: str = "/metrics"


@dataclass(frozen=True)
class CallCheck:
    """Call `function` with the container (a probe's `Surface`): it holds when that returns. No file can say this.

    AssertionError and OSError mean: not yet. The function is called again until it returns or the time is over.
    """

    function: Callable[[Any], object]


Check = HttpCheck | TcpCheck | ExecCheck | LogCheck | SqlCheck | RedisCheck | MetricsCheck | CallCheck


@dataclass(frozen=True)
class Probe:
    """A named check, tried until it holds or `timeout` seconds are over.

    `signal` (a name such as `HUP`) is sent to the container's init first; `restart` stops it gracefully and
    starts the same container again on the same volumes, then waits for readiness, before the check.
    """

    name: str
    check: Check
    timeout: float = 10.0
    signal: str | None = None
    restart: bool = False


@dataclass(frozen=True)
class Stop:
    """Graceful stop: `signal`, then at most `timeout` seconds until the container is gone.

    It must end with one of `exit_codes`, where 128 plus its number stands for a signal.
    """

    signal: str = "TERM"
    timeout: float = 10.0
    exit_codes: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class Start:
    """How the container is started. None or empty: what the image says.

    `volumes` are absolute paths that live as long as the cell; `files` maps absolute paths to contents, laid
    into the container read-only before it starts; `file_bytes` says what a content is in bytes.
    """

    entrypoint: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: Mapping[str, str] | None = None
    user: str | None = None
    ports: tuple[int, ...] = ()
    volumes: tuple[str, ...] = ()
    files: Mapping[str, str | int] | None = None
    no_new_privileges: bool = False


def file_bytes(content: str | int) -> bytes:
    """What an entry of `Start.files` is in bytes: a text as UTF-8, a number as so many bytes of filler."""
    if isinstance(content, str):
        return content.encode()
    line = b"profile-smoke filler, the same on every machine so that its length and its hash are known.\n"
    return (line * (content // len(line) + 1))[:content]


@dataclass(frozen=True)
class Ready:
    """When the container counts as ready; `timeout` seconds are for the slowest machine."""

    check: Check
    timeout: float = 60.0


@dataclass(frozen=True)
class Scenario:
    """A reference workload. `standin` is the recipe for machines without a registry, if any."""

    name: str
    summary: str
    image: str
    start: Start
    ready: Ready
    probes: tuple[Probe, ...]
    stop: Stop
    profiles: Mapping[str, Expected]
    path: Path
    standin: Path | None = None
    skip_without_image: bool = False
    """Whether its cells are skipped, not errors, where its registry cannot be reached."""
