"""runc's words, sorted: the machine's trouble, the profile's form, or what a filter may have done."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from profile_smoke.errors import DiskFullError, InfrastructureError, RuntimeRefusedError
from profile_smoke.target.interface import StartRefused
from profile_smoke.target.runc import Runc


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for a container, and a runc that is the shell script `runc` beside it."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    (tmp_path / "bundle").mkdir()
    return tmp_path / "bundle"


def says(bundle: Path, script: str) -> Runc:
    """A runc that does this; `$log` and `$pid` are the files that it is given."""
    path = bundle.parent / "runc"
    path.write_text(f"#!/bin/sh\nlog={bundle}/runc.log pid={bundle}/pid\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return Runc(bundle.parent / "state")


def descriptors() -> set[str]:
    """Those that this process has open."""
    return {path.name for path in Path("/proc/self/fd").iterdir()}


def fails(bundle: Path, message: str) -> Runc:
    """A runc that logs this error after a warning, and exits 1."""
    lines = [{"level": "warning", "msg": "a warning"}, {"level": "error", "msg": message}]
    (bundle / "said").write_text("".join(json.dumps(line) + "\n" for line in lines) + "not json\n")
    return says(bundle, f"cp {bundle}/said $log; exit 1")


def run(runc: Runc, bundle: Path, timeout: float = 10.0) -> int:
    with (bundle / "output").open("wb") as output:
        return runc.run("c", bundle, output.fileno(), timeout)


def test_the_inits_pid_is_told(bundle: Path) -> None:
    """As runc wrote it."""
    assert run(says(bundle, "echo 42 > $pid"), bundle) == 42


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("mkdir /run/x: no space left on device", DiskFullError),
        ("unable to apply cgroup configuration: failed to write 1", InfrastructureError),
        ("fork/exec /proc/self/exe: cannot allocate memory", InfrastructureError),
        ("open x: too many open files", InfrastructureError),
        ("unable to init seccomp: error adding rule", RuntimeRefusedError),
        ('string "SCMP_ARCH_NONE" is not a valid arch for seccomp', RuntimeRefusedError),
        ("unable to start container process: exec: operation not permitted", StartRefused),
        ("cannot start a container that has stopped", StartRefused),
    ],
)
def test_a_failed_start_is_somebodys_fault(bundle: Path, message: str, kind: type[Exception]) -> None:
    """The last error in runc's log decides; only what nothing else explains may be the filter's doing."""
    with pytest.raises(kind) as caught:
        run(fails(bundle, message), bundle)
    assert type(caught.value) is kind
    assert message in str(caught.value)


def test_a_runc_that_dies_without_a_word_is_a_refused_start(bundle: Path) -> None:
    """Its exit code is what there is to tell; the log of an earlier start is not taken for its own."""
    (bundle / "runc.log").write_text(json.dumps({"level": "error", "msg": "of an earlier start"}))
    with pytest.raises(StartRefused, match="runc exited 3 without a word"):
        run(says(bundle, "exit 3"), bundle)


def test_a_runc_that_hangs_is_ended(bundle: Path) -> None:
    """A filter can wedge its init; a refused start, in time."""
    with pytest.raises(StartRefused, match=r"did not finish starting the container within 0\.2 s"):
        run(says(bundle, "exec sleep 60"), bundle, timeout=0.2)


def test_a_command_that_does_not_end_is_a_timeout(bundle: Path) -> None:
    """And what ends is a result, with its output."""
    assert says(bundle, "echo hello; exit 7").exec("c", bundle / "p", bundle / "q", 10).returncode == 7
    with pytest.raises(TimeoutError, match=r"0\.2 s"):
        says(bundle, "exec sleep 60").exec("c", bundle / "p", bundle / "q", 0.2)


def test_a_command_that_does_not_end_leaves_no_pipe_open(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even where runc ends with the command that is killed, or what the command started holds its output."""
    real = os.kill

    def kill(pid: int, number: int) -> None:
        real(pid, number)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)

    monkeypatch.setattr("os.kill", kill)
    before = descriptors()
    pid = bundle / "q"
    with pytest.raises(TimeoutError):  # as long as it is known, nothing of it is collected
        says(bundle, f"sleep 5 & echo $$ >{pid}; exec sleep 60").exec("c", bundle / "p", pid, 1)
    assert descriptors() == before


def test_deleting_what_is_gone_is_no_error(bundle: Path) -> None:
    """Any other failure is one, with runc's words."""
    says(bundle, "echo 'container does not exist' >&2; exit 1").delete("c")
    with pytest.raises(InfrastructureError, match="busy"):
        says(bundle, "echo busy >&2; exit 1").delete("c")


def test_versions_are_read_from_what_runc_says(bundle: Path) -> None:
    """runc, libseccomp, and the specification's."""
    found = says(
        bundle, "printf 'runc version 1.1.5\\nspec: 1.0.2\\ngo: go1.19\\nlibseccomp: 2.5.4\\n'"
    ).versions()
    assert found == {"runc": "1.1.5", "libseccomp": "2.5.4", "spec": "1.0.2"}
