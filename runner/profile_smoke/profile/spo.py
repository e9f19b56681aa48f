"""`SeccompProfile` of the Security Profiles Operator: writing one, and reading one back.

The operator hands the `spec` to the node as JSON, where containerd or CRI-O read it as plain OCI. Its fields are those of
`SeccompProfileSpec` in its `api/seccompprofile/v1beta1/seccompprofile_types.go`; `v1` has the same. What it lacks:
`defaultErrnoRet`, an `errnoRet` of 0 (dropped as empty, so EPERM), numbers above 2^63 - 1 (`format: int64`), more than six
conditions in a rule, and some architectures.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from profile_smoke.errors import BadFileError, UsageError
from profile_smoke.profile import document
from profile_smoke.profile._effect import alternatives, loaded, of_default, of_rule, unconditional
from profile_smoke.profile.evaluate import Evaluator
from profile_smoke.profile.model import Profile, Rule
from profile_smoke.profile.render import to_oci
from profile_smoke.syscall import multiplexed, tables

if TYPE_CHECKING:
    from profile_smoke.profile.document import Document

GROUP = "security-profiles-operator.x-k8s.io"
VERSIONS = ("v1beta1", "v1")
KIND = "SeccompProfile"
_LARGEST = 2**63 - 1
_MOST_ARGS = 6
_UNKNOWN_ARCHES = frozenset(f"SCMP_ARCH_{name}" for name in ("LOONGARCH64", "M68K", "SH", "SHEB"))
_MULTIPLEXERS = frozenset(name for name, _ in multiplexed.THROUGH.values())
_NATIVE = "SCMP_ARCH_NATIVE"
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_NAME_LENGTH = 253
_PLACE = re.compile(r"line \d+, column \d+(?: \((?P<path>.*)\))?")


@dataclass(frozen=True)
class Manifest:
    """A `SeccompProfile` that was read: its name, the profile in it, and what it says beyond that, a line each."""

    name: str
    document: Document
    notes: tuple[str, ...]


def to_spo(
    profile: Profile, *, name: str, namespace: str | None, native: str
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The manifest of a plain profile for nodes of one architecture, and what had to be said in another way, a line each.

    Raises:
        UsageError: a name that Kubernetes refuses, or a number that it cannot store.
        RuntimeRefusedError: a runtime would refuse the profile.
    """
    for what, word in (("name", name), ("namespace", namespace)):
        if word is not None and (not _NAME.fullmatch(word) or len(word) > _NAME_LENGTH):
            raise UsageError(
                f"{word!r} is no {what} in Kubernetes: small letters, digits, '-' and '.', such as my-profile"
            )
    fitting, notes = _fitting(profile, native)
    metadata = {"name": name, "namespace": namespace}
    manifest = {
        "apiVersion": f"{GROUP}/{VERSIONS[0]}",
        "kind": KIND,
        "metadata": {key: value for key, value in metadata.items() if value is not None},
        "spec": to_oci(fitting),
    }
    return manifest, notes


def read(text: str, source: str, *, native: str) -> Manifest:
    """The profile in a manifest, as the operator's node gets it. `native` stands for `SCMP_ARCH_NATIVE`.

    Raises:
        BadFileError: no YAML, no `SeccompProfile`, or no valid profile in it.
    """
    manifest = _manifest(text, source)
    spec = dict(manifest["spec"])
    notes = []
    if base := spec.pop("baseProfileName", None):
        raise BadFileError(
            source,
            "spec.baseProfileName",
            f"builds on {base!r}, which is in the cluster and not in this file; merge it first",
        )
    if spec.pop("disabled", False):
        notes.append("spec.disabled: the operator does not put it on the nodes")
    if isinstance(spec.get("architectures"), list) and _NATIVE in spec["architectures"]:
        named = tables.scmp_arch(native)
        spec["architectures"] = [named if arch == _NATIVE else arch for arch in spec["architectures"]]
        notes.append(f"spec.architectures: {_NATIVE} became {named}; runc does not know it")
    _complete(spec)
    try:
        found = document.parse(json.dumps(spec, allow_nan=False), source)
    except BadFileError as error:
        match = _PLACE.fullmatch(error.where)
        path = match["path"] if match else None
        raise BadFileError(source, f"spec.{path}" if path else "spec", error.problem) from None
    except (TypeError, ValueError) as error:
        raise BadFileError(source, "spec", f"no JSON can say it: {error}") from None
    name = (manifest.get("metadata") or {}).get("name")
    return Manifest(name if isinstance(name, str) else "", found, tuple(notes))


def _manifest(text: str, source: str) -> dict[str, Any]:
    import yaml

    documents = 0
    try:
        for event in yaml.parse(text, yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):
                raise BadFileError(source, f"alias {event.anchor}", "aliases are not read here; write it out")
            documents += isinstance(event, yaml.DocumentStartEvent)
        if documents > 1:
            raise BadFileError(source, "", f"{documents} documents; give each {KIND} a file")
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise BadFileError(source, where, f"no YAML: {problem}") from None
    except (RecursionError, ValueError) as error:
        problem = "nested too deep" if isinstance(error, RecursionError) else str(error)
        raise BadFileError(source, "", problem) from None
    if not isinstance(found, dict) or found.get("kind") != KIND:
        raise BadFileError(source, "kind", f"expected a {KIND} of {GROUP}")
    versions = [f"{GROUP}/{version}" for version in VERSIONS]
    if found.get("apiVersion") not in versions:
        raise BadFileError(
            source, "apiVersion", f"{found.get('apiVersion')!r} is not read here; {' or '.join(versions)}"
        )
    if not isinstance(found.get("spec"), dict):
        raise BadFileError(source, "spec", "the profile is missing")
    return found


def _complete(spec: dict[str, Any]) -> None:
    """What the operator leaves out because it is 0, or drops for the same reason, as a runtime then reads it."""
    rules = spec.get("syscalls")
    for rule in rules if isinstance(rules, list) else ():
        if isinstance(rule, dict):
            if rule.get("errnoRet") == 0:
                del rule["errnoRet"]
            args = rule.get("args")
            for arg in args if isinstance(args, list) else ():
                if isinstance(arg, dict):
                    arg.setdefault("value", 0)


def _fitting(profile: Profile, native: str) -> tuple[Profile, tuple[str, ...]]:
    """The profile without what a `SeccompProfile` cannot say, said in another way where there is one."""
    notes = []
    if of_default(profile) != of_default(replace(profile, default_errno_ret=None)):
        profile, note = _with_default_said(profile, native)
        notes.append(note)
    if gone := [arch for arch in profile.architectures if arch in _UNKNOWN_ARCHES]:
        notes.append(f"architectures: {', '.join(gone)} cannot be said; calls of these ABIs will be killed")
    kept = tuple(arch for arch in profile.architectures if arch not in _UNKNOWN_ARCHES)
    rules: list[Rule] = []
    for rule in profile.rules:
        _check_numbers(rule)
        if rule.errno_ret == 0:
            notes.append(f"errnoRet 0 of {', '.join(rule.names)} cannot be said; it becomes EPERM")
        several = alternatives(rule.args) if len(rule.args) > _MOST_ARGS else (rule.args,)
        rules += [replace(rule, args=args, errno_ret=rule.errno_ret or None) for args in several]
    return replace(profile, architectures=kept, rules=tuple(rules), default_errno_ret=None), tuple(notes)


def _with_default_said(profile: Profile, native: str) -> tuple[Profile, str]:
    """The errno of the default action as a rule for every known call that it is for.

    The default becomes EPERM, so that runc skips the rules that say EPERM too, and with them what they kept out: rules
    that never counted are taken away, and multiplexers, through which others would come in, are refused with the old errno.
    """
    default = profile.default_errno_ret
    bare = replace(profile, default_errno_ret=None)
    effective = loaded(profile)
    rules = []
    for rule in profile.rules:
        names = tuple(name for name in rule.names if rule in effective.get(name, ()))
        skipped = _MULTIPLEXERS if of_rule(rule) == of_default(bare) and unconditional(rule) else frozenset()
        if left := tuple(name for name in names if name not in skipped):
            rules.append(replace(rule, names=left))
        if (kept_out := tuple(name for name in names if name in skipped)) and default:
            rules.append(replace(rule, names=kept_out, errno_ret=default))
    names = _by_default(profile, native) if default else ()
    if not names:
        return replace(
            bare, rules=tuple(rules)
        ), f"defaultErrnoRet {default} cannot be said; it becomes EPERM"
    rules.append(Rule(names, profile.default_action, default))
    note = f"defaultErrnoRet {default} cannot be said; {len(names)} calls got a rule with it instead"
    return replace(bare, rules=tuple(rules)), note


def _by_default(profile: Profile, native: str) -> tuple[str, ...]:
    """Every known call that only the default action is for, on each ABI that the profile lists.

    The multiplexers are left to the calls that go through them: a rule on them would swallow theirs.
    """
    evaluator = Evaluator(profile, native)
    arches = {native, *filter(None, map(tables.arch_of_scmp, profile.architectures))}

    def by_default(name: str) -> bool:
        numbers = [(arch, tables.number(arch, name)) for arch in arches]
        return all(
            evaluator.decide(arch, number, (0,) * 6) == evaluator.otherwise
            for arch, number in numbers
            if number is not None
        )

    about = loaded(profile).keys() | _MULTIPLEXERS
    return tuple(sorted(name for name in tables.all_names() - about if by_default(name)))


def _check_numbers(rule: Rule) -> None:
    largest = max((max(arg.value, arg.value_two) for arg in rule.args), default=0)
    if largest > _LARGEST:
        raise UsageError(
            f"{', '.join(rule.names)}: Kubernetes cannot store {largest}, only numbers up to {_LARGEST}"
        )
