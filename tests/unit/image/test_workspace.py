"""What is being made is locked, published whole, and swept when its maker is dead."""

from __future__ import annotations

import errno
import fcntl
import multiprocessing
import os
import signal
import subprocess
import threading
import time
from typing import TYPE_CHECKING

import pytest

from profile_smoke.errors import DiskFullError, ImageError, InterruptedRunError
from profile_smoke.image import tools as tools_module
from profile_smoke.image.store import Store
from profile_smoke.image.tools import ToolFailed, Tools, disk_errors
from profile_smoke.image.workspace import Workspace, publish
from profile_smoke.rundir import home

if TYPE_CHECKING:
    from multiprocessing.synchronize import Event
    from pathlib import Path


def _interrupted(_seconds: float) -> None:
    raise InterruptedRunError("interrupted")


def test_a_lock_excludes_other_threads(tmp_path: Path) -> None:
    """Two threads never hold a lock at once, although they share a process."""
    space, inside, overlaps = Workspace(tmp_path, time.sleep), [], []

    def hold() -> None:
        with space.lock("a"):
            inside.append(1)
            overlaps.append(len(inside))
            time.sleep(0.01)
            inside.pop()

    threads = [threading.Thread(target=hold) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert overlaps == [1, 1, 1, 1]


def test_shared_locks_go_together(tmp_path: Path) -> None:
    """Readers share a lock; a writer would have to wait."""
    space = Workspace(tmp_path, _interrupted)
    with space.lock("a", fcntl.LOCK_SH), space.lock("a", fcntl.LOCK_SH):
        writer = space.lock("a")
        with pytest.raises(InterruptedRunError):
            writer.__enter__()


def test_waiting_ends_when_the_run_is_interrupted(tmp_path: Path) -> None:
    """A run that is cancelled does not wait for somebody else's build."""
    ours, theirs = Tools(), Workspace(tmp_path, time.sleep)
    with theirs.lock("a"):
        timer = threading.Timer(0.1, ours.cancel)
        timer.start()
        with pytest.raises(InterruptedRunError), Workspace(tmp_path, ours.pause).lock("a"):
            pytest.fail("the lock was free")
        timer.join()


def test_work_is_gone_whatever_happened(tmp_path: Path) -> None:
    """An interrupt removes the folder; what was published stays."""
    space = Workspace(tmp_path, time.sleep)

    def interrupted() -> None:
        with space.work() as folder:
            (folder / "done").mkdir()
            (folder / "half").mkdir()
            publish(folder / "done", tmp_path / "images" / "x")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list((tmp_path / "work").iterdir()) == []
    assert (tmp_path / "images" / "x").is_dir()


def _make_half(root: Path, ready: Event) -> None:
    with Workspace(root, time.sleep).work() as folder:
        (folder / "half").touch()
        ready.set()
        signal.pause()


def test_sweep_takes_the_dead_and_leaves_the_living(tmp_path: Path) -> None:
    """What a killed process was making is removed and named; what lives is left alone."""
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    maker = context.Process(target=_make_half, args=(tmp_path, ready))
    maker.start()
    assert ready.wait(30)
    store = Store(tmp_path)
    assert store.sweep() == []
    (folder,) = (tmp_path / "work").iterdir()
    maker.kill()
    maker.join()
    assert store.sweep() == [f"half-made image {folder}"]
    assert not folder.exists()


def test_sweep_goes_on_where_a_maker_has_just_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that was listed is gone when it is opened, or when its lock is free: nothing swept, and no error."""
    finished = [tmp_path / "work" / name for name in ("unopened", "unlocked")]
    for folder in finished:
        folder.mkdir(parents=True)
    inode, real_open, real_flock = finished[1].stat().st_ino, os.open, fcntl.flock

    def late_open(path: object, *rest: int) -> int:
        if path == finished[0]:
            finished[0].rmdir()
        return real_open(path, *rest)  # type: ignore[arg-type]

    def late_flock(held: int, operation: int) -> None:
        if os.fstat(held).st_ino == inode:
            finished[1].rmdir()
        real_flock(held, operation)

    monkeypatch.setattr("os.open", late_open)
    monkeypatch.setattr("fcntl.flock", late_flock)
    assert Store(tmp_path).sweep() == []
    assert not any(folder.exists() for folder in finished)


def test_sweeping_a_new_machine_makes_nothing(tmp_path: Path) -> None:
    """Nothing was ever made: nothing is removed, and no folder appears."""
    assert Store(tmp_path / "new").sweep() == []
    assert not (tmp_path / "new").exists()


def test_the_home_can_be_moved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`$PROFILE_SMOKE_HOME` wins over the default for root and for users."""
    monkeypatch.setenv("PROFILE_SMOKE_HOME", str(tmp_path))
    assert home() == tmp_path
    monkeypatch.delenv("PROFILE_SMOKE_HOME")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("HOME", "/home/u")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert str(home()) == "/home/u/.cache/profile-smoke"


@pytest.mark.parametrize(("code", "kind"), [(errno.ENOSPC, DiskFullError), (errno.EACCES, ImageError)])
def test_the_disk_s_errors_are_ours(code: int, kind: type[Exception]) -> None:
    """A full or closed disk is an error of ours with a hint, not the system's."""
    with pytest.raises(kind, match="while storing x"), disk_errors("storing x"):
        raise OSError(code, "no", "/file")


def test_a_missing_tool_names_its_package() -> None:
    """The message can be pasted."""
    with pytest.raises(ImageError, match="apt-get install no-such-tool"):
        Tools().run(["no-such-tool"])


def test_a_full_disk_is_recognised_in_a_tool_s_words() -> None:
    """Tools only say it in text."""
    with pytest.raises(DiskFullError):
        Tools().run(["sh", "-c", "echo 'write: No space left on device' >&2; exit 1"])


def test_cancel_ends_the_tool_and_its_children(tmp_path: Path) -> None:
    """From another thread, within moments, children included."""
    tools, mark = Tools(), tmp_path / "child"

    def cancel() -> None:
        deadline = time.monotonic() + 30
        while not (mark.exists() and mark.read_text()) and time.monotonic() < deadline:
            time.sleep(0.01)
        tools.cancel()

    canceller = threading.Thread(target=cancel)
    canceller.start()
    began = time.monotonic()
    with pytest.raises(InterruptedRunError):
        tools.run(["sh", "-c", f"sleep 60 & echo $! >{mark}; wait"])
    canceller.join()
    assert time.monotonic() - began < 50
    assert _is_gone(int(mark.read_text()))


def test_a_tool_that_hangs_is_ended_and_heard(tmp_path: Path) -> None:
    """After its time a tool is killed with its children, and what it said is kept."""
    mark = tmp_path / "child"
    with pytest.raises(ToolFailed) as caught:
        Tools().run(["sh", "-c", f"echo hello; sleep 60 & echo $! >{mark}; wait"], timeout=2)
    assert caught.value.code == 124
    assert "hello" in caught.value.output
    assert tools_module.last_line(caught.value.output) == "no answer in 2 s"
    assert _is_gone(int(mark.read_text()))


def _is_gone(pid: int) -> bool:
    """Whether the process ended, perhaps not yet reaped by whoever inherited it."""
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout
    return not state.strip() or state.startswith("Z")
