"""Every lint rule has a page, and the page's examples are what the rule says of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from profile_smoke.profile.lint.interface import Finding, Reading, Rule, Severity
from profile_smoke.profile.lint.rules import BY_ID, RULES
from profile_smoke.profile.lint.run import fix, lint

PAGES = Path(__file__).parents[3] / "docs" / "rules"
_EXAMPLE = re.compile(r"^## (Bad|Good)\n\n```json\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FOR_KUBERNETES = {"docker-only-field"}


def page(rule: Rule) -> str:
    return (PAGES / f"{rule.id}.md").read_text("utf-8")


def examples(rule: Rule) -> dict[str, str]:
    return dict(_EXAMPLE.findall(page(rule)))


def found(rule: Rule, text: str) -> list[Finding]:
    """What all rules find on x86-64 with a libseccomp that knows all but `mseal`."""
    reading = Reading(
        (), "x86_64", (6, 18), plain=rule.id in FOR_KUBERNETES, known=lambda name: name != "mseal"
    )
    return list(lint(text, "example.json", reading, RULES))


def test_ids_are_words_and_each_is_there_once() -> None:
    """They are typed on command lines and are the names of files."""
    assert len(BY_ID) == len(RULES)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule.id) for rule in RULES)


def test_there_is_a_page_for_each_rule_and_no_other() -> None:
    """A rule that is gone takes its page with it."""
    assert {path.stem for path in PAGES.glob("*.md")} == {*BY_ID, "README"}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_the_page_says_what_the_rule_says(rule: Rule) -> None:
    """Its name, summary, severity and whether there is a fix; the list of rules has the same."""
    summary = f"{rule.summary[0].upper()}{rule.summary[1:]}"
    mended = "yes" if rule.fix else "no"
    assert page(rule).startswith(
        f"# {rule.id}\n\n{summary}.\n\n- severity: {rule.severity}\n- mended by `--fix`: {mended}\n\n"
    )
    row = f"| [{rule.id}]({rule.id}.md) | {rule.severity} | {'yes' if rule.fix else ''} | {rule.summary} |\n"
    assert row in (PAGES / "README.md").read_text("utf-8")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_the_bad_example_is_found_where_it_stands(rule: Rule) -> None:
    """With a line and a column inside of the text, and the path of a value that is there."""
    bad = examples(rule)["Bad"]
    mine = [finding for finding in found(rule, bad) if finding.rule is rule]
    assert mine
    for finding in mine:
        line = bad.splitlines()[finding.line - 1]
        assert 1 <= finding.column <= len(line)
        assert finding.message
        assert "\n" not in finding.message


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_the_good_example_is_fine(rule: Rule) -> None:
    """The rule finds nothing in it, and there is no error of any other rule: nobody is led into the next mistake."""
    others = found(rule, examples(rule)["Good"])
    assert [f for f in others if f.rule is rule or f.rule.severity is Severity.ERROR] == []


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.fix], ids=lambda rule: rule.id)
def test_the_fix_mends_the_bad_example(rule: Rule) -> None:
    """All of its findings there, and no error comes of it."""
    bad = examples(rule)["Bad"]
    assert all(finding.fixable for finding in found(rule, bad) if finding.rule is rule)
    after = found(rule, fix(bad, "example.json", [rule]))
    assert [f for f in after if f.rule is rule or f.rule.severity is Severity.ERROR] == []


@pytest.mark.parametrize("rule", [rule for rule in RULES if not rule.fix], ids=lambda rule: rule.id)
def test_what_has_no_fix_promises_none(rule: Rule) -> None:
    """A finding that is called fixable is one that `--fix` mends."""
    assert not any(finding.fixable for finding in found(rule, examples(rule)["Bad"]) if finding.rule is rule)
