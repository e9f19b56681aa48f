"""What a cell costs beside the same life of the same image by hand: engine or runc, started, ready, gone.

Both sides of a pair are measured in turn in one run, and medians are compared. The scenario is nginx with its readiness
and no further probes; a cell is its enforced launch, with the filter read back and a graceful stop (image and control are
shared by all cells of a run). Usage, as root: python benchmarks/cells.py [ROUNDS]
"""

from __future__ import annotations

import json
import shutil
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from profile_smoke import rundir
from profile_smoke.image.store import Store
from profile_smoke.model import LaunchKind
from profile_smoke.probe.attempt import attempt
from profile_smoke.probe.fake import FakeSurface
from profile_smoke.probe.wait import WaitState, wait_until
from profile_smoke.profile.document import Document
from profile_smoke.profile.document import load as load_profile
from profile_smoke.resources import bundled
from profile_smoke.run.launch import Launcher
from profile_smoke.run.limits import full_limits
from profile_smoke.run.order import Order
from profile_smoke.run.slots import Slots
from profile_smoke.scenario.document import load as load_scenario
from profile_smoke.scenario.model import HttpCheck, Ready, Scenario
from profile_smoke.target import oci_spec
from profile_smoke.target.docker import DockerTarget
from profile_smoke.target.linux import connect_inside, mount_overlay, unmount
from profile_smoke.target.oci import OciTarget
from profile_smoke.target.runc import Runc

if TYPE_CHECKING:
    from pathlib import Path

    from profile_smoke.image.interface import PreparedImage
    from profile_smoke.target.interface import Target

PORT = 80
HANDS = {"oci": "runc", "docker": "docker"}
AT_MOST = {"oci": 1.5, "docker": 1.1}
AT_LEAST = 4
PROFILE = bundled("profiles") / "kubernetes" / "seccomp-k8s-webapp-profile.json"
Once = Callable[[], None]


class ByHand(FakeSurface):
    """What was started by hand, for the same readiness probe: only how it is connected to differs."""

    def __init__(self, connect: Callable[[float], socket.socket]) -> None:
        super().__init__()
        self._connect = connect

    def connect(self, port: int, timeout: float) -> socket.socket:
        """Connect as this target does by hand."""
        del port
        return self._connect(timeout)


def cell(target: Target, run_id: str, scenario: Scenario, image: PreparedImage, document: Document) -> Once:
    """An enforced launch of the cell, as a run does it."""
    slots = Slots(1)
    launcher = Launcher(target, run_id=run_id, stop=threading.Event(), slots=slots, keep_failed=False)
    order = Order(
        scenario,
        image,
        LaunchKind.ENFORCE,
        target.hand_over(document),
        document.sha256,
        full_limits(scenario),
        read_filter=True,
    )

    def once() -> None:
        result = launcher.launch(order, launcher.new_id())
        assert result.passed, result.launch.reason

    return once


def ready(scenario: Scenario, connect: Callable[[float], socket.socket]) -> None:
    """Wait as a cell waits."""
    surface = ByHand(connect)
    waited = wait_until(lambda left: attempt(scenario.ready.check, surface, left), lambda: None, timeout=20)
    assert waited.state is WaitState.READY, waited.last


def docker_by_hand(scenario: Scenario, image: PreparedImage) -> Once:
    """`docker run -d`, polling the same readiness, `docker rm -f`."""

    def once() -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        publish = f"127.0.0.1:{port}:{PORT}"
        ident = output(
            [
                "docker",
                "run",
                "-d",
                "-p",
                publish,
                "--security-opt",
                f"seccomp={PROFILE}",
                str(image.engine_ref),
            ]
        )
        try:
            ready(scenario, lambda timeout: socket.create_connection(("127.0.0.1", port), timeout))
        finally:
            output(["docker", "rm", "-f", ident])

    return once


def runc_by_hand(scenario: Scenario, image: PreparedImage, document: Document, folder: Path) -> Once:
    """`runc run` on an overlay that is kept for all rounds, polling the same readiness, `runc delete -f`."""
    assert image.rootfs
    root, upper, work = (folder / name for name in ("rootfs", "upper", "work"))
    for each in (root, upper, work):
        each.mkdir()
    # The unpacked image is every cell's: nothing may write into it.
    mount_overlay(root, lower=image.rootfs, upper=upper, work=work)
    config = oci_spec.configuration(
        rootfs=root,
        args=[*image.config.entrypoint, *image.config.cmd],
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        cwd="/",
        identity=oci_spec.Identity(0, 0, ()),
        binds=[],
        seccomp=document.raw,
        no_new_privileges=False,
        run_id="by-hand",
        launch_id="by-hand",
    )
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    runc = ["runc", "--root", str(folder / "state")]

    def once() -> None:
        command = [
            *runc,
            "run",
            "--detach",
            "--bundle",
            str(folder),
            "--pid-file",
            str(folder / "pid"),
            "by-hand",
        ]
        subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )
        try:
            pid = int((folder / "pid").read_text("ascii"))
            ready(scenario, lambda timeout: connect_inside(pid, PORT, timeout))
        finally:
            output([*runc, "delete", "--force", "by-hand"])

    return once


def output(command: Sequence[str]) -> str:
    """Run a command; what it printed."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def seconds(once: Once) -> float:
    """How long it takes once."""
    began = time.perf_counter()
    once()
    return time.perf_counter() - began


def main() -> int:
    """Measure in turn; print medians and ratios; 1 where one is out of its bound."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    scenario = load_scenario(bundled("scenarios") / "nginx")
    bare = replace(
        scenario, probes=(), start=replace(scenario.start, files=None), ready=Ready(HttpCheck(PORT))
    )
    document = load_profile(PROFILE)
    store = Store(rundir.home())
    with rundir.open_run(rundir.new_run_id()) as run:
        targets: tuple[Target, ...] = (OciTarget(run, store), DockerTarget(run, store))
        hand = run.path / "by-hand"
        hand.mkdir()
        try:
            for target in targets:
                target.check()
            images = [target.prepare(scenario.image, scenario.standin, policy="auto") for target in targets]
            pairs = {
                "oci cell": cell(targets[0], run.run_id, bare, images[0], document),
                "runc by hand": runc_by_hand(bare, images[0], document, hand),
                "docker cell": cell(targets[1], run.run_id, bare, images[1], document),
                "docker by hand": docker_by_hand(bare, images[1]),
            }
            times: dict[str, list[float]] = {name: [] for name in pairs}
            for number in range(rounds + 1):
                for name, once in pairs.items():
                    taken = seconds(once)
                    if number:  # the first round warms up
                        times[name].append(taken)
        finally:
            for target in targets:
                target.finish()
            Runc(hand / "state").remove_cgroups("by-hand")
            unmount(hand / "rootfs")
            shutil.rmtree(hand)
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, median in medians.items():
        print(f"{name:16} median {median * 1000:6.0f} ms of {rounds}")
    by_hand = {name: medians[f"{name} cell"] / medians[f"{hand} by hand"] for name, hand in HANDS.items()}
    for name, ratio in by_hand.items():
        print(f"{name} cell / by hand {ratio:.2f} (at most {AT_MOST[name]})")
    faster = medians["docker cell"] / medians["oci cell"]
    print(f"docker cell / oci cell {faster:.2f} (at least {AT_LEAST})")
    return int(faster < AT_LEAST or any(ratio > AT_MOST[name] for name, ratio in by_hand.items()))


if __name__ == "__main__":
    sys.exit(main())
