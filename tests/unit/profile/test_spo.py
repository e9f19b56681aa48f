"""The Security Profiles Operator's manifest, written and read back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import assume, given, settings
from tests.support.made_profiles import profiles
from tests.support.seccomp_oracle import compile_profile

from profile_smoke.errors import BadFileError, RuntimeRefusedError, UsageError
from profile_smoke.profile import compare
from profile_smoke.profile.bpf import Program
from profile_smoke.profile.difference import Effect, differences
from profile_smoke.profile.document import load
from profile_smoke.profile.evaluate import Evaluator
from profile_smoke.profile.model import Action, Arg, Op, Profile, Rule
from profile_smoke.profile.spo import read, to_spo
from profile_smoke.syscall import libseccomp, tables

SHIPPED = sorted((Path(__file__).parents[3] / "profiles" / "kubernetes").glob("*.json"))
LISTED = ("SCMP_ARCH_X86_64", "SCMP_ARCH_X86")
READ = Rule(("read", "cachestat"), Action.ALLOW)
ARCHES = ("x86_64", "x86", "x32")


def manifest(**spec: Any) -> str:
    return yaml.safe_dump(
        {
            "apiVersion": "security-profiles-operator.x-k8s.io/v1beta1",
            "kind": "SeccompProfile",
            "metadata": {"name": "mine"},
            "spec": {"defaultAction": "SCMP_ACT_ERRNO", **spec},
        }
    )


def there_and_back(profile: Profile) -> Profile:
    document, _ = to_spo(profile, name="mine", namespace=None, native="x86_64")
    return read(yaml.safe_dump(document), "mine.yaml", native="x86_64").document.profile


@settings(max_examples=60)
@given(profiles(plain=True))
def test_what_is_not_said_to_change_is_kept(profile: Profile) -> None:
    """Without a note the meaning is the same on every ABI."""
    try:
        before = Evaluator(profile, "x86_64")
        document, notes = to_spo(profile, name="mine", namespace=None, native="x86_64")
    except (RuntimeRefusedError, UsageError):
        assume(False)  # noqa: FBT003  hypothesis' own signature
    after = read(yaml.safe_dump(document), "mine.yaml", native="x86_64").document.profile
    found = differences(before, Evaluator(after, "x86_64"), ARCHES)
    assert notes or not found


def test_the_manifest() -> None:
    """As the operator's API has it."""
    document, notes = to_spo(
        Profile(Action.ERRNO, architectures=LISTED, rules=(READ,)),
        name="mine",
        namespace="team",
        native="x86_64",
    )
    assert notes == ()
    assert document == {
        "apiVersion": "security-profiles-operator.x-k8s.io/v1beta1",
        "kind": "SeccompProfile",
        "metadata": {"name": "mine", "namespace": "team"},
        "spec": {
            "defaultAction": "SCMP_ACT_ERRNO",
            "architectures": list(LISTED),
            "syscalls": [{"names": ["read", "cachestat"], "action": "SCMP_ACT_ALLOW"}],
        },
    }


def test_a_default_errno_is_said_call_by_call() -> None:
    """`clone3` must go on failing with ENOSYS, or libc does not fall back."""
    profile = Profile(Action.ERRNO, 38, LISTED, rules=(READ,))
    document, notes = to_spo(profile, name="mine", namespace=None, native="x86_64")
    assert "defaultErrnoRet" not in document["spec"]
    assert notes[0].startswith("defaultErrnoRet 38 cannot be said; ")
    after = Evaluator(there_and_back(profile), "x86_64")
    for abi in ("x86_64", "x86"):
        number = tables.number(abi, "clone3")
        assert number is not None
        assert after.decide(abi, number, (0,) * 6).errno == 38


@pytest.mark.parametrize(
    "rules",
    [
        (Rule(("socketcall",), Action.ERRNO, 1), Rule(("socket", "connect"), Action.ALLOW)),
        (Rule(("ioctl",), Action.ERRNO, 1), Rule(("ioctl",), Action.ALLOW, args=(Arg(1, 5, Op.EQ),))),
        (
            Rule(("ioctl",), Action.ERRNO, 38, args=(Arg(1, 5, Op.EQ),)),
            Rule(("ioctl",), Action.ALLOW, args=(Arg(1, 5, Op.EQ),)),
        ),
    ],
)
def test_rules_that_the_new_default_would_skip_still_keep_calls_out(rules: tuple[Rule, ...]) -> None:
    """Saying the default in another way opens nothing."""
    profile = Profile(Action.ERRNO, 38, LISTED, rules=(READ, *rules))
    found = differences(Evaluator(profile, "x86_64"), Evaluator(there_and_back(profile), "x86_64"), ARCHES)
    assert {each.effect for each in found} <= {Effect.CHANGES}


def test_more_than_six_conditions_become_several_rules() -> None:
    """On one argument they are alternatives anyway."""
    many = tuple(Arg(0, value, Op.EQ) for value in range(1, 9))
    profile = Profile(
        Action.ERRNO, architectures=LISTED, rules=(READ, Rule(("ioctl",), Action.ALLOW, args=many))
    )
    after = there_and_back(profile)
    assert max(len(rule.args) for rule in after.rules) <= 6
    assert differences(Evaluator(profile, "x86_64"), Evaluator(after, "x86_64"), ARCHES) == ()


def test_what_cannot_be_said_is_told() -> None:
    """An errno of 0, and architectures that the operator does not know."""
    rule = Rule(("chown",), Action.ERRNO, 0)
    profile = Profile(Action.ERRNO, architectures=(*LISTED, "SCMP_ARCH_LOONGARCH64"), rules=(READ, rule))
    document, notes = to_spo(profile, name="mine", namespace=None, native="x86_64")
    assert notes == (
        "architectures: SCMP_ARCH_LOONGARCH64 cannot be said; calls of these ABIs will be killed",
        "errnoRet 0 of chown cannot be said; it becomes EPERM",
    )
    assert document["spec"]["syscalls"][1] == {"names": ["chown"], "action": "SCMP_ACT_ERRNO"}


def test_a_number_that_kubernetes_cannot_store() -> None:
    """Its integers are signed."""
    rule = Rule(("ioctl",), Action.ALLOW, args=(Arg(1, 2**63, Op.EQ),))
    with pytest.raises(UsageError, match="ioctl: Kubernetes cannot store 9223372036854775808"):
        there_and_back(Profile(Action.ERRNO, rules=(rule,)))


@pytest.mark.parametrize("name", ["My-Profile", "a_b", "-a", "a" * 254, ""])
def test_names_that_kubernetes_refuses(name: str) -> None:
    """For the manifest and for its namespace."""
    profile = Profile(Action.ERRNO)
    with pytest.raises(UsageError, match="is no name in Kubernetes"):
        to_spo(profile, name=name, namespace=None, native="x86_64")
    with pytest.raises(UsageError, match="is no namespace in Kubernetes"):
        to_spo(profile, name="fine", namespace=name, native="x86_64")


def test_what_the_operator_drops_is_dropped_on_reading() -> None:
    """Zeros are empty to it: no value is 0, and an errno of 0 is none."""
    text = manifest(
        architectures=["SCMP_ARCH_NATIVE", "SCMP_ARCH_X86"],
        disabled=True,
        syscalls=[
            {"names": ["ioctl"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "op": "SCMP_CMP_EQ"}]},
            {"names": ["chown"], "action": "SCMP_ACT_ERRNO", "errnoRet": 0},
        ],
    )
    found = read(text, "mine.yaml", native="x86_64")
    assert found.name == "mine"
    assert found.document.profile == Profile(
        Action.ERRNO,
        architectures=LISTED,
        rules=(
            Rule(("ioctl",), Action.ALLOW, args=(Arg(0, 0, Op.EQ),)),
            Rule(("chown",), Action.ERRNO),
        ),
    )
    assert found.notes == (
        "spec.disabled: the operator does not put it on the nodes",
        "spec.architectures: SCMP_ARCH_NATIVE became SCMP_ARCH_X86_64; runc does not know it",
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "line 1, column 5: no YAML"),
        ("a: &x 1\nb: *x", "alias x: aliases are not read here"),
        ("kind: Pod", "kind: expected a SeccompProfile"),
        ("- 1", "kind: expected a SeccompProfile"),
        ("", "kind: expected a SeccompProfile"),
        ("kind: SeccompProfile\napiVersion: x/v1", "apiVersion: 'x/v1' is not read here"),
        (manifest().replace("v1beta1", "v1alpha1"), "apiVersion"),
        (manifest(baseProfileName="runc"), "spec.baseProfileName: builds on 'runc'"),
        (manifest(defaultAction="SCMP_ACT_NO"), "spec.defaultAction: unknown action"),
        (manifest(defaultErrnoRt=1), "spec.defaultErrnoRt: unknown key"),
        (manifest(syscalls=[{"names": ["read"], "action": "x"}]), "spec.syscalls[0].action: unknown action"),
        (manifest(syscalls=[1]), "spec.syscalls[0]: must be an object, not a number"),
        (manifest(syscalls=3), "spec.syscalls: must be a list"),
        (manifest(architectures=3), "spec.architectures: must be a list"),
        (manifest(listenerPath=float("nan")), "spec: no JSON can say it"),
        (manifest() + "---\n" + manifest(), "2 documents; give each SeccompProfile a file"),
        ("a: 2001-13-45", "month must be in 1..12"),
        ("[" * 2000 + "]" * 2000, "nested too deep"),
    ],
)
def test_what_is_no_manifest(text: str, message: str) -> None:
    """One line: which file, where, what."""
    with pytest.raises(BadFileError) as caught:
        read(text, "mine.yaml", native="x86_64")
    assert message in str(caught.value)
    assert str(caught.value).startswith("mine.yaml: ")
    assert "\n" not in str(caught.value)


def test_a_manifest_of_v1_is_read_too() -> None:
    """Its spec is the same."""
    text = manifest().replace("v1beta1", "v1")
    assert read(text, "x", native="x86_64").document.profile == replace(Profile(Action.ERRNO))


@pytest.mark.skipif(
    libseccomp.library() is None or tables.native() != "x86_64",
    reason="filters are compiled by libseccomp on x86_64",
)
@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_libseccomp_makes_of_a_converted_profile_what_we_say(path: Path) -> None:
    """With hundreds of rules for the default's errno: it takes them, and they open nothing."""
    before = load(path).profile
    after = there_and_back(before)
    evaluator = Evaluator(after, "x86_64", known=libseccomp.resolves)
    assert compare.differences([Program.parse(compile_profile(after))], evaluator, ARCHES) == ()
    found = differences(Evaluator(before, "x86_64"), evaluator, ARCHES)
    assert {each.effect for each in found} <= {Effect.CHANGES}
