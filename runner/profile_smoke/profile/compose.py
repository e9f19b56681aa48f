"""Putting a profile's text together: from what was seen, other profiles, and one to start from."""

from __future__ import annotations

import errno
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from profile_smoke.profile import render
from profile_smoke.profile.document import Document, parse
from profile_smoke.profile.edit import add_rules, write_fix
from profile_smoke.profile.generalise import Generalised, Use, generalise, merge
from profile_smoke.profile.model import Action, Profile, Rule

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

_SOURCE = "the recorded profile"


@dataclass(frozen=True)
class Composed:
    """The profile with what it was made of."""

    document: Document
    uses: tuple[Use, ...]
    generalised: Generalised


def compose(
    uses: Iterable[Use],
    *,
    limits: Collection[str] = (),
    profiles: Sequence[Profile] = (),
    base: Document | None = None,
    base_permits: Collection[str] = (),
) -> Composed:
    """The text of a profile that permits all that was seen, and what `profiles` (plain ones) permit.

    With `base` it is that file's text with the rules that are missing added, so it permits what `base` does as well and
    answers the rest as `base` does. `base_permits` are the names that `base` lets pass with some arguments.
    """
    merged = merge(uses)
    generalised = generalise(merged, limits=limits)
    more = [rule for profile in profiles for rule in profile.rules if rule.action.permits]
    if base is None:
        text = dump(add_rules(generalised.profile, more))
    else:
        wanted = [rule for rule in generalised.profile.rules if rule.action.permits]
        # A library that was told that a call does not exist took its other way: what refuses it must go on to say so.
        absent = sorted(
            use.name for use in merged if use.errno == errno.ENOSYS and use.name not in base_permits
        )
        answers = [Rule(tuple(absent), Action.ERRNO, errno_ret=errno.ENOSYS)] if absent else []
        text = write_fix(base.text, [*wanted, *more, *answers])
    return Composed(parse(text, base.source if base else _SOURCE), merged, generalised)


def without(profile: Profile, name: str) -> Document:
    """A plain profile without any rule that permits this call."""
    rules = [
        replace(rule, names=tuple(other for other in rule.names if other != name))
        if rule.action.permits
        else rule
        for rule in profile.rules
    ]
    left = replace(profile, rules=tuple(rule for rule in rules if rule.names))
    return parse(dump(left), f"{_SOURCE} without {name}")


def dump(profile: Profile) -> str:
    """The text of a plain profile: one name a line, so that a change of one call is a change of one line."""
    return json.dumps(render.to_oci(profile), indent=2) + "\n"
