"""Files of settings: which one is found, and what is said of one that cannot be used."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from profile_smoke.errors import BadFileError, UsageError
from profile_smoke.settings import document
from profile_smoke.settings.document import find, load

if TYPE_CHECKING:
    from pathlib import Path

OURS = '[tool.profile-smoke]\nprofile = ["a"]\n'


def put(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_the_nearest_file_upward_is_found(tmp_path: Path) -> None:
    """From any folder below; one that is nearer wins."""
    far = put(tmp_path / "profile-smoke.toml")
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    assert find(deep) == far
    near = put(tmp_path / "a" / "pyproject.toml", OURS)
    assert find(deep) == near


def test_the_search_ends_at_the_root_of_a_repository(tmp_path: Path) -> None:
    """A file above it belongs to something else; one in the root itself counts. A worktree's .git is a file."""
    put(tmp_path / "profile-smoke.toml")
    put(tmp_path / "repo" / ".git")
    inner = tmp_path / "repo" / "inner"
    inner.mkdir()
    assert find(inner) is None
    own = put(tmp_path / "repo" / "profile-smoke.toml")
    assert find(inner) == own


def test_a_project_that_does_not_speak_of_us_is_passed_over(tmp_path: Path) -> None:
    """Even a broken one; one that names us and is broken is told."""
    put(tmp_path / "profile-smoke.toml")
    project = put(tmp_path / "a" / "pyproject.toml", "[project\n")
    assert find(tmp_path / "a") == tmp_path / "profile-smoke.toml"
    project.write_text('[project]\ndependencies = ["profile-smoke"]\n')
    assert find(tmp_path / "a") == tmp_path / "profile-smoke.toml"
    project.write_text("[tool.profile-smoke\n")
    with pytest.raises(BadFileError, match=r"pyproject\.toml: line 1, column 20: is not TOML"):
        find(tmp_path / "a")


def test_two_files_in_one_folder_are_one_too_many(tmp_path: Path) -> None:
    """Neither wins in silence."""
    put(tmp_path / "profile-smoke.toml")
    put(tmp_path / "pyproject.toml", OURS)
    with pytest.raises(UsageError, match="both hold settings; remove one"):
        find(tmp_path)


def test_a_file_that_somebody_else_laid_above_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would say which files are written, with our rights."""
    put(tmp_path / "profile-smoke.toml")
    inner = tmp_path / "a"
    inner.mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    real = type(tmp_path).stat

    def stat(path: Path, **more: bool) -> os.stat_result:
        found = list(real(path, **more))
        if path.name in ("profile-smoke.toml", "a"):
            found[4] = {"profile-smoke.toml": 1001, "a": owner}[path.name]
        return os.stat_result(found)

    monkeypatch.setattr(type(tmp_path), "stat", stat)
    owner = 4242
    with pytest.raises(UsageError, match="belongs to another user; name it with --config"):
        find(inner)
    owner = 1001
    assert find(inner) == tmp_path / "profile-smoke.toml"


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("profile-smoke.toml", b"a = \xff", "line 1: is not UTF-8 text"),
        ("profile-smoke.toml", b"a = 1\na = 2\n", "line 2, column 6: is not TOML: Cannot overwrite a value"),
        ("profile-smoke.toml", b"a = [", "end of document: is not TOML"),
        ("profile-smoke.toml", b"#" * (document.MAX_BYTES + 1), "is larger than 256 KiB"),
        ("profile-smoke.toml", b"a = " + b"[" * 50_000, "is nested too deep"),
        ("pyproject.toml", b"[tool.other]\n", r"there is no \[tool.profile-smoke\] in it"),
        ("pyproject.toml", b"tool = 3\n", r"there is no \[tool.profile-smoke\] in it"),
        ("pyproject.toml", b"[tool]\nprofile-smoke = 3\n", "tool.profile-smoke is no table"),
    ],
)
def test_a_bad_file_is_one_line_with_the_place(tmp_path: Path, name: str, text: bytes, problem: str) -> None:
    """Which file, where in it, what is wrong."""
    path = tmp_path / name
    path.write_bytes(text)
    with pytest.raises(BadFileError, match=rf"^the file: {problem}") as caught:
        load(path, "the file")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """Named by --config, it has to be."""
    with pytest.raises(BadFileError, match="cannot be read: No such file or directory"):
        load(tmp_path / "x.toml", "x.toml")
    with pytest.raises(BadFileError, match="cannot be read: Is a directory"):
        load(tmp_path, "x.toml")


def test_the_table_of_a_project_keeps_its_lines(tmp_path: Path) -> None:
    """Those of the whole file."""
    path = put(tmp_path / "pyproject.toml", f'[project]\nname = "x"\n{OURS}')
    tree = load(path, "pyproject.toml").tree
    assert {key: entry.line for key, entry in tree.entries.items()} == {"profile": 4}
