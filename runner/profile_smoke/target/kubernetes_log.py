"""A container's output: as it is now, and until its end."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from profile_smoke.target.kubernetes_errors import ApiError
from profile_smoke.target.kubernetes_manifest import CONTAINER

if TYPE_CHECKING:
    from profile_smoke.target.kubernetes_api import Api

_LINES = 2000
_END_SECONDS = 5.0
_NOT_THERE = (400, 404)


def read(api: Api, pod: str) -> str:
    """The last 2000 lines; empty where it has not begun, or is gone. Raises ApiError when its node does not answer."""
    try:
        return api.logs(pod, CONTAINER, _LINES)
    except ApiError as error:
        if error.status in _NOT_THERE:
            return ""
        raise


class Following:
    """What a container writes while it is being ended: when its pod is gone, nobody can be asked any more."""

    def __init__(self, api: Api, pod: str) -> None:
        self._api, self._pod = api, pod
        self._parts: list[bytes] = []
        self._thread = threading.Thread(target=self._read, name=f"log-{pod}", daemon=True)

    def __enter__(self) -> Self:
        self._response = self._api.follow(self._pod, CONTAINER, _LINES)
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
