"""What the Kubernetes client raises comes out as one of ours, in one line that says whose fault it is."""

from __future__ import annotations

import inspect
import json
from typing import Any

import pytest
import urllib3.exceptions
import websocket
from kubernetes.client import exceptions
from kubernetes.config import ConfigException

from profile_smoke.target.kubernetes_errors import ApiError, QuotaError, api_error, api_errors, policy_of


def raised(error: Exception) -> ApiError:
    with pytest.raises(ApiError) as caught, api_errors("doing it"):
        raise error
    return caught.value


def answered(status: int, message: str) -> ApiError:
    error = exceptions.ApiException(status=status, reason="Reason")
    error.body = json.dumps({"kind": "Status", "message": message})
    return raised(error)


OURS = [
    kind
    for _, kind in inspect.getmembers(exceptions, inspect.isclass)
    if issubclass(kind, exceptions.OpenApiException)
]


@pytest.mark.parametrize("kind", OURS, ids=lambda kind: kind.__name__)
def test_no_error_of_the_client_leaks(kind: Any) -> None:
    """Whatever it defines."""
    error = kind(status=500, reason="words") if issubclass(kind, exceptions.ApiException) else kind("words")
    assert "doing it" in str(raised(error))


@pytest.mark.parametrize(
    "error",
    [
        urllib3.exceptions.ProtocolError("Connection broken"),
        urllib3.exceptions.MaxRetryError(None, "/", urllib3.exceptions.ProtocolError("refused")),  # type: ignore[arg-type]
        websocket.WebSocketConnectionClosedException("closed"),
        ConfigException("no login"),
        ConnectionResetError("reset"),
        json.JSONDecodeError("no JSON", "", 0),
    ],
)
def test_no_error_of_its_libraries_leaks(error: Exception) -> None:
    """They mean that nobody answered, and that the same may work in a moment."""
    found = raised(error)
    assert str(found).startswith("doing it: the API server does not answer: ")
    assert found.status == 0
    assert found.transient


def test_the_message_of_the_server_is_told() -> None:
    """From its Status document, in one line."""
    found = answered(422, "Pod is\n  invalid")
    assert (str(found), found.status, found.transient) == ("doing it: Pod is invalid", 422, False)
    assert answered(404, "x").not_found
    assert answered(409, "x").conflict
    assert answered(410, "x").gone
    assert answered(503, "x").transient


def test_a_refused_handshake_has_its_status() -> None:
    """The websocket library tells it in words only."""
    error = exceptions.ApiException(status=0, reason="Handshake status 403 Forbidden -+-+- {...}")
    assert raised(error).forbidden


@pytest.mark.parametrize(
    ("message", "policy"),
    [
        (
            'admission webhook "validate.kyverno.svc" denied the request: no',
            "the admission webhook validate.kyverno.svc",
        ),
        (
            'Internal error occurred: failed calling webhook "a.b.c": Post "https://10.0.0.1/": connection refused',
            "the admission webhook a.b.c, which does not answer",
        ),
        (
            'pods "p" is forbidden: violates PodSecurity "restricted:latest": seccompProfile',
            "the Pod Security standard restricted:latest",
        ),
        (
            "pods \"p\" is forbidden: ValidatingAdmissionPolicy 'no-root' with binding 'b' denied request: no",
            "the ValidatingAdmissionPolicy no-root",
        ),
        (
            'pods "p" is forbidden: unable to validate against any pod security policy: []',
            "every PodSecurityPolicy",
        ),
        (
            'pods "p" is forbidden: exceeded quota: few, requested: pods=1, used: pods=1, limited: pods=1',
            "the ResourceQuota few",
        ),
        ('pods "p" is forbidden: failed quota: few: must specify limits.cpu', "the ResourceQuota few"),
        ('pods "p" is forbidden: minimum memory usage per Container is 1Gi', "a LimitRange"),
        ('pods "p" is forbidden: error looking up service account', ""),
    ],
)
def test_the_policy_that_refused_is_named(message: str, policy: str) -> None:
    """As the API server and its plugins word it."""
    assert policy_of(message) == policy
    assert (f"refused by {policy}: " in str(answered(403, message))) == bool(policy)


def test_a_quota_that_is_full_is_told_apart() -> None:
    """There is room when something ends; a quota that wants limits never changes its mind."""
    assert isinstance(answered(403, "exceeded quota: q, requested: pods=1"), QuotaError)
    assert not isinstance(answered(403, "failed quota: q: must specify limits.cpu"), QuotaError)


def test_missing_rights_and_dying_namespaces_are_named() -> None:
    """What the rules do not allow, with where to see all of it."""
    text = 'pods is forbidden: User "u" cannot create resource "pods" in API group "" in the namespace "n"'
    assert "do not let us create pods" in str(answered(403, text))
    text = 'pods "p" is forbidden: unable to create new content in namespace n because it is being terminated'
    assert "the namespace is being terminated" in str(answered(403, text))
    assert "log in" in str(api_error("doing it", 401, "Unauthorized"))
