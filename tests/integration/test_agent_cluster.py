"""The node agent on a real cluster of two nodes, as a user runs it: installed, used, killed, removed.

The nodes are kind's, so this host sees into them; the program is told to go through the agents all the same.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.support import targets

from profile_smoke import __main__ as program
from profile_smoke.agent.shelf import RUN
from profile_smoke.profile.catalog import Catalog
from profile_smoke.resources import bundled
from profile_smoke.target.kubernetes_agents import NAMESPACE, SELECTOR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Cli

pytestmark = [pytest.mark.kubernetes, pytest.mark.usefixtures("no_leftovers", "agents")]
BY_AGENT = ("--target", "kubernetes", "--node-access", "agent", "--standin", "always", "-f", "json")
REMOVE = ("agent", "remove", "--wait", "400")
"""Kubelets of 1.20 take a minute or two to let go of a pod, on a busy machine."""
_SECONDS = 240.0
_NODE_SECCOMP = "var/lib/kubelet/seccomp/profile-smoke"


def context() -> list[str]:
    chosen = targets.context()
    return ["--context", chosen] if chosen else []


def kubectl(*words: str) -> str:
    return subprocess.run(
        ["kubectl", *context(), *words], check=True, capture_output=True, text=True, timeout=120
    ).stdout


def listed(*words: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = json.loads(kubectl("get", *words, "-o", "json"))["items"]
    return items


def nodes() -> list[str]:
    return [each["metadata"]["name"] for each in listed("nodes")]


def root(node: str) -> Path:
    """A kind node's root folder, as this host sees it."""
    said = subprocess.run(
        ["docker", "inspect", "--format", "{{.State.Pid}}", node], check=True, capture_output=True, text=True
    ).stdout
    return Path(f"/proc/{int(said)}/root")


def runs_on(node: str) -> set[str]:
    """The runs that have profiles on a node."""
    try:
        return {path.name for path in (root(node) / _NODE_SECCOMP).iterdir() if RUN.fullmatch(path.name)}
    except FileNotFoundError:  # the folder goes with its last run
        return set()


def observed_on(node: str) -> set[str]:
    """The runs that an agent has a socket for: those that go through agents."""
    return {path.stem for path in (root(node) / "run/profile-smoke-agent").glob("*.sock")}


def processes(word: str) -> list[int]:
    """The agents' processes that run `serve` or `read`, on whichever node."""
    found = []
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            with suppress(OSError):
                ours = f"profile_smoke.agent\0{word}" in (path / "cmdline").read_text("utf-8", "replace")
                if ours and "kubepods" in (path / "cgroup").read_text("utf-8"):
                    found.append(int(path.name))
    return found


def until(holds: Callable[[], bool], seconds: float = _SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.fixture(scope="module")
def agents(cli: Cli) -> Iterator[None]:
    """Installed by this very program; taken away again where it was not there."""
    if len(nodes()) < 2:
        pytest.skip("the cluster has one node")
    was_there = bool(listed("pods", "-A", "-l", SELECTOR))
    done = cli("agent", "install", *context())
    assert done.code == 0, done.stderr
    yield
    if not was_there:
        assert cli(*REMOVE, *context()).code == 0


def without(name: str, *calls: str, path: Path) -> str:
    """A bundled profile that refuses some calls more, as a file."""
    found = Catalog([bundled("profiles")]).find(name).document
    assert found is not None
    document = json.loads(found.text)
    for rule in document["syscalls"]:
        rule["names"] = [each for each in rule["names"] if each not in calls]
    document["syscalls"] = [rule for rule in document["syscalls"] if rule["names"]]
    path.write_text(json.dumps(document))
    return str(path)


@contextmanager
def landings() -> Iterator[set[str]]:
    """The nodes on which pods of runs are seen meanwhile."""
    found: set[str] = set()
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.3):
            for pod in listed("pods", "-A", "-l", "profile-smoke.run"):
                found.add(pod["spec"].get("nodeName", ""))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()
        found.discard("")


_UNITS = {"m": 0.001, "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30}


def requested(node: str, resource: str) -> float:
    """What the pods of a node ask for, as the scheduler adds it up."""
    total = 0.0
    for pod in listed("pods", "-A", f"--field-selector=spec.nodeName={node}"):
        for container in pod["spec"]["containers"]:
            text = ((container.get("resources") or {}).get("requests") or {}).get(resource, "0")
            unit = text.lstrip("0123456789.")
            total += float(text.removesuffix(unit)) * _UNITS.get(unit, 1)
    return total


@contextmanager
def nodes_alike() -> Iterator[None]:
    """Give the nodes the same load: the scheduler prefers the emptier one, and one has the control plane."""
    fillers = []
    # An image that every node has by now.
    image = listed("pods", "-n", NAMESPACE, "-l", SELECTOR)[0]["spec"]["containers"][0]["image"]
    loads = {node: (requested(node, "cpu"), requested(node, "memory")) for node in nodes()}
    most = tuple(max(load[place] for load in loads.values()) for place in (0, 1))
    try:
        for node, (cpu, memory) in loads.items():
            lacking = {"cpu": f"{(most[0] - cpu) * 1000:.0f}m", "memory": f"{most[1] - memory:.0f}"}
            filler = {
                "name": "filler",
                "image": image,
                "command": ["sleep", "3600"],
                "resources": {"requests": lacking},
            }
            spec = {"nodeName": node, "terminationGracePeriodSeconds": 0, "containers": [filler]}
            fillers.append(f"filler-{node}")
            document = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": fillers[-1]}, "spec": spec}
            subprocess.run(
                ["kubectl", *context(), "apply", "-f", "-"],
                input=json.dumps(document),
                text=True,
                check=True,
                capture_output=True,
            )
        yield
    finally:
        kubectl("delete", "pod", "--ignore-not-found", *fillers)


def test_four_cells_at_once_on_two_nodes_do_not_mix(cli: Cli, tmp_path: Path) -> None:
    """Each lacks another call, and is blamed for that, by its own program; nobody's denial is in another's report."""
    missing = {
        "a": ("database", "listen"),
        "b": ("database", "bind"),
        "c": ("webapp", "socketpair"),
        "d": ("webapp", "pwrite64"),
    }
    programs = {"a": "redis", "b": "redis", "c": "nginx", "d": "nginx"}
    files = [without(*missing[name], path=tmp_path / f"{name}.json") for name in missing]
    only = [word for name in missing for word in ("--only", f"{name}/{programs[name]}@kubernetes")]
    profiles = [word for file in files for word in ("--profile", file)]
    scenarios = ("--scenario", "redis", "--scenario", "nginx")
    with nodes_alike(), landings() as seen:
        ran = cli(*BY_AGENT, *context(), *profiles, *scenarios, *only, "--jobs", "4")
    cells = {each["profile"]["name"]: each for each in json.loads(ran.stdout)["cells"]}
    assert cells.keys() == missing.keys(), ran.stderr
    for name, cell in cells.items():
        _, call = missing[name]
        assert cell["verdict"] == "blocked", cell["reason"]
        assert cell["blocking"] == [call], (cell["reason"], cell["notes"], cell["launches"])
        mine = [each for each in cell["denials"] if each["syscall"] == call]
        assert mine
        others = {other for _, other in missing.values()} - {call}
        assert not others & {each["syscall"] for each in cell["denials"]}
        for each in cell["denials"]:
            if each["phase"] != "create":
                exe = each["process"]["exe"] or each["process"]["comm"]
                stranger = "nginx" if programs[name] == "redis" else "redis"
                assert stranger not in exe
    assert seen == set(nodes()), "they did not land on both nodes"
    assert {node: runs_on(node) for node in nodes()} == {node: set() for node in nodes()}


def observed_launch() -> str:
    """The id of a launch that is being observed and whose container runs; empty where there is none."""
    with suppress(OSError):  # they come and go
        for path in (root(nodes()[0]) / _NODE_SECCOMP).glob("*/*.json"):
            if '"listenerPath"' in path.read_text("utf-8"):
                pods = listed("pods", "-l", f"profile-smoke.launch={path.stem}")
                if any(pod["status"]["phase"] == "Running" for pod in pods):
                    return path.stem
    return ""


@pytest.mark.fault
def test_agents_that_are_killed_in_mid_launch_make_the_cell_an_error(tmp_path: Path) -> None:
    """The kubelet starts them again within seconds; what they were observing is not judged all the same."""
    file = without("database", "accept4", "accept", path=tmp_path / "a.json")
    client = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "profile_smoke",
            *BY_AGENT,
            *context(),
            "--profile",
            file,
            "--scenario",
            "redis",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: bool(observed_launch()))
        for pid in processes("serve"):
            os.kill(pid, signal.SIGKILL)
        out, _ = client.communicate(timeout=_SECONDS)
    finally:
        client.terminate()
        client.wait()
    (cell,) = json.loads(out)["cells"]
    assert client.returncode == 4
    assert cell["verdict"] == "error"
    # Of the launch that was being observed; or the next one had already been asked for, and found nobody.
    assert "the agent on node" in cell["reason"] or "nobody observes pod" in cell["reason"]
    assert cell["blocking"] == []
    kubectl("-n", NAMESPACE, "wait", "--for=condition=Ready", "pod", "-l", SELECTOR, "--timeout=240s")
    # What an agent could not be told to remove, it removes when it is back.
    until(lambda: not any(runs_on(node) for node in nodes()))


@pytest.mark.fault
def test_what_a_killed_client_left_on_nodes_goes_with_its_lease(cli: Cli, tmp_path: Path) -> None:
    """`kill -9` in mid-run: the agents remove its profiles by themselves, `clean` the pods."""
    before = set().union(*(observed_on(node) for node in nodes()))
    file = without("database", "listen", path=tmp_path / "a.json")
    client = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "profile_smoke",
            *BY_AGENT,
            *context(),
            "--profile",
            file,
            "--scenario",
            "redis",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until(lambda: all(observed_on(node) - before for node in nodes()))
    (run,) = observed_on(nodes()[0]) - before
    until(lambda: all(run in runs_on(node) for node in nodes()))
    until(lambda: bool(listed("pods", "-l", f"profile-smoke.run={run}")))
    client.kill()
    client.wait()
    until(lambda: not any(run in runs_on(node) for node in nodes()))
    assert not any(run in observed_on(node) for node in nodes())
    done = cli("clean", run)
    assert done.code == 0, done.stderr
    assert listed("pods", "-l", f"profile-smoke.run={run}") == []


@pytest.mark.fault
def test_a_pod_on_a_node_without_an_agent_is_an_error_that_names_the_node(cli: Cli) -> None:
    """No profile is there, so nothing is said of it."""
    bare, other = nodes()[0], nodes()[1]
    away = {"key": "metadata.name", "operator": "NotIn", "values": [bare]}
    affinity = {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchFields": [away]}]}
        }
    }
    patch = {"spec": {"template": {"spec": {"affinity": affinity}}}}
    try:
        kubectl("-n", NAMESPACE, "patch", "daemonset", NAMESPACE, "-p", json.dumps(patch))
        kubectl("-n", NAMESPACE, "rollout", "status", f"daemonset/{NAMESPACE}", "--timeout=240s")
        kubectl("cordon", other)
        ran = cli(*BY_AGENT, *context(), "--profile", "database", "--scenario", "redis")
    finally:
        kubectl("uncordon", other)
        assert cli("agent", "install", *context()).code == 0
    (cell,) = json.loads(ran.stdout)["cells"]
    assert ran.code == 4
    assert cell["verdict"] == "error"
    assert bare in cell["reason"]
    assert "no node agent runs" in cell["reason"]


def test_a_passing_cell_is_read_back_through_the_reader(cli: Cli) -> None:
    """The filter that the kernel loaded is what the profile means, and the process has the status that was asked for."""
    ran = cli(
        *BY_AGENT,
        *context(),
        "--profile",
        "database",
        "--scenario",
        "redis",
        "--privilege-escalation",
        "both",
    )
    cells = json.loads(ran.stdout)["cells"]
    assert ran.code == 0, ran.stderr
    assert [each["verdict"] for each in cells] == ["passed", "passed"]
    for each in cells:
        assert each["filter"]["mode"] == 2
        assert each["filter"]["instructions"] > 0
        assert not [found for found in each["filter"]["findings"] if found["opens"]]


def test_agents_run_under_their_own_profile_and_readers_can_read(cli: Cli) -> None:
    """The kernel has loaded what the file means, on every node; and status says that filters are read."""
    serving = processes("serve")
    assert len(serving) == len(nodes())
    own = Path(program.__file__).parent / "agent" / "seccomp.json"
    for pid in serving:
        done = cli("filter", "--pid", str(pid), "--profile", str(own))
        assert done.code == 0, done.stdout
        assert "It does what `seccomp` says." in done.stdout
    told = cli("agent", "status", *context())
    assert told.code == 0
    assert told.stdout.count("reads filters") == len(nodes())


@pytest.mark.fault
def test_an_agent_that_is_removed_leaves_nothing_and_says_so(cli: Cli) -> None:
    """Namespace, processes and its own profile go; then there is none, which is an error for a run that insists."""
    assert cli(*REMOVE, *context()).stdout == "the node agent is removed\n"
    try:
        assert kubectl("get", "namespace", NAMESPACE, "--ignore-not-found") == ""
        until(lambda: not processes("serve") and not processes("read"))
        assert not any((root(node) / _NODE_SECCOMP / "agent").exists() for node in nodes())
        assert cli(*REMOVE, *context()).stdout == "the node agent is not there\n"
        told = cli("agent", "status", *context())
        assert told.code == 4
        assert "profile-smoke agent install" in told.stderr
        ran = cli(*BY_AGENT, *context(), "--profile", "database", "--scenario", "redis")
        assert ran.code == 4
        assert "no node agent is ready" in ran.stderr
    finally:
        assert cli("agent", "install", *context()).code == 0
