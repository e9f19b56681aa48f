"""What a reader that knows plain OCI only makes of Docker's format."""

from __future__ import annotations

import json

from hypothesis import given
from tests.support.made_profiles import profiles

from profile_smoke.profile.document import parse
from profile_smoke.profile.model import Action, Profile, Rule
from profile_smoke.profile.raw_oci import dropped_fields, plain_reading
from profile_smoke.profile.render import to_oci

DOCKERS = {
    "defaultAction": "SCMP_ACT_ERRNO",
    "defaultErrnoRet": 38,
    "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}],
    "syscalls": [
        {"names": ["read"], "action": "SCMP_ACT_ALLOW"},
        {"names": ["mount"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
        {"names": ["bpf"], "action": "SCMP_ACT_ALLOW", "excludes": {"minKernel": "4.8"}},
        {"name": "write", "names": [], "action": "SCMP_ACT_ALLOW"},
        {"name": "close", "action": "SCMP_ACT_ALLOW"},
    ],
}


def test_conditions_maps_and_single_names_vanish() -> None:
    """What was conditional is loaded for everybody, what has the old key for nobody, and only the native ABI is left."""
    found = plain_reading(parse(json.dumps(DOCKERS), "docker.json"))
    allowed = tuple(Rule((name,), Action.ALLOW) for name in ("read", "mount", "bpf"))
    assert found == Profile(Action.ERRNO, 38, rules=allowed)


def test_what_is_dropped_is_counted() -> None:
    """By its field, for a message."""
    found = dropped_fields(parse(json.dumps(DOCKERS), "docker.json"))
    assert found == ("archMap (1)", "includes (1)", "excludes (1)", "name (2)")


@given(profiles(plain=True))
def test_a_plain_profile_is_read_as_it_is(profile: Profile) -> None:
    """Nothing is dropped from what has nothing of Docker's."""
    document = parse(json.dumps(to_oci(profile)), "plain.json")
    assert plain_reading(document) == document.profile
    assert dropped_fields(document) == ()


def test_no_rules_at_all() -> None:
    """`syscalls` may be absent or null."""
    for text in (
        '{"defaultAction": "SCMP_ACT_ALLOW"}',
        '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": null}',
    ):
        assert plain_reading(parse(text, "x.json")) == Profile(Action.ALLOW)
