"""What `manifests` writes, given to `kubectl apply` on a real cluster whose nodes have the profiles that come along."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.support import targets
from tests.support.workbench import scenario, workbench

from profile_smoke.rundir import new_run_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Cli

pytestmark = [
    pytest.mark.kubernetes,
    pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed"),
]
SHAPES = [("pod", "pod"), ("deployment", "container"), ("statefulset", "pod"), ("daemonset", "container")]
SELECTOR = "app.kubernetes.io/instance=node-exporter-system-no-new-privs"
PROFILE = "/var/lib/kubelet/seccomp/profiles/kubernetes/seccomp-k8s-system-profile.json"


def kubectl(*words: str, stdin: str = "") -> str:
    context = ["--context", name] if (name := targets.context()) else []
    done = subprocess.run(
        ["kubectl", *context, *words], check=False, input=stdin, capture_output=True, text=True, timeout=150
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def image() -> str:
    """The exporter's image as the nodes have it. Skips where they have not the profiles, as those of `cluster up` have."""
    with workbench("kubernetes") as bench:
        nodes = bench.target._kind_nodes.values()  # type: ignore[attr-defined]
        if not all(node.run("sh", "-c", f"test -e {PROFILE} && echo there; true") for node in nodes):
            pytest.skip(f"not all nodes are of this host and have {PROFILE}")
        chosen = scenario("node-exporter")
        prepared = bench.target.prepare(chosen.image, chosen.standin, policy="auto")
    return prepared.engine_ref or chosen.image


@pytest.fixture(scope="module")
def namespace() -> Iterator[str]:
    """One that wants its pods to be restricted, where the server knows what that is."""
    name = f"smoke-{new_run_id()[-6:]}"
    kubectl("create", "namespace", name)
    kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
    yield name
    kubectl("delete", "namespace", name, "--wait=true", "--timeout=120s")


@pytest.mark.parametrize(("workload", "place"), SHAPES)
def test_it_is_applied_and_runs_under_the_profile(
    workload: str, place: str, image: str, namespace: str, cli: Cli
) -> None:
    """As it is written: accepted by the server, started by the kubelet, and filtered by the kernel."""
    written = cli(
        *("manifests", "--profile", "system", "--scenario", "node-exporter", "--namespace", namespace),
        *("--privilege-escalation", "denied", "--workload", workload, "--seccomp-at", place),
        *("--image", f"node-exporter={image}"),
    )
    assert (written.code, written.stderr) == (0, "")
    kubectl("apply", "-f", "-", stdin=written.stdout)
    try:
        _check(workload, namespace)
    finally:
        kubectl("delete", "-f", "-", stdin=written.stdout)
        # A pod of the shape before would be taken for one of the next.
        kubectl("-n", namespace, "wait", "--for=delete", "pod", "-l", SELECTOR, "--timeout=240s")


def _check(workload: str, namespace: str) -> None:
    if workload != "pod":
        kubectl(
            "-n",
            namespace,
            "rollout",
            "status",
            f"{workload}/node-exporter-system-no-new-privs",
            "--timeout=240s",
        )
    kubectl("-n", namespace, "wait", "--for=condition=Ready", "pod", "-l", SELECTOR, "--timeout=240s")
    pod = kubectl("-n", namespace, "get", "pod", "-l", SELECTOR, "-o", "name").split()[0]
    status = kubectl("-n", namespace, "exec", pod, "--", "cat", "/proc/1/status")
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert (fields["Seccomp"], fields["NoNewPrivs"]) == ("2", "1")
    assert fields["Uid"].split()[0] == "65534"
