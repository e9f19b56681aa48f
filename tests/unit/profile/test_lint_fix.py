"""`--fix` of the linter: the meaning stays for every reader and machine, and so does the formatting."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import assume, given, settings
from tests.support.made_profiles import texts
from tests.support.messy_profiles import answers, messy_texts

from profile_smoke.profile import raw_oci
from profile_smoke.profile.document import parse
from profile_smoke.profile.lint.interface import Reading
from profile_smoke.profile.lint.rules import BY_ID, RULES
from profile_smoke.profile.lint.run import fix, lint
from profile_smoke.profile.resolve import resolve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from profile_smoke.profile.model import Profile

READING = Reading((), "x86_64", (6, 18))
FIXABLE = [rule for rule in RULES if rule.fix is not None]


def readings(profile: Profile) -> Iterator[Profile]:
    """The profile as Docker resolves it in containers and on machines of every kind that its conditions know."""
    if not profile.docker_only:
        yield profile
        return
    for caps in ((), ("CAP_SYS_ADMIN",), ("CAP_SYS_ADMIN", "CAP_BPF")):
        for arch in ("x86_64", "aarch64"):
            for kernel in ((3, 0), (5, 0), (9, 9)):
                yield resolve(profile, caps=caps, arch=arch, kernel=kernel)


@settings(max_examples=150)
@given(messy_texts())
def test_what_is_mended_means_what_it_meant(text: str) -> None:
    """For every call with arguments around all deciding values, every ABI, and every way to resolve Docker's conditions."""
    before, after = parse(text, "x").profile, parse(fix(text, "x", RULES), "x").profile
    for one, other in zip(readings(before), readings(after), strict=False):
        plain, mended = (replace(profile, flags=()) for profile in (one, other))
        expected = answers(plain, one)
        if expected is not None:
            assert answers(mended, one) == expected


@settings(max_examples=100)
@given(messy_texts())
def test_what_a_plain_reader_loads_stays_too(text: str) -> None:
    """Kubernetes drops Docker's conditions; only the rules that it loses by the old "name" may come back to it."""
    assume('"name"' not in text)
    before, after = parse(text, "x"), parse(fix(text, "x", RULES), "x")
    plain = raw_oci.plain_reading(before)
    expected = answers(plain, plain)
    if expected is not None:
        assert answers(raw_oci.plain_reading(after), plain) == expected


@settings(max_examples=150)
@given(messy_texts() | texts(plain=False))
def test_nothing_that_can_be_mended_is_left(text: str) -> None:
    """One run is enough, and a second one changes nothing."""
    mended = fix(text, "x", RULES)
    assert [finding for finding in lint(mended, "x", READING, FIXABLE) if finding.fixable] == []
    assert fix(mended, "x", RULES) == mended


@settings(max_examples=100)
@given(messy_texts() | texts(plain=False))
def test_what_needs_no_mending_keeps_every_character(text: str) -> None:
    """As long as no finding is fixable, the text comes back as it was; else line ends and byte order mark stay."""
    mended = fix(text, "x", RULES)
    if not any(finding.fixable for finding in lint(text, "x", READING, FIXABLE)):
        assert mended == text
    assert mended.startswith("\ufeff") == text.startswith("\ufeff")
    assert mended.endswith("\n") == text.endswith("\n")
    if "\r\n" in text:
        assert not re.search(r"(?<!\r)\n", mended)
    else:
        assert "\r" not in mended


PRETTY = """{
    "defaultAction": "SCMP_ACT_ERRNO",
    "syscalls": [
        {
            "names": ["read", "write", "read"],
            "action": "SCMP_ACT_ALLOW",
            "comment": "plain I/O"
        },
        {
            "action": "SCMP_ACT_ALLOW",
            "names": [
                "mmap",
                "read"
            ]
        },
        {"name": "brk", "action": "SCMP_ACT_ALLOW"},
        {"names": ["acct"], "action": "SCMP_ACT_ERRNO"}
    ]
}
"""
MENDED = """{
    "defaultAction": "SCMP_ACT_ERRNO",
    "syscalls": [
        {
            "names": ["read", "write"],
            "action": "SCMP_ACT_ALLOW",
            "comment": "plain I/O"
        },
        {
            "action": "SCMP_ACT_ALLOW",
            "names": [
                "mmap"
            ]
        },
        {"names": ["brk"], "action": "SCMP_ACT_ALLOW"}
    ]
}
"""


def test_only_what_is_wrong_moves() -> None:
    """Comments, the order of keys, and lists over lines or in line stay as they are."""
    text = PRETTY.replace('"brk"', '"mseal"')
    assert fix(text, "x", RULES) == MENDED.replace('"brk"', '"mseal"')


def test_a_rule_that_holds_the_enosys_boundary_up_is_no_idle_one() -> None:
    """Without it, runc would answer newer calls with ENOSYS."""
    text = PRETTY.replace('"brk"', '"mseal"').replace('"acct"', '"acct", "file_setattr"')
    [finding] = lint(text, "x", READING, [BY_ID["equals-default"]])
    assert "skips acct in this rule" in finding.message
    assert '["file_setattr"]' in fix(text, "x", [BY_ID["equals-default"]])


def test_only_the_rules_that_are_asked_for_mend() -> None:
    """`--select` holds for mending as it does for finding."""
    assert fix(PRETTY, "x", [BY_ID["duplicate-name"]]) == PRETTY.replace(', "read"]', "]")
    assert fix(PRETTY, "x", [BY_ID["x32-declared"]]) == PRETTY


def test_a_broken_file_is_left_alone() -> None:
    """What it means is not known, so nothing can be kept."""
    text = PRETTY.replace('"comment"', '"coment"')
    assert fix(text, "x", RULES) == text
