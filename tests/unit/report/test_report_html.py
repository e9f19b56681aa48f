"""The page: whole, escaped, bounded, and legible in both schemes, as far as its text tells."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections import Counter
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from itertools import pairwise, product
from pathlib import Path

import pytest
from tests.unit.report.cells import HOSTILE, cell, golden_report, run

from profile_smoke.model import (
    Answer,
    CellResult,
    DangerousCall,
    Denial,
    Difference,
    DifferenceCause,
    Effect,
    Evidence,
    Expected,
    FilterCheck,
    Fix,
    Gate,
    GateFinding,
    GateRule,
    ImageInfo,
    Launch,
    LaunchKind,
    Outcome,
    Process,
    ProfileRef,
    RunReport,
    Standin,
    TargetInfo,
    UnusedCalls,
    Verdict,
    Waiver,
)
from profile_smoke.report import html
from profile_smoke.report.html import glyphs, launches, page
from profile_smoke.report.html.markup import join, tag

RESOURCES = Path(page.__file__).parent
_ATTACKS = (
    HOSTILE,
    "</details></script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</noscript><iframe src=javascript:alert(1)>",
    "' onload='alert(1)",
    "<!--<script>",
    "]]><![CDATA[",
    "&lt;b&gt; &amp;amp;",
)
_VOID = {"br", "col", "input", "meta", "wbr"}


class Page(HTMLParser):
    """What is in a page. `elements` are names with their attributes, in order; `texts` the text in each kind of element."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == [], "every element is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, "elements are nested"

    def handle_data(self, data: str) -> None:
        self.texts.setdefault(self._open[-1] if self._open else "", []).append(data)

    def values(self, attribute: str) -> list[str]:
        return [value for _, found in self.elements if (value := found.get(attribute)) is not None]

    def all(self, name: str) -> list[dict[str, str | None]]:
        return [found for element, found in self.elements if element == name]


def denial(
    syscall: str = "write", effect: Effect = Effect.BLOCKING, first_ms: float = 5, text: str = ""
) -> Denial:
    process = Process(7, text or "app", text or "/bin/app")
    call = text or f"{syscall}(1)"
    return Denial(
        syscall, 1, "x86_64", (1,), call, "EPERM", "start", process, first_ms, 2, Evidence.NOTIFY, effect
    )


def launch(
    kind: LaunchKind = LaunchKind.ENFORCE, *, passed: bool = True, seconds: float = 1.0, text: str = ""
) -> Launch:
    outcome = Outcome.PASSED if passed else Outcome.FAILED
    return Launch(
        kind,
        None,
        outcome,
        seconds,
        None if passed else "start",
        text,
        answer=Answer.CONTINUE if kind is LaunchKind.OBSERVE else None,
        phases={"create": 0.0, "start": 100.0},
    )


def full(text: str, verdict: Verdict = Verdict.BLOCKED) -> CellResult:
    """A cell that has everything, with this text wherever one comes from outside."""
    return CellResult(
        id=f"{text}/s@t",
        profile=ProfileRef(text, text, text),
        scenario=text,
        target=TargetInfo(text, {text: text}),
        image=ImageInfo(text, text, Standin(text, text, {text: text})),
        expected=Expected.PASSED,
        verdict=verdict,
        phase=f"probe:{text}",
        reason=text,
        control=launch(LaunchKind.CONTROL, text=text),
        launches=(
            launch(passed=False, text=text),
            launch(LaunchKind.OBSERVE, text=text),
            replace(launch(text=text), allowed=(text,)),
            replace(launch(text=text), allowed=(text, "b", "c")),
        ),
        denials=(
            denial(text=text),
            denial("b", Effect.TOLERATED, text=text),
            denial("c", Effect.UNKNOWN, text=text),
        ),
        blocking=(text, "unseen"),
        fix=Fix(
            ({"names": [text], "action": "SCMP_ACT_ALLOW"},),
            verified=True,
            minimal=True,
            launches=3,
            diff="@@ -1 +1 @@\n" + "".join(f"{sign}{' '.join(text.split())}\n" for sign in "-+ "),
        ),
        filter=FilterCheck(2, 10, (text,), text),
        log=(text, text),
        notes=(text,),
        unused=(text,),
        dangerous=(DangerousCall(text, text, text, text, "SCMP_ACT_ALLOW", permitted=True),),
        dangerous_from="loaded",
        forbidden=(text,),
    )


def report(text: str, **more: object) -> RunReport:
    waiver = Waiver(text, text, None, None, text, "2027-01-31", text)
    return replace(
        run(*(full(text, verdict) for verdict in Verdict)),
        gate=Gate(
            (GateRule.BLOCKED,),
            (
                GateFinding(GateRule.BLOCKED, text, (text,), text, text),
                GateFinding(GateRule.ERROR, text, (text,), None, text, waiver),
            ),
        ),
        unused=(UnusedCalls(text, (text,), (text,), ()),),
        differences=(Difference(text, text, DifferenceCause.UNKNOWN, (text,), text),),
        **more,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("attack", _ATTACKS)
def test_what_containers_wrote_becomes_no_element(attack: str) -> None:
    """The elements and the names of their attributes are those of a harmless page; only texts and values differ."""
    harmless, attacked = Page(html.render(report("x"))), Page(html.render(report(attack)))
    assert [(name, list(found)) for name, found in attacked.elements] == [
        (name, list(found)) for name, found in harmless.elements
    ]
    assert "\x1b" not in html.render(report(attack))
    assert "\u202e" not in html.render(report(attack))


def test_there_is_no_raw_way_in() -> None:
    """Text is escaped in content and in attributes, whoever gives it."""
    assert tag("p", "<b>", title='"<') == '<p title="&quot;&lt;">&lt;b&gt;</p>'
    assert join("<", tag("b", "&")) == "&lt;<b>&amp;</b>"
    made = [
        path.name
        for path in RESOURCES.glob("*.py")
        if path.name != "markup.py" and re.search(r"\bMarkup\(", path.read_text("utf-8"))
    ]
    assert made == []


def test_the_page_loads_nothing_and_runs_only_its_own_script() -> None:
    """The policy forbids everything else, and knows style and script by their hashes."""
    found = Page(html.render(golden_report()))
    policy = next(each["content"] for each in found.all("meta") if each.get("http-equiv"))
    assert policy is not None
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for kind in ("style", "script"):
        [text] = found.texts[kind]
        digest = b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert not {"src", "style", "srcset", "action"} & {name for _, each in found.elements for name in each}
    assert all(value.startswith("#") for value in found.values("href"))
    assert not any(name.startswith("on") for _, each in found.elements for name in each)


def test_style_and_script_end_nowhere_early() -> None:
    """Inside their elements nothing is escaped; and they fetch nothing."""
    for name in ("page.css", "page.js"):
        text = (RESOURCES / name).read_text("utf-8")
        assert "</" not in text
        assert "url(" not in text
        assert "fetch" not in text
        assert "@import" not in text


def test_every_link_leads_somewhere() -> None:
    """Ids are there once, and every anchor and shape that is referred to exists."""
    found = Page(html.render(report("x")))
    ids = Counter(found.values("id"))
    assert [name for name, count in ids.items() if count > 1] == []
    assert {value.removeprefix("#") for value in found.values("href")} <= set(ids)
    assert set(found.values("aria-labelledby")) <= set(ids)


def test_headings_skip_no_level() -> None:
    """Who reads by headings finds one first, and each below its own."""
    levels = [
        int(name[1]) for name, _ in Page(html.render(report("x"))).elements if re.fullmatch("h[1-6]", name)
    ]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_each_cell_is_in_the_matrix_and_in_the_list() -> None:
    """Its mark says in words what its shape and colour say."""
    result = golden_report()
    found = Page(html.render(result))
    marks = [each for each in found.all("a") if (each.get("class") or "").startswith("tile")]
    assert {mark["aria-label"] for mark in marks} >= {
        f"{each.id}: {each.verdict}{', not as expected' if each.unexpected else '' if each.gates else ', only informs'}"
        for each in result.cells
    }
    assert Counter(found.texts["h4"]) == Counter(each.id for each in result.cells)
    assert {mark["href"] for mark in marks} == {f"#cell-{index}" for index in range(1, len(result.cells) + 1)}


def test_a_setting_has_a_column_of_its_own() -> None:
    """Two cells that differ in no_new_privs alone both have their mark."""
    plain = cell()
    other = replace(plain, id=f"{plain.id}+no-new-privs", no_new_privileges=True)
    found = Page(html.render(run(plain, other)))
    assert len([each for each in found.all("a") if (each.get("class") or "").startswith("tile")]) == 2
    assert "oci +no-new-privs" in found.texts["span"]


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (run(cell()), "1 deciding cell as expected"),
        (run(cell(), cell(name="b")), "All 2 deciding cells as expected"),
        (run(cell(Verdict.BLOCKED), cell(name="b")), "1 of 2 deciding cells is not as expected"),
        (run(cell(Verdict.ERROR)), "1 cell could not be judged"),
        (run(cell(Verdict.SKIPPED)), "Nothing was judged"),
        (run(cell(Verdict.BLOCKED, Expected.ANY)), "No cell decides: 1 cell for information"),
        (run(cell(Verdict.BLOCKED), interrupted=True), "Interrupted: this run is incomplete"),
        (run(), "Nothing was judged"),
        (replace(run(cell()), failure="no space left"), "Incomplete: the run failed"),
        (
            replace(
                run(cell()), gate=Gate((GateRule.DIGEST,), (GateFinding(GateRule.DIGEST, "", (), None, "x"),))
            ),
            "The gate has 1 finding",
        ),
    ],
)
def test_the_first_heading_says_what_came_out(result: RunReport, words: str) -> None:
    """And so does the title; a run that was interrupted never looks finished."""
    found = Page(html.render(result))
    assert found.texts["h1"] == [words]
    assert found.texts["title"] == [f"{words} · profile-smoke"]


def test_what_a_gate_found_leads_to_the_cells_that_show_it() -> None:
    """From the sentence itself where it is of one cell, else behind it; a cell that is not there is but named."""
    one, two = cell(name="one"), cell(name="two")
    found = (
        GateFinding(GateRule.BLOCKED, "one", (one.id,), "brk", f"{one.id}: blocked by brk"),
        GateFinding(GateRule.DIGEST, "", (one.id, two.id, "gone"), None, "nginx is not pinned"),
        GateFinding(GateRule.UNUSED, "two", (), None, "too many"),
    )
    text = html.render(replace(run(one, two), gate=Gate((GateRule.BLOCKED,), found)))
    links = [f'<a href="#cell-{number}">{each.id}</a>' for number, each in enumerate((one, two), 1)]
    assert f"<li><b>blocked</b>: {links[0]}: blocked by brk</li>" in text
    assert f"<li><b>digest</b>: nginx is not pinned ({links[0]}, {links[1]}, gone)</li>" in text
    assert "<li><b>unused</b>: too many</li>" in text


def test_what_came_out_differently_leads_to_both_cells() -> None:
    """A profile that works here and not there is told with its cause, beside the matrix."""
    here, there = cell(name="here"), cell(Verdict.BLOCKED, name="there")
    why = Difference(
        here.id, there.id, DifferenceCause.DOCKER_ONLY_FIELDS, ("listen",), "only Docker reads it"
    )
    result = replace(run(here, there), differences=(why,))
    found = Page(html.render(result))
    assert "The same profile, another outcome" in found.texts["h2"]
    links = [each["href"] for each in found.all("a") if "href" in each]
    assert links.count("#cell-1") == links.count("#cell-2") >= 2
    text = html.render(result)
    assert "does not work (listen), " in text
    assert " does: only Docker reads it" in text
    assert "another outcome" not in html.render(run(here, there))


def test_the_most_urgent_cells_come_first_and_open() -> None:
    """Three at most: more are a list to choose from."""

    def opened(count: int) -> list[bool]:
        cells = [cell(Verdict.BLOCKED, name=f"p{index}") for index in range(count)]
        found = Page(html.render(run(cell(), *cells)))
        return ["open" in each for each in found.all("details") if each.get("class") == "cell"]

    assert opened(2) == [True, True, False]
    assert opened(4) == [False] * 5


def test_of_hundreds_of_cells_only_the_lines_are_made_at_once() -> None:
    """What is in them is text to a browser that runs scripts, and there for one that does not."""
    cells = [cell(name=f"p{index}", log=("said",)) for index in range(101)]
    many, few = html.render(run(*cells)), html.render(run(*cells[:100]))
    assert many.count("<noscript>") == 101
    assert "<noscript>" not in few
    assert many.count(">said</pre>") == 101


def test_an_endless_result_makes_no_endless_page() -> None:
    """Logs, refusals and launches are bounded, and what is left out is counted."""
    cells = cell(
        Verdict.BLOCKED,
        phase="start",
        control=launch(LaunchKind.CONTROL),
        launches=(
            launch(LaunchKind.OBSERVE),
            *(
                replace(
                    launch(passed=False, text="x" * 10_000), allowed=tuple(f"c{i}" for i in range(number))
                )
                for number in range(500)
            ),
        ),
        denials=tuple(denial(f"call_{number}", text="y" * 100_000) for number in range(500)),
        blocking=("call_0",),
        log=("z" * 1_000_000,) * 20,
    )
    text = html.render(run(cells))
    assert len(text) < 400_000
    assert "460 more, in the JSON report" in text
    assert re.search(r"and \d+ more, in the JSON report", text)


def kinds_of_lines(text: str) -> list[tuple[str, str]]:
    """Kind and text of the lines of a fix."""
    return [
        (kind, unescape(line))
        for kind, line in re.findall(r'<span class="(added|removed|place|same)">([^<]*)</span>', text)
    ]


def test_a_fix_is_a_diff_with_context() -> None:
    """Word for word as it would change the file, each line of its kind."""
    diff = """--- a/web.json
+++ b/web.json
@@ -3,3 +3,4 @@
   "syscalls": [
-    "names": ["<read>"],
+    "names": ["<read>", "write"],
   ]
\\ No newline at end of file
"""
    fix = Fix(({"names": ["write"], "action": "SCMP_ACT_ALLOW"},), True, True, 3, diff)  # noqa: FBT003
    found = kinds_of_lines(html.render(run(cell(Verdict.BLOCKED, fix=fix))))
    assert "".join(f"{line}\n" for _, line in found) == diff
    assert [kind for kind, _ in found] == [
        "place", "place", "place", "same", "removed", "added", "same", "same",
    ]  # fmt: skip


@pytest.mark.parametrize("diff", ["", f"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-{'x' * 3000}\n+{'y' * 3000}\n"])
def test_a_fix_is_there_whole(diff: str) -> None:
    """It is to be copied: no name in it is cut, however many there are, and however long the file's lines are."""
    names = [f"a_long_name_of_a_call_{number}" for number in range(300)]
    fix = Fix(({"names": names, "action": "SCMP_ACT_ALLOW"},), True, False, 9, diff)  # noqa: FBT003
    found = kinds_of_lines(html.render(run(cell(Verdict.BLOCKED, fix=fix))))
    added = [line for kind, line in found if kind == "added"]
    assert all(f'"{name}"' in "\n".join(added) for name in names)
    assert all(line.startswith("+ ") for line in added)


def test_a_timed_out_launch_leaves_the_others_their_room() -> None:
    """A bar is at most three times as long as the longest that passed; a longer one is shown cut."""
    slow = cell(Verdict.BLOCKED, control=launch(seconds=2), launches=(launch(passed=False, seconds=60),))
    text = html.render(run(slow))
    assert 'href="#o-cut"' in text
    widths = [float(width) for width in re.findall(r'class="phase start"[^>]* width="([\d.]+)%"', text)]
    assert min(widths) > 25


def test_marks_are_numbered_as_the_calls_are() -> None:
    """The number beside a call is that of its mark; what was only found by relaunching has none."""
    unseen = replace(denial("c"), process=Process(0, "", ""), evidence=Evidence.RELAUNCH)
    shown = cell(
        Verdict.BLOCKED,
        control=launch(LaunchKind.CONTROL),
        launches=(launch(LaunchKind.OBSERVE),),
        denials=(unseen, denial("a"), denial("b", Effect.TOLERATED, 500)),
        blocking=("a", "c"),
    )
    assert launches.numbered(shown) == {1: 1, 2: 2}
    found = Page(html.render(run(shown)))
    assert sorted(text for text in found.texts["text"] if text in "12") == ["1", "1", "2", "2"]
    assert launches.numbered(replace(shown, launches=())) == {}


def test_verdicts_and_effects_have_shapes_of_their_own() -> None:
    """Nobody needs the colours."""
    drawn = [glyphs.verdict(verdict) for verdict in Verdict]
    assert len(set(drawn)) == len(drawn)
    found = Page(html.render(run(cell())))
    marks = {each["id"]: each["d"] for each in found.all("path") if each.get("id")}
    assert {f"e-{effect}" for effect in Effect} <= set(marks)
    assert len(set(marks.values())) == len(marks)


def _schemes() -> dict[str, dict[str, str]]:
    """The colours of the style sheet by name, in each scheme."""
    light, dark = re.findall(r":root \{(.*?)\}", (RESOURCES / "page.css").read_text("utf-8"), re.DOTALL)
    return {
        name: dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", text))
        for name, text in (("light", light), ("dark", dark))
    }


def _contrast(one: str, other: str) -> float:
    """WCAG 2.2's contrast ratio."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


_TEXT = [
    *product(("ink", "soft", "link", "passed", "blocked", "error", "skipped"), ("page", "card", "sunk")),
    *product(("on-phase",), ("create", "start", "probes", "stop")),
    *product(("on",), ("passed", "blocked", "error", "skipped")),
    ("added-ink", "added"),
]
_SHAPES = [
    *product(("edge", "focus"), ("page", "card")),
    *product(("create", "start", "probes"), ("on-phase",)),
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_suffices(scheme: str) -> None:
    """WCAG AA: 4.5 for text, 3 for what is not text but is to be seen."""
    colours = _schemes()[scheme]
    poor = {pair: _contrast(colours[pair[0]], colours[pair[1]]) for pair in _TEXT}
    assert {pair: ratio for pair, ratio in poor.items() if ratio < 4.5} == {}
    seen = {pair: _contrast(colours[pair[0]], colours[pair[1]]) for pair in _SHAPES}
    assert {pair: ratio for pair, ratio in seen.items() if ratio < 3} == {}


def test_both_schemes_name_the_same_colours() -> None:
    """And every colour that is used is one of them."""
    schemes = _schemes()
    assert schemes["light"].keys() == schemes["dark"].keys()
    rest = re.sub(r":root \{.*?\}", "", (RESOURCES / "page.css").read_text("utf-8"), flags=re.DOTALL)
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b", rest) == []
