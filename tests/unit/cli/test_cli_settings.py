"""Settings from the command line, the environment, a file: which is in force, and what is said of mistakes."""

from __future__ import annotations

import json
import re
import tomllib
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from profile_smoke.__main__ import main
from profile_smoke.cli.arguments import parse
from profile_smoke.cli.in_force import DEFAULT, InForce, in_force
from profile_smoke.cli.options import Command, Options, PrivilegeEscalation, ReportFile, TargetName
from profile_smoke.cli.settings import CONFIG, NO_SETTINGS, PREFIX, SETTINGS, Shape
from profile_smoke.errors import BadFileError, UsageError
from profile_smoke.gate.policy import SWITCHED
from profile_smoke.model import Expected, GateRule, Tier, Waiver
from profile_smoke.report.interface import Format
from profile_smoke.run.plan import Expectation
from profile_smoke.syscall.ways import CLASSES
from profile_smoke.target.kubernetes_plan import Reach, SeccompAt, Workload

ROOT = Path(__file__).parents[3]
WHOLE = """\
profile = ["webapp", "./mine.json"]
scenario = ["nginx"]
target = ["oci"]
profiles-dir = ["p"]
scenarios-dir = ["s"]
privilege-escalation = "both"
context = "kind-c"
namespace = "n"
workload = "daemonset"
seccomp-at = "container"
node-access = "agent"
standin = "never"
jobs = 2
max-launches = 9
observe = false
unused = true
baseline = "b.json"
deny-check = true
deny = ["tracing"]
permit = ["mounts"]
report = ["json=out/r.json"]
quiet = true

[image]
nginx = "nginx:1@sha256:00"
redis = "./redis.tar"

[expect]
"webapp/*" = "passed"
"webapp/redis@oci" = "any"

[gate]
fail-on = ["digest"]
max-unused = 0
min-score = "B"

[[waivers]]
profile = "web*"
rule = "digest"
reason = "until the mirror is there"
expires = 2027-01-31

[[waivers]]
profile = "webapp"
scenario = "nginx"
syscall = "ptrace"
reason = "a debugger"
expires = 2027-02-28
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with folders that exist; `.git` keeps the search in it."""
    for name in ("p", "s", ".git", "below"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(*words: str, **environ: str) -> InForce:
    return in_force(parse(list(words)), environ)


def write(here: Path, text: str) -> None:
    (here / "profile-smoke.toml").write_text(text)


def test_without_anything_all_is_as_the_command_line_says(here: Path) -> None:
    """No file, no variable: defaults, and no source but the default."""
    assert here == Path.cwd()
    nothing = found()
    assert nothing.options == Options(Command.RUN)
    assert set(nothing.sources.values()) == {DEFAULT}
    assert nothing.file is None


def test_a_file_may_say_everything(here: Path) -> None:
    """Each key is read to the value that its option would have, and is told with its line."""
    write(here, WHOLE)
    told = found()
    assert told.options == Options(
        Command.RUN,
        profiles=("webapp", "./mine.json"),
        scenarios=("nginx",),
        targets=(TargetName.OCI,),
        profiles_dirs=(Path("p"),),
        scenarios_dirs=(Path("s"),),
        privilege_escalation=PrivilegeEscalation.BOTH,
        context="kind-c",
        namespace="n",
        workload=Workload.DAEMONSET,
        seccomp_at=SeccompAt.CONTAINER,
        node_access=Reach.AGENT,
        images={"nginx": "nginx:1@sha256:00", "redis": "./redis.tar"},
        standin=told.options.standin,
        jobs=2,
        max_launches=9,
        observe=False,
        unused=True,
        baseline="b.json",
        deny_check=True,
        deny=("tracing",),
        permit=("mounts",),
        reports=(ReportFile(Format.JSON, "out/r.json"),),
        quiet=True,
        gate=True,
        fail_on=(GateRule.DIGEST,),
        max_unused=0,
        min_score=Tier.B,
        expect=(
            Expectation("webapp/*", Expected.PASSED, "profile-smoke.toml:29"),
            Expectation("webapp/redis@oci", Expected.ANY, "profile-smoke.toml:30"),
        ),
        waivers=(
            Waiver(
                "web*",
                "*",
                GateRule.DIGEST,
                None,
                "until the mirror is there",
                "2027-01-31",
                "profile-smoke.toml:37",
            ),
            Waiver("webapp", "nginx", None, "ptrace", "a debugger", "2027-02-28", "profile-smoke.toml:43"),
        ),
    )
    assert told.options.standin == "never"
    lines = {name: source.partition(":")[2] for name, source in told.sources.items()}
    assert all(lines.values()), "every setting is in the file"
    assert (lines["profile"], lines["image.redis"], lines["gate"], lines["gate.min-score"]) == (
        "1",
        "26",
        "32",
        "35",
    )


def test_every_setting_is_in_that_example() -> None:
    """So the test above covers a new one, or fails."""
    document = tomllib.loads(WHOLE)
    gate = document.pop("gate")
    names = {*document, *(f"gate.{key}" for key in gate), "gate"} - {"expect", "waivers"}
    assert names == {setting.name for setting in SETTINGS}


def test_paths_in_a_file_start_from_its_folder(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names, references and absolute paths stay what they are."""
    write(here, WHOLE.replace('"webapp", ', '"webapp", "/abs/x.json", '))
    monkeypatch.chdir(here / "below")
    told = found().options
    assert told.profiles == ("webapp", "/abs/x.json", "../mine.json")
    assert told.profiles_dirs == (Path("../p"),)
    assert told.images == {"nginx": "nginx:1@sha256:00", "redis": "../redis.tar"}
    assert (told.baseline, told.reports[0].path) == ("../b.json", "../out/r.json")


def test_a_projects_table_is_as_good(here: Path) -> None:
    """The same keys under [tool.profile-smoke]."""
    (here / "pyproject.toml").write_text("[project]\nname = 'x'\n[tool.profile-smoke]\njobs = 3\n")
    told = found()
    assert told.options.jobs == 3
    assert told.sources["jobs"] == "pyproject.toml:4"


VALUES: dict[str, tuple[Any, ...]] = {
    "jobs": (2, 3, 4),
    "max-launches": (5, 6, 7),
    "standin": ("auto", "always", "never"),
    "profile": (("a",), ("b", "c"), ("d*",)),
    "baseline": ("x", "y", "z"),
    "unused": (True, True, False),
    "image": ({"a": "1", "b": "1"}, {"b": "2"}, {"c": "3", "a": "3"}),
}
"""What each place says of a setting: option, variable, file."""


def as_option(name: str, value: Any) -> list[str]:
    if isinstance(value, bool):
        return [f"--{name}"]
    if isinstance(value, dict):
        return [word for key, each in value.items() for word in ("--image", f"{key}={each}")]
    return [
        word for each in (value if isinstance(value, tuple) else [value]) for word in (f"--{name}", str(each))
    ]


def as_variable(value: Any) -> str:
    if isinstance(value, dict):
        return ",".join(f"{key}={each}" for key, each in value.items())
    return (
        "\n".join(value)
        if isinstance(value, tuple)
        else str(value).lower()
        if isinstance(value, bool)
        else str(value)
    )


def as_toml(name: str, value: Any) -> str:
    if isinstance(value, dict):
        pairs = ", ".join(f"{key} = {json.dumps(each)}" for key, each in value.items())
        return f"{name} = {{{pairs}}}\n"
    return f"{name} = {json.dumps(value)}\n"


@given(st.dictionaries(st.sampled_from(sorted(VALUES)), st.sets(st.sampled_from([0, 1, 2])), min_size=1))
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_an_option_wins_over_a_variable_over_the_file_over_the_default(
    here: Path, said: dict[str, set[int]]
) -> None:
    """For any places that say something of any settings; of a table each entry goes its own way. The source is told."""
    words = [
        word for name, places in said.items() if 0 in places for word in as_option(name, VALUES[name][0])
    ]
    environ = {
        PREFIX + name.upper().replace("-", "_"): as_variable(VALUES[name][1])
        for name, places in said.items()
        if 1 in places
    }
    write(here, "".join(as_toml(name, VALUES[name][2]) for name, places in said.items() if 2 in places))
    told = found(*words, **environ)
    defaults = Options(Command.RUN)
    for setting in SETTINGS:
        places = sorted(said.get(setting.name, ()))
        values = VALUES.get(setting.name, ())
        sources = (setting.option, setting.variable, "profile-smoke.toml:")
        if setting.shape is Shape.TABLE:
            expected = {key: each for place in reversed(places) for key, each in values[place].items()}
            assert told.options.images == expected
            for key in expected:
                first = next(place for place in places if key in values[place])
                assert told.sources[f"image.{key}"].startswith(sources[first])
        elif places:
            assert getattr(told.options, setting.field) == values[places[0]]
            assert told.sources[setting.name].startswith(sources[places[0]])
        else:
            assert getattr(told.options, setting.field) == getattr(defaults, setting.field)
            assert told.sources[setting.name] == DEFAULT


@pytest.mark.parametrize(
    ("words", "environ", "file", "gate"),
    [
        ([], {}, "", False),
        ([], {}, "[gate]", True),
        (["--no-gate"], {}, "[gate]", False),
        (["--gate"], {}, "", True),
        (["--gate"], {"PROFILE_SMOKE_GATE": "false"}, "", True),
        ([], {"PROFILE_SMOKE_GATE": "true"}, "", True),
        ([], {"PROFILE_SMOKE_GATE": "false"}, "[gate]", False),
        ([], {"PROFILE_SMOKE_GATE": ""}, "[gate]", True),
        (["--no-config"], {}, "[gate]", False),
        (["--gate", "--no-config"], {}, "[gate]\nmax-unused = 3", True),
    ],
)
def test_what_switches_the_gate_on(
    here: Path,
    words: list[str],
    environ: dict[str, str],
    file: str,
    gate: bool,  # noqa: FBT001
) -> None:
    """A table [gate] in force, unless something that wins over the file says otherwise."""
    write(here, file)
    told = found(*words, **environ).options
    assert told.gate is gate
    assert told.max_unused is None


@pytest.mark.parametrize(
    ("file", "problem"),
    [
        ('x = 1\nprofle = ["a"]', 'line 1: unknown key "x"; choose from'),
        ('profle = ["a"]', 'line 1: unknown key "profle"; did you mean "profile"?'),
        ('\nprofile = "a"', 'line 2, profile: a list is needed here, this is the text "a"'),
        ("profile = []", "line 1, profile: is empty"),
        ("profile = [3]", 'line 1, profile[0]: a text in quotes is needed here, this is the number "3"'),
        ('profile = [" "]', "line 1, profile[0]: is empty"),
        ('target = ["dcker"]', "line 1, target[0]: there is no 'dcker'; did you mean 'docker'?"),
        (
            'jobs = "2"',
            'line 1, jobs: a whole number from 0 to 1000000000 is needed here, this is the text "2"',
        ),
        ("jobs = 0", "line 1, jobs: '0' is not a whole number from 1 on"),
        ("jobs = 1.5", "line 1, jobs: write 1.5 as a plain decimal number"),
        ("quiet = 1", "line 1, quiet: true or false is needed here"),
        ('profiles-dir = ["nope"]', "line 1, profiles-dir[0]: 'nope' is not a folder"),
        ('report = ["jsn=x"]', "line 1, report[0]: there is no 'jsn'; did you mean 'json'?"),
        ("[image]\nnginx = 3", "line 2, image.nginx: a text in quotes is needed here"),
        ('image = "x"', "line 1, image: a table of keys is needed here"),
        ("[gate]\nmax_unused = 3", 'line 2, gate: unknown key "max_unused"; did you mean "max-unused"?'),
        ('[gate]\nfail-on = ["error"]', "line 2, gate.fail-on[0]: there is no 'error'"),
        (
            '[gate]\nfail-on = ["bloked"]',
            "line 2, gate.fail-on[0]: there is no 'bloked'; did you mean 'blocked'?",
        ),
        ('[gate]\nmin-score = "F"', "line 2, gate.min-score: there is no 'F'; one of A, B, C, D, E"),
        ("gate = true", "line 1, gate: a table of keys is needed here"),
        ('[expect]\n"webapp" = "passed"', "line 2, expect.webapp: write PROFILE/SCENARIO"),
        ('[expect]\n"a/b" = "pass"', 'line 2, expect.a/b: "pass" is not known here; did you mean "passed"?'),
        (
            WHOLE.replace("reason", "reson", 1),
            'line 40, waivers[0]: unknown key "reson"; did you mean "reason"?',
        ),
        (WHOLE.replace('reason = "a debugger"', ""), 'line 43, waivers[1]: the key "reason" is missing'),
        (WHOLE.replace('reason = "a debugger"', 'reason = ""'), "line 47, waivers[1].reason: is empty"),
        (WHOLE.replace("expires = 2027-01-31", ""), 'line 37, waivers[0]: the key "expires" is missing'),
        (WHOLE.replace("2027-01-31", '"2027-01-31"'), "line 41, waivers[0].expires: a date without quotes"),
        (WHOLE.replace("2027-01-31", "2027-01-31T00:00:00"), "line 41, waivers[0].expires: a date without"),
        (WHOLE.replace('profile = "web*"', ""), 'line 37, waivers[0]: the key "profile" is missing'),
        (WHOLE.replace('rule = "digest"', ""), 'line 37, waivers[0]: neither "rule" nor "syscall" is there'),
        (
            WHOLE.replace('rule = "digest"', 'rule = "error"'),
            'line 39, waivers[0].rule: "error" is not known here',
        ),
    ],
)
def test_a_mistake_in_a_file_is_one_line(here: Path, file: str, problem: str) -> None:
    """Which file, line, path in it, what is wrong, what would be right."""
    write(here, file)
    with pytest.raises(BadFileError) as caught:
        found()
    assert str(caught.value).startswith(f"profile-smoke.toml: {problem}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("PROFILE", "a", ""),
        ("PROFLE", "a", "there is no variable PROFILE_SMOKE_PROFLE; did you mean 'PROFILE_SMOKE_PROFILE'?"),
        ("JOBS", "two", "PROFILE_SMOKE_JOBS: 'two' is not a whole number"),
        ("UNUSED", "yes", "PROFILE_SMOKE_UNUSED: 'yes' is neither true nor false"),
        ("IMAGE", "nginx", "PROFILE_SMOKE_IMAGE: 'nginx' is not like mysql=mysql:8.4"),
        ("TARGET", "oci,dcker", "PROFILE_SMOKE_TARGET: there is no 'dcker'; did you mean 'docker'?"),
        ("GATE_FAIL_ON", "x", "PROFILE_SMOKE_GATE_FAIL_ON: there is no 'x'"),
        ("HOME", "/x", ""),
    ],
)
def test_a_mistake_in_a_variable_is_one_line(here: Path, name: str, value: str, problem: str) -> None:
    """A variable that is none would leave a gate open in silence."""
    assert here == Path.cwd()
    try:
        found(**{PREFIX + name: value})
        said = ""
    except UsageError as error:
        said = str(error)
    assert said.startswith(problem)
    assert bool(said) is bool(problem)


def test_lists_in_a_variable(here: Path) -> None:
    """Apart by commas or line breaks, with blanks and empty items left out: as inputs of a step come."""
    assert here == Path.cwd()
    told = found(PROFILE_SMOKE_PROFILE=" a, b\n\nc,\n", PROFILE_SMOKE_JOBS=" ")
    assert told.options.profiles == ("a", "b", "c")
    assert told.options.jobs is None


def test_a_named_file_is_the_only_one(here: Path) -> None:
    """By --config, or by a variable; --no-config wins over the variable."""
    write(here, "jobs = 1")
    (here / "other.toml").write_text("jobs = 2")
    assert found("--config", "other.toml").options.jobs == 2
    assert found(PROFILE_SMOKE_CONFIG="other.toml").options.jobs == 2
    assert found("--no-config", PROFILE_SMOKE_CONFIG="other.toml").options.jobs is None
    with pytest.raises(UsageError, match="leave one out"):
        found("--config", "other.toml", "--no-config")
    with pytest.raises(BadFileError, match=r"^gone\.toml: cannot be read: No such file"):
        found("--config", "gone.toml")


@pytest.mark.parametrize(
    ("words", "environ", "narrowed"),
    [
        ([], {}, set()),
        (["--profile", "a"], {}, {"profiles"}),
        ([], {"PROFILE_SMOKE_SCENARIO": "a"}, {"scenarios"}),
        (["--target", "oci"], {}, {"targets"}),
        (["--only", "a/b@oci", "--shard", "1/2", "--jobs", "3"], {}, {"only", "shard"}),
        (["--privilege-escalation", "both"], {}, set()),
    ],
)
def test_what_narrows_a_selection(
    here: Path, words: list[str], environ: dict[str, str], narrowed: set[str]
) -> None:
    """What chooses cells otherwise than the file: waivers for the others cannot be called unused."""
    write(here, 'profile = ["a"]\ntarget = ["oci"]')
    assert found(*words, **environ).options.narrowed == narrowed


def test_the_schema_says_what_the_reader_takes() -> None:
    """The same keys, the same words, and the example fits."""
    text = (
        resources.files("profile_smoke.settings").joinpath("schema/settings.schema.json").read_text("utf-8")
    )
    schema = json.loads(text)
    jsonschema.Draft202012Validator.check_schema(schema)
    document = json.loads(json.dumps(tomllib.loads(WHOLE), default=str))
    jsonschema.validate(document, schema)
    properties = schema["properties"]
    gate = properties["gate"]["properties"]
    names = {*properties, *(f"gate.{key}" for key in gate)} - {"expect", "waivers"}
    assert names == {setting.name for setting in SETTINGS}
    assert gate["fail-on"]["items"]["enum"] == [str(rule) for rule in SWITCHED]
    assert gate["min-score"]["enum"] == [str(tier) for tier in Tier]
    assert schema["$defs"]["class"]["enum"] == list(CLASSES)
    assert properties["target"]["items"]["enum"] == [str(name) for name in TargetName]
    waiver = schema["$defs"]["waiver"]
    assert set(waiver["properties"]) == {"profile", "scenario", "rule", "syscall", "reason", "expires"}
    for broken in (
        {"jobs": 0},
        {"x": 1},
        {"waivers": [{"profile": "a", "reason": "b", "expires": "2027-01-01"}]},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(broken, schema)


def test_every_variable_of_ours_is_known() -> None:
    """A name that is used anywhere in this project and is no setting is in the list of those that are not."""
    known = {CONFIG, *(PREFIX + name for name in NO_SETTINGS), *(setting.variable for setting in SETTINGS)}
    used = {
        name
        for folder in ("runner", "tools", ".github", ".ci")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".py", ".sh", ".yml", "") and path.is_file()
        for name in re.findall(r"PROFILE_SMOKE_[A-Z_]+[A-Z]", path.read_text("utf-8", errors="replace"))
    }
    assert used - known - {"PROFILE_SMOKE_X"} == set()


def test_config_shows_values_and_sources(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As a table and as JSON, expectations and waivers too; every setting is there."""
    write(here, WHOLE)
    assert main(["config", "--jobs", "7"]) == 0
    table = capsys.readouterr().out
    assert re.search(r"^jobs +7 +--jobs$", table, re.MULTILINE)
    assert re.search(r"^gate.min-score +B +profile-smoke.toml:35$", table, re.MULTILINE)
    assert "webapp/*: passed (profile-smoke.toml:29)" in table
    assert "web* in *: digest, any call, until 2027-01-31: until the mirror is there" in table
    assert main(["config", "-f", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["file"] == "profile-smoke.toml"
    shown = {each["name"] for each in document["settings"]}
    assert shown == {*(each.name for each in SETTINGS), "image.nginx", "image.redis"} - {"image"}
    assert {"name": "report", "value": ["json=out/r.json"], "source": "profile-smoke.toml:21"} in document[
        "settings"
    ]
    assert document["waivers"][1]["syscall"] == "ptrace"
    assert document["expect"][0] == {
        "cells": "webapp/*",
        "expected": "passed",
        "source": "profile-smoke.toml:29",
    }


def test_an_expectation_of_what_there_is_not(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt one would expect nothing of anything."""
    write(here, '[expect]\n"webap/nginx" = "passed"')
    assert main(["list", "--target", "oci"]) == 2
    assert capsys.readouterr().err == (
        "profile-smoke: profile-smoke.toml:2: expect.webap/nginx: no profile 'webap'; did you mean 'webapp'?\n"
    )
    write(here, '[expect]\n"web*/ngnix" = "passed"')
    assert main(["list", "--target", "oci"]) == 2
    assert "no scenario 'ngnix'; did you mean 'nginx'?" in capsys.readouterr().err


def test_expectations_decide_what_cells_should_come_to(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Over what the scenario says; the last one that fits counts."""
    write(here, '[expect]\n"*/redis" = "passed"\n"webapp/redis" = "blocked"\n"webapp/redis@docker" = "any"')
    assert main(["list", "--scenario", "redis", "--target", "oci", "-f", "json"]) == 0
    rows = {each["id"]: each["expected"] for each in json.loads(capsys.readouterr().out)}
    assert rows["webapp/redis@oci"] == "blocked"
    assert {rows[key] for key in rows if not key.startswith("webapp/")} == {"passed"}


def test_list_tells_the_images_that_settings_give(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a run with the same settings would launch; of other scenarios their own."""
    write(here, '[image]\nredis = "redis@sha256:00"\n[gate]\n')
    assert main(["list", "--profile", "webapp", "--target", "oci", "-f", "json"]) == 0
    images = {each["scenario"]: each["image"] for each in json.loads(capsys.readouterr().out)}
    assert images.pop("redis") == "redis@sha256:00"
    assert all("@" not in image for image in images.values())


def as_value(value: Any) -> str:
    """A value as TOML has it inline."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {as_value(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(as_value(each) for each in value) + "]"
    return str(value) if isinstance(value, date) else json.dumps(value)


KEYS = st.sampled_from(
    [
        *(setting.name.removeprefix("gate.") for setting in SETTINGS),
        *("expect", "waivers", "reason", "expires", "rule", "syscall", "a/b", "x"),
    ]
)
ANYTHING = st.recursive(
    st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.sampled_from(["", "a", "oci", "passed", "\x7f\u202e"])
    | st.dates(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(KEYS, ANYTHING, max_size=4))
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_file_gives_settings_or_one_line(here: Path, document: dict[str, Any]) -> None:
    """Nothing that can stand in a file ends in a traceback, or in a line that is more than one."""
    write(here, "".join(f"{json.dumps(key)} = {as_value(each)}\n" for key, each in document.items()))
    message = "none"
    try:
        found()
    except BadFileError as error:
        message = str(error)
        assert message.startswith("profile-smoke.toml: line ")
    assert message
    assert "\n" not in message
