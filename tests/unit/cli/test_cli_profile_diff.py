"""`profile-smoke profile diff`."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from profile_smoke.__main__ import main

if TYPE_CHECKING:
    from pathlib import Path

RULES: list[dict[str, Any]] = [
    {"names": ["read", "cachestat"], "action": "SCMP_ACT_ALLOW"},
    {"names": ["setns", "mount"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
]
DOCKERS: dict[str, Any] = {
    "defaultAction": "SCMP_ACT_ERRNO",
    "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}],
    "syscalls": RULES,
}
X86 = ("--arch", "x86_64", "--kernel", "6.1")


@pytest.fixture
def dockers(tmp_path: Path) -> str:
    return put(tmp_path / "dockers.json", DOCKERS)


def put(path: Path, document: object) -> str:
    path.write_text(json.dumps(document))
    return str(path)


def diff(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    assert main(["profile", "diff", *words]) == code
    return capsys.readouterr().out


def test_one_profile_on_two_targets(dockers: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What Docker resolves and containerd drops: capabilities open up, and 32-bit calls die."""
    lines = diff(capsys, dockers, *X86).splitlines()
    assert lines[:4] == [
        f"first   dockers for docker on x86_64 ({dockers})",
        f"second  dockers for kubernetes on x86_64 ({dockers})",
        "        kubernetes drops without a word: archMap (1), includes (1)",
        "",
    ]
    assert lines[4:6] == [
        "let through by the second only:",
        "  x86_64: mount, setns: ERRNO(EPERM) -> ALLOW",
    ]
    assert "  x86: cachestat, read: ALLOW -> KILL_THREAD" in lines


def test_calls_without_a_name_come_last(dockers: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A range of numbers in the midst of names would be read over."""
    out = " ".join(diff(capsys, dockers, *X86).split())
    assert re.search(
        r"x86_64, x86: [a-z0-9_, ]+, calls without a name \([-0-9, ]+\): |"
        r"x86: [a-z0-9_, ]+, calls without a name \([-0-9, ]+\): ",
        out,
    )
    assert not re.search(r"calls without a name \([-0-9, ]+\),", out)


def test_readers_can_be_chosen(dockers: str, capsys: pytest.CaptureFixture[str]) -> None:
    """In their order; oci and docker read alike."""
    assert "no difference" in diff(capsys, dockers, "--for", "oci", "--for", "docker", *X86)
    turned = diff(capsys, dockers, "--for", "kubernetes", "--for", "docker", *X86)
    assert "let through by the first only:\n  x86_64: mount, setns: ALLOW -> ERRNO(EPERM)\n" in turned


def test_calls_that_change_alike_in_several_abis_share_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The ABIs stand before them, and each call once."""
    listed = {"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]}
    one = put(tmp_path / "one.json", {**listed, "syscalls": RULES[:1]})
    more = [*RULES[:1], {"names": ["bpf", "socketcall"], "action": "SCMP_ACT_ALLOW"}]
    two = put(tmp_path / "two.json", {**listed, "syscalls": more})
    assert diff(capsys, one, two, *X86).splitlines()[3:] == [
        "let through by the second only:",
        "  x86_64, x86: bpf: ERRNO(EPERM) -> ALLOW",
        "  x86: socketcall: ERRNO(EPERM) -> ALLOW",
    ]


def test_check_is_code_1_where_anything_differs(
    dockers: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And 0 for another text with the same meaning; without --check it is 0 always."""
    diff(capsys, dockers, *X86, code=0)
    diff(capsys, dockers, "--check", *X86, code=1)
    other = {key: DOCKERS[key] for key in reversed(DOCKERS)} | {
        "syscalls": [RULES[1], {"names": ["cachestat"], "action": "SCMP_ACT_ALLOW"}, RULES[0]]
    }
    diff(capsys, dockers, put(tmp_path / "other.json", other), "--check", *X86, code=0)


def test_json(dockers: str, capsys: pytest.CaptureFixture[str]) -> None:
    """For programs, with numbers and effects."""
    found = json.loads(diff(capsys, dockers, "-f", "json", *X86))
    assert found["schema"] == "profile-smoke/profile-diff/v1"
    assert (found["first"]["for"], found["second"]["for"]) == ("docker", "kubernetes")
    assert found["second"]["dropped"] == ["archMap (1)", "includes (1)"]
    assert found["differences"][0] == {
        "effect": "opens",
        "abi": "x86_64",
        "syscalls": ["mount", "setns"],
        "numbers": [165, 308],
        "args": None,
        "first": "ERRNO(EPERM)",
        "second": "ALLOW",
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--for docker", "diff: name another profile, or a second --for"),
        ("--for oci --for oci", "diff: name another profile, or a second --for"),
        ("--for oci --for oci --for docker", "--for: two sides at most"),
        ("nonsuch", 'no profile "nonsuch"'),
    ],
)
def test_a_mistake_is_one_line(
    dockers: str, words: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Code 2."""
    assert main(["profile", "diff", dockers, *words.split()]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
