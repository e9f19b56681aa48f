"""Reading a file of settings strictly: every key known, every value of its kind, each with its place."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, assert_never

from profile_smoke.cli.settings import GATE, SETTINGS, Setting, Shape
from profile_smoke.errors import BadFileError
from profile_smoke.gate.policy import ALWAYS
from profile_smoke.model import Expected, GateRule, Waiver
from profile_smoke.run.plan import Expectation
from profile_smoke.scenario import values
from profile_smoke.scenario.fields import Problem, Section
from profile_smoke.scenario.values import UnfitError, described, shown
from profile_smoke.scenario.yamltree import Listing, Scalar, Table, Tree

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from profile_smoke.settings.document import Document

_MOST = 10**9


@dataclass(frozen=True)
class Given:
    """A value and where it is written: `profile-smoke.toml:3`."""

    value: Any
    place: str


@dataclass(frozen=True)
class FromFile:
    """What a file says: settings by name (`image.nginx` for an entry of a table), expectations and waivers."""

    values: Mapping[str, Given]
    expect: tuple[Expectation, ...]
    waivers: tuple[Waiver, ...]


def read(document: Document) -> FromFile:
    """Read a document. Raises BadFileError with its first problem."""
    problems: list[Problem] = []
    reader = _Reader(document, problems)
    found = reader.read(Section(document.tree, "", problems))
    if problems:
        first = min(problems)
        raise BadFileError(document.source, first.where, first.text)
    return found


class _Reader:
    """Reads sections of one document."""

    def __init__(self, document: Document, problems: list[Problem]) -> None:
        self._source, self._folder, self._problems = document.source, document.folder, problems
        self._values: dict[str, Given] = {}

    def read(self, top: Section) -> FromFile:
        """The whole document."""
        gate = top.section(GATE)
        if gate is not None:
            self._values[GATE] = Given(value=True, place=self._place(gate.line))
        for setting in SETTINGS:
            key = setting.name.removeprefix(f"{GATE}.")
            section = gate if key != setting.name else top
            if section is not None and setting.name != GATE:
                self._setting(section, key, setting)
        if gate is not None:
            gate.close()
        found = FromFile(self._values, self._expect(top.section("expect")), self._waivers(top))
        top.close()
        return found

    def _place(self, line: int) -> str:
        return f"{self._source}:{line}"

    def _setting(self, section: Section, key: str, setting: Setting) -> None:
        tree = section.tree(key)
        if tree is None:
            return
        if setting.shape is Shape.TABLE:
            self._table(section.section(key), setting)
        elif setting.shape is Shape.LIST:
            found = section.values(key, self._converter(setting), least=1)
            self._values[setting.name] = Given(found, self._place(tree.line))
        else:
            value = section.value(key, self._converter(setting), default=None)
            self._values[setting.name] = Given(value, self._place(tree.line))

    def _table(self, section: Section | None, setting: Setting) -> None:
        if section is None:
            return
        for key in section.names():
            tree = section.tree(key)
            assert tree is not None  # noqa: S101  the section has named it
            value = section.value(key, self._converter(setting), default=None)
            self._values[f"{setting.name}.{key}"] = Given(value, self._place(tree.line))
        section.close()

    def _converter(self, setting: Setting) -> Callable[[Tree], Any]:
        written = _written(setting.shape)

        def convert(tree: Tree) -> Any:
            text = written(tree)
            if setting.anchor is not None:
                text = setting.anchor(text, self._folder)
            try:
                return setting.convert(text)
            except argparse.ArgumentTypeError as error:
                raise UnfitError(str(error)) from None

        return convert

    def _expect(self, section: Section | None) -> tuple[Expectation, ...]:
        found = []
        if section is not None:
            for pattern in section.names():
                if pattern.count("/") != 1:
                    section.report("write PROFILE/SCENARIO, such as webapp/nginx or webapp/*", pattern)
                tree = section.tree(pattern)
                assert tree is not None  # noqa: S101  the section has named it
                expected = section.value(pattern, _one_of(tuple(Expected)), default=Expected.ANY.value)
                found.append(Expectation(pattern, Expected(expected), self._place(tree.line)))
            section.close()
        return tuple(found)

    def _waivers(self, top: Section) -> tuple[Waiver, ...]:
        return tuple(self._waiver(section) for section in top.sections("waivers"))

    def _waiver(self, section: Section) -> Waiver:
        rule = section.value("rule", _one_of([each for each in GateRule if each not in ALWAYS]), default="")
        syscall = section.value("syscall", _text, default="")
        if "rule" not in section and "syscall" not in section:
            section.missing(
                ("rule", "syscall"),
                'neither "rule" nor "syscall" is there, so it would let pass all that is found of the profile',
            )
        waiver = Waiver(
            profile=section.value("profile", _text, default="?", required=True),
            scenario=section.value("scenario", _text, default="*"),
            rule=GateRule(rule) if rule else None,
            syscall=syscall or None,
            reason=section.value("reason", _text, default="?", required=True),
            expires=section.value("expires", _date, default="9999-12-31", required=True),
            place=self._place(section.line),
        )
        section.close()
        return waiver


def _written(shape: Shape) -> Callable[[Tree], str]:
    """How a value of this shape, or one item of it, is turned into the text that an option would have."""
    match shape:
        case Shape.TEXT | Shape.LIST | Shape.TABLE:
            return _text
        case Shape.NUMBER:
            whole = values.whole(0, _MOST)
            return lambda tree: str(whole(tree))
        case Shape.FLAG:
            return lambda tree: str(values.flag(tree)).lower()
    assert_never(shape)


def _text(tree: Tree) -> str:
    if isinstance(tree, Table | Listing) or tree.kind != "text":
        raise UnfitError(f"a text in quotes is needed here, this is {described(tree)}")
    if not tree.text.strip():
        raise UnfitError("is empty, so it would say nothing")
    if "\0" in tree.text:
        raise UnfitError("holds a NUL character")
    return tree.text


def _one_of(choices: tuple[str, ...] | list[GateRule]) -> Callable[[Tree], str]:
    def convert(tree: Tree) -> str:
        found = _text(tree)
        if found not in choices:
            raise UnfitError(f"{shown(found)} is not known here; {values.nearest(found, choices)}")
        return found

    return convert


def _date(tree: Tree) -> str:
    if not isinstance(tree, Scalar) or tree.kind != "date":
        raise UnfitError(
            f"a date without quotes is needed here, such as 2027-01-31; this is {described(tree)}"
        )
    return date.fromisoformat(tree.text).isoformat()
