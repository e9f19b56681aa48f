"""Plain profiles as OCI documents."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from tests.support.made_profiles import profiles

from profile_smoke.profile.document import parse
from profile_smoke.profile.model import Action, ArchMapEntry, Arg, Conditions, Op, Profile, Rule
from profile_smoke.profile.render import to_docker, to_oci


@given(profiles(plain=True))
def test_a_rendered_profile_reads_back_the_same(profile: Profile) -> None:
    """Nothing is lost and nothing added."""
    assert parse(json.dumps(to_oci(profile)), "x").profile == profile


@given(profiles(plain=False))
def test_a_profile_in_dockers_format_reads_back_the_same(profile: Profile) -> None:
    """With its conditions, its map of architectures and its comments."""
    assert parse(json.dumps(to_docker(profile)), "x").profile == profile


def test_absent_and_empty_fields_are_left_out() -> None:
    """Only what was said is handed to the runtime; a zero stays."""
    profile = Profile(
        Action.ERRNO, 0, rules=(Rule(("read",), Action.ALLOW, args=(Arg(0, 0, Op.EQ),), comment="why"),)
    )
    assert to_oci(profile) == {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": 0,
        "syscalls": [
            {
                "names": ["read"],
                "action": "SCMP_ACT_ALLOW",
                "args": [{"index": 0, "value": 0, "op": "SCMP_CMP_EQ"}],
            }
        ],
    }
    assert to_oci(Profile(Action.ALLOW)) == {"defaultAction": "SCMP_ACT_ALLOW"}


@pytest.mark.parametrize(
    "profile",
    [
        Profile(Action.ERRNO, arch_map=(ArchMapEntry("SCMP_ARCH_X86_64", ()),)),
        Profile(Action.ERRNO, rules=(Rule(("read",), Action.ALLOW, includes=Conditions(caps=("CAP_BPF",))),)),
        Profile(Action.ERRNO, rules=(Rule(("read",), Action.ALLOW, excludes=Conditions(arches=("arm",))),)),
    ],
)
def test_what_only_docker_reads_is_not_rendered(profile: Profile) -> None:
    """A runtime would drop it without a word, and the profile would mean something else."""
    with pytest.raises(ValueError, match="resolve it first"):
        to_oci(profile)
