"""Nothing that the docker SDK or its HTTP client raises leaves the target as it is."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, cast

import docker.errors
import pytest
import requests
import requests.exceptions
import urllib3.exceptions

from profile_smoke.errors import DiskFullError, InfrastructureError, RuntimeRefusedError
from profile_smoke.target.docker_errors import engine_errors, last_words, sorted_error, start_errors
from profile_smoke.target.interface import StartRefused

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from types import ModuleType

    from docker.models.containers import Container

SPECIAL: dict[str, Callable[[], Exception]] = {
    "ContainerError": lambda: docker.errors.ContainerError(cast("Container", None), 1, "c", "i", "broken"),
    "BuildError": lambda: docker.errors.BuildError("broken", iter(())),
    "ContextAlreadyExists": lambda: docker.errors.ContextAlreadyExists("broken"),
    "ContextException": lambda: docker.errors.ContextException("broken"),
    "ContextNotFound": lambda: docker.errors.ContextNotFound("broken"),
    "MissingContextParameter": lambda: docker.errors.MissingContextParameter("broken"),
    "InvalidJSONError": lambda: requests.exceptions.InvalidJSONError("broken"),
    "JSONDecodeError": lambda: requests.exceptions.JSONDecodeError("broken", "{", 1),
}


def raised_by(module: ModuleType) -> list[type[Exception]]:
    """The exception classes that a library calls its own."""
    return [
        found
        for _, found in inspect.getmembers(module, inspect.isclass)
        if issubclass(found, Exception)
        and not issubclass(found, Warning)
        and found.__module__ == module.__name__
    ]


LIBRARIES = [*raised_by(docker.errors), *raised_by(requests.exceptions)]


def made(kind: type[Exception]) -> Exception:
    return SPECIAL.get(kind.__name__, lambda: kind("broken"))()


def api_error(explanation: str, status: int = 500) -> docker.errors.APIError:
    response = requests.Response()
    response.status_code = status
    return docker.errors.APIError("broken", response, explanation)


def through(guard: AbstractContextManager[None], error: Exception) -> Exception:
    with pytest.raises(Exception) as caught, guard:  # noqa: PT011  which one it becomes is the question
        raise error
    return caught.value


@pytest.mark.parametrize("kind", LIBRARIES, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("guard", [lambda: engine_errors("doing it"), start_errors])
def test_everything_that_the_libraries_raise_is_translated(
    kind: type[Exception], guard: Callable[[], AbstractContextManager[None]]
) -> None:
    """Into an error of ours, or into a refused start; in one line, with the cause kept."""
    error = made(kind)
    found = through(guard(), error)
    assert isinstance(found, InfrastructureError | StartRefused)
    assert "\n" not in str(found)
    assert found.__cause__ is error


def test_the_libraries_have_the_exceptions_that_matter() -> None:
    """The list above is found by looking: it must not be empty by mistake."""
    names = {kind.__name__ for kind in LIBRARIES}
    assert names >= {
        "APIError",
        "NotFound",
        "DockerException",
        "ReadTimeout",
        "ConnectionError",
        "RequestException",
    }


@pytest.mark.parametrize("guard", [lambda: engine_errors("doing it"), start_errors])
def test_what_the_http_library_below_raises_is_translated_too(
    guard: Callable[[], AbstractContextManager[None]],
) -> None:
    """The SDK reads streams past requests, so that nobody has wrapped these."""
    assert isinstance(through(guard(), urllib3.exceptions.ProtocolError("cut off")), InfrastructureError)


@pytest.mark.parametrize("error", [ValueError("ours"), TimeoutError("ours"), KeyError("ours")])
def test_our_own_mistakes_are_not_hidden(error: Exception) -> None:
    """They pass as they are."""
    assert through(engine_errors("doing it"), error) is error


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("write /x: no space left on device", DiskFullError),
        ("Decoding seccomp profile failed: invalid character", RuntimeRefusedError),
        ("invalid seccomp profile: both names and name", RuntimeRefusedError),
        ("something else", InfrastructureError),
    ],
)
def test_an_engines_message_says_whose_fault_it_is(message: str, kind: type[Exception]) -> None:
    """Disk, profile, or the machine; what was being done is told."""
    found = sorted_error("creating", message)
    assert type(found) is kind
    assert str(found).startswith("creating: ")
    assert message in str(found)


@pytest.mark.parametrize(
    "message",
    [
        "driver failed programming external connectivity: Bind for 0.0.0.0:80 failed: port is already allocated",
        "listen tcp4 0.0.0.0:80: bind: address already in use",
        "OCI runtime create failed: write: no space left on device",
        "failed to create endpoint x on network bridge: adding interface veth to bridge docker0 failed",
        "error loading seccomp filter into kernel: error loading seccomp filter: invalid argument",
    ],
)
def test_a_start_that_the_machine_prevents_is_not_the_filters_doing(message: str) -> None:
    """A taken port, a full disk, a broken network: errors, never blame."""
    assert isinstance(through(start_errors(), api_error(message)), InfrastructureError)


@pytest.mark.parametrize(
    "message",
    [
        "OCI runtime create failed: runc create failed: cannot start a stopped process: unknown",
        "failed to create task: unable to start container process: exec: operation not permitted",
        "cannot start an already running container",
    ],
)
def test_what_the_runtime_says_of_the_container_may_be_the_filters_doing(message: str) -> None:
    """A refused start: relaunching decides what it means."""
    assert isinstance(through(start_errors(), api_error(message)), StartRefused)


def test_a_start_that_never_returns_is_a_refused_start() -> None:
    """A wedged runtime's init, as seen through the engine."""
    found = through(start_errors(), requests.exceptions.ReadTimeout("60 s"))
    assert isinstance(found, StartRefused)
    assert "wedged" in str(found)


def test_the_innermost_reason_is_what_is_told() -> None:
    """Not the three layers of wrapping around it."""
    inner = ConnectionRefusedError(111, "Connection refused")
    wrapped = requests.exceptions.ConnectionError(urllib3.exceptions.ProtocolError("aborted", inner))
    assert "Connection refused" in last_words(wrapped)
    assert last_words(ValueError()) == "ValueError"
