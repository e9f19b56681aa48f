"""The command lines of `gate` and `config`, and the options on files of settings that others share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from profile_smoke.cli import groups, output_groups
from profile_smoke.cli.options import PROG, Command
from profile_smoke.cli.parser import Parser

if TYPE_CHECKING:
    import argparse


def parser(command: Command) -> Parser | None:
    """That of `gate` or `config`; None for another."""
    made = {Command.GATE: _gate, Command.CONFIG: _config}.get(command)
    if made is None:
        return None
    found = made()
    output_groups.add_common(found)
    return found


def _gate() -> Parser:
    found = Parser(
        f"{PROG} gate",
        f"{PROG} gate RESULT [OPTIONS]",
        "Judge a stored result, such as one that was merged from shards, by the gate of the settings.\n"
        "Exit codes are those of run.",
        "",
    )
    found.add_argument("paths", metavar="RESULT", nargs=1, help="a JSON report of a run")
    add_config(found.add_argument_group("settings"))
    output_groups.add_reports(found.add_argument_group("results"))
    return found


def _config() -> Parser:
    found = Parser(
        f"{PROG} config",
        f"{PROG} config [OPTIONS]",
        "Show the settings that a run with the same options would have, and where each comes from: an\n"
        "option, the environment, a file, or the default.",
        "",
    )
    groups.add_selection(found)
    groups.add_images(found)
    groups.add_effort(found)
    groups.add_purpose(found)
    add_settings(found)
    group = found.add_argument_group("results")
    output_groups.add_plain_format(group)
    output_groups.add_destination(group)
    return found


def add_settings(parser: Parser) -> None:
    """Which file of settings, and whether its gate judges."""
    group = parser.add_argument_group("settings and gate")
    add_config(group)
    group.add_argument(
        "--gate",
        action="store_true",
        help="judge by the gate's rules; what happens where the file has a [gate]",
    )
    group.add_argument(
        "--no-gate", dest="gate", action="store_false", help="verdicts only, though the file has a [gate]"
    )


def add_config(parser: argparse._ActionsContainer) -> None:
    """Which file of settings."""
    parser.add_argument(
        "--config",
        metavar="FILE",
        help="settings (default: profile-smoke.toml or [tool.profile-smoke], searched upward)",
    )
    parser.add_argument(
        "--no-config",
        dest="use_config",
        action="store_false",
        help="no file of settings, though there is one",
    )
