"""The agent's part of the seccomp folder: nothing of a client's choosing leads out of it, nothing is there by halves."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profile_smoke.agent import shelf as shelves
from profile_smoke.agent.shelf import Shelf
from profile_smoke.agent.wire import WireError
from profile_smoke.rundir import new_run_id

if TYPE_CHECKING:
    from pathlib import Path

RUN, OTHER = "20260101-000000-00000a", "20260101-000000-00000b"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_ids_of_runs_are_what_the_agent_takes() -> None:
    """The one place that makes them and the one that checks them agree."""
    assert shelves.checked_run(new_run_id())


def test_a_profile_is_put_where_the_pod_names_it(tmp_path: Path) -> None:
    """The answer is a `localhostProfile`; the file is readable whatever the umask."""
    before = os.umask(0o077)
    try:
        place = Shelf(tmp_path).install(RUN, "a.json", b"{}")
    finally:
        os.umask(before)
    assert (tmp_path / place).read_bytes() == b"{}"
    assert (tmp_path / place).stat().st_mode & 0o777 == 0o644
    assert names((tmp_path / place).parent) == [".lease", "a.json"]


def test_a_profile_is_replaced_whole(tmp_path: Path) -> None:
    """Whoever has the old one open reads the old one to its end."""
    shelf = Shelf(tmp_path)
    place = tmp_path / shelf.install(RUN, "a.json", b"old")
    with place.open("rb") as file:
        shelf.install(RUN, "a.json", b"new")
        assert file.read() == b"old"
    assert place.read_bytes() == b"new"


@given(
    st.text(max_size=30)
    | st.sampled_from(["../a.json", "/etc/a.json", ".lease", "a/b.json", ".json", "a.json\n", "a.json\0"])
)
def test_no_name_leads_elsewhere(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    """A name is refused, or it is a file of the run's folder."""
    folder = tmp_path_factory.mktemp("seccomp")
    try:
        place = Shelf(folder).install(RUN, name, b"{}")
    except WireError:
        assert [path for path in folder.rglob("*") if path.is_file()] in (
            [],
            [folder / "profile-smoke" / RUN / ".lease"],
        )
        return
    assert list(folder.rglob("*.json")) == [folder / place]
    assert (folder / place).parent == folder / "profile-smoke" / RUN


@given(st.text(max_size=30).filter(lambda text: not shelves.RUN.fullmatch(text)))
def test_no_run_leads_elsewhere(tmp_path_factory: pytest.TempPathFactory, run: str) -> None:
    """What is no id of a run makes no folder and removes none."""
    folder = tmp_path_factory.mktemp("seccomp")
    for act in (
        lambda: Shelf(folder).install(run, "a.json", b"{}"),
        lambda: Shelf(folder).remove(run, "a.json"),
        lambda: Shelf(folder).remove_run(run),
    ):
        with pytest.raises(WireError):
            act()
    assert names(folder) == []


def test_links_are_not_followed(tmp_path: Path) -> None:
    """Where somebody made the run's folder a link, nothing is written through it; nor is a linked profile overwritten."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    seccomp = tmp_path / "seccomp"
    (seccomp / "profile-smoke").mkdir(parents=True)
    (seccomp / "profile-smoke" / RUN).symlink_to(elsewhere)
    with pytest.raises(OSError, match=r"profile-smoke|Not a directory|symbolic"):
        Shelf(seccomp).install(RUN, "a.json", b"{}")
    assert names(elsewhere) == []
    place = seccomp / Shelf(seccomp).install(OTHER, "a.json", b"{}")
    place.unlink()
    place.symlink_to(elsewhere / "victim")
    Shelf(seccomp).install(OTHER, "a.json", b"{}")
    assert not place.is_symlink()
    assert names(elsewhere) == []


def test_what_is_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client can fill no disk: neither with one profile nor with many."""
    shelf = Shelf(tmp_path)
    with pytest.raises(WireError, match="at most"):
        shelf.install(RUN, "a.json", b"x" * (shelves.PROFILE_LIMIT + 1))
    monkeypatch.setattr(shelves, "MOST_PROFILES", 2)
    shelf.install(RUN, "a.json", b"{}")
    shelf.install(RUN, "b.json", b"{}")
    with pytest.raises(WireError, match="already"):
        shelf.install(RUN, "c.json", b"{}")


def test_only_what_the_agent_made_is_removed(tmp_path: Path) -> None:
    """Another way of putting profiles there uses the same folder; what it made is not the agent's to remove."""
    shelf = Shelf(tmp_path)
    shelf.install(RUN, "a.json", b"{}")
    (tmp_path / "profile-smoke" / OTHER).mkdir()
    (tmp_path / "profile-smoke" / OTHER / "b.json").write_text("{}")
    assert shelf.runs() == (RUN,)
    assert shelf.remove_run(RUN)
    assert not shelf.remove_run(OTHER)
    assert not shelf.remove_run(RUN)
    assert names(tmp_path / "profile-smoke") == [OTHER]


def test_removing_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    """A launch that never got so far removes its profile like any other."""
    shelf = Shelf(tmp_path)
    shelf.remove(RUN, "a.json")
    shelf.install(RUN, "a.json", b"{}")
    shelf.remove(RUN, "a.json")
    shelf.remove(RUN, "a.json")
    assert shelf.remove_run(RUN)


def test_the_agents_own_profile_comes_and_goes(tmp_path: Path) -> None:
    """It goes with the empty folders, and leaves a run's profiles alone."""
    shelf = Shelf(tmp_path)
    shelf.install_own(b"{}")
    assert (tmp_path / "profile-smoke" / "agent" / "agent.json").read_bytes() == b"{}"
    shelf.install(RUN, "a.json", b"{}")
    shelf.remove_own()
    assert names(tmp_path / "profile-smoke") == [RUN]
    shelf.remove_run(RUN)
    shelf.remove_own()
    assert names(tmp_path) == []
