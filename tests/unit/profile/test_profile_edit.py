"""Changing profiles: the rules take effect, nothing else changes, and the file keeps its formatting."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.support.made_profiles import NAMES, fixes, profiles, texts

from profile_smoke.errors import BadFileError, RuntimeRefusedError
from profile_smoke.profile.document import parse
from profile_smoke.profile.edit import add_rules, diff, write_fix
from profile_smoke.profile.evaluate import Evaluator
from profile_smoke.profile.model import Action, Arg, Conditions, Decision, Op, Profile, Rule
from profile_smoke.syscall import tables

if TYPE_CHECKING:
    from collections.abc import Sequence

calls = st.lists(st.integers(0, 3) | st.just(2**64 - 1), min_size=6, max_size=6)
ALLOW_OPENAT = Rule(("openat",), Action.ALLOW)
CLONE3 = Rule(("clone3",), Action.ERRNO, 38)
INET = Rule(("socket",), Action.ALLOW, args=(Arg(0, 2, Op.EQ),))


def holds(condition: Arg, value: int) -> bool:
    """libseccomp's comparison of one argument."""
    return {
        Op.NE: value != condition.value,
        Op.LT: value < condition.value,
        Op.LE: value <= condition.value,
        Op.EQ: value == condition.value,
        Op.GE: value >= condition.value,
        Op.GT: value > condition.value,
        Op.MASKED_EQ: value & condition.value == condition.value_two & condition.value,
    }[condition.op]


def matches(rule: Rule, call: Sequence[int]) -> bool:
    """Whether a rule is about a call: all conditions, or any where two are about one argument."""
    found = [holds(arg, call[arg.index]) for arg in rule.args]
    return any(found) if len({arg.index for arg in rule.args}) < len(found) else all(found)


def decide(evaluator: Evaluator, name: str, call: Sequence[int]) -> Decision:
    number = tables.number("x86_64", name)
    assert number is not None
    return evaluator.decide("x86_64", number, call)


def evaluator(profile: Profile) -> Evaluator:
    return Evaluator(replace(profile, architectures=()), "x86_64", enosys_boundary=False)


@settings(max_examples=300)
@given(profiles(plain=True), fixes(), calls)
def test_a_rule_takes_effect(profile: Profile, fix: Rule, call: Sequence[int]) -> None:
    """Every call that the rule is about ends as the rule says, as libseccomp sees the changed profile."""
    assume(matches(fix, call))
    try:
        after = evaluator(add_rules(profile, [fix]))
    except RuntimeRefusedError:
        with pytest.raises(RuntimeRefusedError):
            evaluator(profile)  # a profile that was refused for its other rules is none of ours to mend
        return
    expected = Decision(fix.action, fix.errno_ret or 1 if fix.action is Action.ERRNO else 0)
    for name in fix.names:
        assert decide(after, name, call) == expected


@given(profiles(plain=True), fixes(), calls)
def test_other_calls_are_left_alone(profile: Profile, fix: Rule, call: Sequence[int]) -> None:
    """What is done with a name that the rule does not hold stays as it was."""
    try:
        before = evaluator(profile)
    except RuntimeRefusedError:
        assume(False)  # noqa: FBT003
    after = evaluator(add_rules(profile, [fix]))
    for name in set(NAMES) - set(fix.names):
        assert decide(after, name, call) == decide(before, name, call)


@settings(max_examples=300)
@given(texts(plain=False), st.lists(fixes(), max_size=3))
def test_the_written_text_means_what_the_changed_profile_means(text: str, rules: list[Rule]) -> None:
    """In any formatting, for Docker's format too, several rules at once."""
    assert parse(write_fix(text, rules), "x").profile == add_rules(parse(text, "x").profile, rules)


@given(texts(plain=False), fixes())
def test_a_rule_in_effect_changes_nothing(text: str, rule: Rule) -> None:
    """Writing a rule a second time leaves every character in place."""
    once = write_fix(text, [rule])
    assert write_fix(once, [rule]) == once


@given(texts(plain=False), fixes())
def test_line_ends_and_byte_order_mark_stay(text: str, rule: Rule) -> None:
    """A file of CRLF lines gets no bare LF, and the other way round; beginning and end stay."""
    written = write_fix(text, [rule])
    assert written.startswith("\ufeff") == text.startswith("\ufeff")
    assert written.endswith("\n") == text.endswith("\n")
    if "\r\n" in text:
        assert not re.search(r"(?<!\r)\n", written)
    else:
        assert "\r" not in written


PRETTY = """{
  "defaultAction": "SCMP_ACT_ERRNO",
  "syscalls": [
    {
      "names": [
        "brk",
        "read"
      ],
      "action": "SCMP_ACT_ALLOW"
    }
  ]
}
"""


def test_a_name_joins_the_list_in_its_sorted_place() -> None:
    """One line more, where a person would have put it."""
    assert write_fix(PRETTY, [ALLOW_OPENAT]) == PRETTY.replace('"brk",\n', '"brk",\n        "openat",\n')
    assert write_fix(PRETTY, [Rule(("write",), Action.ALLOW)]) == PRETTY.replace(
        '"read"\n', '"read",\n        "write"\n'
    )
    assert write_fix(PRETTY, [Rule(("access",), Action.ALLOW)]) == PRETTY.replace(
        '"brk"', '"access",\n        "brk"'
    )


def test_a_name_goes_to_the_end_of_an_unsorted_list() -> None:
    """There is no better place."""
    text = (
        '{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["read","brk"],"action":"SCMP_ACT_ALLOW"}]}'
    )
    assert write_fix(text, [ALLOW_OPENAT]) == text.replace('"brk"', '"brk","openat"')


def test_a_new_rule_looks_like_its_neighbour() -> None:
    """Indentation, lists over lines or in line, and the order of keys."""
    pretty = PRETTY.replace(
        "    }\n  ]",
        '    },\n    {\n      "names": [\n        "clone3"\n      ],\n      "action": "SCMP_ACT_ERRNO",\n'
        '      "errnoRet": 38\n    }\n  ]',
    )
    assert write_fix(PRETTY, [CLONE3]) == pretty
    inline = (
        '{\n\t"defaultAction": "SCMP_ACT_ERRNO",\n\t"syscalls": [\n'
        '\t\t{ "action": "SCMP_ACT_ALLOW", "names": [ "brk" ] }%s\n\t]\n}'
    )
    new = ',\n\t\t{ "action": "SCMP_ACT_ERRNO", "names": [ "clone3" ], "errnoRet": 38 }'
    assert write_fix(inline % "", [CLONE3]) == inline % new


def test_a_new_conditional_rule_is_written_out() -> None:
    """Its conditions are indented like the rest."""
    written = write_fix(PRETTY, [INET])
    expected = """      "action": "SCMP_ACT_ALLOW",
      "args": [
        {
          "index": 0,
          "value": 2,
          "op": "SCMP_CMP_EQ"
        }
      ]
    }
  ]
}
"""
    assert written.startswith(PRETTY.removesuffix("    }\n  ]\n}\n"))
    assert written.endswith(expected)


def test_a_profile_without_rules_gets_some() -> None:
    """An empty list is filled, a missing one is made, on one line or several as the file is."""
    rule = '{"names":["openat"],"action":"SCMP_ACT_ALLOW"}'
    for text in ('{"defaultAction":"SCMP_ACT_ERRNO"}', '{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[]}'):
        assert write_fix(text, [ALLOW_OPENAT]) == f'{{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{rule}]}}'
    assert write_fix('{\n "defaultAction": "SCMP_ACT_ERRNO"\n}', [ALLOW_OPENAT]) == (
        '{\n "defaultAction": "SCMP_ACT_ERRNO",\n "syscalls": [\n  {\n   "names": [\n    "openat"\n   ],\n'
        '   "action": "SCMP_ACT_ALLOW"\n  }\n ]\n}'
    )


def test_an_old_single_name_becomes_a_list() -> None:
    """The old key holds one name only."""
    text = '{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"name": "brk", "action": "SCMP_ACT_ALLOW"}]}'
    assert write_fix(text, [ALLOW_OPENAT]) == text.replace('"name": "brk"', '"names": ["brk", "openat"]')


def test_a_name_leaves_the_rule_that_denies_it_and_the_rule_goes_when_empty() -> None:
    """The first unconditional rule wins, so the denial has to go."""
    deny = Rule(("openat", "mount"), Action.KILL)
    profile = Profile(Action.ERRNO, rules=(deny, Rule(("read",), Action.ALLOW)))
    assert add_rules(profile, [ALLOW_OPENAT]).rules == (
        Rule(("mount",), Action.KILL),
        Rule(("openat", "read"), Action.ALLOW),
    )
    both = [ALLOW_OPENAT, Rule(("mount",), Action.ALLOW)]
    assert add_rules(profile, both).rules == (Rule(("mount", "openat", "read"), Action.ALLOW),)


def test_a_rule_that_says_what_the_default_says_is_not_written() -> None:
    """Leaving the denying rule is enough, and a runtime would skip it."""
    profile = Profile(Action.ERRNO, 38, rules=(Rule(("clone3", "mount"), Action.ERRNO, 1),))
    assert add_rules(profile, [CLONE3]).rules == (Rule(("mount",), Action.ERRNO, 1),)


def test_conditional_rules_give_way_to_an_unconditional_one() -> None:
    """They would be dead beside it; the name comes to the list of what is allowed."""
    profile = Profile(Action.ERRNO, rules=(INET, Rule(("read",), Action.ALLOW)))
    assert add_rules(profile, [Rule(("socket",), Action.ALLOW)]).rules == (
        Rule(("read", "socket"), Action.ALLOW),
    )


def test_conditions_that_cannot_meet_stay_side_by_side() -> None:
    """Another family's rule is no obstacle; the same condition with another action is."""
    vsock = Rule(("socket",), Action.ERRNO, 97, (Arg(0, 40, Op.EQ),))
    profile = Profile(Action.ERRNO, rules=(vsock,))
    assert add_rules(profile, [INET]).rules == (vsock, INET)
    assert add_rules(profile, [replace(INET, args=vsock.args)]).rules == (replace(INET, args=vsock.args),)


def test_a_list_that_only_sometimes_holds_is_not_joined() -> None:
    """With `includes`, the name would be allowed for some containers only; nor is it taken out of there."""
    sometimes = Rule(("openat",), Action.ALLOW, includes=Conditions(caps=("CAP_SYS_ADMIN",)))
    profile = Profile(Action.ERRNO, rules=(sometimes,))
    assert add_rules(profile, [ALLOW_OPENAT]).rules == (sometimes, ALLOW_OPENAT)


def test_the_largest_list_is_joined() -> None:
    """A profile's main list, not a special one before it."""
    small, large = Rule(("brk",), Action.ALLOW), Rule(("mmap", "read"), Action.ALLOW)
    profile = Profile(Action.ERRNO, rules=(small, large))
    assert add_rules(profile, [ALLOW_OPENAT]).rules == (small, Rule(("mmap", "openat", "read"), Action.ALLOW))


def test_a_rule_that_holds_sometimes_is_no_fix() -> None:
    """Whether it takes effect could not be promised."""
    with pytest.raises(ValueError, match="no includes"):
        add_rules(Profile(Action.ERRNO), [replace(INET, excludes=Conditions(arches=("arm",)))])


def test_a_bad_text_is_refused() -> None:
    """Nothing is written into what is no profile."""
    with pytest.raises(BadFileError):
        write_fix("{}", [ALLOW_OPENAT])


def test_a_diff_can_be_read_and_applied() -> None:
    """Unified, with the mark for a missing last line end; nothing for equal texts."""
    assert diff("a\n", "a\n", "p.json") == ""
    assert diff('{\n"x\u2028": 1}', '{\n"x\u2028": 2}', "p.json") == (
        "--- a/p.json\n+++ b/p.json\n@@ -1,2 +1,2 @@\n {\n"
        '-"x\u2028": 1}\n\\ No newline at end of file\n+"x\u2028": 2}\n\\ No newline at end of file\n'
    )
