"""Where bundled profiles and scenarios are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from profile_smoke import resources
from profile_smoke.errors import InfrastructureError


def test_in_a_checkout_they_are_at_the_top() -> None:
    """The folder that a person edits is the one that is used."""
    assert resources.bundled("profiles") == Path(__file__).parents[2] / "profiles"


def test_in_a_wheel_they_are_inside_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when a folder of that name lies beside the package by chance."""
    package = tmp_path / "site" / "profile_smoke"
    (package / "_bundled" / "profiles").mkdir(parents=True)
    (tmp_path / "profiles").mkdir()
    monkeypatch.setattr(resources, "_PACKAGE", package)
    assert resources.bundled("profiles") == package / "_bundled" / "profiles"


def test_a_broken_installation_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both places are named."""
    monkeypatch.setattr(resources, "_PACKAGE", tmp_path / "site" / "profile_smoke")
    with pytest.raises(
        InfrastructureError, match=r"the bundled scenarios are missing: neither .* nor .* exists"
    ):
        resources.bundled("scenarios")
