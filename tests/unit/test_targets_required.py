"""A machine that is meant to have a target never passes by skipping its tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support import targets

ROOT = Path(__file__).parents[2]
SUITE = """
import pytest
pytestmark = pytest.mark.docker
def test_something(): pass
"""


def run(tmp_path: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """A suite with one docker test, under this project's conftest, with an engine address that nobody serves."""
    (tmp_path / "test_suite.py").write_text(SUITE)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "tests.conftest",
        "-c",
        str(ROOT / "pyproject.toml"),
    ]
    address = f"unix://{tmp_path}/nobody.sock"
    # As a run of its own, also where this test is a worker's.
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_XDIST")}
    return subprocess.run(
        [*command, "--rootdir", str(ROOT), str(tmp_path / "test_suite.py")],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**inherited, "DOCKER_HOST": address, **env},
        timeout=60,
    )


def test_a_missing_target_skips_and_says_why(tmp_path: Path) -> None:
    """By default a laptop without an engine still runs the rest."""
    result = run(tmp_path, PROFILE_SMOKE_REQUIRE="")
    assert result.returncode == 0, result.stdout
    assert "1 skipped" in result.stdout
    assert "target docker: no engine answers" in result.stdout


def test_a_missing_target_that_is_required_fails(tmp_path: Path) -> None:
    """The failure names the variable."""
    result = run(tmp_path, PROFILE_SMOKE_REQUIRE="oci,docker")
    assert result.returncode == 1, result.stdout
    assert "no engine answers" in result.stdout
    assert "(PROFILE_SMOKE_REQUIRE names it)" in result.stdout


def test_a_mistyped_requirement_is_an_error_not_a_pass(tmp_path: Path) -> None:
    """`dokcer` requires nothing, so it must not go unnoticed."""
    result = run(tmp_path, PROFILE_SMOKE_REQUIRE="dokcer")
    assert result.returncode == 4, result.stdout
    assert "there is no target 'dokcer'" in result.stderr


@pytest.mark.parametrize(
    ("text", "names"), [("", set()), (" oci , docker,", {"oci", "docker"}), ("oci,oci", {"oci"})]
)
def test_the_variable_is_a_list(text: str, names: set[str]) -> None:
    """Commas, blanks and repetition are harmless."""
    assert targets.required(text) == names
