"""Which settings are in force, and where each comes from: the command line, the environment, a file, or the default."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, assert_never

from profile_smoke.cli.options import Command
from profile_smoke.cli.settings import CONFIG, GATE, NO_SETTINGS, PREFIX, SETTINGS, Setting, Shape
from profile_smoke.cli.values import nearest
from profile_smoke.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from profile_smoke.cli.options import Options
    from profile_smoke.cli.settings_file import FromFile, Given

DEFAULT = "default"
WITH_SETTINGS = frozenset({Command.RUN, Command.LIST, Command.IMAGES, Command.BASELINE, Command.GATE})
"""The commands that settings are for."""
_CHOOSING = {"profiles": True, "scenarios": True, "targets": False, "privilege_escalation": False}
"""Fields that choose cells, and whether what they are by default is all that there is."""


@dataclass(frozen=True)
class InForce:
    """Options with the settings in them. `sources` says where each setting comes from; `file` is the one that was read."""

    options: Options
    sources: Mapping[str, str]
    file: str | None


def in_force(options: Options, environ: Mapping[str, str]) -> InForce:
    """Put the settings into what the command line says.

    Raises:
        UsageError: a variable that is none of ours, or with a value that cannot be used.
        BadFileError: the file of settings: which, line, key, what would be right.
    """
    _check_names(environ)
    path = _file(options, environ)
    found = _read(path) if path is not None else None
    changes: dict[str, Any] = {"expect": found.expect, "waivers": found.waivers} if found else {}
    sources: dict[str, str] = {}
    narrowed = {"only", "shard"} & options.given
    for setting in SETTINGS:
        layers = _layers(setting, options, environ, found)
        if setting.shape is Shape.TABLE:
            merged = {key: value for layer in reversed(layers) for key, value in layer.items()}
            changes[setting.field] = {key: given for key, (given, _) in merged.items()}
            sources |= {f"{setting.name}.{key}": source for key, (_, source) in merged.items()}
        else:
            said, environment, in_file = layers
            if (said or environment) and (in_file or _CHOOSING.get(setting.field)):
                narrowed |= {setting.field} & _CHOOSING.keys()
            first = next((layer[""] for layer in layers if layer), None)
            if first is not None:
                changes[setting.field] = first[0]
            sources[setting.name] = first[1] if first is not None else DEFAULT
    changes["narrowed"] = frozenset(narrowed)
    return InForce(replace(options, **changes), sources, str(path) if path is not None else None)


_Layer = dict[str, tuple[Any, str]]
"""What one place says of a setting, with that place: under the empty key, or by key for a table."""


def _layers(
    setting: Setting, options: Options, environ: Mapping[str, str], found: FromFile | None
) -> tuple[_Layer, _Layer, _Layer]:
    """What the command line, the environment and the file say of a setting."""
    said: _Layer = {}
    if setting.field in options.given:
        value = getattr(options, setting.field)
        option = "--no-gate" if setting.name == GATE and not value else setting.option
        if setting.shape is Shape.TABLE:
            said = {key: (each, option) for key, each in value.items()}
        else:
            said = {"": (value, option)}
    return said, _from_environment(setting, environ), _from_file(setting, found)


def _from_file(setting: Setting, found: FromFile | None) -> _Layer:
    """What the file says."""
    given: Mapping[str, Given] = found.values if found is not None else {}
    if setting.shape is Shape.TABLE:
        prefix = f"{setting.name}."
        return {
            name.removeprefix(prefix): (each.value, each.place)
            for name, each in given.items()
            if name.startswith(prefix)
        }
    return {"": (given[setting.name].value, given[setting.name].place)} if setting.name in given else {}


def _from_environment(setting: Setting, environ: Mapping[str, str]) -> _Layer:
    """What the environment says; an empty variable says nothing, as a step's input that is left out does."""
    text = environ.get(setting.variable, "").strip()
    if not text:
        return {}
    try:
        match setting.shape:
            case Shape.TEXT | Shape.NUMBER | Shape.FLAG:
                return {"": (setting.convert(text), setting.variable)}
            case Shape.LIST:
                return {"": (tuple(setting.convert(each) for each in _items(text)), setting.variable)}
            case Shape.TABLE:
                return {key: (setting.convert(each), setting.variable) for key, each in _pairs(text)}
    except argparse.ArgumentTypeError as error:
        raise UsageError(f"{setting.variable}: {error}") from None
    assert_never(setting.shape)


def _items(text: str) -> Iterator[str]:
    yield from filter(None, (item.strip() for item in re.split("[,\n]", text)))


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for item in _items(text):
        key, equals, value = item.partition("=")
        if not (key and equals and value):
            raise argparse.ArgumentTypeError(f"{item!r} is not like mysql=mysql:8.4 (scenario=image)")
        yield key, value


def _check_names(environ: Mapping[str, str]) -> None:
    """A misspelt variable would leave a gate open without a word."""
    known = {CONFIG, *(f"{PREFIX}{name}" for name in NO_SETTINGS), *(each.variable for each in SETTINGS)}
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in known:
            raise UsageError(f"there is no variable {name}{nearest(name, known)} (see docs/configuration.md)")


def _file(options: Options, environ: Mapping[str, str]) -> Path | None:
    """The file that is named, or found."""
    if options.config is not None and not options.use_config:
        raise UsageError(
            "--config names a file of settings, --no-config says that there is none; leave one out"
        )
    if not options.use_config:
        return None
    if named := options.config or environ.get(CONFIG):
        return Path(named)
    from profile_smoke.settings.document import find

    here = Path.cwd()
    path = find(here)
    if path is None:
        return None
    return path.relative_to(here) if path.parent == here else path


def _read(path: Path) -> FromFile:
    from profile_smoke.cli.settings_file import read
    from profile_smoke.settings.document import load

    return read(load(path, str(path)))
