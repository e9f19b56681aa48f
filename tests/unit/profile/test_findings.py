"""Why a loaded filter does other than the profile's text says: each cause by the one thing that makes it."""

from __future__ import annotations

import json

import pytest
from tests.support.seccomp_oracle import compile_profile

from profile_smoke.model import Cause, FilterFinding
from profile_smoke.profile.bpf import Program
from profile_smoke.profile.document import parse
from profile_smoke.profile.findings import Reading, findings
from profile_smoke.profile.loaded import LoadedFilter
from profile_smoke.profile.model import Action, Arg, Decision, Op, Profile, Rule
from profile_smoke.profile.raw_oci import plain_reading
from profile_smoke.profile.resolve import resolve
from profile_smoke.profile.written import Written
from profile_smoke.syscall import libseccomp, tables

pytestmark = pytest.mark.skipif(
    libseccomp.library() is None or tables.native() != "x86_64",
    reason="filters are compiled by libseccomp on x86_64",
)
ARCHES = tables.runnable("x86_64")
LISTED = ("SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32")
ANCHOR = Rule(("getppid", "cachestat"), Action.ALLOW)


def profile(*rules: Rule, default: Action = Action.ERRNO, architectures: tuple[str, ...] = LISTED) -> Profile:
    return Profile(default, architectures=architectures, rules=(ANCHOR, *rules))


def loaded(*profiles: Profile) -> LoadedFilter:
    return LoadedFilter(tuple(Program.parse(compile_profile(each)) for each in profiles))


def found(filters: LoadedFilter, said: Profile, *, raw: Profile | None = None) -> tuple[FilterFinding, ...]:
    return findings(filters, Reading(said, raw, "x86_64", libseccomp.resolves), ARCHES)


def test_nothing_is_found_where_the_text_holds() -> None:
    """A profile's own filter, of names that the library knows."""
    said = profile(Rule(("execve", "clone"), Action.ALLOW), Rule(("mount",), Action.ERRNO, 13))
    assert found(loaded(said), said) == ()


def test_a_missing_filter() -> None:
    """One finding that opens everything."""
    (only,) = found(LoadedFilter(()), profile())
    assert only.cause is Cause.MISSING_FILTER
    assert only.opens


@pytest.mark.skipif(libseccomp.resolves("mseal"), reason="this libseccomp knows mseal")
def test_a_name_that_the_library_does_not_know() -> None:
    """Where it should be refused, it is open: the list of denied calls fails open."""
    said = profile(Rule(("mseal", "reboot"), Action.ERRNO), default=Action.ALLOW)
    each = found(loaded(said), said)
    assert {one.cause for one in each} == {Cause.UNKNOWN_NAME}
    assert all(one.opens and one.calls == ("mseal",) for one in each)
    assert {one.abi for one in each} == set(ARCHES)
    assert "the runtime's libseccomp does not know the name" in each[0].text


@pytest.mark.skipif(libseccomp.resolves("mseal"), reason="this libseccomp knows mseal")
def test_an_unknown_name_that_should_be_allowed_opens_nothing() -> None:
    """It is refused instead, which is told, but not as an opening."""
    said = profile(Rule(("mseal",), Action.ALLOW))
    each = found(loaded(said), said)
    assert any(one.cause is Cause.UNKNOWN_NAME and "mseal" in one.calls for one in each)
    assert not any(one.opens for one in each)


def test_a_name_that_the_library_does_not_know_on_one_abi() -> None:
    """libseccomp 2.5.4 knows `map_shadow_stack`, but not for x32; where it knows it there too, there is nothing to find."""
    # A higher one beside it, so that the boundary above which the answer is ENOSYS stays where it is.
    said = profile(Rule(("map_shadow_stack", "futex_requeue"), Action.ALLOW))
    each = found(loaded(said), said)
    assert [(one.cause, one.abi, one.calls, one.opens) for one in each] in (
        [],
        [(Cause.UNKNOWN_NAME, "x32", ("map_shadow_stack",), False)],
    )


def test_docker_only_fields_dropped() -> None:
    """Rules that are tied to a capability, loaded without their condition, are named with every call that opened."""
    document = parse(
        json.dumps(
            {
                "defaultAction": "SCMP_ACT_ERRNO",
                "architectures": list(LISTED),
                "syscalls": [
                    {"names": ["getppid", "cachestat"], "action": "SCMP_ACT_ALLOW"},
                    {
                        "names": ["bpf", "mount", "setns"],
                        "action": "SCMP_ACT_ALLOW",
                        "includes": {"caps": ["CAP_SYS_ADMIN"]},
                    },
                ],
            }
        ),
        "docker.json",
    )
    plain = resolve(document.profile, caps=(), arch="x86_64", kernel=(6, 1))
    raw = plain_reading(document)
    each = found(loaded(raw), plain, raw=raw)
    assert {one.cause for one in each} == {Cause.DOCKER_ONLY_FIELDS}
    assert all(one.opens for one in each)
    assert set(each[0].calls) == {"bpf", "mount", "setns"}


def test_a_missing_architecture_is_one_finding() -> None:
    """Not one for each call: all of that ABI are killed."""
    said = profile(Rule(("execve",), Action.ALLOW))
    each = found(loaded(profile(*said.rules[1:], architectures=LISTED[:1])), said)
    assert [(one.abi, one.cause) for one in each] == [
        ("x86", Cause.MISSING_ARCHITECTURE),
        ("x32", Cause.MISSING_ARCHITECTURE),
    ]
    assert set(each[0].calls) == {"getppid", "cachestat", "execve"}
    assert not each[0].opens


def test_an_architecture_that_came_in() -> None:
    """An ABI that the profile does not name is open."""
    said = profile(Rule(("execve",), Action.ALLOW), architectures=LISTED[:1])
    each = found(loaded(profile(*said.rules[1:], architectures=LISTED[:2])), said)
    opening = [one for one in each if one.opens]
    assert {(one.abi, one.cause) for one in opening} == {("x86", Cause.MISSING_ARCHITECTURE)}
    assert {name for one in opening for name in one.calls} == {"getppid", "cachestat", "execve"}


def test_the_order_of_rules() -> None:
    """A rule with conditions above one without: the text says the first, libseccomp keeps the second alone."""
    said = profile(
        Rule(("ioctl",), Action.ERRNO, 13, args=(Arg(0, 40, Op.EQ),)), Rule(("ioctl",), Action.ALLOW)
    )
    each = [one for one in found(loaded(said), said) if one.abi == "x86_64"]
    assert [(one.cause, one.opens, one.calls) for one in each] == [(Cause.RULE_ORDER, True, ("ioctl",))]
    assert "0x28" in each[0].text


def test_another_enosys_boundary() -> None:
    """Calls that are too new for the profile get another error than its runtime's boundary says: told, and no opening."""
    said = profile(Rule(("execve",), Action.ALLOW))
    higher = loaded(
        Profile(
            Action.ERRNO, architectures=LISTED, rules=(*said.rules, Rule(("fchmodat2",), Action.ERRNO, 2))
        )
    )
    each = found(higher, said)
    assert {one.cause for one in each} >= {Cause.ENOSYS_BOUNDARY}
    assert not any(one.opens for one in each)


def test_a_stacked_filter() -> None:
    """The workload restricted itself further: the stricter answer counts, and that is said."""
    said = profile(Rule(("execve", "dup"), Action.ALLOW))
    own = Profile(Action.ALLOW, architectures=LISTED, rules=(Rule(("dup",), Action.ERRNO, 13),))
    each = found(loaded(own, said), said)
    assert {(one.cause, one.calls, one.opens) for one in each} == {(Cause.STACKED_FILTER, ("dup",), False)}


def test_what_nothing_explains() -> None:
    """Another profile altogether is not explained away."""
    said = profile(Rule(("execve",), Action.ALLOW))
    each = found(loaded(profile(Rule(("execve", "bpf", "dup"), Action.ALLOW))), said)
    assert {one.cause for one in each} == {Cause.UNEXPLAINED}
    assert each[0].opens
    assert each[0].calls == ("bpf", "dup")  # what is dangerous is read first


def test_a_condition_that_the_profile_does_not_have_is_found() -> None:
    """The filter's own comparisons are tried, not the profile's alone."""
    said = profile(Rule(("ioctl",), Action.ALLOW))
    narrower = profile(Rule(("ioctl",), Action.ALLOW, args=(Arg(1, 0x5412, Op.NE),)))
    (each,) = (one for one in found(loaded(narrower), said) if one.abi == "x86_64")
    assert each.calls == ("ioctl",)
    assert "0x5412" in each.text


def test_the_text_is_read_from_the_top() -> None:
    """Where rules contradict each other, the first whose conditions hold counts; elsewhere the evaluator's reading."""
    said = profile(
        Rule(("ioctl",), Action.ERRNO, 13, args=(Arg(1, 5, Op.GT), Arg(0, 1, Op.EQ))),
        Rule(("ioctl",), Action.ALLOW, args=(Arg(1, 9, Op.LT),)),
        Rule(("dup",), Action.ALLOW),
    )
    written = Written(said, "x86_64")
    ioctl, dup = (tables.numbers("x86_64")[name] for name in ("ioctl", "dup"))
    assert written.decide("x86_64", ioctl, (1, 7, 0, 0, 0, 0)) == Decision(Action.ERRNO, 13)
    assert written.decide("x86_64", ioctl, (2, 7, 0, 0, 0, 0)) == Decision(Action.ALLOW)
    assert written.decide("x86_64", ioctl, (2, 9, 0, 0, 0, 0)) == Decision(Action.ERRNO, 1)
    assert written.decide("x86_64", dup, (0,) * 6) == Decision(Action.ALLOW)
    assert written.decide("arm", dup, (0,) * 6) == Decision(Action.KILL_THREAD)
