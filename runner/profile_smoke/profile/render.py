"""A profile as the JSON document that runtimes read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from profile_smoke.profile.model import Arg, Conditions, Profile, Rule


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


def to_docker(profile: Profile) -> dict[str, Any]:
    """The document of any profile in Docker's format; read back, it is the same profile."""
    plain = to_oci(
        replace(
            profile,
            arch_map=(),
            rules=tuple(replace(rule, includes=None, excludes=None) for rule in profile.rules),
        )
    )
    rules = plain.pop("syscalls", [])
    for rule, document in zip(profile.rules, rules, strict=True):
        found = {
            "comment": rule.comment,
            "includes": _conditions(rule.includes),
            "excludes": _conditions(rule.excludes),
        }
        document.update((key, value) for key, value in found.items() if value)
    if profile.arch_map:
        plain["archMap"] = [
            {"architecture": entry.architecture, "subArchitectures": list(entry.sub_architectures)}
            for entry in profile.arch_map
        ]
    return {**plain, **({"syscalls": rules} if rules else {})}


def _conditions(found: Conditions | None) -> dict[str, Any]:
    if found is None:
        return {}
    kernel = found.min_kernel and f"{found.min_kernel[0]}.{found.min_kernel[1]}"
    document = {"caps": list(found.caps), "arches": list(found.arches), "minKernel": kernel}
    return {key: value for key, value in document.items() if value}


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
