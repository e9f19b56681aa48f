"""Reading scenario files: what is right becomes the model, what is wrong is named where it is."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from profile_smoke.errors import BadFileError
from profile_smoke.model import Expected
from profile_smoke.scenario import checks, document
from profile_smoke.scenario.model import HttpCheck, Probe, TcpCheck, file_bytes

ROOT = Path(__file__).parents[3]
SHIPPED = sorted((ROOT / "scenarios").glob("*/scenario.yaml"))
BAD = sorted((ROOT / "tests/data/scenarios/bad").glob("*.yaml"))

SMALL = """\
schema: profile-smoke/scenario-v1
name: small
summary: the least that a scenario says
image: example:1
start: {ports: [80]}
ready: {http: {port: 80}}
probes:
  - name: page
    tcp: {port: 80, send: "a\\0\\xff", expect: "b"}
    timeout: 250ms
"""


def written(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "scenario.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def said(path: Path, key: str) -> str:
    """What a broken example says of itself in its head."""
    lines = [line for line in path.read_bytes().decode().splitlines() if line.startswith(f"# {key}: ")]
    return lines[0].removeprefix(f"# {key}: ")


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    text = resources.files("profile_smoke.scenario").joinpath("schema/scenario.schema.json").read_text()
    jsonschema.Draft202012Validator.check_schema(json.loads(text))
    return jsonschema.Draft202012Validator(json.loads(text))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.parent.name)
def test_shipped_scenarios_are_fine_to_reader_and_schema(path: Path, validator: Any) -> None:
    """Every scenario that ships is read without a problem, fits the schema, and is named as its folder."""
    assert document.check(path) == ()
    assert document.load(path.parent).name == path.parent.name
    validator.validate(yaml.safe_load(path.read_text()))


def test_there_are_scenarios_and_broken_examples() -> None:
    """The tests over files have files."""
    assert {"nginx", "mysql", "postgresql", "redis", "node-exporter"} <= {
        path.parent.name for path in SHIPPED
    }
    assert len(BAD) > 50


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_broken_file_is_told_in_one_line(path: Path) -> None:
    """The first problem of each broken example is the line in its head, and `load` raises it."""
    problems = document.check(path)
    assert str(problems[0]) == f"{path}: {said(path, 'reader')}"
    assert "\n" not in str(problems[0])
    with pytest.raises(BadFileError) as raised:
        document.load(path)
    assert str(raised.value) == str(problems[0])


@pytest.mark.parametrize(
    "path", [path for path in BAD if said(path, "schema") != "no YAML"], ids=lambda path: path.stem
)
def test_the_schema_agrees_on_broken_files(path: Path, validator: Any) -> None:
    """The schema refuses what the reader refuses, but for what a schema cannot say (marked in the example)."""
    refused = not validator.is_valid(yaml.safe_load(path.read_text()))
    assert refused == (said(path, "schema") == "refuses")


def test_the_schema_knows_the_same_keys_and_signals(validator: Any) -> None:
    """Kinds of checks and names of signals are the same in schema and reader."""
    definitions = validator.schema["$defs"]
    assert set(definitions["signal"]["enum"]) == set(document.SIGNALS)
    probe = validator.schema["properties"]["probes"]["items"]["properties"]
    assert set(probe) - {"name", "timeout", "signal", "restart"} == set(checks.KINDS)


def test_the_model_holds_what_the_file_says(tmp_path: Path) -> None:
    """Values arrive with their defaults, durations as seconds, raw bytes character for byte."""
    scenario = document.load(written(tmp_path, SMALL + "profiles: {webapp: passed}\n"))
    assert scenario.ready.check == HttpCheck(port=80)
    check = TcpCheck(port=80, send="a\0\xff", expect="b")
    assert scenario.probes == (Probe(name="page", check=check, timeout=0.25),)
    assert scenario.profiles == {"webapp": Expected.PASSED}
    assert scenario.standin is None


def test_the_recipe_beside_a_scenario_is_its_stand_in(tmp_path: Path) -> None:
    """A `standin.yaml` in the folder is found without being named."""
    path = written(tmp_path, SMALL)
    (tmp_path / "standin.yaml").write_text("")
    assert document.load(path).standin == tmp_path / "standin.yaml"


def test_all_problems_are_listed_by_line(tmp_path: Path) -> None:
    """One pass finds every problem of a file."""
    text = (
        SMALL.replace("name: small", "name: Small").replace("port: 80}}", "port: 80, statsu: 1}}")
        + "stp: {}\n"
    )
    problems = document.check(written(tmp_path, text))
    assert [problem.where for problem in problems] == ["line 2, name", "line 6, ready.http", "line 11"]


@pytest.mark.parametrize(
    ("text", "seconds"), [("2m", 120), ("1h", 3600), ("0.5", 0.5), ("3", 3), ("1.5s", 1.5)]
)
def test_durations(tmp_path: Path, text: str, seconds: float) -> None:
    """A duration has a unit, or is a number of seconds."""
    assert document.load(written(tmp_path, SMALL.replace("250ms", text))).probes[0].timeout == seconds


def test_a_file_that_is_too_large_is_refused_unread(tmp_path: Path) -> None:
    """More than a mebibyte is no scenario."""
    (problem,) = document.check(written(tmp_path, SMALL + "#" * (1 << 20)))
    assert "larger than 1 MiB" in str(problem)


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    """A missing file, a folder without a scenario and bytes that are no UTF-8 are each one line."""
    with pytest.raises(BadFileError, match="no such file"):
        document.load(tmp_path / "nowhere.yaml")
    with pytest.raises(BadFileError, match=r"scenario\.yaml: no such file"):
        document.load(tmp_path)
    with pytest.raises(BadFileError, match="line 2: is not UTF-8"):
        document.load(written(tmp_path, b"a: 1\nb: \xff\n"))


def test_a_byte_order_mark_is_no_problem(tmp_path: Path) -> None:
    """Editors on other systems leave one."""
    assert document.check(written(tmp_path, b"\xef\xbb\xbf" + SMALL.encode())) == ()


def test_filler_has_the_length_that_was_asked_for() -> None:
    """A number is so many bytes, the same every time; a text is itself in UTF-8."""
    for size in (0, 1, 91, 92, 1 << 20):
        assert len(file_bytes(size)) == size
    assert file_bytes(1000).startswith(file_bytes(500))
    assert file_bytes("é") == b"\xc3\xa9"


@pytest.mark.parametrize(("raw", "tab"), [("a: 1\r`", False), ("\ufeffa: '\u2028'\r\n\t@", True)])
def test_a_tab_is_looked_for_where_the_problem_is(tmp_path: Path, raw: str, tab: bool) -> None:  # noqa: FBT001
    """Whatever ends the lines before it."""
    [problem] = document.check(written(tmp_path, raw.encode()))
    assert ("is indented with a tab" in str(problem)) is tab


@given(st.binary(max_size=300))
@example(b"a: 1\r`")
def test_no_bytes_make_it_fail_otherwise(tmp_path_factory: Any, raw: bytes) -> None:
    """Whatever the file holds, the answer is problems of one line each."""
    problems = document.check(written(tmp_path_factory.mktemp("any"), raw))
    assert problems
    assert all("\n" not in str(problem) for problem in problems)


@given(st.data())
def test_no_damage_to_a_good_file_makes_it_fail_otherwise(tmp_path_factory: Any, data: st.DataObject) -> None:
    """A good file with a piece replaced is read, or its problems are of one line each."""
    good = SHIPPED[0].read_text()
    start = data.draw(st.integers(0, len(good)))
    end = data.draw(st.integers(start, min(start + 20, len(good))))
    text = good[:start] + data.draw(st.text(max_size=8)) + good[end:]
    problems = document.check(written(tmp_path_factory.mktemp("damaged"), text.encode(errors="replace")))
    assert all("\n" not in str(problem) for problem in problems)
