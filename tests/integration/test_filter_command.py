"""`profile-smoke filter` on live processes."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.seccomp_oracle import compile_profile

from profile_smoke.observe import readback
from profile_smoke.profile import document
from profile_smoke.syscall import libseccomp, tables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Cli

    from profile_smoke.profile.model import Profile

pytestmark = [
    pytest.mark.oci,
    pytest.mark.skipif(
        bool(readback.why_not()) or libseccomp.library() is None or tables.native() != "x86_64",
        reason="filters cannot be made and read back here",
    ),
]
DATABASE = Path(__file__).parents[2] / "profiles" / "kubernetes" / "seccomp-k8s-database-profile.json"

# Loads the program that stdin begins with, says so, and waits for the end of stdin.
_PROCESS = """
import ctypes, sys
raw = bytes.fromhex(sys.stdin.readline())
class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_void_p)]
code = ctypes.create_string_buffer(raw)
libc = ctypes.CDLL(None, use_errno=True)
if raw:
    assert libc.prctl(38, 1, 0, 0, 0) == 0
    assert libc.prctl(22, 2, ctypes.byref(Program(len(raw) // 8, ctypes.addressof(code))), 0, 0) == 0
print("ready", flush=True)
sys.stdin.read()
"""


@contextmanager
def process(profile: Profile | None) -> Iterator[int]:
    """A process under the filter of a profile, or under none."""
    raw = compile_profile(profile) if profile else b""
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _PROCESS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as found:
        assert found.stdin
        assert found.stdout
        found.stdin.write(raw.hex() + "\n")
        found.stdin.flush()
        assert found.stdout.readline() == "ready\n"
        try:
            yield found.pid
        finally:
            found.stdin.close()


def test_a_profiles_own_filter(cli: Cli) -> None:
    """Instructions, cost, what each ABI permits, the dangerous calls; and that it opens nothing."""
    with process(document.load(DATABASE).profile) as pid:
        done = cli("filter", "--pid", str(pid), "--profile", "database")
    assert done.code == 0, done.stderr
    assert done.stderr == ""
    for text in (
        "1 filter, ",
        " instructions; getppid takes ",
        "x86_64, x86: accept4, ",
        "capset on x86_64, x86",
    ):
        assert text in done.stdout
    assert "opens:" not in done.stdout


def test_another_filter_than_the_profiles(cli: Cli, tmp_path: Path) -> None:
    """Where it lets through what the profile refuses: named, and exit code 1."""
    other = json.loads(DATABASE.read_text("utf-8"))
    other["syscalls"].insert(0, {"names": ["bpf"], "action": "SCMP_ACT_ALLOW"})
    with process(document.parse(json.dumps(other), "other.json").profile) as pid:
        output = tmp_path / "filter.txt"
        done = cli("filter", "--pid", str(pid), "--profile", str(DATABASE), "-o", str(output))
    assert done.code == 1
    assert done.stdout == ""
    text = output.read_text("utf-8")
    assert "opens: x86_64: bpf: profile says ERRNO(EPERM), loaded filter says ALLOW" in text
    assert "bpf on x86_64, x86" in text


def test_a_process_without_a_filter(cli: Cli) -> None:
    """Said plainly; a difference where a profile is named."""
    with process(None) as pid:
        alone = cli("filter", "--pid", str(pid))
        compared = cli("filter", "--pid", str(pid), "--profile", "database")
    assert alone.code == 0
    assert f"Process {pid}" in alone.stdout
    assert "runs without a filter." in alone.stdout
    assert compared.code == 1
    assert "[missing-filter]" in compared.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "filter needs a process: --pid PID"),
        (("--pid", "none"), "--pid: 'none' is not a whole number from 1 on"),
        (("--pid", "4194304"), "--pid 4194304: there is no such process"),
        (("--pid", "1", "--profile", "runtime-default"), "compared with one profile that is a file"),
        (("--pid", "1", "--profile", "webapp", "--profile", "database"), "compared with one profile"),
        (("--pid", "1", "--profile", "databse"), 'no profile "databse"'),
    ],
)
def test_mistakes_are_one_line(cli: Cli, words: tuple[str, ...], message: str) -> None:
    """Which option, what is wrong."""
    done = cli("filter", *words)
    assert done.code == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
