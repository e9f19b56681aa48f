"""`profile-smoke lint` on files as users have them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from profile_smoke.__main__ import main

GOOD: dict[str, Any] = {
    "defaultAction": "SCMP_ACT_ERRNO",
    "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW"}],
}
SCENARIOS = Path(__file__).parents[3] / "scenarios"


def put(path: Path, document: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def test_good_files_are_code_0_and_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Profiles and scenarios together, in folders and alone."""
    profile = put(tmp_path / "a.json", GOOD)
    assert main(["lint", str(profile), str(SCENARIOS / "nginx")]) == 0
    assert capsys.readouterr().out == "2 files checked, 0 problems\n"


def test_what_the_project_ships_has_no_problems(capsys: pytest.CaptureFixture[str]) -> None:
    """Its own profiles and scenarios pass its own lint."""
    assert main(["lint", str(SCENARIOS), str(SCENARIOS.parent / "profiles")]) == 0
    assert "0 problems" in capsys.readouterr().out


def test_every_problem_is_a_line_and_the_code_is_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One bad file does not hide the next; each line begins with its file."""
    broken = put(tmp_path / "broken.json", "{")
    action = put(tmp_path / "deep" / "action.json", GOOD | {"defaultAction": "SCMP_ACT_ERNO"})
    scenario = put(tmp_path / "web" / "scenario.yaml", "schema: nonsense\nport: 1\n")
    put(tmp_path / "web" / "data.json", "no profile, and not looked at")
    put(tmp_path / "fine.json", GOOD)
    assert main(["lint", str(tmp_path)]) == 2
    *problems, summary = capsys.readouterr().out.splitlines()
    assert {line.split(":")[0] for line in problems} == {str(broken), str(action), str(scenario)}
    assert [line for line in problems if "line 1, column" in line and str(broken) in line]
    assert [line for line in problems if "SCMP_ACT_ERRNO" in line]
    assert summary == f"4 files checked, {len(problems)} problems"


def test_an_unknown_syscall_warns_and_is_no_problem(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A name may be newer than our tables."""
    rules = [{"names": ["raed"], "action": "SCMP_ACT_ALLOW"}]
    path = put(tmp_path / "a.json", GOOD | {"syscalls": rules})
    assert main(["lint", str(path)]) == 0
    warning, summary = capsys.readouterr().out.splitlines()
    assert warning.startswith(f"warning: {path}: ")
    assert "raed" in warning
    assert summary == "1 file checked, 0 problems"


def test_two_profiles_of_one_name_are_a_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A name must mean one profile; the same file given twice is still one."""
    one = put(tmp_path / "web.json", GOOD)
    two = put(tmp_path / "seccomp-web-profile.json", GOOD)
    assert main(["lint", str(one), str(two)]) == 2
    assert "has the same name, 'web'" in capsys.readouterr().out
    assert main(["lint", str(one), str(one)]) == 0


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("absent.json", "no such file"),
        ("absent.yaml", "no such file"),
        ("absent", "no such file"),
        ("notes.txt", "neither"),
    ],
)
def test_a_file_that_cannot_be_checked_is_a_problem(
    name: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing checked is never a success."""
    put(tmp_path / "notes.txt", "x")
    assert main(["lint", str(tmp_path / name)]) == 2
    assert words in capsys.readouterr().out


def test_a_folder_without_anything_to_check_is_a_problem(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mistyped folder is not a success."""
    assert main(["lint", str(tmp_path)]) == 2
    assert "holds neither" in capsys.readouterr().out


def test_links_and_hidden_folders_are_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A link back to the folder itself does not send it round in circles."""
    put(tmp_path / "a.json", GOOD)
    put(tmp_path / ".git" / "b.json", "broken")
    (tmp_path / "again").symlink_to(tmp_path)
    assert main(["lint", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "1 file checked, 0 problems\n"
