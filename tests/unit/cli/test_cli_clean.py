"""`profile-smoke clean` where there is nothing to launch for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from profile_smoke import rundir
from profile_smoke.__main__ import main

if TYPE_CHECKING:
    import pytest


def test_images_stay_while_a_run_is_at_work(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It may need any of them: exit 4, and what to do."""
    # Not below tmp_path: a socket's path has a limit.
    monkeypatch.setenv("PROFILE_SMOKE_HOME", str(tmp_path_factory.mktemp("r")))
    with rundir.open_run("20260101-000000-aaaaaa"):
        assert main(["clean", "--images"]) == 4
    seen = capsys.readouterr()
    assert seen.out == ""
    assert "run 20260101-000000-aaaaaa is at work" in seen.err
    assert seen.err.count("\n") == 1
