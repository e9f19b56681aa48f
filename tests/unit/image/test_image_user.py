"""An image's user is resolved against the image's own files, as engines do, and never outside of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from profile_smoke.errors import ImageError
from profile_smoke.image.user import lookup, resolve

if TYPE_CHECKING:
    from pathlib import Path

USERS = "root:x:0:0::/root:/bin/sh\n# comment\nbroken\n\nweb:x:101:102::/:/bin/sh\n77:x:5:6::/:/bin/sh\n"
GROUP = "root:x:0:\nweb:x:102:\nlogs:x:200:web,other\nssl:x:201:web\nops:x:202:root\n"


@pytest.fixture
def rootfs(tmp_path: Path) -> Path:
    root = tmp_path / "rootfs"
    (root / "etc").mkdir(parents=True)
    (root / "etc" / "passwd").write_text(USERS)
    (root / "etc" / "group").write_text(GROUP)
    return root


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("", (0, 0, (202,))),
        ("root", (0, 0, (202,))),
        ("web", (101, 102, (200, 201))),
        ("101", (101, 102, (200, 201))),
        ("web:logs", (101, 200, ())),
        ("web:7", (101, 7, ())),
        ("4000", (4000, 0, ())),
        ("4000:4001", (4000, 4001, ())),
        ("77", (77, 0, ())),
        (":logs", (0, 200, ())),
    ],
)
def test_resolves_names_and_numbers(
    rootfs: Path, user: str, expected: tuple[int, int, tuple[int, ...]]
) -> None:
    """Names need entries, numbers do not; an explicit group drops the others; a number is never a name."""
    assert lookup(rootfs, user) == expected


@pytest.mark.parametrize(
    ("user", "message"),
    [
        ("ghost", "no entry"),
        ("web:ghost", "no entry"),
        ("4294967296", "no user or group id"),
        ("-1", "no entry"),
    ],
)
def test_refuses_what_is_nobody(rootfs: Path, user: str, message: str) -> None:
    """A name without entry or a number out of range is an error that names it."""
    with pytest.raises(ImageError, match=message):
        lookup(rootfs, user)


def test_an_image_without_passwd_takes_numbers(tmp_path: Path) -> None:
    """Images from scratch have no /etc/passwd: root and numbers still work."""
    assert lookup(tmp_path, "") == (0, 0, ())
    assert lookup(tmp_path, "65534:65534") == (65534, 65534, ())


@pytest.mark.parametrize(
    "target", ["/srv/passwd", "../srv/passwd", "../../../../srv/passwd", "/../srv/passwd"]
)
def test_symlinks_stay_inside(rootfs: Path, target: str) -> None:
    """An absolute or climbing link in the image means a file of the image, never one of this machine."""
    (rootfs / "srv").mkdir()
    (rootfs / "srv" / "passwd").write_text("inside:x:9:9::/:/bin/sh\n")
    (rootfs / "etc" / "passwd").unlink()
    (rootfs / "etc" / "passwd").symlink_to(target)
    assert lookup(rootfs, "inside").uid == 9


def test_a_linked_folder_stays_inside(rootfs: Path) -> None:
    """A link in the middle of the path is followed inside too."""
    (rootfs / "link").symlink_to("/etc")
    assert resolve(rootfs, "/link/passwd") == rootfs / "etc" / "passwd"


def test_a_loop_of_links_is_an_error(rootfs: Path) -> None:
    """A link to itself ends in an error, not in an endless loop."""
    (rootfs / "loop").symlink_to("loop")
    with pytest.raises(ImageError, match="loop of symlinks"):
        resolve(rootfs, "loop")
