"""What the Kubernetes client and its HTTP library raise, translated: none of it leaves the target."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from profile_smoke.errors import InfrastructureError

if TYPE_CHECKING:
    from collections.abc import Iterator

_FORBIDDEN, _NOT_FOUND, _CONFLICT, _GONE, _TOO_MANY = 403, 404, 409, 410, 429
_UNAUTHORIZED, _SERVER = 401, 500
_HANDSHAKE = re.compile(r"[Hh]andshake status (\d{3})")
_POLICIES = (
    (re.compile(r'admission webhook "([^"]+)" denied'), "the admission webhook {}"),
    (
        re.compile(r'failed calling (?:admission )?webhook "([^"]+)"'),
        "the admission webhook {}, which does not answer",
    ),
    (re.compile(r"ValidatingAdmissionPolicy '([^']+)'"), "the ValidatingAdmissionPolicy {}"),
    (re.compile(r'violates PodSecurity "([^"]+)"'), "the Pod Security standard {}"),
    (re.compile(r"exceeded quota: ([^,]+)"), "the ResourceQuota {}"),
    (re.compile(r"failed quota: ([^:]+)"), "the ResourceQuota {}"),
    (re.compile(r"(unable to validate against any pod security policy)"), "every PodSecurityPolicy"),
    (re.compile(r"(imum (?:cpu|memory|[a-z-]+) (?:usage|limit) )"), "a LimitRange"),
)
"""Who refused at admission, from the texts of the API server (kubernetes, `plugin/pkg/admission`)."""
_RBAC = re.compile(r'[Uu]ser "[^"]*" cannot (\w+) resource "([^"]+)"')
_TERMINATING = "is being terminated"


class ApiError(InfrastructureError):
    """The API server refused or did not answer; `status` is the HTTP status, 0 where there was no answer."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status

    @property
    def not_found(self) -> bool:
        """There is no such thing (any more)."""
        return self.status == _NOT_FOUND

    @property
    def conflict(self) -> bool:
        """It is there already, or was changed meanwhile."""
        return self.status == _CONFLICT

    @property
    def gone(self) -> bool:
        """The history that was asked for is not kept any more: list again."""
        return self.status == _GONE

    @property
    def forbidden(self) -> bool:
        """Whoever we are may not."""
        return self.status == _FORBIDDEN

    @property
    def transient(self) -> bool:
        """The same may work in a moment."""
        return self.status in (0, _TOO_MANY) or self.status >= _SERVER


class QuotaError(ApiError):
    """A ResourceQuota leaves no room now; there is some when something ends."""


@contextmanager
def api_errors(doing: str) -> Iterator[None]:
    """Raise ApiError, in one line that says what was being done, for anything that the client raises."""
    import urllib3.exceptions
    import websocket
    from kubernetes.client.exceptions import OpenApiException
    from kubernetes.config import ConfigException

    try:
        yield
    except OpenApiException as error:
        raise api_error(doing, int(getattr(error, "status", 0) or 0), _said(error)) from error
    except urllib3.exceptions.HTTPError as error:
        raise api_error(doing, 0, _last_words(error)) from error
    except (websocket.WebSocketException, ConfigException, OSError, ValueError) as error:
        raise api_error(doing, 0, str(error)) from error


def api_error(doing: str, status: int, message: str) -> ApiError:
    """The error that an answer of the API server stands for; `status` 0: there was none."""
    message = " ".join(message.split())
    if status == 0 and (shaken := _HANDSHAKE.search(message)):
        status = int(shaken[1])
    if status == 0:
        return ApiError(f"{doing}: the API server does not answer: {message}", status)
    if status == _UNAUTHORIZED:
        return ApiError(
            f"{doing}: the API server does not know who we are; log in to the cluster anew", status
        )
    if _TERMINATING in message:
        return ApiError(f"{doing}: the namespace is being terminated: {message}", status)
    if rule := _RBAC.search(message):
        return ApiError(
            f"{doing}: the cluster's rules (RBAC) do not let us {rule[1]} {rule[2]}: {message}; "
            "profile-smoke doctor --target kubernetes shows all that is missing",
            status,
        )
    if policy := policy_of(message):
        kind = QuotaError if "exceeded quota" in message else ApiError
        return kind(f"{doing}: refused by {policy}: {message}", status)
    return ApiError(f"{doing}: {message or f'HTTP {status}'}", status)


def policy_of(message: str) -> str:
    """Which policy it was that refused at admission; empty where the message tells of none."""
    for pattern, name in _POLICIES:
        if found := pattern.search(message):
            return name.format(found[1])
    return ""


def _said(error: Exception) -> str:
    """The message of the Status document that came with it, else the reason."""
    body = getattr(error, "body", None)
    if isinstance(body, bytes):
        body = body.decode("utf-8", "replace")
    if isinstance(body, str):
        try:
            document = json.loads(body)
        except ValueError:
            return body[:500]
        if isinstance(document, dict) and document.get("message"):
            return str(document["message"])
    return str(getattr(error, "reason", "") or error)


def _last_words(error: BaseException) -> str:
    """The reason at the bottom of a chain of wrapped errors."""
    reason = getattr(error, "reason", None)
    while isinstance(reason, BaseException):
        error, reason = reason, getattr(reason, "reason", None)
    return str(error)
