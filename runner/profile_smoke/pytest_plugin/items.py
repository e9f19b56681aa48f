"""The tests of a scenario's file: one for each cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from profile_smoke.errors import SmokeError
from profile_smoke.pytest_plugin.engine import Engine
from profile_smoke.pytest_plugin.verdicts import (
    NotJudgedError,
    UnexpectedError,
    expected,
    in_words,
    known,
    properties,
)
from profile_smoke.report.text import safe

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from profile_smoke.model import CellResult
    from profile_smoke.run.plan import Cell


class ScenarioFile(pytest.File):
    """A `scenario.yaml`."""

    def collect(self) -> Iterator[CellItem]:
        """Its cells, with the ids that `profile-smoke list` shows."""
        try:
            cells = Engine.of(self.config).cells_of(self.path)
        except SmokeError as error:
            raise self.CollectError(safe(str(error))) from None
        for cell in cells:
            yield CellItem.from_parent(self, name=cell.id, cell=cell)


class CellItem(pytest.Item):
    """One cell. It is run while the test is set up, where what is raised is an error; its verdict is the test."""

    def __init__(self, *, cell: Cell, **more: Any) -> None:
        super().__init__(**more)
        self.cell = cell
        self._result: CellResult | None = None
        if self.config.pluginmanager.hasplugin("xdist"):
            # With --dist loadgroup one worker has all cells of a scenario, and launches their control once. Of a group's
            # name xdist takes what comes after the last "@".
            self.add_marker(pytest.mark.xdist_group(f"{cell.scenario.name} on {cell.target}"))

    def setup(self) -> None:
        """Run the cell."""
        trouble = ""
        try:
            self._result = Engine.of(self.config).judge(self.cell)
            self.user_properties += properties(self._result)
            known(self._result)
        except (SmokeError, NotJudgedError) as error:
            trouble = in_words(error)
        if trouble:
            pytest.fail(trouble, pytrace=False)

    def runtest(self) -> None:
        """Compare the verdict."""
        assert self._result is not None  # noqa: S101  pytest sets up first
        expected(self._result)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The story, without a traceback through our own code."""
        if isinstance(excinfo.value, UnexpectedError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where the test stands: in the scenario's file."""
        return self.path, 0, self.cell.id
