"""Recipes of stand-ins are read strictly, and every shipped one is good."""

from __future__ import annotations

from pathlib import Path

import pytest

from profile_smoke.errors import BadFileError
from profile_smoke.image import recipe

SCENARIOS = Path(__file__).parents[3] / "scenarios"
GOOD = """
schema: profile-smoke/standin-v1
name: small
replaces: small:1
packages: [hostname, gosu]
entrypoint: [/run.sh]
cmd: [serve]
env: {A: "1"}
volumes: [/b, /a]
files: {/run.sh: run.sh}
"""


def _write(folder: Path, text: str) -> Path:
    (folder / "run.sh").write_text("#!/bin/sh\n")
    path = folder / "standin.yaml"
    path.write_text(text)
    return path


def test_reads_what_the_file_says(tmp_path: Path) -> None:
    """Files beside the recipe are read, the first package is reported, the rest has the defaults of an image."""
    found = recipe.load(_write(tmp_path, GOOD))
    assert found.report == ("hostname",)
    assert found.files == {"/run.sh": b"#!/bin/sh\n"}
    assert found.config.entrypoint == ("/run.sh",)
    assert found.config.env == ("A=1",)
    assert found.config.volumes == ("/a", "/b")
    assert (found.config.workdir, found.config.stop_signal) == ("/", "SIGTERM")


@pytest.mark.parametrize(
    ("change", "where", "problem"),
    [
        (("cmd:", "comand:"), "comand", "did you mean 'cmd'"),
        (("name: small\n", ""), "name", "missing"),
        (("name: small", "name: Sm/all"), "name", "small letters"),
        (("standin-v1", "standin-v9"), "schema", "standin-v1"),
        (("[hostname, gosu]", "[hostname, --purge]"), "packages[1]", "no package name"),
        (("[hostname, gosu]", "hostname"), "packages", "a list of texts"),
        (('{A: "1"}', "{A: 1}"), "env", "quote numbers"),
        (("/run.sh: run.sh", "/run.sh: ../run.sh"), "files", "beside the recipe"),
        (("/run.sh: run.sh", "/run.sh: gone.sh"), "files", "No such file"),
        (("/run.sh: run.sh", "/../run.sh: run.sh"), "files", "absolute path"),
        (("[/b, /a]", "[b]"), "volumes", "absolute path"),
        (("[serve]", "[serve"), "line 8, column 4", "not YAML"),
    ],
)
def test_says_where_a_recipe_is_wrong(
    tmp_path: Path, change: tuple[str, str], where: str, problem: str
) -> None:
    """Each mistake is one line with the file, the place, and what would be right."""
    path = _write(tmp_path, GOOD.replace(*change))
    with pytest.raises(BadFileError) as caught:
        recipe.load(path)
    assert caught.value.path == str(path)
    assert where in caught.value.where
    assert problem in caught.value.problem


def test_a_recipe_that_is_a_folder_is_a_bad_file(tmp_path: Path) -> None:
    """What cannot be opened is reported, not raised as the system's error."""
    with pytest.raises(BadFileError, match="Is a directory"):
        recipe.load(tmp_path)


@pytest.mark.parametrize("path", sorted(SCENARIOS.glob("*/standin.yaml")), ids=lambda path: path.parent.name)
def test_shipped_recipes_are_good(path: Path) -> None:
    """Every shipped recipe loads, carries its folder's name, and stands in for its scenario's image."""
    found = recipe.load(path)
    assert found.name == path.parent.name
    assert f"image: {found.replaces}\n" in (path.parent / "scenario.yaml").read_text()
