"""From a command line to an exit code, whatever happens on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import types
from collections.abc import Callable

import pytest

from profile_smoke import errors
from profile_smoke.__main__ import main
from profile_smoke.cli.options import Options
from profile_smoke.target.kubernetes_errors import ApiError

Install = Callable[[Callable[[Options], int]], None]


@pytest.fixture
def doctor(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts a function in the place of the command `doctor`."""

    def install(function: Callable[[Options], int]) -> None:
        module = types.ModuleType("profile_smoke.cli.commands.doctor")
        module.main = function  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, module.__name__, module)

    return install


def subclasses(kind: type[errors.SmokeError]) -> list[type[errors.SmokeError]]:
    return [kind, *(deeper for child in kind.__subclasses__() for deeper in subclasses(child))]


def test_the_command_gets_its_options_and_gives_the_code(doctor: Install) -> None:
    """The module of the command's name is called, with what was parsed."""
    seen: list[Options] = []

    def command(options: Options) -> int:
        seen.append(options)
        return 3

    doctor(command)
    assert main(["doctor", "--target", "oci"]) == 3
    assert seen[0].targets == ("oci",)


@pytest.mark.parametrize("kind", subclasses(errors.SmokeError))
def test_each_error_gives_its_code_and_one_line(
    kind: type[errors.SmokeError], doctor: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    """The whole error tree; control characters in a message reach no terminal."""
    said = "x\x1b\n"
    error: errors.SmokeError
    if issubclass(kind, errors.BadFileError):
        error = kind("f", "w", said)
    elif issubclass(kind, ApiError):
        error = kind(said, 403)
    else:
        error = kind(said)

    def command(_options: Options) -> int:
        raise error

    doctor(command)
    assert main(["doctor"]) == kind.exit_code
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("profile-smoke: ")
    assert output.err.endswith("x\\x1b\\n\n")
    assert output.err.count("\n") == 1


def test_a_mistake_on_the_command_line_is_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    """One line on stderr, nothing on stdout."""
    assert main(["--shard", "9"]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.count("\n") == 1


def test_an_unexpected_error_is_a_line_and_a_traceback_only_when_asked(
    doctor: Install, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Code 4: it says nothing about the profile."""

    def command(_options: Options) -> int:
        raise ZeroDivisionError("never")

    doctor(command)
    monkeypatch.delenv("PROFILE_SMOKE_DEBUG", raising=False)
    assert main(["doctor"]) == 4
    plain = capsys.readouterr().err
    assert plain.startswith("profile-smoke: internal error: ZeroDivisionError: never: please report it")
    assert plain.count("\n") == 1
    monkeypatch.setenv("PROFILE_SMOKE_DEBUG", "1")
    assert main(["doctor"]) == 4
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_signals_end_it_with_130_and_let_it_clean_up(number: int, doctor: Install) -> None:
    """Ctrl-C, SIGTERM and a closed terminal alike; the handlers of before are back afterwards."""
    inherited = signal.signal(number, signal.default_int_handler)  # under nohup SIGHUP is ignored
    before = [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)]
    cleaned: list[bool] = []

    def command(_options: Options) -> int:
        try:
            os.kill(os.getpid(), number)
            signal.sigtimedwait([], 10)
        finally:
            cleaned.append(True)
        return 0

    doctor(command)
    try:
        assert main(["doctor"]) == 130
        assert cleaned == [True]
        assert [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)] == before
    finally:
        signal.signal(number, inherited)


def test_an_ignored_signal_stays_ignored(doctor: Install) -> None:
    """Under nohup a closed terminal does not end the run."""

    def command(_options: Options) -> int:
        os.kill(os.getpid(), signal.SIGHUP)
        return 0

    doctor(command)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert main(["doctor"]) == 0
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(
    ("redirect", "code"), [("2>&-", 2), ("2>/dev/full", 2), (">&- 2>&-", 2), ("</dev/null", 2)]
)
def test_the_code_is_right_even_when_nobody_can_be_told(redirect: str, code: int) -> None:
    """A stderr that is closed or full changes nothing about the code."""
    command = f'exec "$0" -m profile_smoke --nope {redirect}'
    result = subprocess.run(
        ["sh", "-c", command, sys.executable], check=False, capture_output=True, timeout=30
    )
    assert result.returncode == code
    assert b"Traceback" not in result.stderr


def test_help_into_a_closed_pipe_is_quiet() -> None:
    """`profile-smoke --help | head -1` shows a line and nothing else."""
    command = '"$0" -m profile_smoke --help | head -1; exit "${PIPESTATUS[0]}"'
    result = subprocess.run(
        ["bash", "-c", command, sys.executable], check=False, capture_output=True, timeout=30
    )
    assert result.stdout.startswith(b"usage: profile-smoke")
    assert result.stderr == b""
