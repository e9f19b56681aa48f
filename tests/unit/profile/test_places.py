"""Lines of a profile's file."""

from __future__ import annotations

import pytest

from profile_smoke.profile.document import parse
from profile_smoke.profile.places import lines

HEAD = '{\n "defaultAction": "SCMP_ACT_ERRNO"'
RULES = """,
 "syscalls": [
  {"names": ["read",
    "write"], "action": "SCMP_ACT_ALLOW"},
  {"name": "ptrace",
   "action": "SCMP_ACT_ERRNO"},
  {"names": ["write"], "action": "SCMP_ACT_LOG"}
 ]}"""


@pytest.mark.parametrize(
    ("text", "names", "found"),
    [
        (HEAD + RULES, {"read", "write", "ptrace", "openat"}, {"": 3, "read": 4, "write": 5, "ptrace": 6}),
        (HEAD + RULES, (), {"": 3}),
        (HEAD + "}", {"read"}, {"": 1}),
        ("\ufeff\r\n" + HEAD.replace("\n", "\r\n") + RULES, {"ptrace"}, {"": 4, "ptrace": 7}),
    ],
)
def test_a_call_stands_where_a_rule_first_names_it(text: str, names: set[str], found: dict[str, int]) -> None:
    """And a new rule goes where `syscalls` begins; what nothing names has no line."""
    assert lines(parse(text, "p.json"), names) == found
