"""Each rule of the gate, on results made for it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.report.cells import cell, golden_report, run

from profile_smoke.gate.policy import ALWAYS, SWITCHED, USUAL, Policy
from profile_smoke.gate.rules import findings
from profile_smoke.model import (
    CellResult,
    DangerousCall,
    Drift,
    DriftCall,
    Expected,
    GateRule,
    ImageInfo,
    ProfileRef,
    ProfileScore,
    Risk,
    Standin,
    Tier,
    UnusedCalls,
    Verdict,
)
from profile_smoke.profile.purpose import DenyCheck

if TYPE_CHECKING:
    from profile_smoke.model import RunReport


def policy(*rules: GateRule, **more: Any) -> Policy:
    """One with these rules and nothing else."""
    plain = Policy(fail_on=rules, max_unused=None, min_score=None, waivers=(), deny=DenyCheck())
    return replace(plain, **more)


def told(report: RunReport, used: Policy) -> list[tuple[str, str, str | None]]:
    """Rule, profile, syscall of what is found."""
    return [(each.rule.value, each.profile, each.syscall) for each in findings(report, used)]


def dangerous(
    syscall: str, danger: str, *, permitted: bool = True, detail: str = "", abi: str = "x86_64"
) -> Any:
    return DangerousCall(syscall, detail, danger, abi, "SCMP_ACT_ALLOW", permitted)


BLOCKED = cell(Verdict.BLOCKED, blocking=("brk", "mmap"), reason="exited 1")
UNKNOWN = cell(Verdict.BLOCKED, reason="exited 1")


def test_a_rule_for_each_name() -> None:
    """Every rule is switched, has a limit, or is always in force; and the usual ones are switched."""
    with_limits = {GateRule.UNUSED, GateRule.SCORE}
    assert {*SWITCHED, *ALWAYS, *with_limits} == set(GateRule)
    assert set(USUAL) < set(SWITCHED)
    every = policy(*SWITCHED, max_unused=0, min_score=Tier.A)
    assert every.rules == tuple(GateRule)
    assert set(policy().rules) == set(ALWAYS)


def test_blocked_is_a_finding_for_each_call() -> None:
    """So that a waiver may name one of them; where none was proven it is one without a call."""
    used = policy(GateRule.BLOCKED)
    assert told(run(BLOCKED), used) == [("blocked", "web", "brk"), ("blocked", "web", "mmap")]
    assert told(run(UNKNOWN), used) == [("blocked", "web", None)]
    [finding] = findings(run(UNKNOWN), used)
    assert finding.text == "web/nginx@oci: blocked by an unknown call, though it should pass: exited 1"
    assert finding.cells == ("web/nginx@oci",)


@pytest.mark.parametrize(
    "fine",
    [
        cell(),
        cell(Verdict.BLOCKED, Expected.BLOCKED, blocking=("brk",)),
        cell(Verdict.BLOCKED, Expected.ANY, blocking=("brk",)),
        cell(Verdict.SKIPPED),
        cell(Verdict.ERROR, Expected.ANY),
        cell(Verdict.PASSED, Expected.ANY),
    ],
)
def test_what_is_as_expected_or_only_informs_is_no_finding(fine: CellResult) -> None:
    """Of no rule about verdicts."""
    assert told(run(fine), policy(GateRule.BLOCKED, GateRule.NOT_BLOCKED)) == []


def test_not_blocked() -> None:
    """A profile that should refuse and does not."""
    found = cell(Verdict.PASSED, Expected.BLOCKED)
    assert told(run(found), policy(GateRule.NOT_BLOCKED)) == [("not-blocked", "web", None)]
    assert told(run(found), policy(GateRule.BLOCKED)) == []


def test_error_is_always_in_force() -> None:
    """A gate that cannot tell does not let pass."""
    assert told(run(cell(Verdict.ERROR, reason="no image")), policy()) == [("error", "web", None)]


def test_what_a_rule_needs_and_was_not_measured_is_an_error() -> None:
    """Never silence: a stored result may come from a run that did not look."""
    asked = replace(cell(), dangerous_from="loaded", unused=(), score=ProfileScore(Tier.A, ()))
    asked = replace(asked, drift=Drift("b.json", ImageInfo("nginx", "sha256:00"), (), (), (), ()))
    every = policy(GateRule.DANGEROUS, GateRule.NEW_DENIAL, max_unused=9, min_score=Tier.E, compares=True)
    assert told(run(asked), every) == []
    for missing, words in (
        ({"dangerous_from": ""}, "dangerous calls"),
        ({"unused": None}, "--unused"),
        ({"score": None}, "not scored"),
        ({"drift": None}, "--baseline"),
    ):
        [finding] = findings(run(replace(asked, **missing)), every)
        assert finding.rule is GateRule.ERROR
        assert words in finding.text
    default = replace(cell(), profile=ProfileRef("runtime-default", None, None))
    assert told(run(default, cell(Verdict.SKIPPED), cell(Verdict.ERROR, Expected.ANY)), every) == []


def test_a_new_denial_is_a_finding_for_each_refused_call() -> None:
    """What is new and let through is none."""
    drift = Drift(
        "b.json",
        ImageInfo("nginx", "sha256:00"),
        (DriftCall("openat2", ("start",), "EPERM"), DriftCall("read", ("start",), None)),
        (),
        (),
        (),
    )
    used = policy(GateRule.NEW_DENIAL)
    assert told(run(cell(drift=drift)), used) == [("new-denial", "web", "openat2")]
    assert told(run(cell(expected=Expected.ANY, drift=drift), cell()), used) == []


def test_dangerous_is_a_finding_for_each_profile_target_and_call() -> None:
    """Of the classes that the profile's purpose forbids, whatever the cells; all of them are named."""
    rows = (
        dangerous("ptrace", "tracing"),
        dangerous("ptrace", "tracing", abi="x86"),
        dangerous("bpf", "bpf", permitted=False),
        dangerous("clone", "namespaces", detail="CLONE_NEWUSER"),
        dangerous("clone", "namespaces", detail="CLONE_NEWNS"),
    )
    one, two = (cell(dangerous=rows, dangerous_from="loaded", name="web") for _ in range(2))
    two = replace(two, id="web/redis@oci", scenario="redis", expected=Expected.ANY)
    used = policy(GateRule.DANGEROUS, deny=DenyCheck(deny=("tracing", "bpf", "namespaces")))
    found = findings(run(one, two), used)
    assert [(each.profile, each.syscall, each.cells) for each in found] == [
        ("web", "ptrace", ("web/nginx@oci", "web/redis@oci")),
        ("web", "clone", ("web/nginx@oci", "web/redis@oci")),
    ]
    assert "on x86_64, x86" in found[0].text
    assert "and 1 more ways of calling it" in found[1].text
    told_to_run = replace(one, forbidden=("clone(CLONE_NEWUSER) [namespaces] on x86_64: x",))
    assert told(run(told_to_run), policy(GateRule.DANGEROUS, deny=DenyCheck(permit=("tracing",)))) == [
        ("dangerous", "web", "clone")
    ]
    permit = policy(GateRule.DANGEROUS, deny=DenyCheck(permit=("tracing", "namespaces")))
    assert told(run(replace(told_to_run, id="x"), two), permit) == []


def test_dangerous_does_not_look_at_the_targets_own_default() -> None:
    """It is nobody's profile."""
    rows = (dangerous("ptrace", "tracing"),)
    found = cell(dangerous=rows, dangerous_from="loaded", name="web")
    found = replace(found, profile=ProfileRef("runtime-default", None, None))
    assert told(run(found), policy(GateRule.DANGEROUS, deny=DenyCheck(deny=("tracing",)))) == []


@pytest.mark.parametrize(("limit", "fails"), [(2, True), (3, False), (4, False), (0, True)])
def test_unused_fails_above_the_limit(limit: int, fails: bool) -> None:  # noqa: FBT001
    """Counted over all classes of one profile."""
    risks = (
        Risk("tracing", "x", dangerous=True, calls=("ptrace",)),
        Risk("file", "", dangerous=False, calls=("chmod", "mknod")),
    )
    report = replace(run(), unused=(UnusedCalls("web", ("web/nginx@oci",), (), risks),))
    found = findings(report, policy(max_unused=limit))
    assert bool(found) is fails
    if found:
        assert (found[0].rule, found[0].profile, found[0].cells) == (
            GateRule.UNUSED,
            "web",
            ("web/nginx@oci",),
        )
        assert "ptrace, chmod, mknod" in found[0].text


@pytest.mark.parametrize("limit", Tier)
@pytest.mark.parametrize("tier", Tier)
def test_score_fails_below_the_limit(tier: Tier, limit: Tier) -> None:
    """Once for a profile and target."""
    one = cell(score=ProfileScore(tier, ("because",)), dangerous_from="loaded")
    two = replace(one, id="web/redis@oci", scenario="redis")
    found = findings(run(one, two), policy(min_score=limit))
    assert len(found) == (list(Tier).index(tier) > list(Tier).index(limit))
    if found:
        assert found[0].cells == ("web/nginx@oci", "web/redis@oci")
        assert found[0].text.endswith("because")


def test_digest_is_a_finding_for_each_image() -> None:
    """An image that may be another one tomorrow; a stand-in is another one already. What only informs may be anything."""
    pinned = ImageInfo("nginx@sha256:" + "0" * 64, "sha256:00")
    plain = ImageInfo("nginx:1.27", "sha256:00")
    standin = replace(pinned, standin=Standin("nginx", "debian", {"nginx": "1.22"}))
    used = policy(GateRule.DIGEST)
    assert told(run(cell(image=pinned), cell(Verdict.SKIPPED, image=None)), used) == []
    assert told(run(cell(image=plain, expected=Expected.ANY)), used) == []
    one, two = cell(image=plain, name="web"), cell(image=plain, name="db")
    found = findings(run(one, two, cell(image=standin)), used)
    assert [(each.profile, each.cells) for each in found] == [
        ("", ("web/nginx@oci", "db/nginx@oci")),
        ("", ("web/nginx@oci",)),
    ]
    assert "nginx: nginx:1.27 is not pinned by digest" in found[0].text
    assert "a stand-in ran instead of nginx@sha256:" in found[1].text


def test_a_real_run_under_the_usual_rules() -> None:
    """Every cell that is blocked and should not be or that its baseline speaks against, and no other."""
    report = golden_report()
    found = findings(report, policy(*USUAL))
    expected = {
        each.id
        for each in report.cells
        if each.drifted or (each.verdict is Verdict.BLOCKED and each.expected is Expected.PASSED)
    }
    verdicts = (GateRule.BLOCKED, GateRule.NOT_BLOCKED, GateRule.NEW_DENIAL)
    assert {id_ for each in found if each.rule in verdicts for id_ in each.cells} == expected
    assert expected
