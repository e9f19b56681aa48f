"""Hypothesis strategies: profiles, fixes, and the many ways to write one profile down."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from profile_smoke.profile.model import Action, ArchMapEntry, Arg, Conditions, Op, Profile, Rule

NAMES = ("clone", "clone3", "mmap", "openat", "read", "socket", "write")
ACTIONS = tuple(action for action in Action if action is not Action.NOTIFY)
names = st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True).map(tuple)
indents: st.SearchStrategy[int | str] = st.sampled_from((2, 4, "\t"))
args = st.builds(
    Arg,
    st.integers(0, 5),
    st.integers(0, 3) | st.just(1 << 32),
    st.sampled_from(Op),
    st.integers(0, 3) | st.just(2**64 - 1),
)
conditions = st.builds(
    Conditions,
    st.sampled_from(((), ("CAP_SYS_ADMIN",), ("CAP_SYS_ADMIN", "CAP_BPF"))),
    st.sampled_from(((), ("amd64",), ("arm64", "arm"))),
    st.sampled_from((None, (4, 8), (7, 0))),
).filter(lambda found: found != Conditions())


@st.composite
def rules(draw: st.DrawFn, *, plain: bool) -> Rule:
    """Any rule; a plain one holds everywhere and has no comment."""
    action = draw(st.sampled_from(ACTIONS))
    return Rule(
        names=draw(names),
        action=action,
        errno_ret=draw(errnos(action)),
        args=tuple(draw(st.lists(args, max_size=2))),
        includes=None if plain else draw(st.none() | conditions),
        excludes=None if plain else draw(st.none() | conditions),
        comment="" if plain else draw(st.sampled_from(("", "why"))),
    )


def errnos(action: Action) -> st.SearchStrategy[int | None]:
    """What an action may have as its errno."""
    return st.sampled_from((None, 1, 38)) if action in (Action.ERRNO, Action.TRACE) else st.none()


@st.composite
def profiles(draw: st.DrawFn, *, plain: bool) -> Profile:
    """Any valid profile."""
    action = draw(st.sampled_from(ACTIONS))
    arch_map = () if plain else draw(st.sampled_from(((), ARCH_MAP)))
    return Profile(
        default_action=action,
        default_errno_ret=draw(errnos(action)),
        architectures=() if arch_map else draw(st.sampled_from(((), ("SCMP_ARCH_X86_64", "SCMP_ARCH_X86")))),
        arch_map=arch_map,
        flags=draw(st.sampled_from(((), ("SECCOMP_FILTER_FLAG_LOG",)))),
        rules=tuple(draw(st.lists(rules(plain=plain), max_size=5))),
    )


ARCH_MAP = (
    ArchMapEntry("SCMP_ARCH_X86_64", ("SCMP_ARCH_X86", "SCMP_ARCH_X32")),
    ArchMapEntry("SCMP_ARCH_AARCH64", ("SCMP_ARCH_ARM",)),
    ArchMapEntry("SCMP_ARCH_S390X", ()),
)


@st.composite
def fixes(draw: st.DrawFn) -> Rule:
    """What a blame may come to: ALLOW, ALLOW with conditions, or ERRNO."""
    if draw(st.booleans()):
        return Rule(draw(names), Action.ERRNO, draw(st.sampled_from((None, 1, 38))))
    return Rule(draw(names), Action.ALLOW, args=tuple(draw(st.lists(args, max_size=2))))


def docker_json(profile: Profile) -> dict[str, Any]:
    """The profile as Docker's format has it, optional fields included at random by being empty or absent."""
    return {
        "defaultAction": profile.default_action.value,
        "defaultErrnoRet": profile.default_errno_ret,
        "architectures": list(profile.architectures) or None,
        "archMap": [
            {"architecture": entry.architecture, "subArchitectures": list(entry.sub_architectures) or None}
            for entry in profile.arch_map
        ],
        "flags": list(profile.flags),
        "syscalls": [_rule_json(rule) for rule in profile.rules],
    }


def _rule_json(rule: Rule) -> dict[str, Any]:
    return {
        "names": list(rule.names),
        "action": rule.action.value,
        "errnoRet": rule.errno_ret,
        "args": [
            {"index": arg.index, "value": arg.value, "valueTwo": arg.value_two, "op": arg.op.value}
            for arg in rule.args
        ],
        "comment": rule.comment,
        "includes": _conditions_json(rule.includes),
        "excludes": _conditions_json(rule.excludes),
    }


def _conditions_json(found: Conditions | None) -> dict[str, Any]:
    if found is None:
        return {}
    kernel = ".".join(map(str, found.min_kernel)) if found.min_kernel else ""
    return {"caps": list(found.caps), "arches": list(found.arches), "minKernel": kernel}


@st.composite
def texts(draw: st.DrawFn, *, plain: bool) -> str:
    """The text of any profile in any formatting."""
    return draw(written(docker_json(draw(profiles(plain=plain)))))


@st.composite
def written(draw: st.DrawFn, document: dict[str, Any]) -> str:
    """A document in one of many formattings: key order, absent keys, old single names, spaces, line ends, mark."""
    document = _shuffled(draw, document)
    newline = draw(st.sampled_from(("\n", "\r\n")))
    space = st.sampled_from(("", " ", newline, newline + "  ", newline + "\t"))
    match draw(st.sampled_from(("pretty", "compact", "minified", "ragged"))):
        case "pretty":
            text = json.dumps(document, indent=draw(indents)).replace("\n", newline)
        case "compact":
            text = json.dumps(document)
        case "minified":
            text = json.dumps(document, separators=(",", ":"))
        case _:
            text = _ragged(draw, document, space)
    return draw(st.sampled_from(("", "\ufeff"))) + text + draw(st.sampled_from(("", newline)))


def _shuffled(draw: st.DrawFn, document: Any) -> Any:
    if isinstance(document, list):
        return [_shuffled(draw, item) for item in document]
    if not isinstance(document, dict):
        return document
    kept = {
        key: value
        for key, value in document.items()
        if value not in (None, [], {}, "") or draw(st.booleans())
    }
    if len(kept.get("names", ())) == 1 and draw(st.booleans()):
        kept["name"] = kept.pop("names")[0]
        if draw(st.booleans()):
            kept["names"] = draw(st.sampled_from((None, [])))
    return {key: _shuffled(draw, kept[key]) for key in draw(st.permutations(sorted(kept)))}


def _ragged(draw: st.DrawFn, value: Any, space: st.SearchStrategy[str]) -> str:
    if not isinstance(value, (dict, list)):
        return json.dumps(value)
    if isinstance(value, dict):
        parts = [
            f"{json.dumps(key)}{draw(space)}:{draw(space)}{_ragged(draw, item, space)}"
            for key, item in value.items()
        ]
    else:
        parts = [_ragged(draw, item, space) for item in value]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    inside = "".join(f"{',' if i else ''}{draw(space)}{part}{draw(space)}" for i, part in enumerate(parts))
    return f"{opening}{inside or draw(space)}{closing}"
