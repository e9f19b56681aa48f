"""What a launch costs on a cluster beside `kubectl`, and what cells side by side gain beside cells in a row.

First, in turn: an enforced launch of nginx (profile on the nodes, pod, readiness, filter read back, stop, pod gone), and the
same documents by hand: `kubectl apply`, its readiness polled, `kubectl delete`. Then eight cells with `--jobs 4` and
eight with `--jobs 1`, in turn, by the real command. Medians are compared.

Usage, as root: python benchmarks/pods.py [ROUNDS [TURNS]], with the kubeconfig of a kind cluster of this host.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from profile_smoke import rundir
from profile_smoke.image.store import Store
from profile_smoke.model import LaunchKind
from profile_smoke.profile.document import load as load_profile
from profile_smoke.resources import bundled
from profile_smoke.run.launch import Launcher
from profile_smoke.run.limits import full_limits
from profile_smoke.run.order import Order
from profile_smoke.run.slots import Slots
from profile_smoke.scenario.document import load as load_scenario
from profile_smoke.scenario.model import HttpCheck, Ready, Scenario
from profile_smoke.target import kubernetes_manifest
from profile_smoke.target.kubernetes import KubernetesTarget
from profile_smoke.target.kubernetes_plan import Plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from profile_smoke.image.interface import PreparedImage

PROFILE = bundled("profiles") / "kubernetes" / "seccomp-k8s-webapp-profile.json"
AT_MOST_BY_HAND = 1.25
AT_MOST_IN_A_ROW = 0.5
BUSY = 0.9
"""Of the processors: more cells at a time then gain nothing on this machine, whose processors are its kind nodes'."""
CELLS, JOBS = 8, 4


def plain_nginx() -> Scenario:
    """Nginx, its readiness, and nothing more: `kubectl apply` bears no large files."""
    whole = load_scenario(bundled("scenarios") / "nginx")
    start = replace(whole.start, files={"/usr/share/nginx/html/hello.txt": "hello\n"})
    return replace(whole, start=start, ready=Ready(HttpCheck(80, "/hello.txt"), 30.0), probes=())


def kubectl(*words: str, text: str = "") -> str:
    """What it says."""
    done = subprocess.run(
        ["kubectl", *words], check=False, capture_output=True, text=True, input=text or None
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def by_hand(scenario: Scenario, image: PreparedImage, localhost: str, number: int) -> Callable[[], None]:
    """Apply, poll, delete, as a script of a user's does it."""

    def once() -> None:
        name = f"by-hand-{number}"
        plan = Plan(name, image.engine_ref or "", scenario.start, localhost_profile=localhost)
        documents: list[dict[str, Any]] = kubernetes_manifest.documents(plan)
        pod = kubernetes_manifest.pod_spec(documents[-1])["containers"][0]
        pod["readinessProbe"] = {"httpGet": {"port": 80, "path": "/hello.txt"}, "periodSeconds": 1}
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": documents})
        try:
            kubectl("apply", "-f", "-", text=text)
            while (
                kubectl("get", "pod", name, "-o", "jsonpath={.status.containerStatuses[0].ready}") != "true"
            ):
                time.sleep(0.1)
        finally:
            kubectl("delete", "-f", "-", text=text)

    return once


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    began = time.monotonic()
    work()
    return time.monotonic() - began


def _must_pass(launcher: Launcher, order: Order) -> None:
    assert launcher.launch(order, launcher.new_id()).passed


def launches(rounds: int) -> float:
    """The median of launches, in medians by hand."""
    import threading

    scenario = plain_nginx()
    with rundir.open_run(rundir.new_run_id()) as run:
        target = KubernetesTarget(run, Store(rundir.home(), print))
        target.check()
        launcher = Launcher(
            target,
            run_id=run.run_id,
            stop=threading.Event(),
            slots=Slots(1),
            keep_failed=False,
        )
        try:
            image = target.prepare(scenario.image, scenario.standin, policy="auto")
            document = load_profile(PROFILE)
            order = Order(
                scenario,
                image,
                LaunchKind.ENFORCE,
                target.hand_over(document),
                document.sha256,
                full_limits(scenario),
                read_filter=True,
            )
            localhost = target.access.install("by-hand.json", json.dumps(document.raw))
            ours: list[float] = []
            theirs: list[float] = []
            for number in range(rounds + 1):
                one = seconds(lambda: _must_pass(launcher, order))
                other = seconds(by_hand(scenario, image, localhost, number))
                if number:  # the first of each only warms up
                    ours.append(one)
                    theirs.append(other)
        finally:
            target.finish()
    mine, hand = statistics.median(ours), statistics.median(theirs)
    print(f"a launch {mine:.2f} s, by hand {hand:.2f} s")
    return mine / hand


def processors() -> tuple[int, int]:
    """Ticks of all processors until now, and those of them that were idle (proc_stat(5))."""
    ticks = [int(word) for word in Path("/proc/stat").read_text("ascii").splitlines()[0].split()[1:9]]
    return sum(ticks), ticks[3] + ticks[4]


def cells(turns: int) -> tuple[float, float]:
    """The median of eight cells side by side, in medians of eight in a row; how busy the processors were meanwhile."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"copy-{number}.json" for number in range(CELLS)]
        for path in paths:
            path.write_bytes(PROFILE.read_bytes())
        chosen = [word for path in paths for word in ("--profile", str(path))]

        def run(jobs: int) -> None:
            words = [
                "--scenario",
                "nginx",
                "--target",
                "kubernetes",
                "--no-observe",
                "-f",
                "json",
                "--jobs",
                str(jobs),
            ]
            command = [sys.executable, "-m", "profile_smoke", *chosen, *words]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            verdicts = [cell["verdict"] for cell in json.loads(done.stdout)["cells"]]
            assert verdicts == ["passed"] * CELLS, verdicts

        side_by_side, in_a_row, busy = [], [], []
        for _ in range(turns):
            before = processors()
            side_by_side.append(seconds(lambda: run(JOBS)))
            after = processors()
            busy.append(1 - (after[1] - before[1]) / (after[0] - before[0]))
            in_a_row.append(seconds(lambda: run(1)))
    together, alone = statistics.median(side_by_side), statistics.median(in_a_row)
    print(f"{CELLS} cells with --jobs {JOBS} {together:.1f} s, in a row {alone:.1f} s")
    return together / alone, statistics.median(busy)


def main() -> int:
    """Measure; 1 where a bound does not hold."""
    arguments = [int(text) for text in sys.argv[1:]]
    rounds, turns = (*arguments, *(5, 3)[len(arguments) :])
    hand = launches(rounds)
    print(f"a launch / by hand {hand:.2f} (at most {AT_MOST_BY_HAND})")
    row, busy = cells(turns)
    print(
        f"side by side / in a row {row:.2f} (at most {AT_MOST_IN_A_ROW}, or {BUSY:.0%} of the nodes' processors)"
    )
    print(f"processors busy while side by side {busy:.0%}")
    return int(hand > AT_MOST_BY_HAND or (row > AT_MOST_IN_A_ROW and busy < BUSY))


if __name__ == "__main__":
    sys.exit(main())
