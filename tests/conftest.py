"""What all tests share.

`pytest --update-golden` writes the golden files under tests/data/golden anew instead of comparing; look
at the difference in version control before committing it.

Tests marked `oci`, `docker`, `kubernetes` or `browser` are skipped where that is missing, with the reason, and fail there
when `PROFILE_SMOKE_REQUIRE` names it. Under pytest-xdist each worker has a home of its own, so that what one test kills,
leaves behind and cleans is no other's; those of a cluster share a worker, for they stop its nodes and its API server.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest
from hypothesis import HealthCheck, settings
from tests.support import homes, targets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

GOLDEN = Path(__file__).parent / "data" / "golden"
_WORKER = "PYTEST_XDIST_WORKER"
_COMMAND_SECONDS = 600.0
"""For one command line: image building included, so only a hang is longer."""
_OTHERS_SECONDS = 120.0
"""For what another test's run has at the moment to go."""


# How long an example takes says something of the machine's load, not of the code: speed is measured in benchmarks/.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="write the golden files anew instead of comparing"
    )


def pytest_configure() -> None:
    if worker := os.environ.get(_WORKER):
        homes.settle(worker)
    try:
        targets.required(os.environ.get(targets.VARIABLE, ""))
    except ValueError as error:
        raise pytest.UsageError(str(error)) from error
    # A shell has its background jobs ignore Ctrl-C, and what they start ignores it too; a handler is not inherited.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _target(item: pytest.Item) -> str | None:
    return next((name for name in reversed(targets.TARGETS) if item.get_closest_marker(name)), None)


def _group(item: pytest.Item) -> str | None:
    """The tests that share a worker: what is made once for a file is made on one."""
    target = _target(item)
    return f"{item.path.stem}-{target}" if target in ("oci", "docker") else target


@pytest.hookimpl(tryfirst=True)  # before xdist's own hook, which reads the groups once
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if group := _group(item):
            item.add_marker(pytest.mark.xdist_group(group))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: most tests wait for containers much of their time."""
    return (os.cpu_count() or 1) + 1


def pytest_runtest_setup(item: pytest.Item) -> None:
    group = _group(item)
    if _WORKER in os.environ and group and not item.nodeid.endswith(f"@{group}"):
        pytest.fail("xdist has not grouped the tests that launch containers: --dist loadgroup", pytrace=False)
    for need in targets.NEEDS:
        if item.get_closest_marker(need) and (reason := targets.missing(need)):
            if need in targets.required(os.environ.get(targets.VARIABLE, "")):
                pytest.fail(f"{reason} ({targets.VARIABLE} names it)", pytrace=False)
            pytest.skip(reason)


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compares a text with the golden file of a name: `golden(name, text)`."""
    update = bool(request.config.getoption("--update-golden"))

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if update:
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8"), f"{name} differs; see --update-golden"

    return compare


@dataclass(frozen=True)
class Ran:
    """How a command line ended."""

    code: int
    stdout: str
    stderr: str


class Cli(Protocol):
    """Runs `profile-smoke` with some arguments, as a user does, and waits for it."""

    def __call__(
        self, *arguments: str, env: Mapping[str, str] | None = None, timeout: float = _COMMAND_SECONDS
    ) -> Ran: ...


@pytest.fixture(scope="session")
def cli() -> Cli:
    """The real command in a process of its own. It shares this machine's image store, so nothing is built twice."""

    def run(*arguments: str, env: Mapping[str, str] | None = None, timeout: float = _COMMAND_SECONDS) -> Ran:
        done = subprocess.run(
            [sys.executable, "-m", "profile_smoke", *arguments],
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            env={**os.environ, **(env or {})},
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def no_leftovers(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails the test when runs that ended during it left anything behind: folder, container, mount, cgroup, volume, pod."""
    from tests.support.leftovers import leftovers

    cluster = _target(request.node) == "kubernetes"
    before = leftovers(cluster=cluster)
    yield
    left = leftovers(cluster=cluster) - before
    # Runs of another worker's tests may have homes that nobody knows of; what is theirs goes when they end.
    deadline = time.monotonic() + _OTHERS_SECONDS
    while left and time.monotonic() < deadline:
        time.sleep(1)
        left &= leftovers(cluster=cluster)
    assert sorted(left) == []
