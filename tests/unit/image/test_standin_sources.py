"""Stand-ins come from the distribution's own sources, and are known by everything that goes into them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from profile_smoke.errors import ImageError
from profile_smoke.image import standin
from profile_smoke.image.interface import ImageConfig
from profile_smoke.image.recipe import Recipe

TARGETS = """\
http://deb.debian.org/debian/|bookworm|main|Debian|amd64
http://deb.debian.org/debian/|bookworm|contrib|Debian|amd64
http://deb.debian.org/debian/|bookworm|main|Debian|arm64
http://deb.debian.org/debian-security/|bookworm-security|main|Debian|amd64
https://deb.nodesource.com/node_20.x/|nodistro|main|. nodistro|amd64
https://packages.cloud.google.com/apt/|cloud-sdk-bookworm|main|cloud-sdk-bookworm|amd64""".splitlines()
RECIPE = Recipe(
    name="a",
    replaces="a:1",
    packages=("a",),
    report=("a",),
    files={"/run": b"x"},
    setup="true",
    config=ImageConfig(cmd=("a",)),
    path=Path("a/standin.yaml"),
)


def test_other_people_s_sources_are_left_out() -> None:
    """Only the distribution's origin and this architecture count; components of one release share a line."""
    assert standin.own_sources(TARGETS, "Debian", "amd64") == (
        "deb http://deb.debian.org/debian/ bookworm main contrib",
        "deb http://deb.debian.org/debian-security/ bookworm-security main",
    )


def test_the_suite_is_the_machine_s(tmp_path: Path) -> None:
    """os-release(5) names the suite, quoted or not."""
    path = tmp_path / "os-release"
    path.write_text('ID=ubuntu\nVERSION_CODENAME="noble"\nPRETTY_NAME="Ubuntu 24.04 LTS"\n')
    assert standin.suite(path) == "noble"


@pytest.mark.parametrize("text", ['ID=fedora\nPRETTY_NAME="Fedora 40"\n', "ID=debian\nPRETTY_NAME=x\n", ""])
def test_other_systems_are_told_what_to_do(tmp_path: Path, text: str) -> None:
    """Where no stand-in can be built, the message names the ways that are left."""
    path = tmp_path / "os-release"
    path.write_text(text)
    with pytest.raises(ImageError, match="use a registry or an image archive"):
        standin.suite(path)


@pytest.mark.parametrize(
    "other",
    [
        replace(RECIPE, packages=("a", "b")),
        replace(RECIPE, report=("b",)),
        replace(RECIPE, files={"/run": b"y"}),
        replace(RECIPE, setup="false"),
        replace(RECIPE, config=ImageConfig(cmd=("b",))),
    ],
)
def test_the_key_follows_the_contents(other: Recipe) -> None:
    """Whatever changes the image changes the key; where the recipe lies does not."""
    key = standin.key(RECIPE, "bookworm")
    assert standin.key(other, "bookworm") != key
    assert standin.key(RECIPE, "trixie") != key
    assert standin.key(replace(RECIPE, path=Path("b")), "bookworm") == key


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("Err:1 http://m bookworm InRelease\n  Could not resolve 'm'\nE: no\n", "mirror cannot be reached"),
        ("Reading package lists...\nE: Unable to locate package nosuch\nE: more\n", "locate package nosuch"),
        ("something odd\n", "something odd"),
    ],
)
def test_a_failed_build_says_why(output: str, message: str) -> None:
    """The first error line of apt is the reason; an unreachable mirror says what to check."""
    assert message in standin._why(output)
