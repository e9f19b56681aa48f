"""Interrupted at any moment, by whatever signal: nothing is concluded, nothing hangs, nothing is left behind."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from tests.support.telling import told

from profile_smoke.report.interface import Format
from profile_smoke.syscall import tables

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Cli

pytestmark = [pytest.mark.fault, pytest.mark.usefixtures("no_leftovers")]
ENDS_WITHIN = 30.0
SECONDS = {"oci": 6.0, "docker": 10.0}
"""About as long as the run under test takes."""


@pytest.fixture(scope="session")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A profile under which nginx fails in three ways, one of them a hang: a run that goes through every stage."""
    path = tmp_path_factory.mktemp("signals") / "broken.json"
    missing = {"setsockopt", "epoll_wait", "pwrite64"}
    rules = [{"names": sorted(tables.all_names() - missing), "action": "SCMP_ACT_ALLOW"}]
    path.write_text(json.dumps({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": rules}))
    return path


@contextmanager
def begun(profile: Path, target: str, *options: str) -> Iterator[subprocess.Popen[str]]:
    """A run that has said that it begins."""
    words = ["--profile", str(profile), "--scenario", "nginx", "--target", target, "--standin", "always"]
    process = subprocess.Popen(
        [sys.executable, "-m", "profile_smoke", *words, "-f", "json", *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        first = process.stderr.readline()
        assert "1 cell to run" in first, first
        yield process
    finally:
        process.kill()
        process.communicate()


def moments(target: str, count: int) -> list[float]:
    """Seconds after the beginning, spread over the whole run, the same in every test run."""
    chance = random.Random(target)  # noqa: S311  nothing secret
    part = SECONDS[target] / count
    return [round((index + chance.random()) * part, 2) for index in range(count)]


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit code and output, soon."""
    stdout, stderr = process.communicate(timeout=ENDS_WITHIN)
    return process.returncode, stdout, stderr


def check_interrupted(process: subprocess.Popen[str]) -> None:
    """It says that it was interrupted, or it was done before, with the right result."""
    code, stdout, stderr = ended(process)
    assert "Traceback" not in stderr, stderr
    assert "internal error" not in stderr, stderr
    assert code in (1, 130), stderr
    if not stdout.endswith("}\n"):  # not begun, or cut while it was written: a reader may take its time
        assert code == 130
        return
    report = json.loads(stdout)
    verdicts = [cell["verdict"] for cell in report["cells"]]
    assert report["interrupted"] == (code == 130)
    assert verdicts in (["blocked"], ["skipped"]), told(report["cells"])
    if code == 1:
        assert verdicts == ["blocked"], told(report["cells"])


SWEEP = [
    pytest.param(target, moment, name, marks=getattr(pytest.mark, target))
    for target, count in (("oci", 9), ("docker", 9))
    for index, moment in enumerate(moments(target, count))
    for name in [("SIGINT", "SIGTERM", "SIGHUP")[index % 3]]
]


@pytest.mark.parametrize(("target", "moment", "name"), SWEEP)
def test_a_signal_at_any_moment_ends_the_run_in_order(
    broken: Path, target: str, moment: float, name: str
) -> None:
    """Exit code 130 soon after, no verdict that was not reached, and nothing left of containers or folders."""
    with begun(broken, target) as process:
        time.sleep(moment)
        process.send_signal(getattr(signal, name))
        check_interrupted(process)


@pytest.mark.oci
def test_an_interrupted_run_writes_every_report_that_was_asked_for(broken: Path, tmp_path: Path) -> None:
    """Whole, and each says that it is incomplete."""
    reports = [word for form in Format for word in ("--report", f"{form}={tmp_path / form}")]
    with begun(broken, "oci", *reports) as process:
        time.sleep(1.5)
        process.send_signal(signal.SIGINT)
        code, stdout, _ = ended(process)
    assert code == 130
    assert stdout == (tmp_path / "json").read_text("utf-8")
    for form in Format:
        text = (tmp_path / form).read_text("utf-8")
        special = {
            Format.PROMETHEUS: "\nprofile_smoke_run_complete 0\n",
            Format.SARIF: "interrupted: cells done: 0 of 1",
        }
        assert special.get(form, "interrupted") in text
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(Format)


@pytest.mark.oci
@pytest.mark.parametrize("seed", range(5))
def test_an_impatient_user_leaves_nothing_behind_either(broken: Path, seed: int) -> None:
    """Ctrl-C again and again while the first one is being obeyed."""
    chance = random.Random(seed)  # noqa: S311  nothing secret
    with begun(broken, "oci") as process:
        time.sleep(chance.uniform(0, SECONDS["oci"]))
        for _ in range(6):
            process.send_signal(signal.SIGINT)
            time.sleep(chance.uniform(0, 0.15))
        check_interrupted(process)


@pytest.mark.oci
@pytest.mark.parametrize("delay", [0.02, 0.1, 0.2, 0.3, 0.5])
def test_a_signal_before_the_run_has_begun_leaves_nothing(broken: Path, delay: float) -> None:
    """While the program itself still starts."""
    process = subprocess.Popen(
        [sys.executable, "-m", "profile_smoke", "--profile", str(broken), "--target", "oci"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(delay)
    process.terminate()
    code, _, _ = ended(process)
    assert code in (130, -signal.SIGTERM)


@pytest.mark.parametrize(
    ("target", "moment"),
    [
        pytest.param(target, moment, marks=getattr(pytest.mark, target))
        for target in ("oci", "docker")
        for moment in moments(target, 3)
    ],
)
def test_clean_removes_what_a_killed_run_left(broken: Path, cli: Cli, target: str, moment: float) -> None:
    """After kill -9 the machine is as before once `clean` has run, and a second `clean` finds nothing."""
    with begun(broken, target) as process:
        time.sleep(moment)
        process.kill()
        process.wait()
    time.sleep(0.5)  # what an engine was about to start for it has started by then
    first = cli("clean")
    assert first.code == 0, first.stderr
    second = cli("clean")
    assert second.code == 0, second.stderr
    assert "removed" not in second.stdout, (first.stdout, second.stdout)


@pytest.mark.parametrize(
    "target", [pytest.param(name, marks=getattr(pytest.mark, name)) for name in ("oci", "docker")]
)
def test_a_kept_container_can_be_entered_and_is_cleaned(tmp_path: Path, cli: Cli, target: str) -> None:
    """`--keep on-failure` leaves the failed container running and says how to enter it; `clean` removes it."""
    hanging = tmp_path / "hanging.json"
    names = sorted(tables.all_names() - {"epoll_wait", "epoll_pwait", "epoll_pwait2"})
    hanging.write_text(
        json.dumps(
            {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": names, "action": "SCMP_ACT_ALLOW"}]}
        )
    )
    ran = cli(
        "--profile", str(hanging), "--scenario", "nginx", "--target", target, "--standin", "always",
        "--keep", "on-failure", "--no-observe", "-f", "json",
    )  # fmt: skip
    (cell,) = json.loads(ran.stdout)["cells"]
    assert cell["verdict"] == "blocked", told([cell])
    (hint,) = [note for note in cell["notes"] if note.startswith("kept: ")]
    enter = hint.removeprefix("kept: ").split("    ")[0].split()
    # Not from a terminal, and something that ends.
    words = [word for word in enter if word not in ("-t", "-it", "sh")]
    inside = subprocess.run(
        [*words, "cat", "/etc/nginx/nginx.conf"], capture_output=True, text=True, check=False
    )
    assert "worker_processes" in inside.stdout, inside.stderr
    cleaned = cli("clean")
    assert cleaned.code == 0, cleaned.stderr
    assert "removed" in cleaned.stdout
