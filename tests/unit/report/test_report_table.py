"""The report for people: the table, the stories, and how they look."""

from __future__ import annotations

import io
import json as plain
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.unit.report.cells import HOSTILE, cell, golden_report, run

from profile_smoke.model import (
    Denial,
    Drift,
    DriftCall,
    Effect,
    Evidence,
    Expected,
    FilterCheck,
    Fix,
    ImageInfo,
    Launch,
    LaunchKind,
    Outcome,
    Process,
    Standin,
    Verdict,
)
from profile_smoke.report import brief, json, story, table, words
from profile_smoke.report.interface import Format, render
from profile_smoke.report.text import Style, safe, seconds

if TYPE_CHECKING:
    from collections.abc import Callable

ANSI = re.compile(r"\x1b\[[0-9;]*m")


def denial(name: str, effect: Effect = Effect.BLOCKING, text: str = "") -> Denial:
    process = Process(7, "nginx", "/usr/sbin/nginx")
    return Denial(
        name,
        1,
        "x86_64",
        (0,) * 6,
        text or f"{name}()",
        "EPERM",
        "start",
        process,
        1.0,
        1,
        Evidence.NOTIFY,
        effect,
    )


def test_the_table_and_stories_of_a_realistic_run(golden: Callable[[str, str], None]) -> None:
    """The whole report for people, word for word."""
    golden("result.table.txt", render(golden_report(), Format.TABLE, Style()))


def test_the_golden_json_is_what_is_written(golden: Callable[[str, str], None]) -> None:
    """The golden result is in the very form that a run writes."""
    golden("result.json", render(golden_report(), Format.JSON, Style()))


def test_a_cell_that_ran_otherwise_than_its_scenario_says_shows_it() -> None:
    """In the table, and in the command that runs it again; other cells show nothing of it."""
    plain, changed = cell(), replace(cell(), id="web/nginx@oci+no-new-privs", no_new_privileges=True)
    assert "+no-new-privs" not in table.render(run(plain), Style())
    assert "+no-new-privs" in table.render(run(plain, changed), Style())
    assert "--privilege-escalation" not in words.command(plain)
    assert words.command(changed).endswith("--privilege-escalation denied")


def drifted(refused: str | None) -> Drift:
    new = (DriftCall("openat", ("start", "stop"), refused),)
    gone, image = (DriftCall("mbind", ("start",), None),), ImageInfo("nginx:1", "sha256:old")
    return Drift("b.json", image, new, gone, (), ("the image is another one",))


def test_a_pass_that_drifted_to_what_its_profile_refuses_is_not_as_expected() -> None:
    """It counts, and table and notes say why; for a profile that is not meant to pass it only informs."""
    found = cell(drift=drifted("EPERM"))
    assert found.unexpected
    assert not replace(found, expected=Expected.ANY).unexpected
    assert not replace(found, verdict=Verdict.BLOCKED, expected=Expected.BLOCKED).unexpected
    text = render(run(found), Format.TABLE, Style(width=200))
    assert "PASSED" in text
    assert "new and refused: openat" in text
    assert "new against b.json, and refused by the profile: openat (start, stop; EPERM)" in text
    assert "1 NOT as expected" in text


def test_other_drift_is_told_and_decides_nothing() -> None:
    """New and allowed, gone, and what else is not as it was."""
    found = cell(drift=drifted(None))
    assert not found.unexpected
    text = render(run(found), Format.TABLE, Style(width=200))
    for line in (
        "new against b.json: openat (start, stop)",
        "no longer used: mbind (start)",
        "the image is another one",
    ):
        assert f"web/nginx@oci: {line}" in text
    assert "new" not in render(
        run(cell(drift=replace(drifted(None), new=(), gone=()))), Format.TABLE, Style()
    )


@pytest.mark.parametrize("form", Format)
def test_every_format_renders(form: Format) -> None:
    """No format is left out of `render`; each text ends in a newline."""
    assert render(golden_report(), form, Style()).endswith("\n")


def test_colours_change_nothing_but_colours() -> None:
    """Taken out, they leave the table and summary as they are without, and no widths depend on them."""
    report = golden_report()
    for show in (table.render, brief.summary):
        coloured = show(report, Style(colour=True))
        assert ANSI.search(coloured)
        assert ANSI.sub("", coloured) == show(report, Style())
    assert not ANSI.search(render(report, Format.TABLE, Style()))


@pytest.mark.parametrize("width", [100, 140])
@pytest.mark.parametrize("longer", ["", "-with-a-really-long-name-that-someone-gave-it"])
def test_it_fits_the_width(width: int, longer: str) -> None:
    """Names and reasons give way, and stories are wrapped; commands stay whole."""
    report = golden_report()
    cells = [
        replace(
            cell,
            profile=replace(cell.profile, name=cell.profile.name + longer),
            scenario=cell.scenario + longer,
        )
        for cell in report.cells
    ]
    lines = render(replace(report, cells=tuple(cells)), Format.TABLE, Style(width=width)).splitlines()
    assert [line for line in lines if len(line) > width and "profile-smoke --profile" not in line] == []


def test_hostile_text_reaches_no_terminal() -> None:
    """Control sequences, bidirectional overrides and broken bytes are shown, not sent."""
    launch = Launch(LaunchKind.ENFORCE, None, Outcome.FAILED, 1.0, HOSTILE, HOSTILE, allowed=(HOSTILE,))
    hostile = cell(
        Verdict.BLOCKED,
        name=HOSTILE,
        phase=HOSTILE,
        reason=HOSTILE,
        image=ImageInfo(HOSTILE, HOSTILE, Standin(HOSTILE, HOSTILE, {HOSTILE: HOSTILE})),
        control=launch,
        launches=(launch,),
        blocking=(HOSTILE,),
        denials=tuple(
            replace(
                denial(HOSTILE, effect, HOSTILE),
                arch=HOSTILE,
                errno=HOSTILE,
                process=Process(1, HOSTILE, HOSTILE),
            )
            for effect in Effect
        ),
        fix=Fix(({"names": [HOSTILE], "action": HOSTILE},), verified=True, minimal=True, launches=1),
        filter=FilterCheck(2, 1, (HOSTILE,), HOSTILE),
        log=(HOSTILE,),
        notes=(HOSTILE,),
    )
    passed = replace(hostile, verdict=Verdict.PASSED)
    told = [hostile, replace(hostile, verdict=Verdict.ERROR), replace(hostile, expected=Expected.ANY), passed]
    text = render(run(*told), Format.TABLE, Style())
    assert all(char == "\n" or char.isprintable() for char in text)
    assert "\\x1b[2J" in text
    assert "\\u202e" in text
    text.encode("utf-8")


def test_deciding_cells_stand_apart_and_an_unexpected_one_stands_out() -> None:
    """Upper case marks it where there are no colours."""
    text = table.render(
        run(cell(), cell(Verdict.BLOCKED, name="db"), cell(Verdict.BLOCKED, Expected.ANY, name="x")), Style()
    )
    deciding, informing = text.split("These cells only inform")
    assert "db " in deciding
    assert "BLOCKED" in deciding
    assert "x  " in informing
    assert "BLOCKED" not in informing


def test_a_standin_is_named_and_explained_only_where_there_is_one() -> None:
    """Nobody takes MariaDB's verdict for MySQL's."""
    standin = Standin("mariadb-server", "Debian 12", {"mariadb-server": "10.11"})
    text = table.render(run(cell(image=ImageInfo("mysql:8.0", "sha256:1", standin))), Style(width=140))
    assert "stand-in\n" in re.sub(" +\n", "\n", text) or "stand-in mariadb-server" in text
    assert "built from distribution packages" in text
    assert "stand-in" not in table.render(run(cell(image=ImageInfo("mysql:8.0", "sha256:1"))), Style())


def test_a_pass_with_a_caveat_does_not_look_like_one_without() -> None:
    """Notes and filter differences of passed cells are shown below the table."""
    text = table.render(
        run(cell(notes=("seen otherwise",), filter=FilterCheck(2, 9, ("mbind: allowed",)))), Style()
    )
    assert "web/nginx@oci: seen otherwise" in text
    assert "web/nginx@oci: mbind: allowed" in text


def test_the_summary_counts_each_cell_once() -> None:
    """As expected, not as expected, in error, skipped; informing ones apart; interruption is said."""
    gating = [cell(verdict) for verdict in Verdict] + [cell(Verdict.BLOCKED, Expected.BLOCKED)]
    informing = [cell(verdict, Expected.ANY) for verdict in (Verdict.BLOCKED, Verdict.ERROR)]
    text = brief.summary(run(*gating, *informing, interrupted=True), Style())
    assert "5 deciding cells: 2 as expected, 1 NOT as expected, 1 in error, 1 skipped" in text
    assert "2 informing cells: 1 blocked, 1 error" in text
    assert "interrupted" in text
    assert brief.summary(run(), Style()).startswith("no cell was run")


def test_the_most_urgent_story_comes_first() -> None:
    """Unexpected before error before expected before informing, whatever the order of cells."""
    report = run(
        cell(Verdict.BLOCKED, Expected.ANY, name="informs"),
        cell(Verdict.BLOCKED, Expected.BLOCKED, name="expected"),
        cell(Verdict.ERROR, name="broken"),
        cell(Verdict.BLOCKED, name="urgent"),
        cell(name="fine"),
    )
    heads = re.findall(r"^── (\S+)/", story.render(report, Style()), re.MULTILINE)
    assert heads == ["urgent", "broken", "expected", "informs"]


def test_informing_stories_are_short_only_where_there_are_many() -> None:
    """One informing cell is told in full; in a whole matrix each gets a few lines and the way to the rest."""
    informing = cell(Verdict.BLOCKED, Expected.ANY, log=("the last words",), blocking=("mbind",))
    assert "the last words" in story.render(run(informing), Style())
    many = story.render(run(*[informing] * 5), Style())
    assert "the last words" not in many
    assert many.count("profile-smoke --profile web.json --scenario nginx --target oci") == 5


def test_long_lists_are_folded_and_say_how_much_is_missing() -> None:
    """Twelve refusals, then a count."""
    names = [f"call{number:02}" for number in range(20)]
    told = story.tell(
        cell(
            Verdict.BLOCKED,
            blocking=tuple(names),
            denials=(*map(denial, names), *(denial(f"t{name}", Effect.TOLERATED) for name in names)),
        ),
        Style(),
    )
    assert "call11() = EPERM" in told
    assert "call12() = EPERM" not in told
    assert "8 more refusals" in told
    assert "tcall11 and 8 more" in told


def test_the_proof_names_what_each_launch_left_out() -> None:
    """Control, profile as it is, with the fix, and without each part; steps on the way are only counted."""

    def enforced(outcome: Outcome, *allowed: str) -> Launch:
        return Launch(LaunchKind.ENFORCE, "00", outcome, 1.0, allowed=allowed)

    told = story.tell(
        cell(
            Verdict.BLOCKED,
            blocking=("bind", "mbind"),
            control=Launch(LaunchKind.CONTROL, None, Outcome.PASSED, 1.0),
            launches=(
                enforced(Outcome.FAILED),
                enforced(Outcome.PASSED, "bind", "mbind", "brk"),
                enforced(Outcome.PASSED, "bind", "mbind"),
                enforced(Outcome.FAILED, "bind"),
                enforced(Outcome.FAILED, "mbind"),
            ),
            fix=Fix(
                ({"names": ["bind", "mbind"], "action": "SCMP_ACT_ALLOW"},),
                verified=True,
                minimal=True,
                launches=4,
            ),
        ),
        Style(),
    )
    proof = [
        re.sub(" +", " ", line.strip()) for line in told.splitlines() if re.search(" (passed|failed) ", line)
    ]
    assert proof == [
        "the default profile of oci passed 1.00 s",
        "`web` as it is failed 1.00 s",
        "`web` + the fix passed 1.00 s",
        "`web` + the fix without mbind failed 1.00 s",
        "`web` + the fix without bind failed 1.00 s",
    ]
    assert "1 more launch on the way there" in told


@pytest.mark.parametrize(
    ("verified", "minimal", "words"),
    [
        (True, True, "with any part of it left out it does not"),
        (True, False, "was not proven"),
        (False, False, "No launch proved it"),
    ],
)
def test_a_fix_claims_no_more_than_was_proven(verified: bool, minimal: bool, words: str) -> None:  # noqa: FBT001
    """An unproven fix is called a hint."""
    fix = Fix(
        ({"names": ["bind"], "action": "SCMP_ACT_ALLOW"},), verified=verified, minimal=minimal, launches=3
    )
    told = re.sub(r"\s+", " ", story.tell(cell(Verdict.BLOCKED, blocking=("bind",), fix=fix), Style()))
    assert words in told
    assert '"names": ["bind"]' in told
    assert "--write-fix fixed-web.json" in told


def test_a_filter_that_was_not_on_is_said() -> None:
    """A verdict without the filter is worth nothing, so the story must not hide it."""
    launch = Launch(LaunchKind.ENFORCE, "00", Outcome.FAILED, 1.0)
    told = story.tell(cell(Verdict.ERROR, launches=(launch,), filter=FilterCheck(0)), Style())
    assert "The filter was NOT on (Seccomp: 0)" in told


def test_every_blocking_call_is_in_the_story_even_when_no_launch_saw_it() -> None:
    """What only relaunching found is named, with how it was found."""
    told = story.tell(cell(Verdict.BLOCKED, blocking=("brk", "clone3"), denials=(denial("brk"),)), Style())
    assert "clone3\n      seen only by relaunching" in told


def test_the_report_survives_a_round_trip_through_json() -> None:
    """JSON is the source of every other report: nothing that the table shows is lost in it."""
    report = golden_report()
    again = json.load(json.dump(report), "-")
    assert render(again, Format.TABLE, Style()) == render(report, Format.TABLE, Style())


@pytest.mark.parametrize(
    ("terminal", "environ", "colour"),
    [
        (True, {}, True),
        (True, {"NO_COLOR": ""}, True),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"TERM": "dumb"}, False),
        (False, {}, False),
        (None, {}, False),
    ],
)
def test_colours_need_a_terminal_and_no_objection(
    terminal: bool | None,  # noqa: FBT001
    environ: dict[str, str],
    colour: bool,  # noqa: FBT001
) -> None:
    """An empty NO_COLOR is no objection, as its definition says; a closed stream is no terminal."""

    class Stream(io.StringIO):
        def isatty(self) -> bool:
            return terminal is True

    assert Style.of(None if terminal is None else Stream(), environ).colour is colour


def test_durations_and_characters_read_well() -> None:
    """Two digits where they matter; printable text stays as it is."""
    assert [seconds(value) for value in (0.004, 9.99, 12.34, 75.4)] == [
        "0.00 s",
        "9.99 s",
        "12.3 s",
        "1 min 15 s",
    ]
    assert safe("café → ok\tx") == "café → ok   x"


def test_narrower_rules_that_failed_are_not_shown_as_the_fix() -> None:
    """The same calls allowed under conditions first, and whole afterwards: only the last is the fix."""

    def enforced(outcome: Outcome, *allowed: str) -> Launch:
        return Launch(LaunchKind.ENFORCE, "00", outcome, 1.0, allowed=allowed)

    fix = Fix(({"names": ["clone"], "action": "SCMP_ACT_ALLOW"},), verified=True, minimal=True, launches=3)
    launches = (
        enforced(Outcome.FAILED),
        enforced(Outcome.FAILED, "clone"),
        enforced(Outcome.PASSED, "clone"),
    )
    told = story.tell(cell(Verdict.BLOCKED, blocking=("clone",), launches=launches, fix=fix), Style())
    assert re.findall(r"`web` \+ the fix +(\w+)", told) == ["passed"]
    assert "1 more launch on the way there" in told


def test_a_launch_that_contradicts_another_is_shown_with_it() -> None:
    """Failed, then passed, unchanged: both stand in the story of an inconclusive cell."""
    outcomes = (Outcome.FAILED, Outcome.PASSED)
    launches = tuple(Launch(LaunchKind.ENFORCE, "00", outcome, 1.0) for outcome in outcomes)
    told = story.tell(cell(Verdict.ERROR, launches=launches), Style())
    assert re.findall(r"`web` as it is +(\w+)", told) == ["failed", "passed"]


def test_an_unknown_process_is_not_made_up() -> None:
    """What only relaunching showed has a phase and no process."""
    unseen = replace(denial("write"), process=Process(0, "", ""), evidence=Evidence.RELAUNCH)
    told = story.tell(cell(Verdict.BLOCKED, blocking=("write",), denials=(unseen,)), Style())
    assert "in phase start (found by relaunching)" in told
    assert "pid" not in told


def test_a_fix_that_was_proven_only_as_a_whole_is_not_called_unknown() -> None:
    """No single call was proven to block, but those that do are among the fix's."""
    fix = Fix(
        ({"names": ["brk", "mmap"], "action": "SCMP_ACT_ALLOW"},), verified=True, minimal=False, launches=60
    )
    found = cell(Verdict.BLOCKED, fix=fix, reason="killed by SIGSYS")
    assert brief.why(found) == "blocking syscalls among 2 calls: killed by SIGSYS"
    told = re.sub(r"\s+", " ", story.tell(found, Style()))
    assert "among the 2 calls of the fix below" in told
    assert "not known" not in told


def test_a_long_fix_fills_its_lines_and_is_still_json() -> None:
    """Eighty names take a few lines, not eighty, and can be pasted as they are."""
    names = [f"syscall_number_{number}" for number in range(80)]
    fix = Fix(({"names": names, "action": "SCMP_ACT_ALLOW"},), verified=True, minimal=True, launches=9)
    told = story.tell(cell(Verdict.BLOCKED, blocking=tuple(names), fix=fix), Style())
    snippet = told[told.index("    {\n") : told.index("\n\n  or let it be written")]
    assert plain.loads(snippet) == {"names": names, "action": "SCMP_ACT_ALLOW"}
    assert len(snippet.splitlines()) < 40
    assert max(map(len, snippet.splitlines())) <= 100


def test_a_launch_takes_two_lines_at_most_and_keeps_the_cause() -> None:
    """Runtimes put the cause at the end of their messages."""
    reason = f"runc run failed: {'unable to start container process: ' * 6}the cause"
    launch = Launch(LaunchKind.ENFORCE, "00", Outcome.FAILED, 1.0, "create", reason)
    told = story.tell(cell(Verdict.BLOCKED, launches=(launch,)), Style())
    lines = told[told.index("The proof") :].splitlines()[1:]
    assert len(lines) == 2
    assert lines[1].endswith("the cause")


def test_an_unfinished_search_does_not_claim_to_have_found_all() -> None:
    """Where the fix was not shown to be minimal, more calls may block than were proven to."""
    fix = Fix(
        ({"names": ["brk", "mmap"], "action": "SCMP_ACT_ALLOW"},), verified=True, minimal=False, launches=60
    )
    found = cell(Verdict.BLOCKED, blocking=("brk",), fix=fix)
    assert "Proven to block it, and there may be more: brk" in story.tell(found, Style())
    assert "there may be more" not in story.tell(replace(found, fix=replace(fix, minimal=True)), Style())


def test_of_many_blocking_calls_the_table_names_the_first() -> None:
    """The story names them all."""
    names = tuple(f"call{number:02}" for number in range(30))
    text = table.render(run(cell(verdict=Verdict.BLOCKED, blocking=names, phase="start")), Style(width=160))
    assert "call00, call01, call02, call03, and 26 more calls (start)" in text
    few = table.render(
        run(cell(verdict=Verdict.BLOCKED, blocking=names[:8], phase="start")), Style(width=200)
    )
    assert "more calls" not in few
    assert "call07" in few


@pytest.mark.parametrize("width", [100, 120])
def test_names_of_profiles_and_scenarios_are_whole_where_the_image_can_be_folded(width: int) -> None:
    """An image's reference is cut behind a hyphen, a slash or a colon."""
    standin = Standin("node-exporter", "Debian 12", {"prometheus-node-exporter": "1.5.0"})
    image = ImageInfo("prom/node-exporter:v1.6.0", "sha256:1", standin)
    text = table.render(
        run(replace(cell(name="runtime-default", image=image), scenario="node-exporter")), Style(width=width)
    )
    assert all(word in text for word in ("runtime-default", " node-exporter"))
    assert max(map(len, text.splitlines())) <= width


def test_a_skipped_cell_says_why_in_few_words() -> None:
    """What the registry's client said is in the JSON report."""
    reason = "mongo:6.0: the registry docker.io cannot be reached (pinging: Get https://registry: dial tcp); give an archive"
    text = table.render(run(cell(verdict=Verdict.SKIPPED, reason=reason)), Style(width=160))
    assert "cannot be reached" in text
    assert "pinging" not in text.partition("Notes")[0]
