"""What the tests of one process share: the options, and the run that their cells belong to."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import ExitStack
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING

import pytest

from profile_smoke import interrupts, rundir
from profile_smoke.cli import wiring
from profile_smoke.cli.arguments import parse
from profile_smoke.cli.in_force import in_force
from profile_smoke.errors import SmokeError, UsageError
from profile_smoke.pytest_plugin import FLAG, OPTIONS
from profile_smoke.run.cell import Effort
from profile_smoke.run.controls import Controls
from profile_smoke.run.session import Session, Settings, cell_runners
from profile_smoke.scenario.document import load

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from profile_smoke.cli.options import Options, TargetName
    from profile_smoke.model import CellResult
    from profile_smoke.run.plan import Cell


class Engine:
    """Under xdist each worker has its own, with a run of its own: nothing of it is shared between processes."""

    NAME = "profile-smoke-engine"

    def __init__(self, config: pytest.Config) -> None:
        try:
            self.options: Options = in_force(parse(list(_words(config))), os.environ).options
        except UsageError as error:
            raise pytest.UsageError(f"{FLAG}: {error}".replace(" --", f" {FLAG}-")) from None
        self._stack = ExitStack()
        self._failure: SmokeError | None = None
        self._session: Session | None = None
        self._probes: dict[str, tuple[str, int]] = {}

    @classmethod
    def of(cls, config: pytest.Config) -> Engine:
        """The one of this session."""
        found = config.pluginmanager.get_plugin(cls.NAME)
        assert isinstance(found, cls)  # noqa: S101  registered with this name
        return found

    @cached_property
    def targets(self) -> tuple[TargetName, ...]:
        """The chosen ones, or the one that this machine has."""
        return wiring.target_names(self.options)

    def cells(self, **selected: tuple[object, ...]) -> list[Cell]:
        """The cells with these `profiles`, `scenarios`, `expect`; what is not given, as the options say.

        Raises UsageError, BadFileError.
        """
        # A scenario that --image names need not be among them.
        options = replace(self.options, images={}, **selected)  # type: ignore[arg-type]
        return wiring.cells(options, self.targets)

    def cells_of(self, path: Path) -> list[Cell]:
        """The cells of the scenario in this file. Raises as `cells`."""
        name = load(path).name
        # Of scenarios in other files nothing is known here: what is expected of them is not wrong for that.
        expect = tuple(
            each
            for each in self.options.expect
            if fnmatchcase(name, each.pattern.partition("@")[0].rpartition("/")[2])
        )
        return self.cells(scenarios=(str(path),), expect=expect)

    def probe_name(self, node: pytest.Item, launch: int) -> str:
        """What the probe of a test's so-manieth launch is called: short, and the same for all cells of the test.

        A control is shared by launches whose probes have the same names.
        """
        name = short = getattr(node, "originalname", node.name)
        owner = node.nodeid.partition("[")[0], launch
        for number in count(2):
            if self._probes.setdefault(name, owner) == owner:
                break
            name = f"{short}-{number}"
        return name

    def judge(self, cell: Cell) -> CellResult:
        """Run the cell.

        Raises:
            SmokeError: the run cannot begin; so for every cell that comes after.
            KeyboardInterrupt: a signal came.
        """
        if self._failure is not None:
            raise self._failure
        if self._session is None:
            try:
                self._session = self._begin()
            except SmokeError as error:
                self._failure = error
                raise
        return self._session.judge(cell)

    def _begin(self) -> Session:
        options, stop = self.options, threading.Event()
        with ExitStack() as stack:
            if threading.current_thread() is threading.main_thread():
                stack.enter_context(interrupts.ending_signals())
            run = stack.enter_context(rundir.open_run(rundir.new_run_id()))
            images = wiring.store()
            controls = Controls(options.images, options.standin.value, images.cancel)
            with interrupts.admitted():
                targets = wiring.targets(options, self.targets, run, images)
            jobs = options.jobs or max(wiring.jobs(options, targets.values()) // _workers(), 1)
            effort = Effort(options.observe, options.max_launches, jobs)
            runners = stack.enter_context(
                cell_runners(run.run_id, targets, controls, Settings(effort, keep_failed=False), stop)
            )
            # Between cells, tests that are not ours are interrupted as ever.
            stack.enter_context(interrupts.admitted())
            self._stack = stack.pop_all()
        return Session(runners, controls, stop)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """End the run: nothing of it is left."""
        self._session = None
        try:
            self._stack.close()
        except SmokeError as error:
            print(f"profile-smoke: {error}", file=sys.stderr)  # noqa: T201  no test is left that could fail
            raise


def _words(config: pytest.Config) -> Iterator[str]:
    """The command line that means the same."""
    yield "run"
    for name in OPTIONS:
        given = config.getoption(f"{FLAG}-{name}")
        for value in given if isinstance(given, list) else [given] if given is not None else []:
            yield f"--{name}={value}"
    if config.getoption(f"{FLAG}-no-observe"):
        yield "--no-observe"


def _workers() -> int:
    """How many processes of xdist share the machine."""
    return int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
