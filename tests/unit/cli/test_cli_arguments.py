"""The command line: what it means, and what it says when it means nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profile_smoke.cli.arguments import parse
from profile_smoke.cli.cluster_options import ClusterAction, ClusterOptions
from profile_smoke.cli.options import (
    Command,
    Keep,
    ListFormat,
    Options,
    ReportFile,
    Shard,
    StandinMode,
    TargetName,
)
from profile_smoke.errors import UsageError
from profile_smoke.report.interface import Format

HEAVY = (
    "docker",
    "kubernetes",
    "yaml",
    "tabulate",
    "redis",
    "pymysql",
    "pg8000",
    "tenacity",
    "requests",
    "json",
)


def test_nothing_means_run_everything() -> None:
    """No words at all are the command run with all defaults."""
    assert parse([]) == Options(Command.RUN)


def test_run_is_what_happens_without_a_command() -> None:
    """The promise of the product, in its short and its long form."""
    assert parse(["--profile", "database"]) == parse(["run", "--profile", "database"])
    assert parse(["--profile", "database"]) == Options(Command.RUN, profiles=("database",))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--profile a --profile b*", {"profiles": ("a", "b*")}),
        ("--scenario ./x --scenario=y", {"scenarios": ("./x", "y")}),
        ("--target oci --target docker", {"targets": (TargetName.OCI, TargetName.DOCKER)}),
        (
            "--profiles-dir / --scenarios-dir /",
            {"profiles_dirs": (Path("/"),), "scenarios_dirs": (Path("/"),)},
        ),
        ("--image a=b:1 --image c=d=e", {"images": {"a": "b:1", "c": "d=e"}}),
        ("--standin never", {"standin": StandinMode.NEVER}),
        ("--only a/b@oci --only c/d@oci", {"only": ("a/b@oci", "c/d@oci")}),
        ("--shard 2/5", {"shard": Shard(2, 5)}),
        ("--jobs 3 --max-launches 7", {"jobs": 3, "max_launches": 7}),
        ("--no-observe --exit-zero -q", {"observe": False, "exit_zero": True, "quiet": True}),
        ("-f json -o out.json", {"format": Format.JSON, "output": "out.json"}),
        (
            "--report json=a --report table=b=c",
            {"reports": (ReportFile(Format.JSON, "a"), ReportFile(Format.TABLE, "b=c"))},
        ),
        ("--keep on-failure --write-fix fixed.json", {"keep": Keep.ON_FAILURE, "write_fix": "fixed.json"}),
    ],
)
def test_options_of_run(words: str, expected: dict[str, Any]) -> None:
    """Each option has its place in the result, repeated ones in their order."""
    assert parse(words.split()) == Options(Command.RUN, **expected)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("list", Options(Command.LIST)),
        ("list -f matrix --profile a", Options(Command.LIST, list_format=ListFormat.MATRIX, profiles=("a",))),
        ("list --shard 1/2 -o x", Options(Command.LIST, shard=Shard(1, 2), output="x")),
        ("lint a b", Options(Command.LINT, paths=("a", "b"))),
        ("doctor --target oci", Options(Command.DOCTOR, targets=(TargetName.OCI,))),
        ("clean", Options(Command.CLEAN)),
        ("clean --images", Options(Command.CLEAN, prune=True)),
        ("clean r-1 r-2", Options(Command.CLEAN, runs=("r-1", "r-2"))),
        ("images prepare --scenario n*", Options(Command.IMAGES, scenarios=("n*",))),
        ("images prepare --into-store", Options(Command.IMAGES, into_store=True)),
    ],
)
def test_the_other_commands(words: str, expected: Options) -> None:
    """Each has its own options; what it has not keeps the default."""
    assert parse(words.split()) == expected


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("lst", "there is no command 'lst'; did you mean 'list'?"),
        (
            "zzz",
            "there is no command 'zzz'; one of run, list, lint, record, profile, filter, doctor, images, clean",
        ),
        ("--profle x", "there is no option --profle; did you mean '--profile'?"),
        ("--prof x", "there is no option --prof; did you mean '--profile'?"),
        ("--profle=x", "there is no option --profle; did you mean '--profile'?"),
        ("--profile", "--profile: expected one argument"),
        ("run again", "unexpected argument 'again'"),
        ("--target dcker", "--target: there is no 'dcker'; did you mean 'docker'?"),
        ("--target x", "--target: there is no 'x'; one of oci, docker"),
        ("-f jsn", "-f/--format: there is no 'jsn'; did you mean 'json'?"),
        ("--shard 0/2", "--shard: '0/2' is not like 2/5"),
        ("--shard 3/2", "--shard: '3/2' is not like 2/5"),
        ("--shard \uff12/\uff12", "is not like 2/5"),
        ("--jobs 0", "--jobs: '0' is not a whole number from 1 on"),
        ("--jobs two", "--jobs: 'two' is not a whole number from 1 on"),
        ("--max-launches 1.5", "--max-launches: '1.5' is not a whole number"),
        ("--image mysql", "--image: 'mysql' is not like mysql=mysql:8.4"),
        ("--image mysql=", "--image: 'mysql=' is not like mysql=mysql:8.4"),
        ("--image a=b --image a=c", "--image: a is given two images"),
        ("--standin maybe", "--standin: there is no 'maybe'; one of auto, always, never"),
        ("--report json", "--report: 'json' is not like json=result.json"),
        ("--report jason=x", "--report: there is no 'jason'; did you mean 'json'?"),
        ("--report json=-", "--report: stdout holds the main report"),
        ("--profiles-dir /nope", "--profiles-dir: '/nope' is not a folder"),
        ("--keep always", "--keep: there is no 'always'; one of never, on-failure"),
        ("lint", "the following arguments are required: PATH"),
        ("images", "the following arguments are required: prepare"),
        ("images pull", "images cannot be 'pull'; did you mean 'prepare'?"),
        ("list --exit-zero", "there is no option --exit-zero"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_would_be_right(words: str, message: str) -> None:
    """No usage dump: the mistake, the nearest right word, and where to read on."""
    with pytest.raises(UsageError) as caught:
        parse(words.split())
    text = str(caught.value)
    assert message in text
    assert text.endswith("--help)")
    assert "\n" not in text


@given(
    st.lists(
        st.text(max_size=8) | st.sampled_from(["run", "list", "--shard", "--jobs", "-f", "--", "-o", "-q"]),
        max_size=5,
    )
)
def test_any_words_give_options_or_one_line(words: list[str]) -> None:
    """Nothing that can be typed ends in a traceback."""
    message, code = "none", 0
    try:
        parse(words)
    except UsageError as error:
        message = str(error)
    except SystemExit as stop:  # some of the words are -h
        code = stop.code if isinstance(stop.code, int) else 99
    assert message
    assert code == 0


@pytest.mark.parametrize("command", ["", *Command])
def test_help_fits_and_names_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Help goes to stdout, ends with code 0, and has 100 columns at most on every Python."""
    with pytest.raises(SystemExit) as stop:
        parse([*command.split(), "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith("usage: profile-smoke")
    assert max(map(len, text.splitlines())) <= 103
    assert "-h, --help" in text


def test_the_main_help_tells_commands_codes_and_examples(capsys: pytest.CaptureFixture[str]) -> None:
    """Every command is in it, and each of its examples is a command line that parses."""
    with pytest.raises(SystemExit):
        parse(["--help"])
    text = capsys.readouterr().out
    assert all(f"\n  {command}" in text for command in Command)
    assert all(f"\n  {code} " in text for code in (0, 1, 2, 3, 4, 130))
    examples = [line.split()[1:] for line in text.splitlines() if line.startswith("  profile-smoke ")]
    assert len(examples) >= 4
    for example in examples:
        parse([word.strip("'") for word in example])


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """On stdout, with the program's name."""
    with pytest.raises(SystemExit) as stop:
        parse(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out.startswith("profile-smoke ")


def test_help_imports_nothing_heavy() -> None:
    """`--help` needs argparse and our enums: no client library, no YAML, no table."""
    code = (
        "import sys\n"
        "sys.argv = ['profile-smoke', '--help']\n"
        "from profile_smoke.__main__ import main\n"
        "try:\n    main()\nexcept SystemExit:\n    print(*sys.modules, file=sys.stderr)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(result.stderr.split())
    assert "profile_smoke.cli.arguments" in loaded
    assert loaded.isdisjoint(HEAVY)
    assert not [name for name in loaded if name.startswith("profile_smoke.cli.commands")]


def test_a_cluster_has_options_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The node image may come from the environment, as machines without a registry set it up."""
    monkeypatch.setenv("PROFILE_SMOKE_NODE_IMAGE", "node:1")
    wanted = ClusterOptions(ClusterAction.UP, "mine", node_image="node:1", nodes=2)
    assert parse(["cluster", "up", "--name", "mine", "--nodes=2"]) == Options(Command.CLUSTER, cluster=wanted)
    monkeypatch.delenv("PROFILE_SMOKE_NODE_IMAGE")
    assert parse(["cluster", "down"]).cluster == ClusterOptions(ClusterAction.DOWN)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "required: ACTION"),
        ("upp", "did you mean 'up'"),
        ("up --name A", "no name for a cluster"),
        ("up --nodes 10", "at most 9"),
        ("down --nodes 2", "are for cluster up"),
        ("status --node-image x", "are for cluster up"),
    ],
)
def test_a_cluster_that_cannot_be_meant_is_refused(words: str, message: str) -> None:
    """In one line, before kind is asked for anything."""
    with pytest.raises(UsageError, match=message):
        parse(["cluster", *words.split()])
