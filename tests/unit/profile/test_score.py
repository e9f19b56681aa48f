"""The tiers, and what decides between them."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from profile_smoke.model import Tier
from profile_smoke.profile import seccompute
from profile_smoke.profile.evaluate import Evaluator
from profile_smoke.profile.model import Action, Arg, Op, Profile, Rule
from profile_smoke.profile.score import GRAVE, HANDS_OVER, LESSER, Score, classes, score
from profile_smoke.syscall import tables, ways

ARCHES = ("x86_64", "x86", "x32")
COMMON = tuple(
    sorted(name for name in tables.numbers("x86_64") if name.startswith(("get", "sched", "f", "p")))
)
PLAIN = tuple(name for name in COMMON if not any(name in each.calls for each in ways.CLASSES.values()))
MASKED = Rule(("clone",), Action.ALLOW, args=(Arg(0, 0x7E020000, Op.MASKED_EQ),))


def profile(*names: str, rules: tuple[Rule, ...] = (), default: Action = Action.ERRNO) -> Profile:
    allow = (Rule(names, Action.ALLOW),) if names else ()
    return Profile(default, architectures=("SCMP_ARCH_X86_64", "SCMP_ARCH_X86"), rules=(*allow, *rules))


REFERENCE = profile(*PLAIN, "ptrace", "chroot", rules=(MASKED,))


def scored(found: Profile, reference: Profile = REFERENCE) -> Score:
    return score(Evaluator(found, "x86_64"), Evaluator(reference, "x86_64"), ARCHES)


@pytest.mark.parametrize(
    ("found", "tier", "reason"),
    [
        (profile("read", rules=(MASKED,)), Tier.A, "nothing grave is open"),
        (profile("read", "chroot"), Tier.A, "nothing grave is open"),
        (profile(*PLAIN), Tier.B, "more than three quarters of the reference's"),
        (profile("read", "ptrace"), Tier.B, "grave, though the reference opens it too: tracing"),
        (profile("read", "bpf"), Tier.C, "opens what the reference keeps shut: bpf"),
        (profile("read", "vhangup"), Tier.C, "opens what the reference keeps shut: terminal"),
        (profile("read", "clone"), Tier.C, "opens what the reference keeps shut: namespaces"),
        (profile("read", "socketcall"), Tier.C, "opens what the reference keeps shut: sockets"),
        (profile("read", "bpf", "kexec_load"), Tier.D, "hands over the machine: kexec"),
        (profile(rules=(Rule(("bpf",), Action.ERRNO),), default=Action.ALLOW), Tier.E, "what no rule names"),
        (profile(default=Action.LOG), Tier.E, "what no rule names"),
    ],
)
def test_tiers(found: Profile, tier: Tier, reason: str) -> None:
    """Each is told with what put the profile there."""
    result = scored(found)
    assert result.tier is tier
    assert reason in "; ".join(result.reasons)


def test_the_reference_opening_the_same_class_elsewhere_is_no_excuse() -> None:
    """What counts is the call on its ABI: a way round through 32 bits is not what the reference has."""
    narrow = Profile(Action.ERRNO, architectures=("SCMP_ARCH_X86_64",), rules=REFERENCE.rules)
    found = scored(profile("read", "ptrace"), narrow)
    assert found.tier is Tier.C
    assert [(row.syscall, row.abi) for row in found.beyond] == [("ptrace", "x86")]


def test_calls_are_counted_once_and_those_with_conditions_told() -> None:
    """Of the machine's own ABI."""
    found = scored(profile("read", "write", rules=(MASKED,)))
    assert (found.calls.allowed, found.calls.conditional) == (3, 1)


def test_calls_of_one_class_share_their_abis() -> None:
    """The gravest class first."""
    found = scored(profile("mount", "umount2", "umount", "reboot"))
    assert classes(found.open) == {
        "reboot": ("reboot on x86_64, x86",),
        "mounts": ("mount, umount2 on x86_64, x86", "umount on x86"),
    }


def test_every_class_has_its_gravity() -> None:
    """A new class is put somewhere on purpose: by name, or as one of the lesser."""
    assert set(ways.CLASSES) >= GRAVE > HANDS_OVER
    assert {
        *("chroot", "host-identity", "terminal", "numa", "obsolete", "capabilities"),
    } == LESSER


@settings(max_examples=25)
@given(st.sets(st.sampled_from(COMMON), min_size=1), st.sets(st.sampled_from(COMMON)))
def test_allowing_more_is_never_a_better_tier(names: set[str], more: set[str]) -> None:
    """Tiers only fall as calls are added."""
    assert scored(profile(*sorted(names | more))).tier >= scored(profile(*sorted(names))).tier


def test_seccompute_is_left_out_where_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody needs it."""
    monkeypatch.setitem(sys.modules, "seccompute", None)
    assert seccompute.figure(REFERENCE) is None


def test_seccompute_is_asked_about_the_plain_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    """It gets the OCI document, and its answer is passed on."""
    asked: list[dict[str, object]] = []

    def score_profile(document: dict[str, object]) -> SimpleNamespace:
        asked.append(document)
        return SimpleNamespace(score=98, grade="A")

    fake = ModuleType("seccompute")
    fake.score_profile = score_profile  # type: ignore[attr-defined]  # a stand-in for a library
    monkeypatch.setitem(sys.modules, "seccompute", fake)
    monkeypatch.setattr("importlib.metadata.version", lambda name: f"{name} 3.0.6")
    assert seccompute.figure(profile("read")) == seccompute.Figure(98, "A", "seccompute 3.0.6")
    assert asked[0]["defaultAction"] == "SCMP_ACT_ERRNO"


def test_seccompute_itself() -> None:
    """Its figure falls as dangerous calls are opened."""
    pytest.importorskip("seccompute")
    tight, loose = seccompute.figure(profile("read")), seccompute.figure(profile("read", "bpf", "ptrace"))
    assert tight is not None
    assert loose is not None
    assert 0 <= loose.score < tight.score <= 100
    assert tight.version.split(".")[0].isdigit()
