"""Something around the workload breaks: the verdict is never `passed`, the command ends in time, nothing is left."""

from __future__ import annotations

import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.scenarios import sleeper
from tests.support.telling import told, told_of
from tests.support.workbench import Workbench, allowing, workbench

from profile_smoke import rundir
from profile_smoke.model import CellResult, Verdict
from profile_smoke.observe.listener import Listener
from profile_smoke.syscall import tables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Cli, Ran

pytestmark = [pytest.mark.fault, pytest.mark.usefixtures("no_leftovers")]
TARGETS = [pytest.param(name, marks=getattr(pytest.mark, name)) for name in ("oci", "docker")]
SLACK = 3.0
"""Seconds by which a last attempt may go beyond its time, on a busy machine."""
NGINX = ("--scenario", "nginx", "--standin", "always", "-f", "json")


def cells(ran: Ran) -> list[dict[str, Any]]:
    assert ran.stdout, ran.stderr
    found: list[dict[str, Any]] = json.loads(ran.stdout)["cells"]
    return found


def waited(reason: str) -> float:
    """The seconds that a launch was waited for in vain, as its reason says."""
    found = re.search(r"within ([0-9.]+) s, still running", reason)
    assert found, reason
    return float(found[1])


def broken(result: CellResult) -> None:
    """The verdict that infrastructure trouble gets."""
    assert result.verdict is Verdict.ERROR, told_of(result)
    assert result.reason
    assert not result.blocking, told_of(result)


@pytest.fixture
def bench() -> Iterator[Workbench]:
    with workbench("oci") as found:
        yield found


@pytest.mark.oci
@pytest.mark.parametrize("missing", [(), ("setsockopt",), ("epoll_wait", "epoll_pwait")])
@pytest.mark.parametrize("after", [0, 1, 25])
def test_a_supervisor_that_dies_makes_the_cell_an_error(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch, missing: tuple[str, ...], after: int
) -> None:
    """At its first notification or later, for a profile that is fine and for one that is not."""
    left = [after]
    serve = Listener.serve

    def dying(self: Listener, buffer: bytearray) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise RuntimeError("shot")
        serve(self, buffer)

    monkeypatch.setattr(Listener, "serve", dying)
    # Without some calls that nginx tries and can do without, so that even the fine profile is observed refusing.
    names = tables.all_names() - {"sysinfo", "eventfd2", "epoll_create", "getdents64", *missing}
    result = bench.run("nginx", allowing(names))
    assert left[0] < 0, "it was never notified often enough to die"
    broken(result)
    assert "the supervisor died: RuntimeError: shot" in result.reason


@pytest.mark.oci
def test_a_hang_is_seen_within_limits_that_the_control_set(bench: Workbench) -> None:
    """nginx that never answers: known after some times what the control needed, not after the 30 s of the scenario."""
    result = bench.enforce("nginx", allowing(tables.all_names() - {"epoll_wait", "epoll_pwait"}))
    assert not result.passed
    assert "still running" in result.launch.reason
    assert waited(result.launch.reason) < bench.baseline("nginx").limits.ready + SLACK


@pytest.mark.parametrize("target", TARGETS)
def test_a_workload_that_is_never_ready_is_an_error_of_its_control(
    cli: Cli, tmp_path: Path, target: str
) -> None:
    """It hangs under the default profile: nothing is blamed on the one under test."""
    ran = cli("--profile", "minimal", "--scenario", str(sleeper(tmp_path)), *NGINX[2:], "--target", target)
    (cell,) = cells(ran)
    assert ran.code == 4
    assert cell["verdict"] == "error", told([cell])
    assert "the control fails" in cell["reason"]
    assert "still running" in cell["reason"]
    assert waited(cell["reason"]) < 4 + SLACK


@pytest.mark.parametrize("target", TARGETS)
def test_a_workload_that_forks_forever_is_stopped_and_removed(cli: Cli, tmp_path: Path, target: str) -> None:
    """The limit on tasks keeps it from the machine; all of its processes are gone in the end."""
    # Both targets' tests may run at the same time.
    mark = {"oci": "7771", "docker": "7772"}[target]
    script = f"while :; do (sleep {mark} &) 2>/dev/null; done; exec sleep {mark}"
    ran = cli(
        "--profile", "minimal", "--scenario", str(sleeper(tmp_path, script)), *NGINX[2:], "--target", target
    )
    (cell,) = cells(ran)
    assert ran.code == 4
    assert cell["verdict"] == "error", told([cell])
    assert not _processes(f"sleep\0{mark}")


@pytest.mark.docker
@pytest.mark.parametrize("refused", [None, {"exit_group"}, {"exit", "exit_group"}])
def test_a_profile_that_wedges_the_runtimes_init_has_its_verdict_in_time(
    cli: Cli, tmp_path: Path, refused: set[str] | None
) -> None:
    """An engine that waits for a runtime that cannot even exit is freed, whether the workload can do without or not."""
    profile = tmp_path / "endless.json"
    rule = {"names": sorted(refused or ()), "action": "SCMP_ACT_ERRNO"}
    profile.write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule] if refused else []}))
    ran = cli("--profile", str(profile) if refused else "minimal", *NGINX, "--target", "docker", timeout=240)
    (cell,) = cells(ran)
    # Where `exit_group` fails, glibc goes on to `exit`, which will do for programs of one thread.
    assert cell["verdict"] == ("passed" if refused == {"exit_group"} else "blocked"), told([cell])
    if refused and cell["verdict"] == "blocked":
        assert len(cell["blocking"]) == 1, told([cell])
        assert set(cell["blocking"]) < refused, told([cell])


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_that_cannot_be_had_is_an_error(cli: Cli, target: str) -> None:
    """No registry there, no such archive: exit 4, and the cause in one line."""
    for ref, cause in (("127.0.0.1:1/none:1", "127.0.0.1:1"), ("oci-archive:/no/such.tar", "/no/such.tar")):
        ran = cli("--profile", "minimal", *NGINX, "--target", target, "--image", f"nginx={ref}")
        (cell,) = cells(ran)
        assert ran.code == 4
        assert cell["verdict"] == "error", told([cell])
        assert cause in cell["reason"]
        assert "\n" not in cell["reason"]


@pytest.mark.oci
def test_without_runc_the_target_is_unavailable(cli: Cli, tmp_path: Path) -> None:
    """Exit 4, one line, what to install; nothing was concluded."""
    ran = cli("--profile", "minimal", *NGINX, "--target", "oci", env={"PATH": str(tmp_path)})
    assert (ran.code, ran.stdout) == (4, "")
    assert ran.stderr == "profile-smoke: target oci: runc is not installed; install the package runc\n"


@pytest.mark.oci
def test_without_root_the_target_is_unavailable() -> None:
    """As for a user who is not root and has a home of his own."""
    with tempfile.TemporaryDirectory() as home:
        os.chown(home, 65534, 65534)
        done = subprocess.run(
            ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-m", "profile_smoke",
             "--profile", "minimal", *NGINX, "--target", "oci"],
            env={**os.environ, "PROFILE_SMOKE_HOME": home}, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert [path.name for path in Path(home).iterdir()] in ([], ["runs"])
    assert (done.returncode, done.stdout) == (4, ""), done.stderr
    assert done.stderr == "profile-smoke: target oci: not root; run with sudo, or use --target docker\n"


@pytest.mark.docker
def test_without_an_engine_the_target_is_unavailable(cli: Cli, tmp_path: Path) -> None:
    """Asked for by name: exit 4 and what to do. Not asked for: the other target is taken."""
    env = {"DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
    ran = cli("--profile", "minimal", *NGINX, "--target", "docker", env=env)
    assert (ran.code, ran.stdout) == (4, "")
    assert "no engine answers" in ran.stderr
    assert "--target oci" in ran.stderr
    listed = cli("list", "--profile", "minimal", "--scenario", "nginx", "--format", "ids", env=env)
    assert listed.stdout == "minimal/nginx@oci\n"


@pytest.mark.oci
@pytest.mark.parametrize("size", ["256k", "1500k"])
def test_a_full_disk_is_named_and_nothing_passes(cli: Cli, size: str) -> None:
    """No room for the container's files, or for what the workload writes: an error, and the disk is left as it was."""
    # Not below tmp_path: a socket's path has a limit.
    with (
        tempfile.TemporaryDirectory(prefix="full-") as folder,
        _small_disk(Path(folder) / "home", size) as home,
    ):
        ran = cli("--profile", "minimal", *NGINX, "--target", "oci", env={"PROFILE_SMOKE_HOME": str(home)})
        assert ran.code == 4, ran.stderr
        assert "no space left" in (cells(ran)[0]["reason"] if ran.stdout else ran.stderr)
        assert not list((home / "runs").iterdir())


@pytest.mark.docker
def test_an_engine_that_is_killed_in_mid_run_makes_the_cell_an_error(tmp_path: Path) -> None:
    """While containers run: the command ends in time, with exit 4 and the cause."""
    with _own_engine() as engine:
        home = engine.folder / "home"
        home.mkdir()
        _share_images(home)
        # A home of its own too: what is left there is for a `clean` when that engine is back, which it never is.
        env = {"DOCKER_HOST": f"unix://{engine.socket}", "PROFILE_SMOKE_HOME": str(home)}
        process = subprocess.Popen(
            [sys.executable, "-m", "profile_smoke", "--profile", "minimal", "--scenario",
             str(sleeper(tmp_path, ready="60s")), *NGINX[2:], "--target", "docker"],
            env={**os.environ, **env}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        engine.wait_for_container()
        engine.kill()
        stdout, stderr = process.communicate(timeout=120)
        assert process.returncode == 4, stderr
        assert "Traceback" not in stderr
        assert "internal error" not in stderr
        if stdout:
            assert [cell["verdict"] for cell in json.loads(stdout)["cells"]] == ["error"]
        else:
            assert "engine" in stderr


@pytest.mark.docker
def test_clean_removes_images_that_newer_ones_replaced(cli: Cli, tmp_path: Path) -> None:
    """From the engine too, but for those that a container uses; the engine's other images are none of its business."""
    with _own_engine() as engine:
        (empty := tmp_path / "empty.tar").write_bytes(bytes(10240))
        old, used = (f"profile-smoke.invalid/standin/old:{mark * 16}" for mark in "ab")
        for name in (old, used, "somebody/else:1"):
            assert engine.docker("import", str(empty), name)
        assert engine.docker("create", used, "/none")
        home = engine.folder / "home"
        env = {"DOCKER_HOST": f"unix://{engine.socket}", "PROFILE_SMOKE_HOME": str(home)}
        cleaned = cli("clean", "--images", "--target", "docker", env=env)
        assert (cleaned.code, cleaned.stdout) == (0, f"removed docker image {old}\n"), cleaned.stderr
        left = engine.docker("images", "--format", "{{.Repository}}:{{.Tag}}").split()
        assert set(left) == {used, "somebody/else:1"}


def _processes(words: str) -> list[int]:
    """Those whose command line begins so (NUL between words)."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and (entry / "cmdline").read_bytes().startswith(words.encode()):
                found.append(int(entry.name))
    return found


@contextmanager
def _small_disk(home: Path, size: str) -> Iterator[Path]:
    """A home on a small file system, with this machine's images in it."""
    home.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.mount(b"tmpfs", os.fsencode(home), b"tmpfs", 0, f"size={size}".encode()) == 0
    try:
        _share_images(home)
        yield home
    finally:
        assert libc.umount2(os.fsencode(home), 0) == 0


def _share_images(home: Path) -> None:
    """Give another home this machine's images, so that none is built again."""
    for name in ("images", "rootfs", "bases", "archives"):
        (home / name).symlink_to(rundir.home() / name)


class _Engine:
    """A Docker engine of the test's own.

    Without a network, and in a network namespace of its own: `--bridge=none` removes the interface `docker0` that it finds
    (`removeDefaultBridgeInterface` in moby's `daemon/daemon_unix.go`), which would be that of the machine's engine.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.socket = folder, folder / "docker.sock"
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                ["unshare", "--net", "dockerd", "--data-root", str(folder / "data"), "--exec-root",
                 str(folder / "exec"), "--pidfile", str(folder / "pid"), "--host", f"unix://{self.socket}",
                 "--bridge=none", "--iptables=false", "--storage-driver=overlay2"],
                stdout=log, stderr=log,
            )  # fmt: skip

    def docker(self, *words: str) -> str:
        """What the client says; empty where it fails."""
        done = subprocess.run(
            ["docker", "--host", f"unix://{self.socket}", *words], capture_output=True, text=True, check=False
        )
        return done.stdout.strip() if done.returncode == 0 else ""

    def wait_until_up(self) -> None:
        """Until it answers."""
        self._wait(lambda: self.docker("version"))

    def wait_for_container(self) -> None:
        """Until a container runs."""
        self._wait(lambda: self.docker("ps", "--quiet"))

    def _wait(self, look: Any) -> None:
        deadline = time.monotonic() + 120
        while not look():
            assert self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
            assert time.monotonic() < deadline, (self.folder / "log").read_text()[-2000:]
            time.sleep(0.1)

    def kill(self) -> None:
        """Kill it with all that it started."""
        mine = set()
        for entry in Path("/proc").iterdir():
            with suppress(OSError):
                if entry.name.isdigit() and os.fsencode(self.folder) in (entry / "cmdline").read_bytes():
                    mine.add(int(entry.name))
        for pid in mine:
            for child in _children(pid) - mine:
                os.kill(child, signal.SIGKILL)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()


def _children(pid: int) -> set[int]:
    found: set[int] = set()
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found |= {int(child) for child in (task / "children").read_text().split()}
    return found


@contextmanager
def _own_engine() -> Iterator[_Engine]:
    folder = Path(tempfile.mkdtemp(prefix="engine-"))
    engine = _Engine(folder)
    try:
        engine.wait_until_up()
        yield engine
    finally:
        engine.kill()
        for line in reversed(Path("/proc/self/mountinfo").read_text().splitlines()):
            if (point := line.split()[4]).startswith(str(folder)):
                subprocess.run(["umount", "--lazy", point], check=True)
        shutil.rmtree(folder)
