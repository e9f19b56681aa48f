"""Every mistake in what a user hands over: one line with the file, the place and what would be right; exit code 2."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from profile_smoke.__main__ import main

if TYPE_CHECKING:
    from pathlib import Path

GOOD: dict[str, Any] = {
    "defaultAction": "SCMP_ACT_ERRNO",
    "architectures": ["SCMP_ARCH_X86_64"],
    "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW"}],
}
SCENARIO = """\
schema: profile-smoke/scenario-v1
name: web
summary: a page
image: nginx:1.21
start: {ports: [80]}
ready: {http: {port: 80}, timeout: 30s}
probes:
  - name: page
    http: {port: 80, body_contains: hello}
stop: {signal: QUIT, timeout: 10s}
profiles: {webapp: passed}
"""
_WITHOUT = "-dac_override,-dac_read_search"
"""What lets root read everybody's files."""


def changed(**more: object) -> str:
    return json.dumps(GOOD | more)


def rule(**more: object) -> str:
    return changed(syscalls=[{"names": ["read"], "action": "SCMP_ACT_ALLOW"} | more])


PROFILES = {
    "malformed": ('{\n "defaultAction": "SCMP_ACT_ERRNO",\n "syscalls": [,]\n}', "line 3, column 15: expected a value"),
    "cut off": ('{\n "defaultAction": "SCMP_ACT_ERRNO",\n', "line 3, column 1: expected a key"),
    "empty": ("", "the file is empty"),
    "unknown action": (changed(defaultAction="SCMP_ACT_ERNO"), '(defaultAction): unknown action "SCMP_ACT_ERNO" (nearest'),
    "unknown action of a rule": (rule(action="ALLOW"), '(syscalls[0].action): unknown action "ALLOW" (nearest'),
    "unknown key": (changed(sycalls=[]), '(sycalls): unknown key "sycalls" (nearest "syscalls")'),
    "unknown key of a rule": (rule(actoin="x"), '(syscalls[0].actoin): unknown key "actoin" (nearest "action")'),
    "name and names": (rule(name="read"), '(syscalls[0].name): both "name" and "names" are given'),
    "architectures and archMap": (
        changed(archMap=[{"architecture": "SCMP_ARCH_X86_64"}]),
        '(archMap): both "architectures" and "archMap" are given',
    ),
    "a key twice": (
        '{"defaultAction": "SCMP_ACT_ERRNO", "defaultAction": "SCMP_ACT_ALLOW"}',
        'line 1, column 37: the key "defaultAction" is there twice',
    ),
    "10 MB": (changed(syscalls=GOOD["syscalls"] * 220_000), "larger than 1 MiB"),
}  # fmt: skip
SCENARIOS = {
    "unknown probe": ("    http: {port", "    htpp: {port", 'line 9, probes[0]: unknown key "htpp"; did you mean "http"?'),
    "empty expectation": ("hello", '""', "line 9, probes[0].http.body_contains: is empty"),
    "no probes": ("  - name: page\n    http: {port: 80, body_contains: hello}\n", "  []\n", "at least one probe is needed"),
    "no YAML": ("start: {", "start: [", "is not YAML"),
    "a key twice": ("summary: a page", "summary: a page\nsummary: b", "line 4, summary: this key is there twice"),
    "unknown verdict": ("webapp: passed", "webapp: pass", '"pass" is not known here; did you mean "passed"?'),
    "unknown signal": ("QUIT", "QUITE", '"QUITE" is not known here; did you mean "QUIT"?'),
    "10 MB": ("profiles:", f"#{'x' * 10_000_000}\nprofiles:", "larger than 1 MiB"),
}  # fmt: skip


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The line that a command is refused with."""
    assert main(["list", "--target", "oci", *words]) == 2
    out, err = capsys.readouterr()
    assert not out
    assert err.startswith("profile-smoke: ")
    assert err.count("\n") == 1, err
    return err


@pytest.mark.parametrize("case", PROFILES)
def test_a_bad_profile(case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file, line and column, the path in the document, and the nearest valid word."""
    text, says = PROFILES[case]
    file = tmp_path / "mine.json"
    file.write_text(text)
    said = refused(capsys, "--profile", str(file))
    assert str(file) in said
    assert says in said


@pytest.mark.parametrize("case", SCENARIOS)
def test_a_bad_scenario(case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file, the line, the path in the document, and what is meant."""
    old, new, says = SCENARIOS[case]
    assert old in SCENARIO
    file = tmp_path / "web.yaml"
    file.write_text(SCENARIO.replace(old, new, 1))
    said = refused(capsys, "--scenario", str(file))
    assert str(file) in said
    assert says in said


@pytest.mark.parametrize("option", ["--profile", "--scenario"])
def test_two_of_one_name(option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Which of them a report would mean nobody could tell."""
    files = []
    for folder in ("a", "b"):
        file = tmp_path / folder / ("web.json" if option == "--profile" else "web.yaml")
        file.parent.mkdir()
        file.write_text(json.dumps(GOOD) if option == "--profile" else SCENARIO)
        files += [option, str(file)]
    assert "another file is already named" in refused(capsys, *files)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--profile", "databse"), 'no profile "databse" (nearest "database")'),
        (("--scenario", "ngnix"), 'no scenario is named "ngnix"; did you mean "nginx"?'),
        (("--only", "databse/mysql@oci"), "no such cell; nearest: database/mysql@oci"),
        (("--profile", "./gone.json"), "gone.json: no such file"),
        (("--scenario", "./gone.yaml"), "gone.yaml: no such file"),
        (("--profile", "./"), ".: a folder; expected a profile file"),
        (("--profile", f"./{'x' * 300}"), "File name too long"),
        (("--scenario", f"./{'x' * 300}"), "File name too long"),
        (("--output", "x" * 300), "File name too long"),
    ],
)
def test_what_is_not_there(
    words: tuple[str, ...],
    says: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Names get the nearest one; paths say why nothing can be read there."""
    monkeypatch.chdir(tmp_path)
    assert says in refused(capsys, *words)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--profile", "closed.json"), "closed.json: no permission to read it"),
        (("--profile", "closed/web.json"), "closed/web.json: no permission to read it"),
        (("--scenario", "./closed.yaml"), "closed.yaml: cannot be read: Permission denied"),
        (("--scenario", "closed/web.yaml"), "closed/web.yaml: cannot be read: Permission denied"),
        (("--profiles-dir", "closed"), "closed: cannot be read: Permission denied"),
        (("--scenarios-dir", "closed"), "closed: cannot be read: Permission denied"),
        (("--output", "closed/list"), "closed/list: no permission to write there"),
    ],
)
def test_no_permission(words: tuple[str, ...], says: str, tmp_path: Path) -> None:
    """For the file itself, and for a folder on the way to it."""
    for file in ("closed.json", "closed.yaml"):
        (tmp_path / file).touch(0)
    (tmp_path / "closed").mkdir(0)
    command = [sys.executable, "-m", "profile_smoke", "list", "--target", "oci", *words]
    if os.geteuid() == 0:
        command = ["setpriv", f"--bounding-set={_WITHOUT}", f"--inh-caps={_WITHOUT}", *command]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    (tmp_path / "closed").chmod(0o700)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == f"profile-smoke: {says}\n"


def test_an_unknown_syscall_is_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It may be a newer kernel's: who would ignore it is said, and the file is used."""
    file = tmp_path / "mine.json"
    file.write_text(rule(names=["read", "opennat"]))
    assert main(["lint", str(file)]) == 0
    out = capsys.readouterr().out
    assert f'warning: {file}: syscalls[0].names[1] "opennat": no known syscall (nearest "openat")' in out
    assert "libseccomp ignores it" in out
    assert main(["list", "--target", "oci", "--profile", str(file)]) == 0
