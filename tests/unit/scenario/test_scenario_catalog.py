"""Finding scenarios by name or by path."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from profile_smoke.errors import BadFileError, UsageError
from profile_smoke.scenario.catalog import Catalog

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """\
schema: profile-smoke/scenario-v1
name: {name}
summary: one of several
image: example:1
start: {{ports: [80]}}
ready: {{http: {{port: 80}}}}
probes: [{{name: page, http: {{port: 80}}}}]
"""


def add(folder: Path, name: str, *, under: str | None = None) -> Path:
    path = folder / (under or name) / "scenario.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(TEXT.format(name=name))
    return path


def test_all_are_sorted_by_name(tmp_path: Path) -> None:
    """The order does not depend on the folders."""
    add(tmp_path / "a", "web")
    add(tmp_path / "b", "database")
    found = Catalog([tmp_path / "a", tmp_path / "b"]).all()
    assert [scenario.name for scenario in found] == ["database", "web"]


def test_a_name_that_does_not_exist_gets_the_nearest(tmp_path: Path) -> None:
    """A misspelt name is answered with the right one."""
    add(tmp_path, "database")
    with pytest.raises(UsageError, match='no scenario is named "databse"; did you mean "database"'):
        Catalog([tmp_path]).find("databse")


def test_a_path_is_read_whatever_the_catalog_holds(tmp_path: Path) -> None:
    """A file and its folder both name a scenario, even beside a broken catalog."""
    path = add(tmp_path / "elsewhere", "mine")
    catalog = Catalog([tmp_path / "missing"])
    assert catalog.find(str(path)).name == "mine"
    assert catalog.find(str(path.parent)).name == "mine"


def test_a_folder_that_is_written_like_a_name_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bare word is a name; where it is also a folder with a scenario, the message says how to write the path."""
    (tmp_path / "empty").mkdir()
    add(tmp_path, "mine")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"write \./mine"):
        Catalog(["empty"]).find("mine")


def test_two_of_one_name_are_refused(tmp_path: Path) -> None:
    """Both files are named."""
    add(tmp_path, "web", under="one")
    add(tmp_path, "web", under="two")
    with pytest.raises(UsageError, match=r'two scenarios are named "web": .*one.* and .*two'):
        Catalog([tmp_path]).all()


def test_a_broken_one_is_not_passed_over(tmp_path: Path) -> None:
    """A catalog with a broken file does not quietly become smaller."""
    add(tmp_path, "web")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "scenario.yaml").write_text("name: [\n")
    with pytest.raises(BadFileError, match="is not YAML"):
        Catalog([tmp_path]).find("web")


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    """A mistyped folder is not an empty one."""
    with pytest.raises(UsageError, match="is no folder of scenarios"):
        Catalog([tmp_path / "missing"]).all()
