"""One try of each kind of check, against servers in this process that behave and that do not."""

from __future__ import annotations

import contextlib
import gc
import http.server
import os
import socket
import struct
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from profile_smoke.probe.attempt import attempt
from profile_smoke.probe.fake import FakeSurface
from profile_smoke.probe.interface import Attempt, ExecResult
from profile_smoke.scenario.model import (
    Check,
    ExecCheck,
    HttpCheck,
    LogCheck,
    MetricsCheck,
    RedisCheck,
    SqlCheck,
    TcpCheck,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MYSQL = SqlCheck("mysql", 80, "root", "smoke", "smoke", ("SELECT 1",), ("1",))
POSTGRESQL = SqlCheck("postgresql", 80, "postgres", "smoke", "postgres", ("SELECT 1",), ("1",))
REDIS = RedisCheck(80, (("PING",),), "PONG")
TCP = TcpCheck(80, expect="pong", send="ping")
METRICS = MetricsCheck(80, ("up",))
ON_A_PORT = [HttpCheck(80), TCP, MYSQL, POSTGRESQL, REDIS, METRICS]


def answering(answer: bytes, *, wait_for: int = 1) -> Callable[[socket.socket], None]:
    """Serves one request of at least so many bytes with a fixed answer, and closes."""

    def serve(connection: socket.socket) -> None:
        got = 0
        while got < wait_for:
            chunk = connection.recv(65536)
            if not chunk:
                return
            got += len(chunk)
        connection.sendall(answer)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass

    return serve


def dripping(drip: bytes, released: threading.Event) -> Callable[[socket.socket], None]:
    """Says nothing, or a byte now and then, until it is released."""

    def serve(connection: socket.socket) -> None:
        while not released.wait(0.05):
            if drip:
                connection.sendall(drip)

    return serve


def tried(check: Check, answer: bytes, *, timeout: float = 5.0, wait_for: int = 1) -> Attempt:
    with FakeSurface(servers={80: answering(answer, wait_for=wait_for)}) as surface:
        return attempt(check, surface, timeout)


def page(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers])
    return head.encode() + b"\r\n\r\n" + body


@pytest.mark.parametrize("check", ON_A_PORT, ids=lambda check: type(check).__name__)
def test_a_port_where_nothing_listens_is_an_answer(check: Check) -> None:
    """Before a server is up its probes fail, and say why."""
    with FakeSurface() as surface:
        assert attempt(check, surface, 1.0) == Attempt(ok=False, detail="connection refused")


@pytest.mark.parametrize("check", ON_A_PORT, ids=lambda check: type(check).__name__)
def test_a_proxy_that_accepts_for_a_dead_server_does_not_pass(check: Check) -> None:
    """A connection that is closed without a byte is a failure of every kind of check."""
    with FakeSurface(servers={80: lambda _: None}) as surface:
        assert not attempt(check, surface, 1.0).ok


@pytest.mark.parametrize("check", ON_A_PORT, ids=lambda check: type(check).__name__)
@pytest.mark.parametrize("drip", [b"", b"H"], ids=["silent", "dripping"])
def test_no_server_can_hold_an_attempt_beyond_its_time(check: Check, drip: bytes) -> None:
    """A server that says nothing, or a byte now and then, is cut at the deadline."""
    with FakeSurface(servers={80: dripping(drip, released := threading.Event())}) as surface:
        began = time.monotonic()
        result = attempt(check, surface, 0.4)
        took = time.monotonic() - began
        released.set()
    assert not result.ok
    assert took < 5
    if not drip:
        assert result.detail == "no full answer within 0.4 s"


@settings(max_examples=40)
@given(garbage=st.binary(min_size=1, max_size=200), check=st.sampled_from(ON_A_PORT))
def test_garbage_is_a_failed_attempt_and_never_an_exception(garbage: bytes, check: Check) -> None:
    """Whatever another program on that port says, the attempt has failed, in one short line."""
    result = tried(check, garbage, timeout=0.5, wait_for=0)
    assert not result.ok
    assert result.detail
    assert "\n" not in result.detail
    assert len(result.detail) < 300


@pytest.mark.parametrize("check", ON_A_PORT, ids=lambda check: type(check).__name__)
@pytest.mark.parametrize("drip", [b"", b"H"], ids=["silent", "dripping"])
def test_an_attempt_that_is_cut_leaves_no_connection_open(check: Check, drip: bytes) -> None:
    """Not even until the garbage collector comes by: readiness is asked for many times a second."""

    class Watched(FakeSurface):
        def connect(self, port: int, timeout: float) -> socket.socket:
            sock = super().connect(port, timeout)
            made.append(f"socket:[{os.fstat(sock.fileno()).st_ino}]")
            return sock

    made: list[str] = []
    gc.disable()
    try:
        with Watched(servers={80: dripping(drip, released := threading.Event())}) as surface:
            attempt(check, surface, 0.2)
            released.set()
        assert made
        assert not set(made) & set(_open())
    finally:
        gc.enable()


def _open() -> Iterator[str]:
    """What this process's descriptors are."""
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # of the folder that is being read
            yield str(descriptor.readlink())


def test_a_bug_is_not_taken_for_a_failed_check() -> None:
    """What is neither the system's nor a protocol's exception comes through."""

    class Broken(FakeSurface):
        def connect(self, port: int, timeout: float) -> socket.socket:
            raise TypeError(f"a bug with {port} and {timeout}")

    with pytest.raises(TypeError, match="a bug"):
        attempt(HttpCheck(80), Broken(), 1.0)


@pytest.mark.parametrize(
    ("check", "answer", "expected"),
    [
        (HttpCheck(80), page(b"hello"), (True, "HTTP 200, 5 bytes")),
        (HttpCheck(80, body_contains="hell"), page(b"hello"), (True, "HTTP 200, 5 bytes")),
        (HttpCheck(80), page(b"", "502 Bad Gateway"), (False, "HTTP 502 instead of 200")),
        (HttpCheck(80, status=404), page(b"", "404 Not Found"), (True, "HTTP 404, 0 bytes")),
        (HttpCheck(80, body_bytes=5), page(b"hell"), (False, "HTTP 200 with 4 bytes instead of 5")),
        (HttpCheck(80), page(b"hello")[:-2], (False, "HTTP 200, the body ended 2 bytes early")),
        (HttpCheck(80), b"SSH-2.0-OpenSSH_9.2\r\n", (False, 'not HTTP: "SSH-2.0-OpenSSH_9.2"')),
        (HttpCheck(80), b"", (False, "closed without an answer")),
    ],
)
def test_http(check: HttpCheck, answer: bytes, expected: tuple[bool, str]) -> None:
    """Status, content and length of the body are compared, and a body that is cut short is no body."""
    result = tried(check, answer)
    assert (result.ok, result.detail) == expected


def test_http_reads_chunks() -> None:
    """A chunked body counts without its chunk heads."""
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
    assert tried(HttpCheck(80, body_bytes=11, body_contains="lo wo"), chunked).ok
    cut = tried(HttpCheck(80), chunked[:-14])
    assert not cut.ok


def test_http_shows_the_beginning_of_another_body() -> None:
    """Who answers instead can be recognised."""
    result = tried(HttpCheck(80, body_contains="mine"), page(b"<h1>\nother</h1>"))
    assert result.detail == 'HTTP 200 without "mine" in its body, which begins "<h1> other</h1>"'


@pytest.fixture
def web_server() -> Iterator[int]:
    """The standard library's server on a loopback port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b"x" * (1 << 20)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class's name
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def test_http_over_a_real_connection(web_server: int) -> None:
    """A megabyte arrives whole over TCP."""

    class Loopback(FakeSurface):
        def connect(self, port: int, timeout: float) -> socket.socket:
            return socket.create_connection(("127.0.0.1", port), timeout)

    assert attempt(HttpCheck(web_server, body_bytes=1 << 20), Loopback(), 10.0).ok


def test_tcp_sends_and_finds_the_bytes() -> None:
    """Bytes are sent as written and the expected ones may stand anywhere, split over packets."""
    seen: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        seen.append(connection.recv(100))
        connection.sendall(b"\x01po")
        time.sleep(0.01)
        connection.sendall(b"ng\xff")

    with FakeSurface(servers={80: serve}) as surface:
        assert attempt(TcpCheck(80, expect="pong\xff", send="\x00\xfe"), surface, 5.0).ok
    assert seen == [b"\x00\xfe"]


def test_tcp_tells_what_came_instead() -> None:
    """The bytes that were there are shown on one line."""
    assert tried(TCP, b"go\r\naway").detail == 'closed after 8 bytes: "go away"'


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (ExecResult(0, "all\nis well\n"), (True, "check exited 0")),
        (ExecResult(1, "no\nsuch thing\n"), (False, 'check exited 1 instead of 0: "such thing"')),
        (ExecResult(0, "all is bad"), (False, 'check exited 0 without "well": "all is bad"')),
        (TimeoutError(), (False, "check did not end within 2 s")),
    ],
)
def test_exec(result: ExecResult | Exception, expected: tuple[bool, str]) -> None:
    """Exit code and output are compared; a command that hangs is a failed attempt."""
    surface = FakeSurface(commands={("check", "-v"): result})
    outcome = attempt(ExecCheck(("check", "-v"), output_contains="well"), surface, 2.0)
    assert (outcome.ok, outcome.detail) == expected


def test_log_counts_matches_by_line() -> None:
    """A pattern must match as often as asked, and `^` is the beginning of a line."""
    surface = FakeSurface(log="ready\nnot ready\nready\n")
    assert attempt(LogCheck("^ready$", count=2), surface, 1.0).ok
    missing = attempt(LogCheck("^ready$", count=3), surface, 1.0)
    assert (missing.ok, missing.detail) == (False, '"^ready$" 2 of 3 times in 3 lines of log')


@pytest.mark.parametrize(
    ("text", "ok"),
    [
        (b"# TYPE up gauge\nup 1\n", True),
        (b'up{job="a b",path="}"} 1.5e3 1395066363000\n', True),
        (b"up NaN\n", True),
        (b'up_bucket{le="+Inf"} 3\nup_sum 1\nup_count 3\n', True),
        (b"# TYPE up gauge\n", False),
        (b"upper 1\n", False),
        (b"up one\n", False),
        (b"<html>up 1</html>", False),
        (b"", False),
    ],
)
def test_metrics_need_a_sample(text: bytes, ok: bool) -> None:  # noqa: FBT001  a parameter of the test
    """A metric that is only announced, or whose value is no number, is not there."""
    assert tried(METRICS, page(text)).ok is ok


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"+PONG\r\n", (True, "PING gave the expected answer")),
        (b"$4\r\nPONG\r\n", (True, "PING gave the expected answer")),
        (b"$-1\r\n", (False, 'PING gave "(nil)" instead of "PONG"')),
        (b"*2\r\n:1\r\n$1\r\na\r\n", (False, 'PING gave "1 a" instead of "PONG"')),
        (b"-LOADING Redis is loading\r\n", (False, "PING: LOADING Redis is loading")),
        (b"$4\r\nPO", (False, "closed in the middle of an answer")),
        (b"$99999999999\r\n", (False, 'not the Redis protocol: "99999999999" as a length')),
        (b"*1\r\n" * 9, (False, 'not the Redis protocol: "*1"')),
        (b"HTTP/1.1 400 Bad Request\r\n", (False, 'not the Redis protocol: "HTTP/1.1 400 Bad Request"')),
    ],
)
def test_redis(answer: bytes, expected: tuple[bool, str]) -> None:
    """Answers of each kind become text; errors, other protocols and bombs are failed attempts."""
    result = tried(REDIS, answer)
    assert (result.ok, result.detail) == expected


def mysql_packet(number: int, payload: bytes) -> bytes:
    return struct.pack("<I", len(payload))[:3] + bytes([number]) + payload


def test_mysql_that_refuses_connections_is_told_in_its_words() -> None:
    """A server that is full, or still setting itself up, answers with an error packet."""
    packet = mysql_packet(0, b"\xff" + struct.pack("<H", 1040) + b"#08004Too many connections")
    result = tried(MYSQL, packet, wait_for=0)
    assert (result.ok, result.detail) == (False, "MySQL 1040: Too many connections")


def test_postgresql_that_starts_up_is_told_in_its_words() -> None:
    """A server that is not ready yet answers the first message with an error."""
    fields = b"SFATAL\0C57P03\0Mthe database system is starting up\0\0"
    result = tried(POSTGRESQL, b"E" + struct.pack("!I", len(fields) + 4) + fields)
    assert (result.ok, result.detail) == (False, "PostgreSQL 57P03: the database system is starting up")
