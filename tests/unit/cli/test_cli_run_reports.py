"""`run` writes its reports however it ends: what was found before something broke is not lost."""

from __future__ import annotations

import os
import signal
import tempfile
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from tests.unit.run.test_pipeline import UP, cell

from profile_smoke.__main__ import main
from profile_smoke.cli import wiring
from profile_smoke.cli.options import TargetName
from profile_smoke.errors import DiskFullError
from profile_smoke.model import Selection, Verdict
from profile_smoke.report.interface import Format
from profile_smoke.report.json import load
from profile_smoke.scenario.model import LogCheck, Ready
from profile_smoke.target.fake import FakeTarget, Life

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from profile_smoke.model import RunReport
    from profile_smoke.target.interface import ContainerSpec

Ended = tuple[int, "RunReport"]


class Target(FakeTarget):
    """One of which cleaning up does what it is told to."""

    def __init__(self, script: Callable[[ContainerSpec], Life], end: Callable[[], None]) -> None:
        super().__init__(script)
        self._end = end

    def finish(self) -> None:
        super().finish()
        self._end()


@pytest.fixture
def home() -> Iterator[str]:
    """A short path: a socket's has little room."""
    with tempfile.TemporaryDirectory(prefix="home-") as folder:
        yield folder


@pytest.fixture
def run(tmp_path: Path, home: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ended]:
    """Runs three cells on a scripted target, and reads what was reported; every other format was written too."""
    monkeypatch.setenv("PROFILE_SMOKE_HOME", home)
    monkeypatch.chdir(tmp_path)

    def execute(
        script: Callable[[ContainerSpec], Life] = lambda _spec: UP,
        end: Callable[[], None] = lambda: None,
        words: Sequence[str] = (),
    ) -> Ended:
        monkeypatch.setattr(wiring, "target_names", lambda _options: (TargetName.OCI,))
        monkeypatch.setattr(
            wiring, "cells", lambda *_: [cell(name, ready=Ready(LogCheck("up"), 60.0)) for name in "abc"]
        )
        monkeypatch.setattr(wiring, "store", lambda: SimpleNamespace(cancel=lambda: None))
        monkeypatch.setattr(wiring, "targets", lambda *_: {"fake": Target(script, end)})
        reports = [word for form in Format for word in ("--report", f"{form}={form}")]
        code = main(["run", "--no-observe", "--jobs", "1", "-q", "-o", "main", *reports, *words])
        for form in Format:
            text = (tmp_path / form).read_text("utf-8")
            assert text.endswith("\n")
        return code, load((tmp_path / "json").read_text("utf-8"), "json")

    return execute


def test_a_result_says_what_was_selected(
    run: Callable[..., Ended], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By an option or a variable; what a file of settings lists is all that there is."""
    (tmp_path / "profile-smoke.toml").write_text('profile = ["web"]\nscenario = ["redis"]\n')
    assert run()[1].selection == Selection()
    monkeypatch.setenv("PROFILE_SMOKE_SCENARIO", "nginx,mysql")
    selection = run(words=["--profile", "a*", "--only", "a/x@oci"])[1].selection
    assert selection == Selection(("a*",), ("nginx", "mysql"), ("a/x@oci",))


def no_space() -> None:
    raise DiskFullError("/var: no space left")


def test_cleaning_up_that_fails_loses_nothing(
    run: Callable[..., Ended], capsys: pytest.CaptureFixture[str]
) -> None:
    """All cells are there, the run says that it failed, stderr too, and the code is that of trouble."""
    code, report = run(end=no_space)
    assert [each.verdict for each in report.cells] == [Verdict.PASSED] * 3
    assert (code, report.failure, report.interrupted) == (4, "/var: no space left", False)
    assert capsys.readouterr().err == "profile-smoke: /var: no space left\n"


def test_a_bug_in_the_middle_loses_nothing_that_was_done(
    run: Callable[..., Ended], capsys: pytest.CaptureFixture[str]
) -> None:
    """What was not done is skipped with the reason, and nothing of it is taken for a verdict."""
    count = iter(range(100))

    def script(_spec: ContainerSpec) -> Life:
        if next(count) == 3:
            raise ZeroDivisionError("by nothing")
        return UP

    code, report = run(script)
    assert code == 4
    # The third may have been done before the second was seen to break.
    assert [each.verdict for each in report.cells[:2]] == [Verdict.PASSED, Verdict.SKIPPED]
    assert report.failure == "internal error: ZeroDivisionError: by nothing"
    assert report.cells[1].reason == "the run failed before it was done"
    assert "please report it" in capsys.readouterr().err


def test_an_interrupt_in_the_middle_loses_nothing_that_was_done(run: Callable[..., Ended]) -> None:
    """As Ctrl-C does it."""
    count = iter(range(100))

    def script(_spec: ContainerSpec) -> Life:
        if next(count) == 3:
            os.kill(os.getpid(), signal.SIGINT)
            return Life(log="never")
        return UP

    code, report = run(script)
    assert (code, report.interrupted, report.failure) == (130, True, "")
    assert [each.verdict for each in report.cells] == [Verdict.PASSED, Verdict.SKIPPED, Verdict.SKIPPED]


def test_an_interrupt_while_it_cleans_up_loses_nothing(run: Callable[..., Ended]) -> None:
    """It waits until that is done; the reports say that it came."""
    code, report = run(end=lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert (code, report.interrupted) == (130, True)
    assert [each.verdict for each in report.cells] == [Verdict.PASSED] * 3
