"""`profile install` where the machine says no: another user's folder, a full disk, a read-only one, a kill in between."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from profile_smoke.target.linux import unmount

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Cli

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("setpriv") is None, reason="mounts and changes its user: needs root"
)
NOBODY = 65534
FIVE = ("database", "kube-proxy", "kubelet", "system", "webapp")
INSTALL = ("profile", "install", "--folder")
_SECONDS = 120.0


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, in memory, and soon full."""
    folder = tmp_path / "mounted"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], check=True)
    yield folder
    unmount(folder)


def as_nobody(*arguments: str) -> tuple[int, str, str]:
    """The command as a user who may write nowhere.

    It may read everything, as this interpreter and its libraries may lie in a folder that is closed to others.
    """
    words = ("--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups")
    only = "-all,+dac_read_search"
    reading = ("--bounding-set", only, "--inh-caps", only, "--ambient-caps", only)
    done = subprocess.run(
        ["setpriv", *words, *reading, sys.executable, "-m", "profile_smoke", *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        cwd="/",
        env={**os.environ, "HOME": "/nonexistent"},
    )
    return done.returncode, done.stdout, done.stderr


def one_line(text: str) -> str:
    assert text.count("\n") == 1, text
    return text


def test_another_user_may_not_install_into_a_nodes_folder(tmp_path: Path) -> None:
    """One line that says whose folder it is, exit 2, nothing made."""
    code, out, err = as_nobody(*INSTALL, str(tmp_path / "seccomp"))
    assert (code, out) == (2, "")
    assert "no permission; a node's folder is root's" in one_line(err)
    assert list(tmp_path.iterdir()) == []


def test_another_user_may_check_what_root_installed(tmp_path: Path, cli: Cli) -> None:
    """Files and record are readable, and looking changes nothing; undoing is refused."""
    folder = tmp_path / "seccomp"
    assert cli(*INSTALL, str(folder)).code == 0
    before = sorted(folder.rglob("*"))
    code, _, err = as_nobody(*INSTALL, str(folder), "--check")
    assert (code, err) == (0, "")
    code, _, err = as_nobody(*INSTALL, str(folder), "--rollback")
    assert code == 2
    assert "no permission" in one_line(err)
    assert sorted(folder.rglob("*")) == before


def test_a_full_disk_leaves_what_was_there(mounted: Path, cli: Cli) -> None:
    """All or none, and the older version goes on being what is installed."""
    folder = mounted / "seccomp"
    first = mounted / "web.json"
    first.write_text('{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": []}\n')
    assert cli(*INSTALL, str(folder), str(first)).code == 0
    _fill(mounted)
    ran = cli(*INSTALL, str(folder))
    assert ran.code == 4
    assert "no space left" in one_line(ran.stderr)
    assert [path.name for path in folder.glob("*.json")] == ["web.json"]
    assert cli(*INSTALL, str(folder), "--check").code == 0
    (mounted / "filling").unlink()
    assert cli(*INSTALL, str(folder)).code == 0


def test_a_read_only_folder_is_said_to_be_one(mounted: Path, cli: Cli) -> None:
    """As on nodes whose system is an image; looking still works."""
    folder = mounted / "seccomp"
    assert cli(*INSTALL, str(folder)).code == 0
    subprocess.run(["mount", "-o", "remount,ro", str(mounted)], check=True)
    ran = cli(*INSTALL, str(folder), "--rollback")
    assert ran.code == 2
    assert "Read-only file system" in one_line(ran.stderr)
    assert cli(*INSTALL, str(folder), "--check").code == 0


def test_a_kill_at_any_moment_leaves_what_can_be_completed_or_undone(tmp_path: Path, cli: Cli) -> None:
    """Killed as soon as it has begun to write: no file is half, and installing again or undoing brings order."""
    for attempt in range(6):
        folder = tmp_path / str(attempt)
        process = subprocess.Popen(
            [sys.executable, "-m", "profile_smoke", *INSTALL, str(folder)], stdout=subprocess.DEVNULL
        )
        deadline = time.monotonic() + _SECONDS
        while len(list(folder.rglob("*"))) < 2 + 2 * attempt and process.poll() is None:
            assert time.monotonic() < deadline
        process.send_signal(signal.SIGKILL)
        process.wait(_SECONDS)
        for path in folder.glob("*.json"):
            assert path.read_text().rstrip().endswith("}")
        if attempt % 2 and (folder / ".profile-smoke" / "manifest.json").exists():
            ran = cli(*INSTALL, str(folder), "--rollback")
            assert ran.code == 0, ran.stderr
            assert list(folder.glob("*.json")) == []
        else:
            ran = cli(*INSTALL, str(folder))
            assert ran.code == 0, ran.stderr
            assert len(list(folder.glob("*.json"))) == len(FIVE)
            assert cli(*INSTALL, str(folder), "--check").code == 0
        assert list(folder.rglob("*.tmp")) == []
        shutil.rmtree(folder)


def _fill(folder: Path) -> None:
    """Take all space of a file system."""
    with (folder / "filling").open("wb", buffering=0) as file:
        try:
            while file.write(bytes(1 << 20)):
                pass
        except OSError:
            return
