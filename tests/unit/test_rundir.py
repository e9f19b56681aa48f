"""The folder of a run: locked while it lives, gone afterwards, found when its process was killed."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from profile_smoke import rundir
from profile_smoke.errors import DiskFullError, InfrastructureError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PROFILE_SMOKE_HOME", str(tmp_path))
    return tmp_path


def test_a_run_has_a_private_folder_as_long_as_it_is_open(home: Path) -> None:
    """Alive meanwhile, without a trace afterwards."""
    with rundir.open_run("r") as run:
        assert run.path == home / "runs" / "r"
        assert run.path.stat().st_mode & 0o777 == 0o700
        assert rundir.is_alive(run.path)
        assert rundir.dead_runs() == []
    assert not run.path.exists()


def test_it_is_removed_when_something_breaks() -> None:
    """Whatever that is."""
    with pytest.raises(KeyboardInterrupt), rundir.open_run("r") as run:
        raise KeyboardInterrupt
    assert not run.path.exists()


def test_a_kept_run_stays_and_counts_as_dead() -> None:
    """`clean` finds it."""
    with rundir.open_run("r") as run:
        assert not run.keeps
        run.keep()
    assert run.keeps
    assert rundir.dead_runs() == [run.path]
    assert rundir.remove_run(run.path)
    assert rundir.dead_runs() == []


def test_a_run_that_begins_or_ends_is_never_taken_for_dead(home: Path) -> None:
    """`clean` would take its folder from under it; nor does looking at it keep it from beginning."""
    done = threading.Event()

    def live() -> None:
        try:
            for number in range(150):
                with rundir.open_run(f"r{number}"):
                    pass
        finally:
            done.set()

    (home / "runs").mkdir()
    thread = threading.Thread(target=live)
    thread.start()
    found = []
    while not done.is_set():
        found += rundir.dead_runs()
    thread.join()
    assert found == []


def test_a_run_that_somebody_else_removed_is_gone(home: Path) -> None:
    """Two that clean at once do not trip over each other."""
    (home / "runs").mkdir()
    assert not rundir.remove_run(home / "runs" / "gone")


def test_a_killed_process_releases_its_run() -> None:
    """kill -9 leaves the folder; its lock says that nobody lives there."""
    code = "import os; from profile_smoke import rundir\nwith rundir.open_run('r'): os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", code], check=False)
    (dead,) = rundir.dead_runs()
    assert dead.name == "r"
    assert not rundir.is_alive(dead)


def test_what_a_target_still_has_in_it_keeps_the_folder() -> None:
    """It is not swept away unseen."""
    with rundir.open_run("r") as run:
        (run.path / "oci").mkdir()
    assert run.path.exists()
    assert rundir.dead_runs() == [run.path]


def test_ids_are_unique_and_sort_by_time() -> None:
    """And fit for the name of a container."""
    found = {rundir.new_run_id() for _ in range(50)}
    assert len(found) == 50
    assert all(re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{6}", each) for each in found)


def test_a_path_too_long_for_a_socket_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With what to do; nothing is left of it."""
    monkeypatch.setenv("PROFILE_SMOKE_HOME", str(tmp_path / ("x" * 100)))
    with pytest.raises(InfrastructureError, match="PROFILE_SMOKE_HOME"), rundir.open_run("r"):
        pytest.fail("it was opened")
    assert not list((rundir.home() / "runs").iterdir())


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (errno.ENOSPC, DiskFullError),
        (errno.EDQUOT, DiskFullError),
        (errno.EACCES, InfrastructureError),
        (errno.EROFS, InfrastructureError),
        (errno.EIO, OSError),
    ],
)
def test_what_a_file_system_says_becomes_one_line(code: int, kind: type[Exception], tmp_path: Path) -> None:
    """Full and forbidden ones name the folder and the way out; what nobody expects passes as it is."""
    with pytest.raises(kind) as caught, rundir.filesystem_errors(tmp_path):
        raise OSError(code, os.strerror(code))
    if kind is not OSError:
        assert type(caught.value) is kind
        assert str(tmp_path) in str(caught.value)
        assert "PROFILE_SMOKE_HOME" in str(caught.value)


def test_home_is_chosen_by_the_environment_then_by_who_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable, the system's folder for root, the user's cache for others."""
    monkeypatch.setenv("PROFILE_SMOKE_HOME", "relative")
    assert rundir.home() == Path.cwd() / "relative"
    monkeypatch.delenv("PROFILE_SMOKE_HOME")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert rundir.home() == Path("/var/lib/profile-smoke")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert rundir.home() == Path("/cache/profile-smoke")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/u")
    assert rundir.home() == Path("/home/u/.cache/profile-smoke")
