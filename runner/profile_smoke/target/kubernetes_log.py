"""A container's output: as it is now, and until its end."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from profile_smoke.target.kubernetes_api import ANSWER_SECONDS, CONNECT_SECONDS
from profile_smoke.target.kubernetes_errors import ApiError, api_errors
from profile_smoke.target.kubernetes_manifest import CONTAINER

if TYPE_CHECKING:
    from profile_smoke.target.kubernetes_api import Api

_LINES = 2000
_END_SECONDS = 5.0
_FOLLOW_SECONDS = 3600.0
"""Of silence in a log that is followed."""
_NOT_THERE = (400, 404)


def read(api: Api, pod: str) -> str:
    """The last 2000 lines; empty where it has not begun, or is gone. Raises ApiError when its node does not answer."""
    try:
        with api_errors(f"reading the log of {pod}"):
            response = _log(api, pod, follow=False, seconds=ANSWER_SECONDS)
            return bytes(response.data).decode("utf-8", "replace")
    except ApiError as error:
        if error.status in _NOT_THERE:
            return ""
        raise


def _log(api: Api, pod: str, *, follow: bool, seconds: float) -> Any:
    """The response that the last lines come from, and all that follow if wanted: `data`, `stream()`, `shutdown()`."""
    from kubernetes.client import CoreV1Api

    return CoreV1Api(api.client).read_namespaced_pod_log(
        pod,
        api.namespace,
        container=CONTAINER,
        tail_lines=_LINES,
        follow=follow,
        _preload_content=False,
        _request_timeout=(CONNECT_SECONDS, seconds),
    )


class Following:
    """What a container writes while it is being ended: when its pod is gone, nobody can be asked any more."""

    def __init__(self, api: Api, pod: str) -> None:
        self._api, self._pod = api, pod
        self._parts: list[bytes] = []
        self._thread = threading.Thread(target=self._read, name=f"log-{pod}", daemon=True)

    def __enter__(self) -> Self:
        with api_errors(f"following the log of {self._pod}"):
            self._response = _log(self._api, self._pod, follow=True, seconds=_FOLLOW_SECONDS)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(Exception):  # it may have ended by itself just now
            self._response.shutdown()
        self._thread.join(_END_SECONDS)
        self._response.close()

    def _read(self) -> None:
        with suppress(Exception):  # what has come until then is what there is
            for part in self._response.stream(1 << 16):
                self._parts.append(part)

    def text(self) -> str:
        """All of it, when the container has ended; from the last 2000 lines before."""
        self._thread.join(_END_SECONDS)
        return b"".join(self._parts).decode("utf-8", "replace")
