"""`profile-smoke profile`: hands over to the sub-command."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from profile_smoke.cli.options import Options
    from profile_smoke.cli.profile_options import ProfileOptions


class _SubCommandModule(Protocol):
    """What each module `cli.commands.profile_<name>` has."""

    def main(self, options: ProfileOptions) -> int:
        """Carry the sub-command out; the exit code."""


def main(options: Options) -> int:
    """Carry the sub-command out; only its own module is imported."""
    if options.profile is None:
        raise ValueError("the command line names no sub-command of profile")
    module = importlib.import_module(f"profile_smoke.cli.commands.profile_{options.profile.command}")
    return cast("_SubCommandModule", module).main(options.profile)
