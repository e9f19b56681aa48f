"""Putting texts into files and to stdout."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from profile_smoke.errors import DiskFullError, SmokeError, UsageError
from profile_smoke.report.write import check, write

PRINTING = "from profile_smoke.report.write import write\nwrite('-', 'x' * 1_000_000)\n"


def test_a_new_file_holds_the_text_and_follows_the_umask(tmp_path: Path) -> None:
    """The mode is that of any file the user makes; no temporary file stays."""
    path = tmp_path / "out.json"
    before = os.umask(0o027)
    try:
        write(str(path), "é\n")
    finally:
        os.umask(before)
    assert path.read_bytes() == "é\n".encode()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_an_old_file_keeps_its_mode_and_a_link_stays_a_link(tmp_path: Path) -> None:
    """Only the content is replaced, where the link points."""
    path, link = tmp_path / "real", tmp_path / "link"
    path.write_text("old")
    path.chmod(0o604)
    link.symlink_to(path)
    write(str(link), "new")
    assert link.is_symlink()
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o604


def test_a_failure_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk fills up while it is written."""
    path = tmp_path / "out"
    path.write_text("old")

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFullError, match="no space left"):
        write(str(path), "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_devices_and_pipes_are_written_not_replaced(tmp_path: Path) -> None:
    """A rename over /dev/null would destroy it."""
    write("/dev/null", "x")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write(str(pipe), "through")
        assert os.read(reader, 100) == b"through"
    finally:
        os.close(reader)


@pytest.mark.parametrize("act", [lambda path: write(path, "x"), check])
def test_a_bad_destination_is_one_line(tmp_path: Path, act: object) -> None:
    """Known before the run begins, and again when it is written."""
    assert callable(act)
    (tmp_path / "file").write_text("")
    for path, words in {
        tmp_path / "no" / "out": f"there is no folder {tmp_path}/no",
        tmp_path: "is a folder",
        tmp_path / "file" / "out": "",
    }.items():
        with pytest.raises(UsageError) as caught:
            act(str(path))
        assert words in str(caught.value)
        assert str(caught.value).startswith(str(path))
        assert "\n" not in str(caught.value)


def test_no_permission_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests may run as root, for whom nothing is forbidden: the answers of the kernel are given by hand."""

    def refuse(*_arguments: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(UsageError, match="no permission to write there"):
        write(str(tmp_path / "out"), "x")
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(UsageError, match="no permission to write there"):
        check(str(tmp_path / "out"))


def test_check_changes_nothing_and_accepts_what_write_can_do(tmp_path: Path) -> None:
    """No file appears before there is something to write."""
    for path in ("-", "/dev/null", str(tmp_path / "out")):
        check(path)
    assert list(tmp_path.iterdir()) == []


def test_stdout_takes_the_text_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """`-` is stdout; nothing is added."""
    write("-", "text\n")
    assert capsys.readouterr().out == "text\n"


def test_a_reader_that_leaves_is_no_error() -> None:
    """`| head` ends quietly: no message, no traceback from the interpreter's exit, code 0."""
    process = subprocess.Popen(
        [sys.executable, "-c", PRINTING], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout
    assert process.stderr
    process.stdout.read(10)
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert process.wait(30) == 0
    assert errors == b""


@pytest.mark.parametrize(("stdout", "error"), [("/dev/full", "DiskFullError"), (None, "UsageError")])
def test_a_stdout_that_cannot_be_written_is_an_error(stdout: str | None, error: str) -> None:
    """A full disk and a closed stdout lose the result: that is never silent."""
    redirect = f">{stdout}" if stdout else ">&-"
    command = ["sh", "-c", f'exec "$0" -c "$1" {redirect}', sys.executable, PRINTING]
    result = subprocess.run(command, stderr=subprocess.PIPE, check=False, timeout=30)
    assert result.returncode != 0
    assert error.encode() in result.stderr


def test_every_error_of_the_system_is_translated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No OSError leaks, whatever its number."""
    for number in errno.errorcode:

        def fail(*_arguments: object, number: int = number) -> int:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "open", fail)
        with pytest.raises(SmokeError):
            write(str(tmp_path / "out"), "x")
