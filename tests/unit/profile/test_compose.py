"""Putting a recorded profile's text together with others."""

from __future__ import annotations

import errno
import json

from profile_smoke.profile.compose import compose, without
from profile_smoke.profile.document import Document, parse
from profile_smoke.profile.evaluate import Evaluator
from profile_smoke.profile.generalise import Use
from profile_smoke.profile.model import Action, Decision
from profile_smoke.syscall import tables


def decide(document: Document, name: str, *args: int) -> Decision:
    number = tables.number("x86_64", name)
    assert number is not None
    return Evaluator(document.profile, "x86_64").decide("x86_64", number, (*args, 0, 0, 0, 0, 0, 0)[:6])


def use(name: str, refused: int | None = None) -> Use:
    return Use(name, frozenset({"x86_64"}), refused)


BASE = """{
\t"defaultAction": "SCMP_ACT_ERRNO",
\t"architectures": ["SCMP_ARCH_X86_64"],
\t"syscalls": [ { "names": ["read", "ptrace"], "action": "SCMP_ACT_ALLOW" } ]
}
"""


def test_a_base_keeps_its_permissions_its_answers_and_its_layout() -> None:
    """Only what is missing is added, in the file's own formatting."""
    made = compose([use("openat")], base=parse(BASE, "base.json"), base_permits=("read", "ptrace"))
    assert made.document.text.startswith('{\n\t"defaultAction": "SCMP_ACT_ERRNO",\n\t"architectures"')
    assert decide(made.document, "ptrace").action is decide(made.document, "openat2").action is Action.ALLOW
    assert decide(made.document, "getppid").action is Action.ALLOW
    assert decide(made.document, "kill") == Decision(Action.ERRNO, errno.EPERM)


def test_a_base_goes_on_to_say_that_a_call_does_not_exist() -> None:
    """glibc gives up where clone3 is EPERM; where the base allows it, it stays allowed."""
    missing = compose([use("clone3", errno.ENOSYS)], base=parse(BASE, "b"), base_permits=("read", "ptrace"))
    assert decide(missing.document, "clone3") == Decision(Action.ERRNO, errno.ENOSYS)
    text = BASE.replace('"ptrace"', '"clone3"')
    there = compose([use("clone3", errno.ENOSYS)], base=parse(text, "b"), base_permits=("read", "clone3"))
    assert decide(there.document, "clone3").action is Action.ALLOW


def test_a_base_that_has_everything_is_returned_as_it_is() -> None:
    """Not a byte of it moves."""
    first = compose([use("openat")])
    again = compose([use("openat")], base=first.document, base_permits=("openat",))
    assert again.document.text == first.document.text


def test_merged_profiles_add_what_they_permit_and_not_what_they_refuse() -> None:
    """A union of permissions."""
    other = parse(
        '{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": ['
        '{"names": ["kill"], "action": "SCMP_ACT_ALLOW"}, {"names": ["read"], "action": "SCMP_ACT_KILL"}]}',
        "other",
    )
    made = compose([use("openat")], profiles=[other.profile])
    assert decide(made.document, "kill").action is decide(made.document, "read").action is Action.ALLOW
    assert decide(made.document, "tgkill").action is Action.ALLOW
    assert decide(made.document, "mount") == Decision(Action.ERRNO, errno.EPERM)


def test_the_text_is_a_profile_with_one_name_a_line() -> None:
    """A change of one call is a change of one line in a review."""
    made = compose([use("openat"), use("kill")])
    assert '\n        "kill",\n' in made.document.text
    assert json.loads(made.document.text)["defaultErrnoRet"] == errno.ENOSYS
    fewer = compose([use("openat")])
    gone = set(made.document.text.splitlines()) - set(fewer.document.text.splitlines())
    assert [line.strip() for line in gone] == ['"kill",']


def test_a_call_can_be_left_out() -> None:
    """With its conditional rules, and nothing else changes."""
    made = compose([use("openat"), use("fork")]).document
    assert decide(made, "clone", 0x11).action is Action.ALLOW
    assert decide(without(made.profile, "clone"), "clone", 0x11) == Decision(Action.ERRNO, errno.ENOSYS)
    assert decide(without(made.profile, "openat"), "openat2").action is Action.ALLOW
