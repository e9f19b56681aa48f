"""Streams into pods, through the API server: TCP to a port, and commands in the container."""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from profile_smoke.probe.interface import ExecResult
from profile_smoke.target.engine import bounded
from profile_smoke.target.kubernetes_errors import ApiError, api_errors
from profile_smoke.target.kubernetes_forward import forward
from profile_smoke.target.kubernetes_manifest import CONTAINER

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from profile_smoke.target.kubernetes_api import Api

_ERROR_CHANNEL = 3
"""On which the kubelet says how a command ended (apimachinery `remotecommand/constants.go`)."""
_OUTPUT_LIMIT = 64 * 1024
NOT_STARTED = 126
"""The exit code of a command that could not be started, as shells have it."""
_ANSWERED = 400


class Streams:
    """The streams into one pod; `close` ends all of them."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []

    def connect(self, pod: str, port: int, timeout: float) -> socket.socket:
        """Connect to a port.

        Raises:
            OSError: the kubelet does not let us in now: the container is not there (yet).
            ApiError: the API server does not, or does not answer.
        """

        def open_stream(api: Any) -> socket.socket:
            from kubernetes.stream import stream

            call = api.connect_get_namespaced_pod_portforward
            namespace = self._api.namespace
            client = stream(call, pod, namespace, ports=str(port), _preload_content=False, binary=True)
            return forward(client.sock, f"{pod}:{port}")

        found: socket.socket = self._opened(f"connecting to port {port} of {pod}", open_stream, timeout)
        found.settimeout(timeout)
        with self._lock:
            self._open = [each for each in self._open if each.fileno() != -1]
            self._open.append(found)
        return found

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
        client = self._opened(doing, open_stream, timeout)
        try:
            with api_errors(doing):
                client.run_forever(timeout=max(0.1, deadline - time.monotonic()))
                late = client.is_open()
                end = client.read_channel(_ERROR_CHANNEL)  # before the rest, which forgets it
                output = client.read_all()
        finally:
            with suppress(Exception):  # it may be closed already
                client.close()
            # The library forgets to close its socket where the server was the first to say farewell.
            client.sock.shutdown()
        if late:
            raise TimeoutError(f"the command did not end within {timeout:g} s")
        return _result(output, end)

    def close(self) -> None:
        """End all connections."""
        with self._lock:
            forwards, self._open = self._open, []
        for each in forwards:
            each.close()

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
        return ExecResult(NOT_STARTED, output + (end or "the connection ended before the command did"))
    if status.get("status") == "Success":
        return ExecResult(0, output)
    for cause in (status.get("details") or {}).get("causes") or ():
        if cause.get("reason") == "ExitCode":
            return ExecResult(int(cause.get("message", NOT_STARTED)), output)
    return ExecResult(NOT_STARTED, output + str(status.get("message", "")))
