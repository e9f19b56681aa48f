"""`profile-smoke profile install`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from profile_smoke.__main__ import main

if TYPE_CHECKING:
    from pathlib import Path

FIVE = 5


def put(path: Path, **more: object) -> str:
    rule: dict[str, object] = {"names": ["read"], "action": "SCMP_ACT_ALLOW", **more}
    path.write_text(json.dumps({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [rule]}))
    return str(path)


def test_the_profiles_for_kubernetes_by_default(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All five, byte for byte, and found again."""
    folder = str(tmp_path / "seccomp")
    assert main(["profile", "install", "--folder", folder]) == 0
    *lines, summary = capsys.readouterr().out.splitlines()
    assert len(lines) == FIVE
    assert all(line.endswith(": installed") for line in lines)
    assert summary == f"{folder}: 5 profiles"
    assert main(["profile", "install", "--folder", folder, "--check"]) == 0


def test_drift_is_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And told for each file."""
    folder = tmp_path / "seccomp"
    words = ["profile", "install", "--folder", str(folder)]
    mine = put(tmp_path / "mine.json")
    assert main([*words, mine]) == 0
    (folder / "mine.json").write_text("{}")
    capsys.readouterr()
    assert main([*words, "--check"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "mine.json: edited since it was installed",
        f"{folder}: 1 profile, 1 not as installed",
    ]
    assert main([*words, mine]) == 2
    assert "--force replaces" in capsys.readouterr().err
    assert main([*words, mine, "--force"]) == 0
    assert main([*words, "--rollback"]) == 0
    assert (folder / "mine.json").read_text() == "{}"


def test_a_source_that_changed_is_drift_of_the_profiles_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """So that a pipeline sees that a node lags behind."""
    folder = str(tmp_path / "seccomp")
    mine = put(tmp_path / "mine.json")
    assert main(["profile", "install", mine, "--folder", folder]) == 0
    put(tmp_path / "mine.json", comment="newer")
    assert main(["profile", "install", "--folder", folder, "--check"]) == 0
    capsys.readouterr()
    assert main(["profile", "install", mine, "--folder", folder, "--check"]) == 1
    assert "mine.json: as installed, but its source is another now" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("docker.json", "docker.json: kubelet's runtime drops includes (1), which changes what it means"),
        ("runtime-default", "the target's own default is no file"),
        ("mine.json other/mine.json", "another profile has the same file name"),
        ("mine.json --rollback", "--rollback undoes the last install as a whole; name no profiles"),
        ("--check --force", "--check changes nothing"),
        ("--check --rollback", "not allowed with argument"),
        ("--check", "nothing was installed here by profile-smoke"),
        ("broken.json", "broken.json: line 1"),
    ],
)
def test_a_mistake_is_one_line_and_changes_nothing(
    tmp_path: Path, words: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Code 2."""
    put(tmp_path / "mine.json")
    put(tmp_path / "docker.json", includes={"caps": ["CAP_BPF"]})
    (tmp_path / "other").mkdir()
    put(tmp_path / "other" / "mine.json")
    (tmp_path / "broken.json").write_text("{")
    arguments = [str(tmp_path / word) if word.endswith(".json") else word for word in words.split()]
    assert main(["profile", "install", *arguments, "--folder", str(tmp_path / "seccomp")]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    assert not (tmp_path / "seccomp").exists()
