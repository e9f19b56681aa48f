"""Nothing that a container, an image, a path or a stored file says changes what a report is: in every format.

Each text of a real result is replaced by a hostile one, and by a harmless one. Read as its readers read it, both reports
must have the same structure, and neither may hold what a terminal or a CI runner obeys.
"""

from __future__ import annotations

import json as plain
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from functools import cache
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any, cast
from xml.etree import ElementTree as ET

import pytest
from markdown_it import MarkdownIt
from tests.unit.report.cells import golden_report

from profile_smoke.model import (
    Difference,
    DifferenceCause,
    Gate,
    GateFinding,
    GateRule,
    ProfileScore,
    RunReport,
    Tier,
    Verdict,
    Waiver,
)
from profile_smoke.report.interface import Format, render
from profile_smoke.report.text import Style

if TYPE_CHECKING:
    from collections.abc import Callable

PAYLOADS = [
    "\x1b[2J\x1b]0;title\x07\x9b31m\r\x08\x00\x7f",
    "\u202egpj.exe\u2066\u200b\ufeff",
    "::error file=a.json,line=1::pwned",
    "\n  ::set-output name=a::b\n::stop-commands::x\n",
    "words before ##[error]pwned ##[add-mask]e",
    "%0A::error::pwned%0D,title=x:y",
    '"><img src=x onerror=alert(1)></code></pre></summary></details></td></table><script>alert(1)</script>',
    "' onmouseover='alert(1)' {{7*7}} ${{ secrets.TOKEN }} </style></svg>",
    "]]> <!-- --> <![CDATA[ &amp; &#0; </testcase></system-out>",
    "`````\n# pwned\n~~~~\n```\n<b>x</b>\n",
    "[click](javascript:alert(1)) ![i](http://evil.example/x.png) <http://evil.example> www.evil.example",
    "| a | b |\n|---|---|\n\n***\n- x\n1. y\n> z\n    code",
    "**bold** _em_ ~~s~~ # @octocat #1 :tada: $$x^2$$ \\ \\| \\` [^1] `code`",
    'x" } 1\nevil_metric{a="b\\"} 1\n# HELP evil_metric\n',
    '\\n\\\\"\\',
    "\ud800\udcff\uffff",
]
LONG = ["a" * 3000, "x " * 2000 + "::error::pwned"]
_OBEYED = re.compile(r"^\s*::(?=[A-Za-z])", re.MULTILINE)
_KEPT = ("shard", "schema", "expires")
"""Fields that a stored result cannot have any text in, or whose reader refuses it."""
_MD = MarkdownIt("gfm-like", {"linkify": False})


def filled(value: Any, text: str) -> Any:
    """The value with this text in place of every text in it."""
    if is_dataclass(value) and not isinstance(value, type):
        members = {
            field.name: filled(getattr(value, field.name), text)
            for field in fields(value)
            if field.name not in _KEPT
        }
        return replace(value, **members)
    if isinstance(value, Mapping):
        # Keys of rules are words of the format; those of versions and phases come from outside.
        keys_are_words = "names" in value
        return {
            (key if keys_are_words else f"{text}{index}"): (item if key == "action" else filled(item, text))
            for index, (key, item) in enumerate(value.items())
        }
    if isinstance(value, tuple | list):
        return type(value)(filled(item, text) for item in value)
    if isinstance(value, str) and not isinstance(value, Enum):
        return text
    return value


@cache
def short_report() -> RunReport:
    """The cells of a real result that went wrong, with a few of everything."""
    report = golden_report()
    cells = tuple(
        replace(
            cell,
            dangerous=cell.dangerous[:2],
            denials=cell.denials[:3],
            log=cell.log[:3],
            launches=cell.launches[:3],
            score=ProfileScore(Tier.C, ("reason",)),
            manifest=({"kind": "Pod", "metadata": {"name": "pod"}},),
        )
        for cell in report.cells
        if cell.unexpected or cell.verdict is Verdict.ERROR
    )
    waiver = Waiver("p", "s", GateRule.DIGEST, "call", "reason", "2027-01-31", "file:1")
    found = (
        GateFinding(GateRule.DIGEST, "p", ("id",), "call", "text", waiver),
        GateFinding(GateRule.UNUSED, "p", ("id",), None, "text"),
    )
    gate = Gate((GateRule.UNUSED, GateRule.DIGEST), found)
    differences = (Difference("works", "fails", DifferenceCause.RUNTIME, ("call",), "text"),)
    return replace(report, cells=cells, failure="why", notes=("note",), gate=gate, differences=differences)


def report_of(text: str) -> RunReport:
    """That result with this for every text; ids differ, as they do in any result that is read."""
    found = cast("RunReport", filled(short_report(), text))
    cells = tuple(replace(cell, id=f"{text}{index}") for index, cell in enumerate(found.cells))
    return replace(found, cells=cells)


class _Tags(HTMLParser):
    """The tags of a page with the names of their attributes; scripts and styles with their text."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Any] = []
        self._raw = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, sorted(name for name, _ in attrs)))
        self._raw = tag if tag in ("script", "style") else ""

    def handle_endtag(self, tag: str) -> None:
        self.found.append((f"/{tag}", []))
        self._raw = ""

    def handle_data(self, data: str) -> None:
        if self._raw:
            self.found.append((data, []))

    def handle_comment(self, data: str) -> None:
        self.found.append((f"comment {data}", []))


def html_structure(text: str) -> Any:
    """The kinds of tags: how many lines a text takes is no matter."""
    tags = _Tags()
    tags.feed(text)
    return sorted({(name, *attributes) for name, attributes in tags.found})


def xml_structure(element: ET.Element) -> Any:
    return element.tag, sorted(element.keys()), [xml_structure(child) for child in element]


def json_structure(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: json_structure(item) for key, item in value.items()}
    return [json_structure(item) for item in value] if isinstance(value, list) else type(value).__name__


def markdown_structure(text: str) -> list[Any]:
    """The blocks, and what is not text in those that hold inline text; raw HTML without what it encloses."""
    found: list[Any] = []
    for token in _MD.parse(text):
        found.append(token.type)
        if token.type == "html_block":
            found.append(re.sub(r"(?<=<summary>)[^<>]*(?=</summary>)", "", token.content))
        inline = [child for child in token.children or () if child.type != "text_special"]
        found += [(child.type, child.content if child.type == "html_inline" else "") for child in inline]
    return _joined(found)


def _joined(found: list[Any]) -> list[Any]:
    """Runs of text count once: where one ends is the parser's affair."""
    return [
        each for index, each in enumerate(found) if each != ("text", "") or found[index - 1] != ("text", "")
    ]


def github_structure(text: str) -> list[Any]:
    """The commands of the log, as the runner parses them: name and names of properties."""
    found: list[Any] = []
    for line in text.split("\n"):
        if match := re.fullmatch(r"::([A-Za-z-]+)(?: ([^:]*))?::(.*)", line):
            properties = [pair.partition("=")[0] for pair in (match[2] or "").split(",") if pair]
            assert not re.search(r"[:\r]", match[2] or "")
            found.append((match[1], properties))
        else:
            assert not _OBEYED.match(line), line
    return found


def prometheus_structure(text: str) -> list[Any]:
    """The names of all series, by the grammar of the text format 0.0.4."""
    label = r'[a-z_]+="(?:[^"\\\n]|\\\\|\\"|\\n)*"'
    sample = re.compile(rf"([a-z_]+)(?:\{{({label}(?:,{label})*)\}})? [-+.e0-9]+")
    found: list[Any] = []
    for line in text.removesuffix("\n").split("\n"):
        if line.startswith("#"):
            assert re.fullmatch(r"# (HELP [a-z_]+ [^\\]+|TYPE [a-z_]+ (counter|gauge))", line), line
            found.append(line)
        else:
            match = sample.fullmatch(line)
            assert match, line
            found.append(
                (match[1], re.findall(r'([a-z_]+)="', re.sub(r'"(?:[^"\\]|\\.)*"', '""', match[2] or "")))
            )
    return found


STRUCTURES: dict[Format, Callable[[str], Any]] = {
    Format.TABLE: lambda _text: None,  # plain text has none beyond its lines
    Format.JSON: lambda _text: None,  # any text may be a key; that it is read as it was is shown elsewhere
    Format.SARIF: lambda text: json_structure(plain.loads(text)),
    Format.HTML: html_structure,
    Format.MARKDOWN: markdown_structure,
    Format.GITHUB: github_structure,
    Format.JUNIT: lambda text: xml_structure(ET.fromstring(text)),  # noqa: S314  our own
    Format.PROMETHEUS: prometheus_structure,
}


@cache
def harmless(form: Format) -> Any:
    return STRUCTURES[form](render(report_of("harmless"), form, Style()))


@pytest.mark.parametrize("form", Format)
@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda text: ascii(text[:20]))
def test_hostile_text_stays_text(form: Format, payload: str) -> None:
    """The structure is that of the same report with harmless text."""
    text = render(report_of(payload), form, Style())
    assert STRUCTURES[form](text) == harmless(form)


@pytest.mark.parametrize("form", Format)
@pytest.mark.parametrize("payload", [*PAYLOADS, *LONG], ids=lambda text: ascii(text[:20]))
def test_nothing_is_obeyed(form: Format, payload: str) -> None:
    """No control characters for a terminal, no commands for a CI runner but those that the format is made of."""
    text = render(report_of(payload), form, Style())
    assert not re.search(
        "[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b\ufeff\ud800-\udfff]", text
    )
    assert "##[" not in text
    if form is not Format.GITHUB:
        assert not _OBEYED.search(text)


def test_a_message_of_sarif_holds_no_links() -> None:
    """Viewers make links of what looks like one in plain text, too."""
    document = plain.loads(render(report_of("[click](https://evil.example)"), Format.SARIF, Style()))
    [run] = document["runs"]
    notices = run["invocations"][0]["toolExecutionNotifications"]
    texts = [each["message"]["text"] for each in (*run["results"], *notices)]
    assert any("\\[click](" in text for text in texts)
    assert not any(re.search(r"(?<!\\)\[[^\[\]]*\]\(", text) for text in texts)


def test_the_checks_would_notice() -> None:
    """Each structure changes when something gets through."""
    for form in set(Format) - {Format.TABLE, Format.JSON, Format.PROMETHEUS}:
        whole = render(report_of("harmless"), form, Style())
        bad = {
            Format.HTML: whole.replace("harmless", "<i onclick=x>x</i>", 1),
            Format.MARKDOWN: whole.replace("harmless", "**x**", 1),
            Format.GITHUB: whole + "::error::x\n",
            Format.JUNIT: whole.replace("<testcase", "<testcase extra='1'", 1),
        }.get(form, whole.replace("{", '{"extra": 1,', 1))
        assert STRUCTURES[form](bad) != STRUCTURES[form](whole), form
    whole = render(report_of("harmless"), Format.PROMETHEUS, Style())
    for bad in (whole.replace('profile="harmless"', 'profile="harm"less"', 1), whole + "evil 1 2 3\n"):
        with pytest.raises(AssertionError):
            prometheus_structure(bad)
