"""Probes that are functions of a test: run in every launch of its cell, blamed like any other."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

import pytest

from profile_smoke.errors import SmokeError, UsageError
from profile_smoke.pytest_plugin.engine import Engine
from profile_smoke.pytest_plugin.verdicts import NotJudgedError, expected, in_words, known, properties
from profile_smoke.report.text import safe
from profile_smoke.scenario.model import CallCheck, Probe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from profile_smoke.model import CellResult
    from profile_smoke.probe.interface import Surface
    from profile_smoke.run.plan import Cell

    Function = Callable[[Surface], object]

MARK = "profile_smoke"


def parametrize(metafunc: pytest.Metafunc) -> None:
    """Run the test for each cell that its marker and the options select."""
    marker = metafunc.definition.get_closest_marker(MARK)
    selected = {f"{name}s": _names(value) for name, value in (marker.kwargs if marker else {}).items()}
    try:
        if unknown := set(selected) - {"profiles", "scenarios"} or (marker and marker.args):
            raise UsageError(f"the marker {MARK} takes profile= and scenario=, not {unknown}")
        cells = Engine.of(metafunc.config).cells(**selected)
    except SmokeError as error:
        pytest.fail(f"{metafunc.definition.nodeid}: {safe(str(error))}", pytrace=False)
    metafunc.parametrize("profile_smoke_cell", cells, ids=[cell.id for cell in cells], indirect=True)


def _names(value: str | Sequence[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def launching(request: pytest.FixtureRequest, cell: Cell) -> Iterator[Callable[..., CellResult]]:
    """The fixture `launch`. What is an error is one of the teardown: pytest calls an exception of a test a failure."""
    engine, node = Engine.of(request.config), request.node
    errors: list[str] = []
    launches = count(1)

    def launch(probe: Function, *, timeout: float = 10.0) -> CellResult:
        """Run the cell with this probe as its last; its result where the verdict is the expected one."""
        __tracebackhide__ = True
        last = Probe(engine.probe_name(node, next(launches)), CallCheck(_as_check(probe)), timeout)
        scenario = replace(cell.scenario, probes=(*cell.scenario.probes, last))
        try:
            # Whoever writes a test for a cell wants to know.
            result = engine.judge(replace(cell, scenario=scenario, asked_for=True))
            node.user_properties += properties(result)
            known(result)
        except (SmokeError, NotJudgedError) as error:
            errors.append(in_words(error))
            pytest.skip("could not be judged; the error is told below")
        expected(result)
        return result

    yield launch
    if errors:
        pytest.fail("\n".join(errors), pytrace=False)


def _as_check(probe: Function) -> Function:
    """`pytest.fail` in a probe is as good as an assertion; pytest raises it past every `except Exception`."""

    def check(surface: Surface) -> object:
        try:
            return probe(surface)
        except pytest.fail.Exception as failure:
            raise AssertionError(str(failure)) from None

    return check
