"""The command `report`: other reports of a stored result, with the exit code of the run; and what `run` publishes."""

from __future__ import annotations

import io
import json
import os
import signal
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.unit.report.cells import GOLDEN_RESULT, cell, run

from profile_smoke.__main__ import main
from profile_smoke.cli import publish
from profile_smoke.cli.arguments import parse
from profile_smoke.cli.exit_code import exit_code
from profile_smoke.errors import UsageError
from profile_smoke.interrupts import ending_signals
from profile_smoke.model import (
    CellResult,
    Denial,
    Difference,
    DifferenceCause,
    Effect,
    Evidence,
    Expected,
    Process,
    ProfileRef,
    RunReport,
    TargetInfo,
    Verdict,
)
from profile_smoke.profile.document import parse as parse_profile
from profile_smoke.report.interface import Format, render
from profile_smoke.report.json import dump, load
from profile_smoke.report.text import Style
from profile_smoke.syscall import tables

if TYPE_CHECKING:
    from pathlib import Path

REPORTS = {
    "as expected": run(cell()),
    "unexpected": run(cell(Verdict.BLOCKED)),
    "not judged": run(cell(Verdict.ERROR)),
    "nothing": run(cell(Verdict.SKIPPED)),
    "interrupted": run(cell(Verdict.BLOCKED), interrupted=True),
    "failed": replace(run(cell()), failure="no space left"),
    "failed and unexpected": replace(run(cell(Verdict.BLOCKED)), failure="no space left"),
    "failed before anything": replace(run(cell(Verdict.SKIPPED)), failure="no space left"),
}
CODES = dict(zip(REPORTS, (0, 1, 4, 3, 130, 4, 1, 4), strict=True))


def stored(path: Path, report: RunReport) -> str:
    path.write_text(dump(report), "utf-8")
    return str(path)


@pytest.mark.parametrize("kind", REPORTS)
def test_it_ends_as_the_run_did(kind: str, tmp_path: Path) -> None:
    """Whatever the format; --exit-zero takes the 1 away and nothing else."""
    path = stored(tmp_path / "r.json", REPORTS[kind])
    assert exit_code(REPORTS[kind], exit_zero=False) == CODES[kind]
    for form in Format:
        assert main(["report", path, "-f", form.value, "-o", str(tmp_path / "out")]) == CODES[kind]
    zero = main(["report", path, "-o", str(tmp_path / "out"), "--exit-zero"])
    assert zero == exit_code(REPORTS[kind], exit_zero=True)


def test_one_result_becomes_every_report_at_once(tmp_path: Path) -> None:
    """As a run would have written them."""
    path = stored(tmp_path / "r.json", REPORTS["unexpected"])
    more = [word for form in Format for word in ("--report", f"{form.value}={tmp_path / form.value}")]
    assert main(["report", path, "-o", str(tmp_path / "main"), *more]) == 1
    for form in Format:
        text = (tmp_path / form.value).read_text("utf-8")
        assert text == render(REPORTS["unexpected"], form, Style())


def test_json_of_a_stored_result_is_that_result(
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    """Byte for byte, of a real run."""
    main(["report", "-f", "json", str(GOLDEN_RESULT)])
    assert capsysbinary.readouterr().out == GOLDEN_RESULT.read_bytes()


def test_a_bad_file_is_one_line_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, and the old report is still there."""
    bad, out = tmp_path / "bad.json", tmp_path / "out"
    bad.write_text('{"schema": "profile-smoke/v9"}')
    out.write_text("old")
    assert main(["report", str(bad), "-f", "html", "-o", str(out)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        f'profile-smoke: {bad}: schema: "profile-smoke/v9" cannot be read here, only "profile-smoke/v1"\n'
    )
    assert out.read_text() == "old"


def test_a_report_that_cannot_be_written_does_not_keep_the_others_from_it(tmp_path: Path) -> None:
    """After minutes of work: all others are there, and the error is told."""
    options = parse(
        [
            *("run", "-o", str(tmp_path / "table"), "--report", f"junit={tmp_path}/gone/x"),
            *("--report", f"json={tmp_path}/json"),
        ]
    )
    with pytest.raises(UsageError, match="there is no folder"):
        publish.publish(REPORTS["unexpected"], options)
    assert (tmp_path / "table").exists()
    assert load((tmp_path / "json").read_text(), "json") == REPORTS["unexpected"]


@pytest.mark.parametrize("whole", [True, False])
def test_a_signal_comes_before_the_last_byte_or_too_late(
    monkeypatch: pytest.MonkeyPatch,
    whole: bool,  # noqa: FBT001
) -> None:
    """A result that is there as a whole is one that was not interrupted; one that is cut was."""
    options = parse(["run", "-f", "json"])
    text = render(REPORTS["unexpected"], Format.JSON, Style())

    class Terminated(io.StringIO):
        def flush(self) -> None:
            if not whole or self.getvalue() == text:
                os.kill(os.getpid(), signal.SIGTERM)

    said = Terminated()
    monkeypatch.setattr("sys.stdout", said)
    with ending_signals(), nullcontext() if whole else pytest.raises(KeyboardInterrupt):
        publish.publish(REPORTS["unexpected"], options)
    assert (said.getvalue() == text) == whole
    assert text.startswith(said.getvalue())


def test_two_reports_for_one_file_are_refused_before_anything(tmp_path: Path) -> None:
    """The later one would replace the other; a device takes all."""
    path = stored(tmp_path / "r.json", REPORTS["as expected"])
    words = ["report", path, "--report", f"html={tmp_path}/x", "--report", f"junit={tmp_path}/./x"]
    assert main([*words, "-o", str(tmp_path / "main")]) == 2
    assert not (tmp_path / "main").exists()
    assert main(["report", path, "-o", "/dev/null", "--report", "html=/dev/null"]) == 0


def test_merging_writes_one_result_and_says_what_is_to_be_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ends with 0: to judge it is for `report`. What only the whole can tell is worked out anew."""
    first = replace(cell(name="a"), unused=("ptrace", "read"))
    second = replace(cell(name="a"), id="a/redis@oci", unused=("ptrace",))
    paths = [
        stored(tmp_path / "1.json", replace(run(first), shard="1/3")),
        stored(tmp_path / "2.json", replace(run(second), shard="2/3")),
    ]
    out = tmp_path / "merged.json"
    assert main(["report", "merge", *paths, "-o", str(out)]) == 0
    assert capsys.readouterr().err == "profile-smoke: of 3 parts these are missing: 3\n"
    merged = load(out.read_text(), "merged")
    assert [call for risk in merged.unused[0].risks for call in risk.calls] == ["ptrace"]
    assert main(["report", str(out), "-o", str(tmp_path / "x")]) == 4


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("report", "RESULT"),
        ("report a b", "unexpected argument 'b'"),
        ("report merge", "RESULT"),
        ("report a -f sarf", "did you mean 'sarif'?"),
        ("report merge a --format html", "there is no option --format"),
    ],
)
def test_what_is_wrong_on_the_command_line_is_told(words: str, message: str) -> None:
    """One line each."""
    with pytest.raises(UsageError, match=message.replace("?", r"\?")):
        parse(words.split())


def test_cells_that_only_inform_are_no_failure_anywhere(tmp_path: Path) -> None:
    """What does not make the run fail makes no test, annotation or alert fail."""
    report = run(
        cell(), cell(Verdict.BLOCKED, Expected.ANY, name="b"), cell(Verdict.ERROR, Expected.ANY, name="c")
    )
    path = stored(tmp_path / "r.json", report)
    assert main(["report", path, "-o", str(tmp_path / "table")]) == 0
    assert "<failure" not in (text := render(report, Format.JUNIT, Style()))
    assert "<error" not in text
    assert "::error" not in render(report, Format.GITHUB, Style())
    levels = {
        each["level"] for each in json.loads(render(report, Format.SARIF, Style()))["runs"][0]["results"]
    }
    assert levels <= {"note"}


OLD = '{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"name": "listen", "action": "SCMP_ACT_ALLOW"}]}'


def on(target: str, profile: Path, verdict: Verdict) -> CellResult:
    """A cell of a profile's file; where it is blocked, by `listen`."""
    document = parse_profile(profile.read_text("utf-8"), str(profile))
    number = tables.number(tables.native(), "listen")
    assert number is not None
    denial = Denial(
        "listen", number, tables.native(), (3, 1, 0, 0, 0, 0), "listen(3, 1)", "EPERM", "start",
        Process(1, "nginx", "/nginx"), 1.0, 1, Evidence.NOTIFY, Effect.BLOCKING,
    )  # fmt: skip
    return cell(
        verdict,
        name="mine",
        denials=(denial,) if verdict is Verdict.BLOCKED else (),
        blocking=("listen",) if verdict is Verdict.BLOCKED else (),
        id=f"mine/nginx@{target}",
        profile=ProfileRef("mine", str(profile), document.sha256),
        target=TargetInfo(target, {"kernel": "6.1.0"}),
    )


@pytest.mark.parametrize("there", [True, False], ids=["the file is there", "another file is there"])
def test_merging_tells_what_differs_between_parts(tmp_path: Path, *, there: bool) -> None:
    """With a job for each target the difference shows in the whole only. Nothing is guessed without the file."""
    profile = tmp_path / "mine.json"
    profile.write_text(OLD)
    parts = [
        stored(tmp_path / "a.json", run(on("docker", profile, Verdict.PASSED))),
        stored(tmp_path / "b.json", run(on("kubernetes", profile, Verdict.BLOCKED))),
    ]
    if not there:
        profile.write_text(OLD.replace("listen", "bind"))
    assert main(["report", "merge", *parts, "-o", str(tmp_path / "all.json")]) == 0
    [found] = load((tmp_path / "all.json").read_text("utf-8"), "all.json").differences
    assert (found.works, found.fails) == ("mine/nginx@docker", "mine/nginx@kubernetes")
    cause = DifferenceCause.DOCKER_ONLY_FIELDS if there else DifferenceCause.UNKNOWN
    assert (found.cause, found.calls) == (cause, ("listen",) if there else ())


def test_what_a_run_has_told_itself_is_not_told_twice(tmp_path: Path) -> None:
    """Both cells in one part: its own word stands, also where it knew of no difference."""
    profile = tmp_path / "mine.json"
    profile.write_text(OLD)
    both = run(on("docker", profile, Verdict.PASSED), on("kubernetes", profile, Verdict.BLOCKED))
    told = Difference(both.cells[0].id, both.cells[1].id, DifferenceCause.RUNTIME, ("listen",), "seen there")
    parts = [
        stored(tmp_path / "a.json", replace(both, differences=(told,))),
        stored(tmp_path / "b.json", run(cell())),
    ]
    assert main(["report", "merge", *parts, "-o", str(tmp_path / "all.json")]) == 0
    assert load((tmp_path / "all.json").read_text("utf-8"), "all.json").differences == (told,)
