"""A plugin of pytest: a test for each cell, and probes that are written in Python.

pytest loads this module in every session on a machine that has profile-smoke installed, so it holds the options, the hooks
and the fixtures, and imports nothing until `--profile-smoke` is given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from profile_smoke.model import CellResult
    from profile_smoke.probe.interface import Surface
    from profile_smoke.run.plan import Cell

FLAG = "--profile-smoke"
_SCENARIO_FILE = "scenario.yaml"
_ONCE = {
    "context": ("NAME", "a context of the kubeconfig, for the target kubernetes"),
    "jobs": ("N", "launches at a time (default: suits this machine, shared among the workers of xdist)"),
    "max-launches": ("N", "launches that a blocked cell may cost until the blame is proven"),
    "namespace": ("NAME", "where pods are made"),
    "privilege-escalation": ("WHICH", "allowed, denied or both"),
    "standin": ("WHEN", "take images built from distribution packages: auto, always, never"),
}
_REPEATABLE = {
    "profile": ("PROFILE", "a name, a glob or a path of a seccomp profile"),
    "target": ("TARGET", "where containers run"),
    "profiles-dir": ("DIR", "a folder of your own profiles"),
    "scenarios-dir": ("DIR", "a folder of your own scenarios, for tests that name one"),
    "image": ("SCENARIO=REF", "another image for a scenario"),
}
OPTIONS = (*_REPEATABLE, *_ONCE)
"""The options of `profile-smoke run` that there are here too, with `--profile-smoke-` before their names."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the command that make sense here, with a prefix."""
    group = parser.getgroup("profile-smoke", "container images under seccomp profiles")
    group.addoption(
        FLAG,
        action="store_true",
        help="make a test of each cell of the scenario.yaml files that are found, and run tests with the fixture launch",
    )
    for name, (metavar, text) in _REPEATABLE.items():
        group.addoption(
            f"{FLAG}-{name}", action="append", default=[], metavar=metavar, help=f"{text}; repeatable"
        )
    for name, (metavar, text) in _ONCE.items():
        group.addoption(f"{FLAG}-{name}", metavar=metavar, help=text)
    group.addoption(f"{FLAG}-no-observe", action="store_true", help="verdicts only, without their causes")


def pytest_configure(config: pytest.Config) -> None:
    """The marker; with the option, the engine, which starts nothing before it is used."""
    config.addinivalue_line(
        "markers",
        "profile_smoke(profile=None, scenario=None): the cells that a test with the fixture launch is run for, by names, "
        "globs or paths; one or several",
    )
    if config.getoption(FLAG) and not config.option.help:
        from profile_smoke.pytest_plugin.engine import Engine

        config.pluginmanager.register(Engine(config), Engine.NAME)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """The tests of a scenario's file."""
    if file_path.name != _SCENARIO_FILE or not parent.config.getoption(FLAG):
        return None
    from profile_smoke.pytest_plugin.items import ScenarioFile

    return ScenarioFile.from_parent(parent, path=file_path)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for a cell is run for each that its marker leaves."""
    if "profile_smoke_cell" in metafunc.fixturenames and metafunc.config.getoption(FLAG):
        from profile_smoke.pytest_plugin.probes import parametrize

        parametrize(metafunc)


@pytest.fixture
def profile_smoke_cell(request: pytest.FixtureRequest) -> Cell:
    """The cell that the test is run for."""
    if not hasattr(request, "param"):
        pytest.skip(f"needs {FLAG}")
    cell: Cell = request.param
    return cell


@pytest.fixture
def launch(
    request: pytest.FixtureRequest, profile_smoke_cell: Cell
) -> Iterator[Callable[[Callable[[Surface], object]], CellResult]]:
    """`launch(probe)`: run the cell with one probe more, a function that is called with the container.

    It is called in every launch of the cell, more than once where it raises AssertionError or OSError. What blocks it fails
    the test with the whole story; what could not be judged is an error.
    """
    from profile_smoke.pytest_plugin.probes import launching

    yield from launching(request, profile_smoke_cell)
