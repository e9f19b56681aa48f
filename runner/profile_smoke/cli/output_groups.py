"""Groups of options that several commands share, of where their results go and how they look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from profile_smoke import __version__
from profile_smoke.cli import values
from profile_smoke.cli.options import PROG
from profile_smoke.report.interface import STDOUT, Format, PlainFormat

if TYPE_CHECKING:
    import argparse

    from profile_smoke.cli.parser import Parser


def add_output(parser: Parser) -> None:
    """What becomes of the result."""
    group = parser.add_argument_group("results")
    add_reports(group)
    group.add_argument(
        "--write-fix",
        metavar="PATH",
        help="write the profile with the proven fix, in the layout of the original",
    )
    add_exit_zero(group)
    add_quiet(group)


def add_reports(group: argparse._ActionsContainer) -> None:
    """The report that goes to the main destination, and others."""
    group.add_argument(
        "-f",
        "--format",
        metavar="FORMAT",
        type=values.choice(Format),
        default=Format.TABLE,
        help=f"{', '.join(list(Format)[:-1])} or {list(Format)[-1]}",
    )
    add_destination(group)
    group.add_argument(
        "--report",
        dest="reports",
        metavar="FORMAT=PATH",
        type=values.report,
        action="append",
        default=[],
        help="one more report, to a file; repeatable",
    )


def add_exit_zero(group: argparse._ActionsContainer) -> None:
    """Whether an unexpected verdict fails the command."""
    group.add_argument("--exit-zero", action="store_true", help="an unexpected verdict exits with 0, not 1")


def add_plain_format(group: argparse._ActionsContainer, text: str = "table or json") -> None:
    """How what is told of other things than runs looks."""
    group.add_argument(
        "-f",
        "--format",
        metavar="FORMAT",
        type=values.choice(PlainFormat),
        default=PlainFormat.TABLE,
        help=text,
    )


def add_destination(parser: argparse._ActionsContainer, what: str = "the result") -> None:
    """Where it goes."""
    parser.add_argument(
        "-o", "--output", metavar="PATH", default=STDOUT, help=f"where {what} goes (default: stdout)"
    )


def add_quiet(parser: argparse._ActionsContainer) -> None:
    """Whether progress is shown."""
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress on stderr")


def add_common(parser: Parser) -> None:
    """What every command has."""
    group = parser.add_argument_group("other")
    group.add_argument("-h", "--help", action="help", help="show this and exit")
    group.add_argument(
        "--version", action="version", version=f"{PROG} {__version__}", help="show the version and exit"
    )
