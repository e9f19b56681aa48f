"""Changing a profile so that given rules take effect: its meaning, or its text as the file is formatted."""

from __future__ import annotations

import difflib
from dataclasses import replace
from typing import TYPE_CHECKING

from profile_smoke.profile._layout import rewrite
from profile_smoke.profile._plan import plan
from profile_smoke.profile.document import parse
from profile_smoke.profile.source import Source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from profile_smoke.profile.model import Profile, Rule


def add_rules(profile: Profile, rules: Sequence[Rule]) -> Profile:
    """The profile with every rule in effect, one after the other.

    Names join the largest rule that says the same and always holds, in their sorted place where its list is
    sorted; otherwise a new rule comes last. Names leave the rules that would win over the new one, collide
    with it or be dead beside it, and rules without names go. What is in effect already changes nothing.

    A conditional rule in place of an unconditional one leaves the calls that it does not match to the default
    action, because libseccomp cannot hold both.

    Raises:
        ValueError: a rule has `includes` or `excludes`.
    """
    return replace(profile, rules=tuple(entry.rule for entry in plan(profile, rules)))


def write_fix(text: str, rules: Sequence[Rule]) -> str:
    """The text of a profile, changed as `add_rules` changes its meaning; nothing else in it moves.

    Raises:
        BadFileError: the text is no valid profile.
        ValueError: as in `add_rules`.
    """
    profile = parse(text, "profile").profile
    planned = plan(profile, rules)
    if tuple(entry.rule for entry in planned) == profile.rules:
        return text
    return rewrite(Source(text, "profile"), profile, planned)


def diff(old: str, new: str, path: str) -> str:
    """A unified diff between two texts of one file, for people and for `patch`; empty if equal."""
    lines = difflib.unified_diff(_lines(old), _lines(new), f"a/{path}", f"b/{path}")
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )


def _lines(text: str) -> list[str]:
    """Lines by LF alone: JSON strings may hold others that Python knows."""
    *whole, rest = text.split("\n")
    return [f"{line}\n" for line in whole] + ([rest] if rest else [])
