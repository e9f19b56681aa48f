"""Reading the rules of a profile, and what a rule shares with the document around it: an action with its errno."""

from __future__ import annotations

import errno
import re
from typing import TYPE_CHECKING

from profile_smoke.profile._vocabulary import CAPABILITIES, DOCKER_ARCHES, quoted
from profile_smoke.profile.model import Action, Arg, Conditions, Op, Rule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from profile_smoke.profile._fields import Field

_MAX_ERRNO = 4095
"""The kernel caps the errno of a filter at it, `include/linux/err.h`."""
_MAX_VALUE = 2**64 - 1
_MAX_INDEX = 5

_RULE = ("names", "name", "action", "errnoRet", "errno", "args", "comment", "includes", "excludes")
_ARG = ("index", "value", "valueTwo", "op")
_CONDITIONS = ("caps", "arches", "minKernel")
_KERNEL = re.compile(r"([0-9]{1,4})\.([0-9]{1,4})")


def read_action(field: Field) -> Action:
    """The action of a rule, or the default one. Raises FieldError."""
    action = Action(field.word(tuple(Action), "action"))
    if action is Action.NOTIFY:
        raise field.error(
            "SCMP_ACT_NOTIFY cannot be tested: a container has one listener, and observing needs it; "
            "give the action that the call shall end with, such as SCMP_ACT_ERRNO or SCMP_ACT_ALLOW"
        )
    return action


def read_errno(fields: Mapping[str, Field], number_key: str, name_key: str, action: Action) -> int | None:
    """The errno of an action; the name beside it, which only Podman and CRI-O read, must say the same.

    Raises FieldError.
    """
    number = fields[number_key].whole(_MAX_ERRNO) if number_key in fields else None
    if number is not None and action not in (Action.ERRNO, Action.TRACE):
        raise fields[number_key].error(
            f"{action} returns no errno; only SCMP_ACT_ERRNO and SCMP_ACT_TRACE take one"
        )
    if name_key in fields and (name := fields[name_key].text()):
        value = getattr(errno, name, None) if re.fullmatch(r"E[A-Z0-9]+", name) else None
        if value is None:
            raise fields[name_key].error(f"unknown errno {quoted(name)}, such as EPERM or ENOSYS")
        if value != number:
            raise fields[name_key].error(
                f"only Podman and CRI-O read it, others drop it; give {quoted(number_key)}: {value}"
            )
    return number


def read_rule(entry: Field) -> Rule:
    """One entry of `syscalls`. Raises FieldError."""
    fields = entry.members(_RULE)
    if "action" not in fields:
        raise entry.error('"action" is missing, such as "SCMP_ACT_ALLOW"')
    action = read_action(fields["action"])
    return Rule(
        names=_names(entry, fields),
        action=action,
        errno_ret=read_errno(fields, "errnoRet", "errno", action),
        args=tuple(_arg(item) for item in fields["args"].items()) if "args" in fields else (),
        includes=_conditions(fields.get("includes")),
        excludes=_conditions(fields.get("excludes")),
        comment=fields["comment"].text() if "comment" in fields else "",
    )


def _names(entry: Field, fields: Mapping[str, Field]) -> tuple[str, ...]:
    names = fields.get("names")
    if (single := fields.get("name")) is not None and (names is None or single.text()):
        if names is not None and names.items():
            raise single.error(
                'both "name" and "names" are given; "names" is the one that every runtime reads'
            )
        return (single.name(),)
    if names is None:
        raise entry.error('"names" is missing: the list of syscalls that the rule is for')
    if not (found := tuple(item.name() for item in names.items())):
        raise names.error("must not be empty")
    return found


def _arg(entry: Field) -> Arg:
    fields = entry.members(_ARG)
    for key in ("index", "value", "op"):
        if key not in fields:
            raise entry.error(f"{quoted(key)} is missing")
    return Arg(
        index=fields["index"].whole(_MAX_INDEX),
        value=fields["value"].whole(_MAX_VALUE),
        op=Op(fields["op"].word(tuple(Op), "operator")),
        value_two=fields["valueTwo"].whole(_MAX_VALUE) if "valueTwo" in fields else 0,
    )


def _conditions(entry: Field | None) -> Conditions | None:
    """Docker's `includes` or `excludes`; an empty object is the same as none."""
    if entry is None:
        return None
    fields = entry.members(_CONDITIONS)
    found = Conditions(
        caps=fields["caps"].words(CAPABILITIES, "capability") if "caps" in fields else (),
        arches=fields["arches"].words(DOCKER_ARCHES, "architecture") if "arches" in fields else (),
        min_kernel=_kernel(fields["minKernel"]) if "minKernel" in fields else None,
    )
    return None if found == Conditions() else found


def _kernel(field: Field) -> tuple[int, int] | None:
    """A version as `4.8`; Docker refuses a third part, and takes the empty string for none."""
    if not (text := field.text()):
        return None
    match = _KERNEL.fullmatch(text)
    if match is None or (version := (int(match[1]), int(match[2]))) == (0, 0):
        raise field.error(f'{quoted(text)} is no kernel version of two parts, such as "4.8"')
    return version
