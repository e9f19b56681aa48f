"""What the docker SDK and its HTTP client raise, translated: none of it leaves the target."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from profile_smoke.errors import DiskFullError, InfrastructureError, RuntimeRefusedError
from profile_smoke.target.interface import StartRefused

if TYPE_CHECKING:
    from collections.abc import Iterator

_MACHINE = (
    "no space left on device",
    "cannot allocate memory",
    "port is already allocated",
    "external connectivity",
    "address already in use",
    "no such container",
    "failed to create endpoint",
    "daemon is shutting down",
    "connection refused",
)
_SECCOMP = (
    "decoding seccomp profile failed",
    "error loading seccomp",
    "invalid seccomp",
    "seccomp:",
    "scmp_",
)


@contextmanager
def engine_errors(doing: str) -> Iterator[None]:
    """Raise InfrastructureError, in one line that says what was being done, for anything that the SDK raises."""
    import docker.errors
    import requests.exceptions
    import urllib3.exceptions

    try:
        yield
    except docker.errors.APIError as error:
        raise sorted_error(doing, error.explanation or str(error)) from error
    except (
        requests.exceptions.RequestException,
        urllib3.exceptions.HTTPError,  # the SDK reads streams past requests
        docker.errors.DockerException,
        docker.errors.StreamParseError,  # a RuntimeError of its own
    ) as error:
        raise InfrastructureError(f"{doing}: the engine does not answer: {last_words(error)}") from error


@contextmanager
def start_errors() -> Iterator[None]:
    """As `engine_errors`, but what the runtime itself says of the container becomes StartRefused."""
    import docker.errors
    import requests.exceptions
    import urllib3.exceptions

    try:
        yield
    except docker.errors.APIError as error:
        raise _start_error(error.explanation or str(error)) from error
    except requests.exceptions.ReadTimeout as error:
        raise StartRefused(
            "the engine did not finish starting the container: the runtime's init is wedged"
        ) from error
    except (
        requests.exceptions.RequestException,
        urllib3.exceptions.HTTPError,  # the SDK reads streams past requests
        docker.errors.DockerException,
        docker.errors.StreamParseError,  # a RuntimeError of its own
    ) as error:
        raise InfrastructureError(
            f"starting the container: the engine does not answer: {last_words(error)}"
        ) from error


def sorted_error(doing: str, message: str) -> InfrastructureError:
    """The error that an engine's message stands for."""
    low = message.lower()
    if "no space left on device" in low:
        return DiskFullError(f"{doing}: {message}")
    if any(word in low for word in _SECCOMP):
        return RuntimeRefusedError(f"{doing}: the engine rejects the profile: {message}")
    return InfrastructureError(f"{doing}: {message}")


def _start_error(message: str) -> Exception:
    """Whose fault a failed start is.

    What is not known to be the machine's may be the filter's doing: a runtime whose init was refused a call says
    many things, such as "cannot start a stopped process".
    """
    low = message.lower()
    if any(word in low for word in _SECCOMP) or any(word in low for word in _MACHINE):
        return sorted_error("starting the container", message)
    return StartRefused(message)


def last_words(error: BaseException) -> str:
    """The reason at the bottom of a chain of wrapped errors, in a few words."""
    reason, seen = str(error).strip().splitlines()[-1:] or [type(error).__name__], set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        if isinstance(current, OSError) and current.strerror:
            reason = [current.strerror]
        inner = next((arg for arg in current.args if isinstance(arg, BaseException)), None)
        current = inner or current.__cause__ or current.__context__
    return reason[0]
