"""Installs and roll-backs that fail, are killed, or come at the same time: all files or none, and nothing is lost."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tests.support.node_folder import NEW, OLD, changes, held, sources

from profile_smoke.errors import DiskFullError, UsageError
from profile_smoke.node.folder import State, check, install, rollback
from profile_smoke.node.storage import Storage


@pytest.mark.parametrize(
    ("number", "error", "text"),
    [
        (errno.EACCES, UsageError, "no permission; a node's folder is root's"),
        (errno.ENOSPC, DiskFullError, "no space left"),
        (errno.EROFS, UsageError, "Read-only file system"),
    ],
)
def test_a_failure_halfway_leaves_everything_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, error: type[Exception], text: str
) -> None:
    """All files or none, and one line that says why."""
    install(tmp_path, sources(OLD), force=False)
    put, calls = Storage.put, []

    def failing(self: Storage, name: str, content: bytes | None) -> None:
        calls.append(name)
        if calls == ["a.json", "b.json"]:
            raise OSError(number, os.strerror(number), str(tmp_path / name))
        put(self, name, content)

    monkeypatch.setattr(Storage, "put", failing)
    for change in changes(tmp_path, force=False):
        calls.clear()
        with pytest.raises(error, match=text) as caught:
            change()
        assert "\n" not in str(caught.value)
        assert held(tmp_path) == {"a.json": OLD, "b.json": OLD}
        assert set(check(tmp_path, {}).values()) == {State.AS_INSTALLED}


KILLED = """
import os, sys
from pathlib import Path
from profile_smoke.node.folder import Source, install, rollback
from profile_smoke.node.storage import Storage

put = Storage.put
def killed(self, name, content):
    if name == "b.json":
        os._exit(9)
    put(self, name, content)
Storage.put = killed
folder = Path(sys.argv[1])
if sys.argv[2] == "install":
    install(folder, {name: Source(b"new", "x") for name in ("a.json", "b.json")}, force=False)
else:
    rollback(folder, force=False)
"""


def killed(folder: Path, what: str) -> None:
    runner = Path(__file__).parents[3] / "runner"
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(folder), what],
        check=False,
        env={**os.environ, "PYTHONPATH": str(runner)},
    )
    assert done.returncode == 9


def test_a_killed_install_is_seen_and_completed(tmp_path: Path) -> None:
    """Its files are known on both sides of it, so that it is no edit."""
    install(tmp_path, sources(OLD), force=False)
    killed(tmp_path, "install")
    assert held(tmp_path) == {"a.json": NEW, "b.json": OLD}
    assert check(tmp_path, {}) == {"a.json": State.AS_INSTALLED, "b.json": State.OLDER}
    install(tmp_path, sources(NEW), force=False)
    assert held(tmp_path) == {"a.json": NEW, "b.json": NEW}


def test_a_killed_install_can_be_undone(tmp_path: Path) -> None:
    """As if it had been a whole one."""
    install(tmp_path, sources(OLD), force=False)
    killed(tmp_path, "install")
    rollback(tmp_path, force=False)
    assert held(tmp_path) == {"a.json": OLD, "b.json": OLD}
    assert set(check(tmp_path, {}).values()) == {State.AS_INSTALLED}


def test_a_killed_undo_is_done_again(tmp_path: Path) -> None:
    """What it had undone already is no edit."""
    install(tmp_path, sources(OLD), force=False)
    install(tmp_path, sources(NEW), force=False)
    killed(tmp_path, "rollback")
    assert held(tmp_path) == {"a.json": OLD, "b.json": NEW}
    rollback(tmp_path, force=False)
    assert held(tmp_path) == {"a.json": OLD, "b.json": OLD}


def test_installs_at_the_same_time_come_one_after_the_other(tmp_path: Path) -> None:
    """Every file is of one of them, the record tells them all, and nothing half written is left."""
    names = [f"{number}.json" for number in range(6)]
    contents = [f"version {number}".encode() for number in range(8)]
    errors: list[BaseException] = []

    def one(content: bytes) -> None:
        try:
            install(tmp_path, sources(content, *names), force=False)
        except BaseException as error:  # noqa: BLE001  reported by the test
            errors.append(error)

    threads = [threading.Thread(target=one, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    (last,) = set(held(tmp_path).values())
    assert last in contents
    assert set(check(tmp_path, {}).values()) == {State.AS_INSTALLED}
    assert list((tmp_path / ".profile-smoke").glob("*.tmp")) == []
    for _ in contents:
        rollback(tmp_path, force=False)
    assert held(tmp_path) == {}
