"""The command `profile-smoke`: from its arguments to its exit code."""

from __future__ import annotations

import importlib
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, cast

from profile_smoke import interrupts
from profile_smoke.errors import InfrastructureError, InterruptedRunError, SmokeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from profile_smoke.cli.options import Options

_DEBUG = "PROFILE_SMOKE_DEBUG"


class _CommandModule(Protocol):
    """What each module of `cli.commands` has."""

    def main(self, options: Options) -> int:
        """Carry the command out; the exit code."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line (None: this process's); the exit code. Only `SystemExit` escapes, from `--help`."""
    with interrupts.ending_signals(to_the_end=argv is None):
        return _code_of(sys.argv[1:] if argv is None else argv)


def _code_of(arguments: Sequence[str]) -> int:
    try:
        code = _dispatch(arguments)
        interrupts.over()
    except SmokeError as error:
        interrupts.over()
        _say(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        # One that left an `exec` of a string (dataclasses are made by such) makes `python -m` end by SIGINT, whatever the
        # exit code says, until another one has ended well.
        exec("")  # noqa: S102
        _say("interrupted")
        return InterruptedRunError.exit_code
    except Exception as error:  # noqa: BLE001  the last resort: a user gets a line, not a traceback
        interrupts.over()
        return _internal(error)
    return code


def _dispatch(arguments: Sequence[str]) -> int:
    from profile_smoke.cli.arguments import parse
    from profile_smoke.cli.in_force import WITH_SETTINGS, in_force

    options = parse(arguments)
    if options.command in WITH_SETTINGS:
        options = in_force(options, os.environ).options
    module = importlib.import_module(f"profile_smoke.cli.commands.{options.command}")
    return cast("_CommandModule", module).main(options)


def _internal(error: Exception) -> int:
    if os.environ.get(_DEBUG):
        import traceback

        traceback.print_exception(error)
    hint = "" if os.environ.get(_DEBUG) else f"; {_DEBUG}=1 shows where"
    _say(f"internal error: {type(error).__name__}: {error}: please report it{hint}")
    return InfrastructureError.exit_code


def _say(message: str) -> None:
    from profile_smoke.report.text import safe

    with suppress(OSError):  # nobody reads stderr any more; the exit code still speaks
        print(f"profile-smoke: {safe(message)}", file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
