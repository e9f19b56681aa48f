"""`profile-smoke config`: the settings in force, and where each comes from."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from profile_smoke.cli.in_force import in_force
from profile_smoke.cli.settings import SETTINGS, Shape
from profile_smoke.gate.policy import USUAL
from profile_smoke.report import write
from profile_smoke.report.interface import PlainFormat
from profile_smoke.report.text import safe, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from profile_smoke.cli.in_force import InForce
    from profile_smoke.cli.options import Options

SCHEMA = "profile-smoke/config-v1"
_WIDTH = 100


def main(options: Options) -> int:
    """Write them: 0."""
    write.check(options.output)
    found = in_force(options, os.environ)
    if options.format.value == PlainFormat.JSON.value:
        text = json.dumps(_document(found), indent=2) + "\n"
    else:
        text = "".join(f"{line}\n" for line in _lines(found))
    write.write(options.output, text)
    return 0


def _rows(found: InForce) -> Iterator[tuple[str, Any, str]]:
    """Name, value and source of every setting; of a table one for each of its entries."""
    for setting in SETTINGS:
        value = getattr(found.options, setting.field)
        if setting.shape is Shape.TABLE:
            for key in sorted(value):
                name = f"{setting.name}.{key}"
                yield name, value[key], found.sources[name]
        elif setting.field == "fail_on":
            yield setting.name, [str(each) for each in value or USUAL], found.sources[setting.name]
        elif setting.field == "reports":
            yield setting.name, [f"{each.format}={each.path}" for each in value], found.sources[setting.name]
        else:
            yield setting.name, _plain(value), found.sources[setting.name]


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [str(each) for each in value]
    return value if value is None or isinstance(value, bool | int) else str(value)


def _document(found: InForce) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "file": found.file,
        "settings": [
            {"name": name, "value": value, "source": source} for name, value, source in _rows(found)
        ],
        "expect": [
            {"cells": each.pattern, "expected": each.expected, "source": each.place}
            for each in found.options.expect
        ],
        "waivers": [
            {
                "profile": each.profile,
                "scenario": each.scenario,
                "rule": each.rule,
                "syscall": each.syscall,
                "reason": each.reason,
                "expires": each.expires,
                "source": each.place,
            }
            for each in found.options.waivers
        ],
    }


def _lines(found: InForce) -> Iterator[str]:
    from tabulate import tabulate

    yield f"file of settings: {safe(found.file) if found.file else 'none'}"
    yield ""
    rows = [(name, safe(_shown(value)), safe(source)) for name, value, source in _rows(found)]
    yield from tabulate(
        rows, ["setting", "value", "from"], disable_numparse=True, maxcolwidths=[None, 44, None]
    ).splitlines()
    for title, lines in (
        ("Expected", [f"{each.pattern}: {each.expected} ({each.place})" for each in found.options.expect]),
        (
            "Waivers",
            [
                f"{each.profile} in {each.scenario}: {each.rule or 'any rule'}, {each.syscall or 'any call'}, until "
                f"{each.expires}: {each.reason} ({each.place})"
                for each in found.options.waivers
            ],
        ),
    ):
        if lines:
            yield from ("", title)
            for line in lines:
                yield from wrap(safe(line), _WIDTH, "  - ", "    ").splitlines()


def _shown(value: Any) -> str:
    """``-`` for what is not said."""
    if value is None or value == []:
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(value) if isinstance(value, list) else str(value)
