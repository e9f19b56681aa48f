"""When a stand-in is taken, and when the user is told instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from profile_smoke.errors import DiskFullError, ImageError
from profile_smoke.image import layout, registry, standin
from profile_smoke.image.interface import ImageConfig
from profile_smoke.image.registry import RegistryUnreachable
from profile_smoke.image.store import Store

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from profile_smoke.image.recipe import Recipe
    from profile_smoke.image.registry import Source
    from profile_smoke.image.tools import Tools

RECIPE = "{schema: profile-smoke/standin-v1, name: tiny, replaces: 'a:1', packages: [hostname], entrypoint: [/run]}"
BUILD = "profile_smoke.image.standin.build"
ASK = "profile_smoke.image.registry.ask"


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "standin.yaml"
    path.write_text(RECIPE)
    return path


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Images that an unreachable registry was asked for; stand-ins are built out of nothing."""
    names: list[str] = []

    def ask(_tools: Tools, source: Source) -> str:
        names.append(source.name)
        raise RegistryUnreachable(f"{source.name}: away")

    def build(_tools: Tools, recipe: Recipe, _distro: object, *, base: Path, folder: Path, work: Path) -> str:
        assert base.is_dir()
        (work / "layer.tar").write_bytes(b"")
        labels = {layout.STANDIN_LABEL: recipe.name}
        config = ImageConfig(labels=labels)
        return layout.write(folder, work / "layer.tar", config, architecture="amd64", created="")

    def build_base(_tools: Tools, _distro: object, folder: Path, _work: Path) -> None:
        folder.mkdir()

    monkeypatch.setattr(ASK, ask)
    monkeypatch.setattr(BUILD, build)
    monkeypatch.setattr(standin, "build_base", build_base)
    monkeypatch.setattr(standin, "suite", lambda: "test")
    monkeypatch.setattr(standin, "require_root", lambda: None)
    monkeypatch.setattr(standin, "distribution", lambda _tools: standin.Distribution("Test 1", "test", ()))
    return names


def _fail(monkeypatch: pytest.MonkeyPatch, name: str, error: Exception) -> None:
    def fail(*_args: Any, **_options: Any) -> None:
        raise error

    monkeypatch.setattr(name, fail)


def test_auto_takes_the_stand_in_when_nobody_answers(tmp_path: Path, recipe: Path, asked: list[str]) -> None:
    """The stand-in is reported under the name that was asked for; a registry that is away is asked once in a run."""
    store = Store(tmp_path / "home")
    found = [store.obtain(ref, recipe) for ref in ("a:1", "b:1", "ghcr.io/c:1")]
    assert [one.info.ref for one in found] == ["a:1", "b:1", "ghcr.io/c:1"]
    assert all(one.info.standin and one.info.standin.name == "tiny" for one in found)
    assert asked == ["a:1", "ghcr.io/c:1"]


def test_always_asks_nobody(tmp_path: Path, recipe: Path, asked: list[str]) -> None:
    """The policy `always` needs no registry, but it needs a recipe."""
    store = Store(tmp_path / "home")
    assert store.obtain("a:1", recipe, policy="always").info.standin is not None
    with pytest.raises(ImageError, match="has no stand-in"):
        store.obtain("a:1", None, policy="always")
    assert asked == []


@pytest.mark.usefixtures("asked")
def test_never_tells_the_way_out(tmp_path: Path, recipe: Path) -> None:
    """Without leave, or without a recipe, an absent registry is an error that names the archive forms."""
    with pytest.raises(RegistryUnreachable, match="archive"):
        Store(tmp_path / "home").obtain("a:1", recipe, policy="never")
    with pytest.raises(RegistryUnreachable, match="archive"):
        Store(tmp_path / "home").obtain("a:1", None)


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize("answer", [ImageError("no such image"), registry.RegistryBusy("503")])
def test_an_answer_is_no_reason_for_a_stand_in(
    tmp_path: Path, recipe: Path, monkeypatch: pytest.MonkeyPatch, answer: ImageError
) -> None:
    """A registry that answers, whatever it says, is never silently replaced."""
    _fail(monkeypatch, ASK, answer)
    with pytest.raises(ImageError) as caught:
        Store(tmp_path / "home").obtain("a:1", recipe)
    assert caught.value is answer


@pytest.mark.usefixtures("asked")
def test_both_causes_are_said(tmp_path: Path, recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No registry and no mirror: one line with both."""
    _fail(monkeypatch, BUILD, ImageError("no mirror"))
    with pytest.raises(ImageError, match=r"a:1: away; and no stand-in: no mirror"):
        Store(tmp_path / "home").obtain("a:1", recipe)


@pytest.mark.usefixtures("asked")
def test_a_full_disk_stays_a_full_disk(tmp_path: Path, recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not made an image error, and nothing half made is left."""
    _fail(monkeypatch, BUILD, OSError(28, "No space left on device"))
    with pytest.raises(DiskFullError, match="storing a:1"):
        Store(tmp_path / "home").obtain("a:1", recipe)
    assert list((tmp_path / "home" / "work").iterdir()) == []
    assert not list((tmp_path / "home").glob("images/*"))
