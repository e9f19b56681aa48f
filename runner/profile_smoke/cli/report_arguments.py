"""From the words after `profile-smoke report` to its options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from profile_smoke.cli import output_groups
from profile_smoke.cli.options import PROG, Command, Options
from profile_smoke.cli.parser import Parser

if TYPE_CHECKING:
    from collections.abc import Sequence

_MERGE = "merge"
_HELP = f"""\
Write other reports of a stored result (--report json=PATH of a run). Ends with the run's exit code,
also where that was another machine's. One result of several: {PROG} report merge --help"""
_MERGE_HELP = """\
Make one result of those of several machines, such as the parts of a --shard: all their cells, in
JSON. The same cell twice is an error; a part that is missing makes a result that has failed.
Ends with 0 when it is written: what it says is for report to judge."""


def parse(arguments: Sequence[str]) -> Options:
    """The options of a `report` or a `report merge`.

    Raises:
        UsageError: one line that names the option, what is wrong, and the nearest right one.
        SystemExit: after `--help` or `--version`, with code 0.
    """
    merge = bool(arguments) and arguments[0] == _MERGE
    parser = _merge_parser() if merge else _parser()
    found: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in vars(parser.parse(arguments[1:] if merge else arguments)).items()
    }
    return Options(Command.REPORT, merge=merge, **found)


def _parser() -> Parser:
    parser = Parser(f"{PROG} report", f"{PROG} report [OPTIONS] RESULT", _HELP, "")
    parser.add_argument(
        "paths", metavar="RESULT", nargs=1, help="a result in JSON; a file named merge is ./merge"
    )
    group = parser.add_argument_group("results")
    output_groups.add_reports(group)
    output_groups.add_exit_zero(group)
    output_groups.add_common(parser)
    return parser


def _merge_parser() -> Parser:
    parser = Parser(f"{PROG} report merge", f"{PROG} report merge RESULT... [-o PATH]", _MERGE_HELP, "")
    parser.add_argument("paths", metavar="RESULT", nargs="+", help="a result in JSON")
    output_groups.add_destination(parser)
    output_groups.add_common(parser)
    return parser
