"""Something in the cluster breaks: never `passed`, never `blocked`, and nothing is left in it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.support import cluster, targets
from tests.support.scenarios import sleeper
from tests.support.telling import told, told_of
from tests.support.workbench import Workbench, allowing, scenario, workbench

from profile_smoke.errors import ImageError
from profile_smoke.model import LaunchKind, Verdict
from profile_smoke.run.launch import Order
from profile_smoke.run.limits import full_limits
from profile_smoke.syscall import tables
from profile_smoke.target.kubernetes import KubernetesTarget

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Cli, Ran

pytestmark = [
    pytest.mark.fault,
    pytest.mark.kubernetes,
    pytest.mark.usefixtures("no_leftovers"),
]
NGINX = ("--scenario", "nginx", "--standin", "always", "--target", "kubernetes", "-f", "json")
WEBAPP = ("--profile", "webapp", *NGINX, "--no-observe")
ENDS_WITHIN = 60.0


def cells(ran: Ran) -> list[dict[str, Any]]:
    assert ran.stdout, ran.stderr
    found: list[dict[str, Any]] = json.loads(ran.stdout)["cells"]
    return found


def in_error(ran: Ran, *words: str) -> None:
    """One cell, an error that says this."""
    (cell,) = cells(ran)
    assert cell["verdict"] == "error", told([cell])
    assert ran.code == 4
    for word in words:
        assert word in cell["reason"], told([cell])


@pytest.fixture
def bench() -> Iterator[Workbench]:
    with workbench("kubernetes") as found:
        yield found


@pytest.fixture(scope="module", autouse=True)
def _image(cli: Cli) -> None:
    """On the nodes before anything is timed."""
    if not targets.missing("kubernetes"):
        cli("images", "prepare", "--scenario", "nginx", "--target", "kubernetes", "--standin", "always")


def test_a_quota_that_wants_limits_is_named(cli: Cli) -> None:
    """Admission refuses the pod: which policy it was is said."""
    with cluster.namespace(cluster.quota(**{"limits.cpu": "8"})) as place:
        in_error(cli(*WEBAPP, "--namespace", place), "refused by the ResourceQuota few", "limits.cpu")


def test_a_limit_range_that_refuses_is_named(cli: Cli) -> None:
    """As a pod of its own, and as one that a controller may not make, which tells it in an event only."""
    with cluster.namespace(cluster.limits(type="Pod", max={"memory": "2Gi"})) as place:
        in_error(cli(*WEBAPP, "--namespace", place), "refused by a LimitRange", "2Gi")
        ran = cli(*WEBAPP, "--namespace", place, "--workload", "deployment")
        in_error(ran, "no pod is made", "2Gi")


def test_a_full_quota_is_waited_for(cli: Cli) -> None:
    """Two cells at a time where one pod is allowed: both have their verdict, one after the other."""
    with cluster.namespace(cluster.quota(pods="1")) as place:
        ran = cli(
            *("--profile", "webapp", "--profile", "runtime-default", *NGINX, "--no-observe"),
            *("--jobs", "2", "--namespace", place),
        )
        found = cells(ran)
        assert [cell["verdict"] for cell in found] == ["passed", "passed"], told(found)


def test_a_workload_that_is_out_of_memory_is_an_error(cli: Cli, tmp_path: Path) -> None:
    """The namespace's limit kills it: that is no fault of a profile, nor of the control."""
    greedy = sleeper(
        tmp_path, 'x=; while :; do x="$x$(head -c 4000000 /dev/zero | tr "\\\\0" y)"; done', "20s"
    )
    with cluster.namespace(cluster.limits(default={"memory": "48Mi"})) as place:
        ran = cli(*("--profile", "minimal", "--scenario", str(greedy), *NGINX[2:], "--namespace", place))
        in_error(ran, "OOMKilled")


def test_missing_rights_are_named(cli: Cli, tmp_path: Path) -> None:
    """A user who may look but not make anything."""
    look = {"apiGroups": ["", "apps"], "resources": ["*"], "verbs": ["get", "list", "watch"]}
    with cluster.namespace(*cluster.account(look)) as place:
        path = cluster.kubeconfig(tmp_path / "few", token=cluster.token(place))
        ran = cli(*WEBAPP, "--namespace", place, env=cluster.environment(path))
        assert ran.code == 4
        assert "cannot list resource" in ran.stderr
        assert "nodes" in ran.stderr
        assert "Traceback" not in ran.stderr


def test_a_namespace_that_is_being_terminated(cli: Cli) -> None:
    """It takes nothing any more."""
    keeper = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "keeper", "finalizers": ["profile-smoke.test/wait"]},
    }
    with cluster.namespace(keeper) as place:
        cluster.kubectl("delete", "namespace", place, "--wait=false")
        try:
            in_error(cli(*WEBAPP, "--namespace", place), "the namespace is being terminated")
        finally:
            nothing = {"metadata": {"finalizers": None}}
            cluster.kubectl(
                "patch", "configmap", "keeper", "-n", place, "--type=merge", "-p", json.dumps(nothing)
            )


def test_an_image_that_the_node_cannot_pull(bench: Workbench) -> None:
    """The kubelet's own words, and no verdict."""
    image = bench.controls.image(bench.launcher, scenario("nginx"))
    nowhere = replace(image, engine_ref="127.0.0.1:1/none:1")
    found = scenario("nginx")
    order = Order(found, nowhere, LaunchKind.CONTROL, None, None, full_limits(found))
    with pytest.raises(ImageError, match=r"127\.0\.0\.1:1/none:1: (ErrImagePull|ImagePullBackOff)"):
        bench.launcher.launch(order, bench.launcher.new_id())


def test_a_node_without_the_profile_is_an_error_that_names_it(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever took it away between our putting it there and the kubelet's reading it."""
    assert isinstance(bench.target, KubernetesTarget)
    access = bench.target.access
    bench.baseline("nginx")
    monkeypatch.setattr(access, "install", lambda name, _content: f"profile-smoke/none/{name}")
    result = bench.run("nginx", allowing(tables.all_names()))
    assert result.verdict is Verdict.ERROR, told_of(result)
    assert "does not have the profile" in result.reason
    assert any(node["metadata"]["name"] in result.reason for node in bench.target.api.nodes())


def test_a_pod_that_somebody_else_deletes_is_an_error(cli: Cli, tmp_path: Path) -> None:
    """In the middle of a launch, as a drain or an eviction does."""
    with cluster.namespace() as place:
        stop = threading.Event()

        def delete() -> None:
            while not stop.wait(0.3):
                pods = json.loads(cluster.kubectl("get", "pods", "-n", place, "-o", "json"))["items"]
                for pod in pods:
                    if pod["status"].get("phase") == "Running":
                        cluster.kubectl("delete", "pod", pod["metadata"]["name"], "-n", place, "--wait=false")
                        return

        thread = threading.Thread(target=delete)
        thread.start()
        try:
            ran = cli(
                *("--profile", "minimal", "--scenario", str(sleeper(tmp_path, ready="30s")), *NGINX[2:]),
                *("--namespace", place),
            )
        finally:
            stop.set()
            thread.join()
        in_error(ran, "deleted by somebody else")


@contextmanager
def begun(*options: str, env: dict[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    """A run that has said that it begins, in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "profile_smoke", *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=env,
    )
    try:
        assert process.stderr is not None
        assert "to run" in process.stderr.readline()
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for_pods(place: str, count: int = 1) -> None:
    """Until so many pods run there."""
    deadline = time.monotonic() + ENDS_WITHIN
    while time.monotonic() < deadline:
        pods = json.loads(cluster.kubectl("get", "pods", "-n", place, "-o", "json"))["items"]
        if sum(pod["status"].get("phase") == "Running" for pod in pods) >= count:
            return
        time.sleep(0.2)
    raise AssertionError("no pod came to run")


def left_in(place: str) -> list[str]:
    """What is still there."""
    return cluster.kubectl(
        "get", "pods,deployments,pvc,configmaps", "-n", place, "-l", "profile-smoke.run", "-o", "name"
    ).split()


def test_an_api_server_that_goes_makes_it_an_error(cli: Cli, tmp_path: Path) -> None:
    """No verdict, an end in time; what could not be removed then is removed by `clean` when it is back."""
    with cluster.namespace() as place, cluster.Door() as door:
        path = cluster.kubeconfig(tmp_path / "door", server=door.server)
        slow = str(sleeper(tmp_path, ready="60s"))
        words = ("--profile", "minimal", "--scenario", slow, *NGINX[2:], "--namespace", place)
        with begun(*words, env=cluster.environment(path)) as process:
            wait_for_pods(place)
            door.slam()
            began = time.monotonic()
            out, err = process.communicate(timeout=240)
            assert time.monotonic() - began < 200
        assert process.returncode == 4, err
        assert "Traceback" not in err
        assert "does not answer" in out + err
        assert not any(cell["verdict"] in ("passed", "blocked") for cell in json.loads(out)["cells"])
        assert left_in(place)
        cleaned = cli("clean", "--target", "kubernetes")
        assert cleaned.code == 0, cleaned.stderr
        assert left_in(place) == []


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("seconds", [0.5, 2.0, 5.0])
def test_an_interrupted_run_leaves_nothing(name: str, seconds: float) -> None:
    """At any moment: before the first pod, while it starts, while it is probed."""
    with cluster.namespace() as place:
        with begun(*WEBAPP, "--namespace", place) as process:
            time.sleep(seconds)
            process.send_signal(signal.Signals[name])
            process.communicate(timeout=ENDS_WITHIN)
        assert process.returncode == 130
        assert left_in(place) == []


def test_clean_sweeps_what_a_killed_run_left(cli: Cli) -> None:
    """Pods, ConfigMaps, and files on nodes, wherever the run was at."""
    with cluster.namespace() as place:
        with begun(*WEBAPP, "--namespace", place) as process:
            wait_for_pods(place)
            process.kill()
            process.communicate()
        assert left_in(place)
        cleaned = cli("clean", "--target", "kubernetes")
        assert cleaned.code == 0, cleaned.stderr
        assert "removed kubernetes Pod" in cleaned.stdout
        assert left_in(place) == []


def test_two_runs_in_one_cluster_do_not_meet() -> None:
    """Side by side, in one namespace: each has its verdict, and removes what is its own."""
    with cluster.namespace() as place, begun(*WEBAPP, "--namespace", place) as one:
        with begun(*WEBAPP, "--namespace", place) as two:
            outs = [process.communicate(timeout=200)[0] for process in (one, two)]
        found = [cell for out in outs for cell in json.loads(out)["cells"]]
        assert [cell["verdict"] for cell in found] == ["passed", "passed"], told(found)
        assert left_in(place) == []


@pytest.mark.parametrize("workload", ["deployment", "statefulset", "daemonset"])
def test_every_kind_of_workload_is_launched_and_removed(cli: Cli, workload: str) -> None:
    """With the profile at the container, as its users deploy it."""
    with cluster.namespace() as place:
        ran = cli(*WEBAPP, "--namespace", place, "--workload", workload, "--seccomp-at", "container")
        (cell,) = cells(ran)
        if (
            workload == "daemonset"
            and len(json.loads(cluster.kubectl("get", "nodes", "-o", "json"))["items"]) > 1
        ):
            assert cell["verdict"] in ("passed", "error"), told([cell])
        else:
            assert cell["verdict"] == "passed", told([cell])
        assert left_in(place) == []


def test_a_node_that_does_not_answer_is_an_error(cli: Cli, tmp_path: Path) -> None:
    """Its kubelet is stopped in the middle of a launch: no verdict, and the API server is freed of the pod."""
    with cluster.namespace() as place:
        stopped = threading.Event()
        node: list[str] = []

        def stop() -> None:
            wait_for_pods(place)
            pods = json.loads(cluster.kubectl("get", "pods", "-n", place, "-o", "json"))["items"]
            node.append(pods[0]["spec"]["nodeName"])
            subprocess.run(["docker", "exec", node[0], "systemctl", "stop", "kubelet"], check=True)
            stopped.set()

        thread = threading.Thread(target=stop)
        thread.start()
        try:
            slow = str(sleeper(tmp_path, ready="60s"))
            ran = cli("--profile", "minimal", "--scenario", slow, *NGINX[2:], "--namespace", place)
        finally:
            thread.join()
            subprocess.run(["docker", "exec", node[0], "systemctl", "start", "kubelet"], check=True)
        assert stopped.is_set()
        in_error(ran)
        assert left_in(place) == []
