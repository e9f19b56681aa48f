"""What a profile is for, and so must not allow: classes of dangerous calls, by the profile's short name."""

from __future__ import annotations

import functools
import importlib.resources
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from profile_smoke.syscall import ways

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from profile_smoke.model import DangerousCall


@dataclass(frozen=True)
class DenyCheck:
    """What the user adds to the purposes that come along, and takes from them; `permit` wins over both."""

    deny: tuple[str, ...] = ()
    permit: tuple[str, ...] = ()

    def forbids(self, profile: str) -> frozenset[str]:
        """The classes that the profile of this short name must not permit.

        A profile that is not one of the shipped ones must not permit what none of them may.
        """
        document = _purposes()
        own: Iterable[str] = document["profiles"].get(profile, ())
        return frozenset((*document["everywhere"], *own, *self.deny)) - frozenset(self.permit)


@functools.cache
def _purposes() -> Mapping[str, Any]:
    text = importlib.resources.files(__package__).joinpath("data/purposes.toml").read_text("utf-8")
    return tomllib.loads(text)


def violations(rows: Iterable[DangerousCall], classes: Collection[str]) -> tuple[str, ...]:
    """One line for each permitted call of these classes: the call, its class, its ABIs, and what it opens."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for row in rows:
        if row.permitted and row.danger in classes:
            found.setdefault((row.danger, row.syscall, row.detail), []).append(row.abi)
    return tuple(
        f"{call(syscall, detail)} [{danger}] on {', '.join(abis)}: {ways.CLASSES[danger].reason}"
        for (danger, syscall, detail), abis in found.items()
    )


def call(syscall: str, detail: str) -> str:
    """`clone(CLONE_NEWUSER)`, or `reboot` where the call as such is meant."""
    return f"{syscall}({detail})" if detail else syscall
