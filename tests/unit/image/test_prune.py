"""Making room in the store: what something newer replaced goes with all that was made of it, the rest stays."""

from __future__ import annotations

import os
import shutil
import time
from typing import TYPE_CHECKING

from profile_smoke.image import layout, prune, standin
from profile_smoke.image.interface import ImageConfig
from profile_smoke.image.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def image(home: Path, name: str, *, age: float) -> str:
    """An image in the store, unpacked and archived; its digest without the algorithm."""
    folder = home / "images" / name
    folder.mkdir(parents=True)
    (home / "layer.tar").write_bytes(name.encode())
    digest = layout.write(folder, home / "layer.tar", ImageConfig(), architecture="amd64", created="")
    moment = time.time() - age
    os.utime(folder, (moment, moment))
    plain = digest.partition(":")[2]
    (home / "rootfs" / plain / "etc").mkdir(parents=True)
    (home / "archives").mkdir(exist_ok=True)
    (home / "archives" / f"{plain}.tar").touch()
    return plain


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_only_the_newest_stand_in_of_a_name_stays(tmp_path: Path) -> None:
    """With what was unpacked and archived of it; images that were pulled have no successor, and stay."""
    gone = image(tmp_path, "standin-node-exporter-aaaa", age=200)
    kept = {
        image(tmp_path, "standin-node-exporter-bbbb", age=100),
        image(tmp_path, "standin-node-cccc", age=900),
        image(tmp_path, "image-dddd", age=900),
        image(tmp_path, "image-eeee", age=800),
    }
    removed = Store(tmp_path).prune()
    assert names(tmp_path / "images") == {
        "standin-node-exporter-bbbb",
        "standin-node-cccc",
        "image-dddd",
        "image-eeee",
    }
    assert names(tmp_path / "rootfs") == kept
    assert names(tmp_path / "archives") == {f"{digest}.tar" for digest in kept}
    assert [line.split()[0] for line in removed] == ["old", "rootfs", "archive"]
    assert sum(gone in line for line in removed) == 2
    assert Store(tmp_path).prune() == []


def test_a_base_goes_when_it_is_too_old_to_build_upon(tmp_path: Path) -> None:
    """It would be made anew anyway."""
    for name, age in (("old-x86_64-1", standin.BASE_SECONDS + 60), ("new-x86_64-1", 60)):
        base = tmp_path / "bases" / name
        base.mkdir(parents=True)
        os.utime(base, (time.time() - age,) * 2)
    assert Store(tmp_path).prune() == ["old base old-x86_64-1"]
    assert names(tmp_path / "bases") == {"new-x86_64-1"}


def test_an_empty_store_has_nothing_to_prune(tmp_path: Path) -> None:
    """Nor is it made."""
    home = tmp_path / "none"
    assert Store(home).prune() == []
    assert not home.exists()
    assert Store(home).engine_names() == frozenset()


def test_a_mounted_root_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kept container may be upon it."""
    home = tmp_path / "home"
    mounted = image(home, "image-aaaa", age=10)
    shutil.rmtree(home / "images" / "image-aaaa")
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        f"1 2 0:3 / /run/rootfs rw - overlay overlay rw,lowerdir={home}/rootfs/{mounted},upperdir=/u\n"
    )
    monkeypatch.setattr(prune, "_MOUNTS", mounts)
    assert [line.split()[0] for line in Store(home).prune()] == ["archive"]
    assert names(home / "rootfs") == {mounted}
