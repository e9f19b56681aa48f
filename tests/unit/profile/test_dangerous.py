"""The table of dangerous calls, what a purpose forbids, and the classes themselves."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.seccomp_oracle import compile_profile

from profile_smoke.model import DangerousCall
from profile_smoke.profile import document
from profile_smoke.profile.bpf import Program
from profile_smoke.profile.dangerous import SOME, UPPER, Meaning, dangerous
from profile_smoke.profile.evaluate import Evaluator
from profile_smoke.profile.loaded import LoadedFilter
from profile_smoke.profile.model import Action, Arg, Op, Profile, Rule
from profile_smoke.profile.purpose import DenyCheck, violations
from profile_smoke.syscall import danger, libseccomp, tables, ways

needs_libseccomp = pytest.mark.skipif(
    libseccomp.library() is None or tables.native() != "x86_64",
    reason="filters are compiled by libseccomp on x86_64",
)
ARCHES = tables.runnable("x86_64")
LISTED = ("SCMP_ARCH_X86_64", "SCMP_ARCH_X86")
FOLDER = Path(__file__).parents[3] / "profiles" / "kubernetes"
SHIPPED = {"webapp", "database", "system", "kube-proxy", "kubelet"}


def profile(*rules: Rule, default: Action = Action.ERRNO) -> Profile:
    # A high number, so that the runtime's ENOSYS boundary lies above the calls that are asked about.
    anchor = Rule(("getppid", "cachestat"), Action.KILL_THREAD)
    return Profile(default, architectures=LISTED, rules=(anchor, *rules))


def permitted(found: Profile) -> set[tuple[str, str, str]]:
    """Call, detail and ABI, as the loaded program says; what the profile means must say the same."""
    evaluator = Evaluator(found, "x86_64", known=libseccomp.resolves)
    meant = dangerous(Meaning(evaluator), ARCHES)
    rows = dangerous(LoadedFilter((Program.parse(compile_profile(found)),)), ARCHES)
    assert rows == meant
    return {(row.syscall, row.detail, row.abi) for row in rows if row.permitted}


@needs_libseccomp
def test_every_way_of_every_abi_has_a_row() -> None:
    """Refused and killed ones too, in the order of the classes, each with its action."""
    rows = dangerous(LoadedFilter((Program.parse(compile_profile(profile())),)), ARCHES)
    assert len(rows) == sum(len(ways.ways(arch)) for arch in ARCHES) > 250
    assert {row.danger for row in rows} == set(ways.CLASSES)
    assert {row.action for row in rows if row.abi == "x32"} == {"SCMP_ACT_KILL_THREAD"}
    assert {row.action for row in rows if row.abi == "x86"} == {"SCMP_ACT_ERRNO"}


@needs_libseccomp
def test_a_way_round_by_another_abi_is_found() -> None:
    """Refused by its name for 64-bit programs, `umount` is open to 32-bit ones."""
    assert permitted(profile(Rule(("umount", "quotactl"), Action.ALLOW))) == {
        ("umount", "", "x86"),
        ("quotactl", "", "x86_64"),
        ("quotactl", "", "x86"),
    }


@needs_libseccomp
def test_socketcall_is_a_way_to_any_family() -> None:
    """A rule that allows `socket` for AF_UNIX opens 32-bit `socketcall` too, where no filter sees the family."""
    unix = Rule(("socket",), Action.ALLOW, args=(Arg(0, 1, Op.EQ),))
    assert permitted(profile(unix)) == {("socketcall", "SYS_SOCKET, any family", "x86")}


@needs_libseccomp
def test_clone_is_judged_by_its_flags() -> None:
    """Without a namespace's flag it is not dangerous; a rule that forgets one of them is found."""
    plain = Rule(("clone",), Action.ALLOW, args=(Arg(0, 0x7E020000, Op.MASKED_EQ),))
    assert permitted(profile(plain)) == set()
    forgetful = Rule(("clone",), Action.ALLOW, args=(Arg(0, 0x6E020000, Op.MASKED_EQ),))
    assert permitted(profile(forgetful)) == {
        ("clone", "CLONE_NEWUSER", "x86_64"),
        ("clone", "CLONE_NEWUSER", "x86"),
    }


@needs_libseccomp
def test_the_upper_half_of_a_register_is_a_way_round() -> None:
    """All families but AF_VSOCK and AF_ALG: the kernel does not see the half in which the filter's comparison fails."""
    but = tuple(Rule(("socket",), Action.ERRNO, 1, args=(Arg(0, family, Op.EQ),)) for family in (38, 40))
    found = permitted(profile(*but, default=Action.ALLOW))
    assert ("socket", f"AF_VSOCK, {UPPER}", "x86_64") in found
    assert ("socket", f"AF_ALG, {UPPER}", "x86_64") in found
    assert not any(name == "socket" and abi == "x86" for name, _, abi in found)


@needs_libseccomp
def test_a_call_open_with_some_arguments_says_so() -> None:
    """The condition does not make it harmless."""
    trace = Rule(("ptrace",), Action.ALLOW, args=(Arg(0, 0, Op.EQ),))
    assert ("ptrace", SOME, "x86_64") in permitted(profile(trace))


def test_classes_are_named_once_and_have_a_source() -> None:
    """Those of `danger` first, each with a reason that can be shown."""
    assert list(ways.CLASSES)[: len(danger.CLASSES)] == [each.name for each in danger.CLASSES]
    assert all(each.reason and each.source and each.calls for each in ways.CLASSES.values())
    for arch in tables.ARCHES:
        assert len(set(ways.ways(arch))) == len(ways.ways(arch))


@pytest.mark.parametrize("native", ["x86_64", "aarch64"])
@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_the_shipped_profiles_permit_nothing_that_their_purpose_forbids(path: Path, native: str) -> None:
    """On every ABI, whatever their text is resolved for."""
    from profile_smoke.profile.catalog import short_name

    name = short_name(path)
    assert name in SHIPPED
    assert len(DenyCheck().forbids(name)) > 10
    rows = dangerous(Meaning(Evaluator(document.load(path).profile, native)), tables.runnable(native))
    assert violations(rows, DenyCheck().forbids(name)) == ()


def test_purposes_name_classes_that_exist() -> None:
    """A class with a typing mistake would forbid nothing."""
    for name in (*SHIPPED, "mine"):
        assert DenyCheck().forbids(name) <= set(ways.CLASSES)


def test_other_profiles_are_held_to_what_none_may() -> None:
    """And to what the user adds, without what the user takes away."""
    assert DenyCheck().forbids("mine") == {"modules", "kexec", "reboot", "bpf", "perf"}
    check = DenyCheck(deny=("tracing", "chroot"), permit=("chroot", "bpf"))
    assert check.forbids("mine") == {"modules", "kexec", "reboot", "perf", "tracing"}


def test_a_violation_is_one_line_for_all_its_abis() -> None:
    """Call, class, ABIs and what it opens; what is refused or not forbidden is left out."""
    rows = [
        DangerousCall("bpf", "", "bpf", "x86_64", "SCMP_ACT_ALLOW", permitted=True),
        DangerousCall("bpf", "", "bpf", "x86", "SCMP_ACT_ALLOW", permitted=True),
        DangerousCall("clone", "CLONE_NEWUSER", "namespaces", "x86", "SCMP_ACT_LOG", permitted=True),
        DangerousCall("reboot", "", "reboot", "x86", "SCMP_ACT_ERRNO", permitted=False),
        DangerousCall("chroot", "", "chroot", "x86", "SCMP_ACT_ALLOW", permitted=True),
    ]
    bpf, clone = violations(rows, {"bpf", "namespaces", "reboot"})
    assert bpf == "bpf [bpf] on x86_64, x86: loads programs into the kernel"
    assert clone.startswith("clone(CLONE_NEWUSER) [namespaces] on x86: ")
