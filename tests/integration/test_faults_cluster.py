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
from functools import partial
from typing import TYPE_CHECKING

import pytest
from tests.support import cluster, targets
from tests.support.cluster_cells import NGINX, WEBAPP, cells, in_error, left_in, wait_for_pods
from tests.support.scenarios import sleeper
from tests.support.telling import told, told_of
from tests.support.workbench import Workbench, allowing, scenario, workbench

from profile_smoke.errors import ImageError, InstrumentError
from profile_smoke.model import LaunchKind, Verdict
from profile_smoke.run.limits import full_limits
from profile_smoke.run.order import Order
from profile_smoke.syscall import tables
from profile_smoke.target.kubernetes import KubernetesTarget

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import Cli

pytestmark = [
    pytest.mark.fault,
    pytest.mark.kubernetes,
    pytest.mark.usefixtures("no_leftovers"),
]
ENDS_WITHIN = 200.0
"""The program's own bounds. It takes seconds, but a kubelet of 1.20 at times lets go of a pod that is deleted before it was
made only with its next look at all pods, a minute or more later."""


@pytest.fixture
def bench() -> Iterator[Workbench]:
    with workbench("kubernetes") as found:
        yield found


@pytest.fixture(scope="module", autouse=True)
def _image(cli: Cli) -> None:
    """On the nodes before anything is timed."""
    if not targets.missing("kubernetes"):
        cli("images", "prepare", "--scenario", "nginx", "--target", "kubernetes", "--standin", "always")


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


def test_a_stranger_under_the_profile_of_a_launch_makes_it_an_error(bench: Workbench) -> None:
    """The runtime tells whose listener it hands over: what another pod is refused is never told of the launch."""
    with pytest.raises(
        InstrumentError, match=r"the pod .*-kubernetes-\d+ runs under the profile of this launch"
    ):
        bench.observed("nginx", set(tables.all_names()) - {"sysinfo"}, key=bench.launcher.new_id())


@contextmanager
def ended_in_mid_launch(place: str, end: Callable[[str], object]) -> Iterator[None]:
    """Do this to the first pod that runs there, while something else goes on."""

    def work() -> None:
        wait_for_pods(place)
        end(cluster.kubectl("get", "pods", "-n", place, "-o", "jsonpath={.items[0].metadata.name}"))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def delete(place: str, pod: str) -> None:
    cluster.kubectl("delete", "pod", pod, "-n", place, "--wait=false")


@pytest.mark.parametrize("end", [delete, cluster.evict], ids=["deleted", "evicted"])
def test_a_pod_that_somebody_else_takes_away_is_an_error(
    cli: Cli, tmp_path: Path, end: Callable[[str, str], None]
) -> None:
    """In the middle of a launch, by hand, or by the Eviction API as a drain does; newer servers tell of the latter."""
    slow = str(sleeper(tmp_path, ready="30s"))
    with cluster.namespace() as place, ended_in_mid_launch(place, partial(end, place)):
        ran = cli("--profile", "minimal", "--scenario", slow, *NGINX[2:], "--namespace", place)
        (cell,) = in_error(ran)
        assert "deleted by somebody else" in cell["reason"] or "EvictionByEvictionAPI" in cell["reason"]


def test_a_pod_that_its_node_evicts_is_an_error(cli: Cli, tmp_path: Path) -> None:
    """It has written more than the namespace lets it keep: the kubelet's word, whatever signal the workload ended by."""
    greedy = str(sleeper(tmp_path, "head -c 64000000 /dev/zero > /tmp/much; exec sleep 7777", "90s"))
    with cluster.namespace(cluster.limits(default={"ephemeral-storage": "8Mi"})) as place:
        ran = cli("--profile", "minimal", "--scenario", greedy, *NGINX[2:], "--namespace", place)
        in_error(ran, "Evicted: ")


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
def test_an_interrupted_run_leaves_nothing(tmp_path: Path, name: str, seconds: float) -> None:
    """At any moment: before the first pod, while it starts, while it is probed, which takes longer than this waits."""
    slow = str(sleeper(tmp_path, ready="60s"))
    with cluster.namespace() as place:
        with begun("--profile", "webapp", "--scenario", slow, *NGINX[2:], "--namespace", place) as process:
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
            slow = str(sleeper(tmp_path, ready="15s"))
            ran = cli("--profile", "minimal", "--scenario", slow, *NGINX[2:], "--namespace", place)
        finally:
            thread.join()
            subprocess.run(["docker", "exec", node[0], "systemctl", "start", "kubelet"], check=True)
            cluster.takes_pods_again(node[0])
        assert stopped.is_set()
        in_error(ran, f"on node {node[0]} does not end")
        assert left_in(place) == []
