"""`profile-smoke profile score`."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from profile_smoke.__main__ import main

if TYPE_CHECKING:
    from pathlib import Path

X86 = ("--arch", "x86_64", "--kernel", "6.1")


def scored(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["profile", "score", *words, *X86]) == 0
    return capsys.readouterr().out


@pytest.fixture(autouse=True)
def no_seccompute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "seccompute", None)


def put(path: Path, *names: str) -> str:
    document = {
        "defaultAction": "SCMP_ACT_ERRNO",
        "architectures": ["SCMP_ARCH_X86_64"],
        "syscalls": [{"names": list(names), "action": "SCMP_ACT_ALLOW"}],
    }
    path.write_text(json.dumps(document))
    return str(path)


def test_a_row_each_and_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Tier, calls, and what is open, with what the reference keeps shut marked."""
    lines = scored(capsys, put(tmp_path / "mine.json", "read", "bpf", "chroot")).splitlines()
    assert lines[0].split() == [
        "profile",
        "for",
        "tier",
        "calls",
        "of",
        "the",
        "reference's",
        "open",
        "beyond",
        "it",
    ]
    assert lines[2].split() == ["mine", "docker", "C", "3", "1%", "2", "1"]
    assert "mine for docker: tier C, opens what the reference keeps shut: bpf" in lines
    assert "  open  bpf (not in the reference): bpf on x86_64" in lines
    assert "  open  chroot: chroot on x86_64" in lines


def test_all_profiles_where_none_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """Those that come along pass their own bar: none of them hands the machine over."""
    found = json.loads(scored(capsys, "-f", "json"))["profiles"]
    tiers = {each["name"]: each["tier"] for each in found}
    assert {name for name, tier in tiers.items() if tier == "A"} >= {"database", "kube-proxy", "webapp"}
    assert set(tiers.values()) <= {"A", "B", "C"}


def test_the_reference_is_said_and_can_be_another(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a choice it is this program's own, which only resembles Docker's."""
    path = put(tmp_path / "mine.json", "read", "bpf")
    assert "reference: runtime-default (the default profile of target oci, modelled on Docker's)" in " ".join(
        scored(capsys, path).split()
    )
    found = json.loads(scored(capsys, path, "--against", path, "-f", "json"))
    assert found["reference"] == {"name": "mine", "path": path}
    assert found["profiles"][0]["tier"] == "B"
    assert found["profiles"][0]["open"] == [
        {"danger": "bpf", "syscall": "bpf", "detail": "", "abi": "x86_64", "beyond": False}
    ]
    assert found["profiles"][0]["seccompute"] is None


def test_seccomputes_figure_stands_beside_where_it_is_installed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its version, for its figures change with it."""
    monkeypatch.delitem(sys.modules, "seccompute")
    module = pytest.importorskip("seccompute")
    assert module is not None
    path = put(tmp_path / "mine.json", "read")
    assert "seccompute" in scored(capsys, path).splitlines()[0]
    figure = json.loads(scored(capsys, path, "-f", "json"))["profiles"][0]["seccompute"]
    assert set(figure) == {"score", "grade", "version"}


def test_the_same_again_is_the_same_text(capsys: pytest.CaptureFixture[str]) -> None:
    """So that it can be compared between commits."""
    assert scored(capsys) == scored(capsys)
