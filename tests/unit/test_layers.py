"""The rooms of the package, and who may import whom: only downwards, wherever in a file the import stands.

| room       | what it is                                             |
| ---------- | ------------------------------------------------------ |
| pytest_plugin | tests of cells; uses the command line's wiring      |
| cli        | the command line; alone picks implementations          |
| run        | plan, the pipeline of a cell, blame                    |
| report     | formats; sees the result's model only                  |
| target     | where containers run, an interface and implementations |
| agent      | the process on a cluster's node, and its clients       |
| observe    | the supervisor, and reading filters back               |
| probe      | checks of a running container                          |
| image      | obtaining, building, unpacking images                  |
| profile    | seccomp documents: meaning, comparing, editing         |
| scenario   | workload documents                                     |
| settings   | files of settings: found, and read with their lines    |
| gate       | judging a result: rules and waivers                    |
| syscall    | names, numbers, text of calls                          |
| node       | a node's seccomp folder: what was put there            |
| rundir     | the folder of a run                                    |
| interrupts | how signals end a run                                  |
| resources  | where bundled files are                                |
| recording  | the dataclasses of a recording                         |
| baseline   | the dataclasses of a kept baseline                     |
| model      | the dataclasses of a result                            |
| paths      | what is at a path that a user named                    |
| errors     | the tree of errors                                     |
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(__file__).parents[2] / "runner" / "profile_smoke"
MODULES = sorted(PACKAGE.rglob("*.py"))

_BASE = {"baseline", "errors", "model", "paths", "recording"}
_PURE = _BASE | {"profile", "scenario", "syscall"}
_BELOW_RUN = _PURE | {"image", "observe", "probe", "report", "rundir", "target"}
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "paths": {"errors"},
    "model": set(),
    "recording": {"model"},
    "baseline": {"model"},
    "resources": {"errors"},
    "interrupts": set(),
    "rundir": {"errors", "interrupts"},
    "syscall": {"errors"},
    "profile": _BASE | {"syscall"},
    "scenario": _BASE,
    "image": _BASE,
    "probe": _BASE | {"scenario"},
    "observe": _BASE | {"profile", "syscall"},
    "agent": _BASE | {"observe", "profile", "syscall"},
    "target": _PURE | {"agent", "image", "observe", "probe", "rundir"},
    "report": _BASE,
    "settings": _BASE | {"scenario"},
    "gate": _BASE | {"profile"},
    "node": {"errors", "interrupts"},
    "run": _BELOW_RUN | {"interrupts"},
    "cli": _BELOW_RUN | {"agent", "gate", "interrupts", "node", "resources", "run", "settings"},
    "pytest_plugin": {"cli", "errors", "interrupts", "model", "probe", "report", "run", "rundir", "scenario"},
    "__main__": {"cli", "errors", "interrupts", "report"},
    "__init__": set(),
}
ONLY_THROUGH = {("run", "target"): {"profile_smoke.target.interface"}}
"""Rooms that know another by its interface alone."""
KEPT_TO = {"docker": "target/docker", "kubernetes": "target/kubernetes"}
"""Libraries of one target, and the only files that may import them."""

LONGEST = 300
LONGER = {
    "scenario/fields.py": "one reader for each kind of field",
    "syscall/_constants.py": "a table",
}


def name(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Every imported module with its line: of functions and of TYPE_CHECKING too."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name(path)}:{node.lineno}: imports are absolute here"
            module = node.module or ""
            # `from profile_smoke import rundir` imports a room, not a name.
            if module == "profile_smoke":
                yield from ((node.lineno, f"profile_smoke.{alias.name}") for alias in node.names)
            else:
                yield node.lineno, module


def rooms_imported(path: Path) -> Iterator[tuple[int, str, str]]:
    for line, module in imports(path):
        parts = module.split(".")
        if parts[0] == "profile_smoke" and len(parts) > 1 and parts[1] != "__version__":
            yield line, parts[1], module


def test_every_room_has_its_place() -> None:
    """A new room is put into the table first; a room that is gone is taken out."""
    assert {room(path) for path in MODULES} == set(MAY_IMPORT)


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_imports_go_downwards(path: Path) -> None:
    """A room imports itself and what lies below it."""
    allowed = MAY_IMPORT[room(path)] | {room(path)}
    wrong = [f"line {line}: {module}" for line, other, module in rooms_imported(path) if other not in allowed]
    assert wrong == []


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_implementations_are_picked_by_the_command_line_only(path: Path) -> None:
    """The pipeline knows targets by their interface."""
    wrong = [
        f"line {line}: {module}"
        for line, other, module in rooms_imported(path)
        if module not in ONLY_THROUGH.get((room(path), other), {module})
    ]
    assert wrong == []


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_targets_library_stays_in_its_files(path: Path) -> None:
    """Whoever has no Docker is not asked to have its library's errors either."""
    wrong = [
        f"line {line}: {module}"
        for line, module in imports(path)
        if (place := KEPT_TO.get(module.split(".")[0])) and not name(path).startswith(place)
    ]
    assert wrong == []


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_modules_say_one_thing(path: Path) -> None:
    """A module longer than this says several things, unless a reason is listed."""
    lines = len(path.read_text("utf-8").splitlines())
    assert lines <= LONGEST or name(path) in LONGER, f"{lines} lines"
