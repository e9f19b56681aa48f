"""What a cell says of its filter: from the loaded one where there is one, worked out once, checked where that was asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.seccomp_oracle import compile_profile

from profile_smoke.model import Cause, FilterCheck, FilterCost, Launch, LaunchKind, Outcome
from profile_smoke.profile.bpf import Program
from profile_smoke.profile.catalog import NamedProfile
from profile_smoke.profile.document import parse
from profile_smoke.profile.purpose import DenyCheck
from profile_smoke.run import review
from profile_smoke.run.order import Result
from profile_smoke.run.review import Review
from profile_smoke.syscall import libseccomp, tables
from profile_smoke.target.fake import FakeTarget, Life

if TYPE_CHECKING:
    from profile_smoke.profile.loaded import LoadedFilter

pytestmark = pytest.mark.skipif(
    libseccomp.library() is None or tables.native() != "x86_64",
    reason="filters are compiled by libseccomp on x86_64",
)
TARGET = FakeTarget(lambda _spec: Life(log="up\n"))
LAUNCH = Launch(LaunchKind.ENFORCE, "sha", Outcome.PASSED, 0.1)


def named(*allowed: str, name: str = "mine") -> NamedProfile:
    rule = {"names": ["cachestat", *allowed], "action": "SCMP_ACT_ALLOW"}
    text = {
        "defaultAction": "SCMP_ACT_ERRNO",
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
        "syscalls": [rule],
    }
    return NamedProfile(name, parse(json.dumps(text), "mine.json"), Path("mine.json"))


def result(*loaded: NamedProfile) -> Result:
    """A launch under the filters of these profiles, as they are read back; none: nothing could be read."""
    programs = tuple(
        Program.parse(compile_profile(each.document.profile)) for each in loaded if each.document
    )
    return Result(LAUNCH, (), FilterCheck(mode=2), programs)


@pytest.fixture(autouse=True)
def measured(monkeypatch: pytest.MonkeyPatch) -> list[LoadedFilter]:
    """The filters whose cost was measured."""
    found: list[LoadedFilter] = []

    def measure(loaded: LoadedFilter) -> FilterCost:
        found.append(loaded)
        return FilterCost("getppid", 100.0, 150.0)

    monkeypatch.setattr(review, "measure", measure)
    return found


def facts(profile: NamedProfile, found: Result, deny: DenyCheck | None = None) -> dict[str, object]:
    assert profile.document
    return Review(TARGET, deny).facts(profile, profile.document.profile, found)


def test_the_loaded_filter_is_what_counts() -> None:
    """Not the profile: what the runtime opened is in the table, is a finding, and is forbidden."""
    profile = named("read")
    said = facts(profile, result(named("read", "bpf")), DenyCheck())
    assert said["dangerous_from"] == "loaded"
    assert said["forbidden"] == ("bpf [bpf] on x86_64, x86: loads programs into the kernel",)
    check = said["filter"]
    assert isinstance(check, FilterCheck)
    assert check.cost == FilterCost("getppid", 100.0, 150.0)
    assert {(each.cause, each.opens, each.calls) for each in check.findings} == {
        (Cause.UNEXPLAINED, True, ("bpf",))
    }
    assert any("bpf" in line for line in check.differences)


def test_where_nothing_was_read_the_profile_is_asked_and_that_is_said() -> None:
    """The table is there all the same; of the filter only its mode is known."""
    said = facts(named("bpf"), result(), DenyCheck())
    assert said["dangerous_from"] == "profile"
    assert said["forbidden"]
    assert said["filter"] == FilterCheck(mode=2)


def test_a_purpose_is_checked_only_where_that_was_asked() -> None:
    """And by the profile's own name: `database` must not trace, a profile of one's own may."""
    assert facts(named("bpf"), result())["forbidden"] == ()
    assert facts(named("ptrace"), result(), DenyCheck())["forbidden"] == ()
    assert facts(named("ptrace"), result(), DenyCheck(deny=("tracing",)))["forbidden"]
    assert facts(named("ptrace", name="database"), result(), DenyCheck())["forbidden"]


def test_the_targets_own_default_has_a_table_and_no_purpose() -> None:
    """There is no text to compare it with."""
    default = NamedProfile("runtime-default", None, None)
    said = Review(TARGET, DenyCheck()).facts(default, None, result(named("bpf")))
    assert said["forbidden"] == ()
    assert said["dangerous_from"] == "loaded"
    check = said["filter"]
    assert isinstance(check, FilterCheck)
    assert check.findings == ()
    assert check.cost
    assert Review(TARGET, None).facts(default, None, result())["dangerous"] == ()


def test_a_filter_is_looked_at_once(measured: list[LoadedFilter]) -> None:
    """Cells with the same filter share the work: measuring takes time."""
    profile, other = named("read"), named("read", "write")
    found = Review(TARGET, None)
    for each in (profile, profile, other):
        assert each.document
        found.facts(each, each.document.profile, result(each))
    assert len(measured) == 2
