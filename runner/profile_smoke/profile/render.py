"""A plain profile as the JSON document that runtimes read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from profile_smoke.profile.model import Arg, Profile, Rule


def to_oci(profile: Profile) -> dict[str, Any]:
    """The OCI document of a plain profile, without absent and empty fields.

    Read back, it is the same profile. Comments are left out: the OCI format has none.

    Raises:
        ValueError: fields are left that only Docker reads and all others drop; resolve first.
    """
    if profile.docker_only:
        raise ValueError("the profile holds fields that only Docker reads; resolve it first")
    document = {
        "defaultAction": profile.default_action.value,
        "defaultErrnoRet": profile.default_errno_ret,
        "architectures": list(profile.architectures),
        "flags": list(profile.flags),
        "listenerPath": profile.listener_path,
        "listenerMetadata": profile.listener_metadata,
        "syscalls": [rule_to_oci(rule) for rule in profile.rules],
    }
    return {key: value for key, value in document.items() if value is not None and value != []}


def rule_to_oci(rule: Rule) -> dict[str, Any]:
    """One rule of an OCI document."""
    document: dict[str, Any] = {"names": list(rule.names), "action": rule.action.value}
    if rule.errno_ret is not None:
        document["errnoRet"] = rule.errno_ret
    if rule.args:
        document["args"] = [_arg(arg) for arg in rule.args]
    return document


def _arg(arg: Arg) -> dict[str, Any]:
    document: dict[str, Any] = {"index": arg.index, "value": arg.value}
    if arg.value_two:
        document["valueTwo"] = arg.value_two
    document["op"] = arg.op.value
    return document
