"""`profile-smoke cluster` with the real kind: made, safe twice, interrupted, removed.

Where the machine reaches no registry, `PROFILE_SMOKE_NODE_IMAGE` names a node image that it has.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from profile_smoke.rundir import new_run_id

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Cli

pytestmark = [
    pytest.mark.docker,
    pytest.mark.skipif(shutil.which("kind") is None, reason="kind is not installed"),
]
_SECONDS = 120.0


def containers(name: str) -> list[str]:
    command = ["docker", "ps", "--all", "--quiet", "--filter", f"label=io.x-k8s.kind.cluster={name}"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


@pytest.fixture
def name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A name that is nobody else's, and a kubeconfig of its own."""
    found = f"smoke-{new_run_id()[-6:]}"
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    yield found
    subprocess.run(["kind", "delete", "cluster", "--name", found], check=False, capture_output=True)


@pytest.mark.usefixtures("no_leftovers")
def test_a_cluster_comes_and_goes(name: str, cli: Cli, tmp_path: Path) -> None:
    """Made with the profiles on its node, taken as it is the second time, and gone in the end with its context."""
    made = cli("cluster", "up", "--name", name)
    assert (made.code, f"--context kind-{name}" in made.stdout) == (0, True), made.stderr
    nodes = containers(name)
    again = cli("cluster", "up", "--name", name)
    assert (again.code, "is there already" in again.stdout) == (0, True), again.stderr
    assert containers(name) == nodes
    status = cli("cluster", "status", "--name", name)
    assert status.code == 0, status.stderr
    assert "1 node, made by this program" in status.stdout
    assert "6 profiles below /var/lib/kubelet/seccomp" in status.stdout
    assert cli("cluster", "down", "--name", name).code == 0
    assert containers(name) == []
    assert name not in (tmp_path / "kubeconfig").read_text()
    assert cli("cluster", "status", "--name", name).code == 4


@pytest.mark.fault
@pytest.mark.usefixtures("no_leftovers")
def test_ended_while_it_is_made_leaves_nothing(name: str) -> None:
    """Once the engine has a node of it, the earliest moment at which something could stay. SIGTERM counts as Ctrl-C does."""
    command = [sys.executable, "-m", "profile_smoke", "cluster", "up", "--name", name]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=dict(os.environ)) as process:
        deadline = time.monotonic() + _SECONDS
        while not containers(name):
            assert process.poll() is None, process.stderr and process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert process.wait(_SECONDS) == 130
    assert containers(name) == []
