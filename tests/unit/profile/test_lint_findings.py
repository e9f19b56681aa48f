"""What the rules find and what they leave alone, beyond the examples of their pages."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from tests.support.messy_profiles import answers, messy_texts

from profile_smoke.errors import BadFileError
from profile_smoke.profile.document import parse
from profile_smoke.profile.lint.interface import Finding, Reading, Severity
from profile_smoke.profile.lint.rules import BY_ID, RULES
from profile_smoke.profile.lint.run import lint
from profile_smoke.profile.resolve import resolve
from profile_smoke.target import oci_default

if TYPE_CHECKING:
    from collections.abc import Sequence

    from profile_smoke.profile.model import Profile, Rule

READING = Reading((), "x86_64", (6, 18))
BOTH = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]


def rule(*names: str, action: str = "ALLOW", **more: Any) -> dict[str, Any]:
    return {"names": list(names), "action": f"SCMP_ACT_{action}", **more}


def text(*rules: dict[str, Any], **more: Any) -> str:
    document = {"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38, "architectures": BOTH, **more}
    return json.dumps({**document, "syscalls": list(rules)}, indent=2)


def found(content: str, identity: str, reading: Reading = READING) -> list[Finding]:
    return list(lint(content, "x.json", reading, [BY_ID[identity]]))


def condition(value: int, op: str = "EQ", index: int = 0, two: int = 0) -> dict[str, Any]:
    return {"index": index, "value": value, "valueTwo": two, "op": f"SCMP_CMP_{op}"}


@settings(max_examples=150)
@given(messy_texts())
def test_conflicts_are_told_where_no_filter_can_be_made(content: str) -> None:
    """Neither more nor less: what the evaluator, compared with libseccomp itself elsewhere, takes or refuses."""
    profile = parse(content, "x").profile
    loaded = resolve(profile, caps=(), arch="x86_64", kernel=(6, 18))
    assert bool(found(content, "conflicting-rules")) == (answers(loaded, loaded) is None)


@settings(max_examples=100)
@given(messy_texts())
def test_a_shadowed_rule_has_no_effect(content: str) -> None:
    """Taking the name out of the rule changes nothing that any call meets."""
    profile = parse(content, "x").profile
    plain = _always(profile, profile.rules)
    if (expected := answers(plain, plain)) is None:
        return
    for finding in found(content, "shadowed-rule"):
        index = int(finding.where.removeprefix("syscalls[").partition("]")[0])
        name = finding.message.split("answers every ")[1].split()[0]
        rules = list(profile.rules)
        rules[index] = replace(rules[index], names=tuple(n for n in rules[index].names if n != name))
        assert answers(_always(profile, rules), plain) == expected


def test_a_mask_without_bits_is_no_condition() -> None:
    """libseccomp leaves it out, so that the rule wins; a mask of high bits alone is empty in 32-bit words only."""
    for mask, places in ((0, ["syscalls[1].names[0]"]), (1 << 32, [])):
        content = text(
            rule("read", args=[condition(mask, "MASKED_EQ", two=1 << 32)]),
            rule("read", action="ERRNO", errnoRet=1),
        )
        assert [finding.where for finding in found(content, "shadowed-rule")] == places


def _always(profile: Profile, rules: Sequence[Rule]) -> Profile:
    """The profile with those of the rules that are loaded for every container."""
    kept = (each for each in rules if each.names and not each.includes and not each.excludes)
    return replace(profile, arch_map=(), rules=tuple(kept))


def test_every_problem_of_the_form_is_told() -> None:
    """One for each rule and one for the document around them, each at its place."""
    content = text(rule("read", acton=1), rule("read"), rule(), architectures=["SCMP_ARCH_AMD64"])
    assert [finding.where for finding in lint(content, "x", READING, RULES)] == [
        "architectures[0]",
        "syscalls[0].acton",
        "syscalls[2].names",
    ]


@pytest.mark.parametrize("content", ["{", "[]", "", '{"kind": "Pod", "apiVersion": "v1"}'])
def test_what_is_no_profile_is_no_finding(content: str) -> None:
    """It is a file that cannot be read."""
    with pytest.raises(BadFileError):
        lint(content, "x", READING, RULES)


def test_contradictions_behind_socketcall_are_conflicts_too() -> None:
    """On 64 bits the first unconditional rule would win; on 32-bit x86 both become conditions of one multiplexer."""
    twice = (rule("socket"), rule("read", "socket", action="ERRNO", errnoRet=1))
    [finding] = found(text(*twice), "conflicting-rules")
    assert finding.where == "syscalls[1].names[1]"
    assert finding.message.endswith("on x86")
    assert found(text(*twice, architectures=BOTH[:1]), "conflicting-rules") == []


def test_places_are_those_of_the_text() -> None:
    """Line and column of the very value, from 1."""
    content = text(rule("read", "raed"))
    [finding] = found(content, "unknown-name")
    line = content.splitlines()[finding.line - 1]
    assert line[finding.column - 1 :].startswith('"raed"')
    assert finding.where == "syscalls[0].names[1]"
    assert '"read"?' in finding.message


def test_conditions_for_some_containers_are_no_contradiction() -> None:
    """Docker's default allows for a capability what it answers otherwise without."""
    sometimes: dict[str, Any] = {"includes": {"caps": ["CAP_SYS_ADMIN"]}}
    without: dict[str, Any] = {"excludes": {"caps": ["CAP_SYS_ADMIN"]}}
    content = text(rule("clone3", **sometimes), rule("clone3", action="ERRNO", errnoRet=1, **without))
    assert found(content, "shadowed-rule") == []
    assert found(content, "repeated-rule") == []


def test_a_default_of_its_own_is_not_called_a_repetition() -> None:
    """Engines before 23.0 drop `defaultErrnoRet`, and the rule then says something else than the default."""
    assert found(text(rule("clone3", action="ERRNO", errnoRet=38)), "equals-default") == []
    content = text(rule("mseal"), rule("clone3", action="ERRNO"), defaultErrnoRet=1)
    assert len(found(content, "equals-default")) == 1


def test_a_range_that_holds_always_is_called_so() -> None:
    """At least 1 or at most 10 is everything; 1 or 10 is not."""
    ranged = rule("socket", args=[condition(1, "GE"), condition(10, "LE")])
    assert "together they always hold" in found(text(ranged), "any-of-conditions")[0].message
    two = rule("socket", args=[condition(1), condition(10)])
    assert "always" not in found(text(two), "any-of-conditions")[0].message
    other = rule("socket", args=[condition(1), condition(10, index=1)])
    assert found(text(other), "any-of-conditions") == []


@pytest.mark.parametrize(
    ("arg", "words"),
    [
        (condition(0, "LT"), "never holds"),
        (condition(0, "GE"), "always holds"),
        (condition(2**64 - 1, "GT"), "never holds"),
        (condition(1, "EQ", two=3), "valueTwo counts for"),
        (condition(0, "MASKED_EQ", two=0), "always holds"),
        (condition(1, "MASKED_EQ", two=3), "outside of the mask"),
    ],
)
def test_conditions_that_say_nothing_are_told(arg: dict[str, Any], words: str) -> None:
    """Each with its reason."""
    [finding] = found(text(rule("socket", args=[arg])), "idle-condition")
    assert words in finding.message


def test_the_docker_only_fields_open_what_they_were_to_keep_closed() -> None:
    """Under Kubernetes each such rule is an error; read as Docker does, none is."""
    content = text(
        rule("read"), rule("mount", includes={"caps": ["CAP_SYS_ADMIN"]}), {"name": "brk", **rule()}
    )
    content = content.replace('"names": [],', "")
    plain = replace(READING, plain=True)
    assert [finding.where for finding in found(content, "docker-only-field", plain)] == [
        "syscalls[1].includes",
        "syscalls[2].name",
    ]
    assert found(content, "docker-only-field") == []
    assert "mount" in found(content, "dangerous-call", plain)[0].message
    assert found(content, "dangerous-call") == []


def test_without_a_library_nothing_is_said_of_it() -> None:
    """Lint works on machines without libseccomp."""
    content = text(
        rule("mseal", action="ERRNO", errnoRet=1), defaultAction="SCMP_ACT_ALLOW", defaultErrnoRet=None
    )
    assert found(content, "denial-not-loaded") == []
    assert found(content, "denial-not-loaded", replace(READING, known=lambda _: False))


def test_the_runtimes_own_calls_are_told_for_both_settings() -> None:
    """What stops every container, and what stops those that may gain privileges."""
    [always, privileged] = found(text(rule("read", "write", "close")), "runtime-call-refused")
    assert "execve" in always.message
    assert "no_new_privs only" in privileged.message
    assert "read" not in privileged.message.split("needs")[1].split()


def test_a_way_round_by_flags_or_by_another_abi() -> None:
    """clone3 beside a filtered clone; ipc beside refused shared memory; x32 is judged as well."""
    flags = condition(0x7E020000, "MASKED_EQ")
    assert [
        finding.where
        for finding in found(text(rule("clone", args=[flags]), rule("clone3")), "namespaces-open")
    ] == ["syscalls[1].names[0]"]
    assert found(text(rule("clone", args=[flags])), "namespaces-open") == []
    [finding] = found(text(rule("ipc")), "abi-way-round")
    assert "x86 permits what x86_64 refuses: " in finding.message
    assert found(text(rule("ipc"), architectures=BOTH[:1]), "abi-way-round") == []


def test_a_dangerous_call_behind_a_condition_counts() -> None:
    """Permitted for some arguments is permitted."""
    content = text(rule("ptrace", args=[condition(16)]))
    assert "ptrace" in found(content, "dangerous-call")[0].message


def test_other_machines_profiles_are_judged_for_those() -> None:
    """A profile for arm64 alone is not blamed for calls that arm64 does not have."""
    arm = ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]
    content = text(rule("read"), architectures=arm)
    assert "newfstatat" in found(content, "runtime-call-refused")[1].message
    assert found(text(rule("ipc"), architectures=arm), "abi-way-round") == []


def test_the_default_profile_that_comes_along_has_no_error() -> None:
    """Most engines' containers run under its like."""
    findings = lint(oci_default.document().text, "x", READING, RULES)
    assert [finding for finding in findings if finding.rule.severity is Severity.ERROR] == []
