"""An argparse parser that speaks the same on every Python, and never dumps its usage on a mistake."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, NoReturn

from profile_smoke.cli.options import Command
from profile_smoke.cli.values import nearest
from profile_smoke.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

_WIDTH = 100


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Help of a fixed width, whatever the terminal: the README shows the same text."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30, width=_WIDTH)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        """`-o, --output PATH`, as Python 3.13 and later write it."""
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        metavar = self._format_args(action, self._get_default_metavar_for_optional(action))
        return f"{', '.join(action.option_strings)} {metavar}"


class Parser(argparse.ArgumentParser):
    """Raises UsageError, one line, where argparse would print its usage and exit."""

    def __init__(self, prog: str, usage: str, description: str, epilog: str) -> None:
        super().__init__(
            prog=prog,
            usage=usage,
            description=description,
            epilog=epilog,
            formatter_class=_Formatter,
            allow_abbrev=False,  # an abbreviation in a script breaks when an option is added
            add_help=False,
        )
        self.color = False  # Python 3.14 would colour the help

    def error(self, message: str) -> NoReturn:
        """Raise it, with where to read on."""
        text = message.removeprefix("argument ")
        raise UsageError(f"{text} (see {self.prog} --help)")

    def given(self, arguments: Sequence[str]) -> argparse.Namespace:
        """Parse; only what is named has an attribute, so that defaults stay in one place. Raises as `parse`."""
        for action in self._actions:
            action.default = argparse.SUPPRESS
        return self.parse(arguments)

    def parse(self, arguments: Sequence[str]) -> argparse.Namespace:
        """Parse; what is not known is an error that names the nearest option."""
        # Intermixed: an option may stand between two words that belong together.
        known, unknown = self.parse_known_intermixed_args(list(arguments))
        if unknown:
            word = unknown[0]
            if not word.startswith("-"):
                first = "; a command comes before its options" if word in set(Command) else ""
                self.error(f"unexpected argument {word!r}{first}")
            name = word.partition("=")[0]
            self.error(f"there is no option {name}{nearest(name, self._option_string_actions)}")
        return known
