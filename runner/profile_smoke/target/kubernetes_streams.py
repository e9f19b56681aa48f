"""Streams into pods, through the API server: TCP to a port, and commands in the container."""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from profile_smoke.probe.interface import ExecResult
from profile_smoke.target.engine import bounded
from profile_smoke.target.kubernetes_errors import ApiError, api_errors
from profile_smoke.target.kubernetes_manifest import CONTAINER

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from profile_smoke.target.kubernetes_api import Api

_ERROR_CHANNEL = 3
"""On which the kubelet says how a command ended (apimachinery `remotecommand/constants.go`)."""
_OUTPUT_LIMIT = 64 * 1024
_NOT_STARTED = 126
_END_SECONDS = 2.0
_ANSWERED = 400


class Forward(socket.socket):
    """A TCP connection into a pod: this end of a socket pair, whose other end the client's own thread serves.

    Connecting succeeds before anything listens in the pod; what is refused there shows as an end of the stream.
    """

    _forward: Any = None

    @classmethod
    def of(cls, forward: Any, port: int) -> Self:
        """This end of a client's forward; what a socket is made with stays as `dup` wants it."""
        found = cls(fileno=forward.socket(port).detach())
        found._forward = forward
        return found

    def setsockopt(self, level: int, *rest: Any) -> None:
        """As on any socket, but for what only TCP has."""
        if level != socket.IPPROTO_TCP:
            super().setsockopt(level, *rest)

    def finish(self) -> None:
        """Close both ends for good: the client's thread ends when this one is closed, but not always in order."""
        self.close()
        web = self._forward.websocket
        deadline = time.monotonic() + _END_SECONDS
        while web.connected and time.monotonic() < deadline:
            time.sleep(0.005)
        with suppress(Exception):  # whatever its thread is at, the descriptor is closed
            web.shutdown()


class Streams:
    """The streams into one pod; `close` ends all of them."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._lock = threading.Lock()
        self._open: list[Forward] = []

    def connect(self, pod: str, port: int, timeout: float) -> socket.socket:
        """Connect to a port.

        Raises:
            OSError: the kubelet does not let us in now: the container is not there (yet).
            ApiError: the API server does not, or does not answer.
        """

        def open_stream(api: Any) -> Forward:
            from kubernetes.stream import portforward

            call = api.connect_get_namespaced_pod_portforward
            return Forward.of(portforward(call, pod, self._api.namespace, ports=str(port)), port)

        found: Forward = self._opened(f"connecting to port {port} of {pod}", open_stream, timeout)
        found.settimeout(timeout)
        with self._lock:
            self._open = [each for each in self._open if each.fileno() != -1 or not self._ended(each)]
            self._open.append(found)
        return found

    def _ended(self, forward: Forward) -> bool:
        forward.finish()
        return True

    def exec(self, pod: str, argv: Sequence[str], timeout: float) -> ExecResult:
        """Run a command. Raises TimeoutError, and as `connect`."""
        deadline = time.monotonic() + timeout

        def open_stream(api: Any) -> Any:
            from kubernetes.stream import stream

            return stream(
                api.connect_get_namespaced_pod_exec,
                pod,
                self._api.namespace,
                container=CONTAINER,
                command=list(argv),
                stdin=False,
                stdout=True,
                stderr=True,
                tty=False,
                _preload_content=False,
            )

        doing = f"running {argv[0]} in {pod}"
        try:
            client = self._opened(doing, open_stream, timeout)
        except ConnectionError as error:
            return ExecResult(_NOT_STARTED, str(error))
        try:
            with api_errors(doing):
                client.run_forever(timeout=max(0.1, deadline - time.monotonic()))
                late = client.is_open()
                end = client.read_channel(_ERROR_CHANNEL)  # before the rest, which forgets it
                output = client.read_all()
        finally:
            with suppress(Exception):  # it may be closed already
                client.close()
        if late:
            raise TimeoutError(f"the command did not end within {timeout:g} s")
        return _result(output, end)

    def close(self) -> None:
        """End all connections."""
        with self._lock:
            forwards, self._open = self._open, []
        for forward in forwards:
            forward.finish()

    def _opened(self, doing: str, work: Callable[[Any], Any], timeout: float) -> Any:
        """Open a stream, in a thread that is left behind when nobody answers."""
        found: list[Any] = []
        api = self._api.stream_client()

        def run() -> None:
            with api_errors(doing):
                found.append(work(api))

        try:
            if not bounded(run, timeout, "stream"):
                raise TimeoutError(f"{doing}: no answer within {timeout:g} s")
        except ApiError as error:
            if error.status >= _ANSWERED and not error.forbidden:
                raise ConnectionRefusedError(str(error)) from error
            raise
        finally:
            api.api_client.close()
        return found[0]


def _result(output: str, end: str) -> ExecResult:
    """From the Status document that the kubelet ends a command with."""
    output = output[:_OUTPUT_LIMIT]
    try:
        status = json.loads(end)
    except ValueError:
        return ExecResult(_NOT_STARTED, output + (end or "the connection ended before the command did"))
    if status.get("status") == "Success":
        return ExecResult(0, output)
    for cause in (status.get("details") or {}).get("causes") or ():
        if cause.get("reason") == "ExitCode":
            return ExecResult(int(cause.get("message", _NOT_STARTED)), output)
    return ExecResult(_NOT_STARTED, output + str(status.get("message", "")))
