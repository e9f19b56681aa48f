"""From the words after `profile-smoke profile` to the options of one of its sub-commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_never

from profile_smoke.cli import output_groups, profile_parsers, values
from profile_smoke.cli.parser import Parser
from profile_smoke.cli.profile_options import (
    ConvertOptions,
    DiffOptions,
    Host,
    InstallOptions,
    LintOptions,
    ProfileCommand,
    ProfileOptions,
    ScoreOptions,
    ShowOptions,
)
from profile_smoke.cli.profile_parsers import NAME
from profile_smoke.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

_HELP = "Work on seccomp profiles by what they mean; nothing is launched."
_EPILOG = f"""\
commands:
  lint     find mistakes: a rule id, line and column for each
  show     what happens to a syscall, or to all of them
  diff     what differs between two profiles, or between two readers of one
  score    how much a profile leaves open, beside a reference
  convert  between Docker's format, plain OCI and the Security Profiles Operator
  install  put profiles into a node's seccomp folder, check them there, roll back

Each has its own --help: {NAME} show --help"""


def parse(arguments: Sequence[str]) -> ProfileOptions:
    """The options of a sub-command.

    Raises:
        UsageError: one line that names the option, what is wrong, and the nearest right one.
        SystemExit: after `--help` or `--version`, with code 0.
    """
    command, rest = _command(arguments)
    parser, kind = _parser(command)
    output_groups.add_common(parser)
    found: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in vars(parser.parse(rest)).items()
    }
    if "caps" in found:
        found["host"] = Host(found.pop("caps"), found.pop("arch"), found.pop("kernel"))
    options: ProfileOptions = kind(**found)
    return options


def _command(arguments: Sequence[str]) -> tuple[ProfileCommand, Sequence[str]]:
    if not arguments or arguments[0].startswith("-"):
        parser = Parser(NAME, f"{NAME} COMMAND [OPTIONS]", _HELP, _EPILOG)
        output_groups.add_common(parser)
        parser.parse(arguments)
        raise UsageError(f"profile needs a command: one of {', '.join(ProfileCommand)} (see {NAME} --help)")
    word = arguments[0]
    if word not in list(ProfileCommand):
        hint = values.nearest(word, ProfileCommand) or f"; one of {', '.join(ProfileCommand)}"
        raise UsageError(f"profile has no command {word!r}{hint} (see {NAME} --help)")
    return ProfileCommand(word), arguments[1:]


def _parser(command: ProfileCommand) -> tuple[Parser, type[Any]]:
    match command:
        case ProfileCommand.LINT:
            return profile_parsers.lint(), LintOptions
        case ProfileCommand.SHOW:
            return profile_parsers.show(), ShowOptions
        case ProfileCommand.DIFF:
            return profile_parsers.diff(), DiffOptions
        case ProfileCommand.SCORE:
            return profile_parsers.score(), ScoreOptions
        case ProfileCommand.CONVERT:
            return profile_parsers.convert(), ConvertOptions
        case ProfileCommand.INSTALL:
            return profile_parsers.install(), InstallOptions
    assert_never(command)
