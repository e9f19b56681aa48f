"""What recording a profile costs beside plain launches of the same scenario on the same target.

A recording is everything that `record` does but starting Python and writing the file: it finds out the default profile,
observes, generalises, and verifies with and without no_new_privs. The plain launch is the scenario, probes included, under
the default profile. Both are measured in turn in one run, and medians are compared.
Usage, as root: python benchmarks/record.py [ROUNDS]
"""

from __future__ import annotations

import statistics
import sys
import threading
import time

from profile_smoke import rundir
from profile_smoke.image.store import Store
from profile_smoke.resources import bundled
from profile_smoke.run.controls import Controls
from profile_smoke.run.launch import Launcher
from profile_smoke.run.recording import RecordingRun, Request
from profile_smoke.run.slots import Slots
from profile_smoke.scenario.document import load
from profile_smoke.target.docker import DockerTarget
from profile_smoke.target.oci import OciTarget

MOST = 3.0
JOBS = 2
KINDS = {"oci": OciTarget, "docker": DockerTarget}


def quiet(_text: str) -> None:
    """Progress that nobody watches."""


def main() -> int:
    """Measure in turn; print medians and ratios; 1 when one is above the bound."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    scenario = load(bundled("scenarios") / "nginx")
    failed = False
    for name, kind in KINDS.items():
        plain: list[float] = []
        recorded: list[float] = []
        for number in range(rounds + 1):
            with rundir.open_run(rundir.new_run_id()) as run:
                store = Store(rundir.home())
                target = kind(run, store)
                target.check()
                controls = Controls({}, "auto", store.cancel)
                launcher = Launcher(
                    target,
                    run_id=run.run_id,
                    stop=threading.Event(),
                    slots=Slots(JOBS),
                    keep_failed=False,
                )
                controls.image(launcher, scenario)
                began = time.perf_counter()
                result = controls.launch(launcher, scenario)
                ended = time.perf_counter()
                assert result.passed, result.launch.reason
                recording = RecordingRun(run, {name: target}, controls, jobs=JOBS, heard=quiet)
                again = time.perf_counter()
                recording.execute([scenario], Request())
                if number:  # the first round warms up
                    plain.append(ended - began)
                    recorded.append(time.perf_counter() - again)
        ratio = statistics.median(recorded) / statistics.median(plain)
        failed = failed or ratio > MOST
        print(
            f"{name:6} recorded {statistics.median(recorded) * 1000:5.0f} ms, plain "
            f"{statistics.median(plain) * 1000:5.0f} ms, medians of {rounds}: {ratio:.2f} (at most {MOST})"
        )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
