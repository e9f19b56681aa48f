"""Profiles by name and by path."""

from __future__ import annotations

from pathlib import Path

import pytest

from profile_smoke.errors import BadFileError, UsageError
from profile_smoke.profile.catalog import RUNTIME_DEFAULT, Catalog, NamedProfile, short_name
from profile_smoke.profile.model import Action
from profile_smoke.resources import bundled

VALID = '{"defaultAction": "SCMP_ACT_ALLOW"}'


def put(folder: Path, *names: str, text: str = VALID) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("seccomp-kubelet-profile.json", "kubelet"),
        ("seccomp-kube-proxy-profile.json", "kube-proxy"),
        ("seccomp-k8s-webapp-profile.json", "webapp"),
        ("seccomp-k8s-database-profile.json", "database"),
        ("seccomp-k8s-system-profile.json", "system"),
        ("minimal.json", "minimal"),
        ("my-profile.json", "my"),
        ("seccomp-profile.json", "profile"),
        ("seccomp-.json", "seccomp-"),
    ],
)
def test_a_file_has_a_short_name(file: str, name: str) -> None:
    """Prefixes and suffix that say only that it is a profile are left out."""
    assert short_name(Path("x") / file) == name


def test_what_comes_with_the_program_is_found_by_name() -> None:
    """The four-syscall example denies nearly everything."""
    found = Catalog([bundled("profiles")]).find("minimal")
    assert found.document is not None
    assert found.document.profile.default_action is Action.ERRNO
    assert found.document.warnings == ()
    assert found.path == bundled("profiles") / "minimal.json"


def test_every_profile_of_every_folder_is_there_at_any_depth(tmp_path: Path) -> None:
    """Hidden files and folders, and what is no JSON, are not; the target's own default always is."""
    put(
        tmp_path / "a", "b.json", "deep/er/seccomp-c-profile.json", ".hidden.json", ".git/d.json", "notes.txt"
    )
    put(tmp_path / "z", "y.json")
    catalog = Catalog([tmp_path / "z", tmp_path / "a"])
    assert catalog.names == ("b", "c", RUNTIME_DEFAULT, "y")
    assert [found.name for found in catalog.all()] == ["b", "c", RUNTIME_DEFAULT, "y"]


def test_the_targets_own_default_is_no_file() -> None:
    """It is known without any folder."""
    assert Catalog([]).find("runtime-default") == NamedProfile(RUNTIME_DEFAULT, None, None)


def test_a_path_works_wherever_a_name_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a slash, with the extension, or an existing file; a known name wins over a bare file."""
    put(tmp_path, "work/own.json", "work/bare", "folder/known.json")
    put(tmp_path, "work/known", text='{"defaultAction": "SCMP_ACT_LOG"}')
    monkeypatch.chdir(tmp_path / "work")
    catalog = Catalog([tmp_path / "folder"])
    assert catalog.find("own.json").name == "own"
    assert catalog.find("./own.json").path == Path("own.json")
    assert catalog.find("bare").name == "bare"
    assert catalog.find("known").path == tmp_path / "folder" / "known.json"
    assert catalog.find("./known").path == Path("known")


def test_an_unknown_name_gets_the_nearest_and_the_list(tmp_path: Path) -> None:
    """One line that is enough to go on."""
    put(tmp_path, "database.json", "webapp.json")
    with pytest.raises(UsageError) as caught:
        Catalog([tmp_path]).find("databse")
    assert str(caught.value) == (
        'no profile "databse" (nearest "database"); there are database, runtime-default, webapp, or give a path'
    )


@pytest.mark.parametrize("name", ["x" * 5000, "", ".", "a\x00b"])
def test_a_strange_name_is_no_traceback(name: str) -> None:
    """Too long for a path, empty, a folder, or no path at all."""
    with pytest.raises(UsageError, match="no profile"):
        Catalog([]).find(name)


def test_a_missing_file_is_reported_as_one(tmp_path: Path) -> None:
    """What looks like a path is never searched as a name."""
    with pytest.raises(BadFileError, match="no such file"):
        Catalog([]).find(f"{tmp_path}/database")
    with pytest.raises(BadFileError, match="a folder; expected a profile file"):
        Catalog([]).find(f"{tmp_path}/")


def test_two_files_with_one_name_are_refused(tmp_path: Path) -> None:
    """Both are named, since which one was meant cannot be known."""
    put(tmp_path / "a", "seccomp-web-profile.json")
    put(tmp_path / "b", "web.json")
    with pytest.raises(UsageError) as caught:
        Catalog([tmp_path / "a", tmp_path / "b"])
    assert str(caught.value) == (
        f'two profiles are named "web": {tmp_path}/a/seccomp-web-profile.json and {tmp_path}/b/web.json; rename one'
    )


def test_one_file_seen_twice_is_one_profile(tmp_path: Path) -> None:
    """The same folder again, or one inside the other."""
    put(tmp_path, "a/web.json")
    assert Catalog([tmp_path, tmp_path / "a", tmp_path / "a" / ".." / "a"]).names == (RUNTIME_DEFAULT, "web")


@pytest.mark.parametrize("name", ["runtime-default.json", "seccomp-runtime-default-profile.json"])
def test_the_reserved_name_cannot_be_taken(tmp_path: Path, name: str) -> None:
    """A report would not tell the two apart."""
    put(tmp_path, name)
    with pytest.raises(BadFileError, match="stands for the target's own default"):
        Catalog([tmp_path])
    with pytest.raises(BadFileError, match="stands for the target's own default"):
        Catalog([]).find(str(tmp_path / name))


def test_a_name_that_breaks_ids_is_refused(tmp_path: Path) -> None:
    """`@`, spaces and wildcards have a meaning elsewhere."""
    put(tmp_path, "a@b.json")
    with pytest.raises(BadFileError, match='"a@b" is no name for a profile'):
        Catalog([tmp_path])


def test_a_folder_must_be_there_and_hold_profiles(tmp_path: Path) -> None:
    """A gate never passes on nothing."""
    with pytest.raises(UsageError, match="no such folder of profiles"):
        Catalog([tmp_path / "none"])
    with pytest.raises(UsageError, match="holds no profile"):
        Catalog([tmp_path])


def test_a_bad_file_is_only_an_error_when_it_is_asked_for(tmp_path: Path) -> None:
    """One broken file does not stop the others from being named."""
    put(tmp_path, "good.json")
    put(tmp_path, "broken.json", text="{")
    catalog = Catalog([tmp_path])
    assert catalog.find("good").name == "good"
    for ask in (catalog.all, lambda: catalog.find("broken")):
        with pytest.raises(BadFileError, match="broken"):
            ask()
