"""`profile-smoke profile show`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from profile_smoke.__main__ import main

if TYPE_CHECKING:
    from pathlib import Path

DOCKERS: dict[str, Any] = {
    "defaultAction": "SCMP_ACT_ERRNO",
    "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}],
    "syscalls": [
        {"names": ["read", "openat2", "socketcall"], "action": "SCMP_ACT_ALLOW"},
        {"names": ["setns"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
        {"names": ["bpf"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "5.10"}},
        {
            "names": ["clone"],
            "action": "SCMP_ACT_ALLOW",
            "args": [{"index": 0, "value": 0x7E020000, "op": "SCMP_CMP_MASKED_EQ"}],
        },
    ],
}
X86 = ("--arch", "x86_64", "--kernel", "6.1")


@pytest.fixture
def dockers(tmp_path: Path) -> str:
    path = tmp_path / "dockers.json"
    path.write_text(json.dumps(DOCKERS))
    return str(path)


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    assert main(["profile", "show", *words]) == 0
    return capsys.readouterr().out.splitlines()


def test_a_call_on_every_abi(dockers: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With the conditions that its answer depends on."""
    assert shown(capsys, dockers, "clone", *X86) == [
        f"dockers for docker on x86_64 ({dockers})",
        "",
        "x86_64: clone (56): ALLOW when arg0 & 0x7e020000 == 0x0, else ERRNO(EPERM)",
        "x86: clone (120): ALLOW when arg0 & 0x7e020000 == 0x0, else ERRNO(EPERM)",
        "x32: clone (1073741880): KILL_THREAD",
    ]


def test_a_call_with_its_arguments(dockers: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Then there is one answer."""
    words = (dockers, "clone", "--args", "0x10000000", "--abi", "x86_64", *X86)
    assert shown(capsys, *words)[-1] == "x86_64: clone (56) with arguments 0x10000000: ERRNO(EPERM)"


def test_the_reader_makes_a_difference(dockers: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Kubernetes drops the conditions, which opens the call, and is said to."""
    assert shown(capsys, dockers, "setns", "--abi", "x86_64", *X86)[-1] == "x86_64: setns (308): ERRNO(EPERM)"
    assert shown(capsys, dockers, "setns", "--abi", "x86_64", "--for", "kubernetes", *X86) == [
        f"dockers for kubernetes on x86_64 ({dockers})",
        "kubernetes drops without a word: archMap (1), includes (2)",
        "",
        "x86_64: setns (308): ALLOW",
    ]


def test_capabilities_and_kernel_decide(dockers: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As Docker resolves them."""
    words = (dockers, "--abi", "x86_64", "--arch", "x86_64")
    with_caps = shown(capsys, *words, "setns", "--caps", "sys_admin", "--kernel", "6.1")
    assert with_caps[-1] == "x86_64: setns (308): ALLOW"
    assert shown(capsys, *words, "bpf", "--kernel", "5.9")[-1] == "x86_64: bpf (321): ERRNO(EPERM)"
    assert shown(capsys, *words, "bpf", "--kernel", "5.10")[-1] == "x86_64: bpf (321): ALLOW"


def test_the_whole_table(dockers: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Grouped by answer and by what calls are for; the other ABIs by what they do otherwise."""
    lines = shown(capsys, dockers, *X86)
    assert "  ALLOW: 3 calls" in lines
    assert "    file (2)             openat2 read" in lines
    assert any(line.startswith("  ERRNO(ENOSYS): calls without a name (") for line in lines)
    assert "x86: as x86_64, except" in lines
    assert "    network (1)          socketcall" in lines
    assert lines[-1] == "x32: every call KILL_THREAD"


def test_json_has_everything(dockers: str, capsys: pytest.CaptureFixture[str]) -> None:
    """For programs: with the conditions as numbers."""
    found = json.loads("\n".join(shown(capsys, dockers, "clone", "--abi", "x86_64", "-f", "json", *X86)))
    assert found == {
        "schema": "profile-smoke/profile-show/v1",
        "profile": {"name": "dockers", "path": dockers},
        "for": "docker",
        "arch": "x86_64",
        "dropped": [],
        "args": None,
        "calls": [
            {
                "abi": "x86_64",
                "syscall": "clone",
                "number": 56,
                "decision": "ERRNO(EPERM)",
                "exact": True,
                "when": [
                    {
                        "args": [
                            {"index": 0, "op": "SCMP_CMP_MASKED_EQ", "value": 0x7E020000, "value_two": 0}
                        ],
                        "decision": "ALLOW",
                    }
                ],
            }
        ],
    }


def test_a_number_is_that_of_each_abi(dockers: str, capsys: pytest.CaptureFixture[str]) -> None:
    """x32's calls have a bit of their own: without it a number is x86-64's call; with it, it is x32's alone."""
    assert shown(capsys, dockers, "0", *X86)[2:] == [
        "x86_64: read (0): ALLOW",
        "x86: restart_syscall (0): ERRNO(EPERM)",
        "x32: read (1073741824): KILL_THREAD",
    ]
    assert shown(capsys, dockers, "1073741824", *X86)[2:] == ["x32: read (1073741824): KILL_THREAD"]


def test_the_whole_table_as_json_names_every_call(dockers: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Once for each ABI."""
    calls = json.loads("\n".join(shown(capsys, dockers, "-f", "json", *X86)))["calls"]
    keys = [(call["abi"], call["number"]) for call in calls]
    assert len(keys) == len(set(keys)) > 1000
    assert {call["abi"] for call in calls} == {"x86_64", "x86", "x32"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("clon", "there is no syscall 'clon'; did you mean 'clone'?"),
        ("socketcall --abi x86_64", "there is no socketcall in x86_64"),
        ("1073741824 --abi x86", "1073741824 is the number of an x32 call, and x32 is not asked for"),
        ("--args 1", "--args: name the syscall that has these arguments"),
        ("clone --args 1,2,3,4,5,6,7", "--args: 7 arguments; a syscall has 6 at most"),
        ("clone --args 0x", "--args: '0x' is not a whole number of 64 bits"),
        ("clone --args 18446744073709551616", "is not a whole number of 64 bits"),
        ("clone --abi i386", "--abi: there is no 'i386'"),
        ("clone --for podman", "--for: there is no 'podman'; one of oci, docker, kubernetes"),
        ("clone --caps SYS_ADMN", "--caps: there is no capability 'SYS_ADMN'; did you mean 'CAP_SYS_ADMIN'?"),
        ("clone --arch x32", "--arch: there is no 'x32'"),
        ("clone --kernel 6", "--kernel: '6' is not like 5.10"),
    ],
)
def test_a_mistake_is_one_line(
    dockers: str, words: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Code 2, and what would be right."""
    assert main(["profile", "show", dockers, *words.split()]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_what_a_runtime_would_refuse(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Named by its file."""
    args = [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}]
    rules = [
        {"names": ["read"], "action": f"SCMP_ACT_{action}", "args": args} for action in ("ALLOW", "TRAP")
    ]
    path = tmp_path / "torn.json"
    path.write_text(json.dumps({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": rules}))
    assert main(["profile", "show", str(path)]) == 2
    assert capsys.readouterr().err.startswith(f"profile-smoke: {path}: the runtime would refuse")
