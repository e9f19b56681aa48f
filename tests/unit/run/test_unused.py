"""What profiles allow and nothing used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from profile_smoke.model import CellResult, Expected, ProfileRef, TargetInfo, Verdict
from profile_smoke.profile.model import Action, Arg, Op, Profile, Rule
from profile_smoke.run.unused import allowed_names, unused_by_profile
from profile_smoke.syscall import tables

if TYPE_CHECKING:
    import pytest


def cell(profile: str, scenario: str, unused: tuple[str, ...] | None, expected: Expected) -> CellResult:
    return CellResult(
        id=f"{profile}/{scenario}@oci",
        profile=ProfileRef(profile, None, None),
        scenario=scenario,
        target=TargetInfo("oci", {}),
        image=None,
        expected=expected,
        verdict=Verdict.PASSED,
        unused=unused,
    )


def test_only_what_no_cell_of_a_profile_used_is_unused() -> None:
    """The profile is one for all that it is meant for; cells that only inform do not count."""
    [found] = unused_by_profile(
        [
            cell("a", "one", ("kill", "mbind", "ptrace"), Expected.PASSED),
            cell("a", "two", ("chmod", "mbind", "ptrace"), Expected.PASSED),
            cell("a", "three", ("mbind",), Expected.ANY),
            cell("b", "one", None, Expected.PASSED),
        ]
    )
    assert (found.profile, found.cells, found.not_measured) == ("a", ("a/one@oci", "a/two@oci"), ())
    assert [(risk.name, risk.dangerous, risk.calls) for risk in found.risks] == [
        ("tracing", True, ("ptrace",)),
        ("numa", True, ("mbind",)),
    ]
    assert all(risk.reason for risk in found.risks)


def test_a_cell_that_was_not_measured_is_named() -> None:
    """It may need what the others did not use."""
    [found] = unused_by_profile(
        [cell("a", "one", ("kill",), Expected.PASSED), cell("a", "two", None, Expected.PASSED)]
    )
    assert found.not_measured == ("a/two@oci",)
    assert [(risk.name, risk.dangerous) for risk in found.risks] == [("signal", False)]


def test_every_call_is_in_exactly_one_class_or_group() -> None:
    """Nothing is listed twice, nothing is lost."""
    names = tuple(sorted(tables.all_names()))
    [found] = unused_by_profile([cell("a", "one", names, Expected.PASSED)])
    listed = [name for risk in found.risks for name in risk.calls]
    assert sorted(listed) == list(names)


def test_names_of_other_abis_are_not_unused(monkeypatch: pytest.MonkeyPatch) -> None:
    """No workload of this machine could use them; those with conditions count."""
    monkeypatch.setattr(tables, "native", lambda: "x86_64")
    condition = (Arg(0, 1, Op.EQ),)
    plain = Profile(
        Action.ERRNO,
        rules=(
            Rule(("read", "stat64"), Action.ALLOW),
            Rule(("socket",), Action.ALLOW, args=condition),
            Rule(("ptrace",), Action.ERRNO),
        ),
    )
    assert allowed_names(plain) == {"read", "socket"}
    opposite = Profile(
        Action.ALLOW, rules=(Rule(("ptrace",), Action.ERRNO), Rule(("kill",), Action.ERRNO, args=condition))
    )
    assert allowed_names(opposite) == set(tables.numbers("x86_64")) - {"ptrace"}
