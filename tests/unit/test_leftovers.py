"""The fixture `no_leftovers` sees what a dead run left, and takes no live run for dead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.support.leftovers import leftovers

from profile_smoke import rundir

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home of its own: what else happens on this machine is not looked at."""
    monkeypatch.setenv("PROFILE_SMOKE_HOME", str(tmp_path))
    monkeypatch.setattr("tests.support.leftovers._engine", dict)
    monkeypatch.setattr("tests.support.leftovers._cluster", dict)
    monkeypatch.setattr("tests.support.leftovers._CGROUPS", tmp_path)


def test_a_dead_runs_folder_and_container_are_seen(tmp_path: Path) -> None:
    """As after a kill -9: nobody holds the lock."""
    (tmp_path / "runs" / "dead" / "oci" / "state" / "dead-oci-1").mkdir(parents=True)
    assert leftovers() == {f"run folder {tmp_path}/runs/dead", "runc container dead-oci-1"}


def test_a_dead_runs_cgroup_is_seen(tmp_path: Path) -> None:
    """Even where its folder is gone."""
    (tmp_path / "memory" / "profile-smoke" / "dead").mkdir(parents=True)
    assert leftovers() == {f"cgroup {tmp_path}/memory/profile-smoke/dead"}


def test_a_live_run_is_none() -> None:
    """Another worker's run, in the middle of its work; and nothing is left when it ended."""
    with rundir.open_run("alive"):
        assert leftovers() == frozenset()
    assert leftovers() == frozenset()
