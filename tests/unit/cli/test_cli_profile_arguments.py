"""The words after `profile-smoke profile`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profile_smoke.cli.arguments import parse
from profile_smoke.cli.options import Command, Options
from profile_smoke.cli.profile_options import (
    ConvertOptions,
    DiffOptions,
    Host,
    InstallOptions,
    Kind,
    ProfileCommand,
    ProfileOptions,
    Reader,
    ScoreOptions,
    ShowOptions,
)
from profile_smoke.errors import UsageError
from profile_smoke.report.interface import PlainFormat

HEAVY = ("docker", "yaml", "tabulate", "requests", "json", "seccompute", "profile_smoke.profile.document")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("show a", ShowOptions("a")),
        ("show a read", ShowOptions("a", "read")),
        ("show a --abi x86 read", ShowOptions("a", "read", abi="x86")),
        ("show a read --args 1,0x2,-1", ShowOptions("a", "read", (1, 2, 2**64 - 1, 0, 0, 0))),
        (
            "show a --for kubernetes -f json -o x",
            ShowOptions("a", reader=Reader.KUBERNETES, format=PlainFormat.JSON, output="x"),
        ),
        (
            "show a --caps net_admin,CAP_BPF --arch aarch64 --kernel 6.1",
            ShowOptions("a", host=Host(("CAP_BPF", "CAP_NET_ADMIN"), "aarch64", (6, 1))),
        ),
        ("show a --caps=", ShowOptions("a", host=Host(()))),
        ("diff a", DiffOptions("a")),
        ("diff a b --check", DiffOptions("a", "b", check=True)),
        ("diff a --for docker b --for oci", DiffOptions("a", "b", (Reader.DOCKER, Reader.OCI))),
        ("score", ScoreOptions()),
        ("score a b --against c", ScoreOptions(("a", "b"), "c")),
        ("convert a --to oci", ConvertOptions("a", Kind.OCI)),
        ("convert --to spo a --name n --namespace m", ConvertOptions("a", Kind.SPO, "n", "m")),
        ("install", InstallOptions()),
        ("install a b --folder x --force", InstallOptions(("a", "b"), "x", force=True)),
        ("install --check --profiles-dir /", InstallOptions(check=True, profiles_dirs=(Path("/"),))),
        ("install --rollback", InstallOptions(rollback=True)),
    ],
)
def test_each_sub_command_has_options_of_its_own(words: str, expected: ProfileOptions) -> None:
    """An option may stand between two words."""
    assert parse(["profile", *words.split()]) == Options(Command.PROFILE, profile=expected)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "profile needs a command: one of lint, show, diff, score, convert, install"),
        ("shw", "profile has no command 'shw'; did you mean 'show'?"),
        ("zzz", "profile has no command 'zzz'; one of lint, show, diff, score, convert, install"),
        ("--check", "there is no option --check"),
        ("show", "the following arguments are required: PROFILE"),
        ("show a b c", "unexpected argument 'c'"),
        ("show a --chek", "there is no option --chek"),
        ("diff a b --chek", "there is no option --chek; did you mean '--check'?"),
        ("score --fro docker", "there is no option --fro; did you mean '--for'?"),
        ("install --check --rollback", "--rollback: not allowed with argument --check"),
        ("convert a --to oic", "--to: there is no 'oic'; did you mean 'oci'?"),
    ],
)
def test_a_mistake_is_one_line(words: str, message: str) -> None:
    """With where to read on."""
    with pytest.raises(UsageError) as caught:
        parse(["profile", *words.split()])
    assert message in str(caught.value)
    assert str(caught.value).endswith("--help)")
    assert "\n" not in str(caught.value)


@given(
    st.lists(
        st.text(max_size=6)
        | st.sampled_from(["--for", "docker", "--args", "--caps", "--to", "--check", "--", "-f", "-h"]),
        max_size=5,
    ),
    st.sampled_from(ProfileCommand),
)
def test_any_words_give_options_or_one_line(words: list[str], command: ProfileCommand) -> None:
    """Or the help, or what made no sense."""
    assert outcome(["profile", command, *words]) in ("options", "help", "one line")


def outcome(words: list[str]) -> str:
    try:
        parse(words)
    except UsageError as error:
        quoted = any("\n" in word or "\r" in word for word in words)
        return "one line" if quoted or len(str(error).splitlines()) == 1 else f"several lines: {error}"
    except SystemExit as done:
        return "help" if done.code == 0 else f"code {done.code}"
    return "options"


@pytest.mark.parametrize("command", ["", *map(str, ProfileCommand)])
def test_help_is_shown_at_once(command: str) -> None:
    """No library and no table is loaded for it."""
    words = ["profile", *filter(None, [command]), "--help"]
    code = (
        "import sys\nfrom profile_smoke.__main__ import main\n"
        f"try:\n    main({words!r})\nexcept SystemExit as done:\n    assert done.code == 0\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    runner = Path(__file__).parents[3] / "runner"
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(runner)},
    )
    assert done.stdout.startswith(f"usage: profile-smoke profile {command}".rstrip())
    assert done.stderr == "[]\n"
