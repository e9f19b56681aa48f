"""The plugin in sessions of its own, on a target that only follows a script: what is passed, failed, an error, skipped."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.unit.pytest_plugin import scripted

from profile_smoke.cli.arguments import parse
from profile_smoke.pytest_plugin import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytest_plugins = ["pytester"]
ROOT = Path(__file__).parents[3]
FLAGS = (
    "-p",
    "no:cacheprovider",
    "-p",
    "no:randomly",
    "--profile-smoke",
    "--profile-smoke-profile=./tight.json",
)
SCENARIO = """\
schema: profile-smoke/scenario-v1
name: {name}
summary: something that says when it is up
image: image:1
ready: {{log: {{pattern: up}}, timeout: 60s}}
probes:
  - name: says-more
    log: {{pattern: more}}
    timeout: 0.3s
stop: {{signal: TERM, timeout: 1s, exit_codes: [0]}}
profiles: {{{profiles}}}
"""
CONFTEST = """
from tests.unit.pytest_plugin.scripted import use

use(setattr)
"""
"""For sessions in processes of their own."""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.Pytester]:
    """A folder with a profile, no scenarios yet, and a target that only follows a script."""
    # Short: a socket lies in it.
    with tempfile.TemporaryDirectory(prefix="ps-") as home:
        monkeypatch.setenv("PROFILE_SMOKE_HOME", home)
        monkeypatch.setenv("NOTES", str(pytester.path / "notes"))
        monkeypatch.setenv("PYTHONPATH", str(ROOT))
        monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
        monkeypatch.delenv("PYTEST_XDIST_WORKER_COUNT", raising=False)
        scripted.use(monkeypatch.setattr)
        allowed = {"names": ["read"], "action": "SCMP_ACT_ALLOW"}
        profile = {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [allowed]}
        (pytester.path / "tight.json").write_text(json.dumps(profile))
        yield pytester
        assert list(Path(home).glob("runs/*")) == []


@pytest.fixture
def scenario(project: pytest.Pytester) -> Callable[..., None]:
    def make(name: str, profiles: str = "tight: passed") -> None:
        folder = project.path / "scenarios" / name
        folder.mkdir(parents=True)
        text = SCENARIO.format(name=name, profiles=profiles).replace("image:1", f"{name}:1")
        (folder / "scenario.yaml").write_text(text)

    return make


def notes(project: pytest.Pytester) -> list[str]:
    return (project.path / "notes").read_text().splitlines()


def test_each_cell_is_a_test_with_the_id_of_list(
    project: pytest.Pytester, scenario: Callable[..., None]
) -> None:
    """Several profiles give several tests; the file is where they stand."""
    scenario("calm")
    result = project.runpytest_inprocess(
        *FLAGS, "--profile-smoke-profile=minimal", "--collect-only", "-q", "scenarios"
    )
    result.stdout.fnmatch_lines(
        ["scenarios/calm/scenario.yaml::tight/calm@oci", "scenarios/calm/scenario.yaml::minimal/calm@oci"]
    )
    assert not (project.path / "notes").exists()


def test_settings_are_in_force_as_for_the_command(
    project: pytest.Pytester, scenario: Callable[..., None]
) -> None:
    """From a file, with what it expects: also of scenarios in other files than the one that is looked at."""
    scenario("calm")
    scenario("blocked")
    text = 'profile = ["./tight.json"]\n[expect]\n"tight/calm" = "passed"\n"tight/blocked" = "any"\n'
    (project.path / "profile-smoke.toml").write_text(text)
    result = project.runpytest_inprocess("-p", "no:cacheprovider", "--profile-smoke", "scenarios")
    result.assert_outcomes(passed=1, xfailed=1)


def test_one_cell_is_run_by_its_id(project: pytest.Pytester, scenario: Callable[..., None]) -> None:
    """As pytest shows it."""
    scenario("calm")
    scenario("blocked")
    result = project.runpytest_inprocess(*FLAGS, "scenarios/calm/scenario.yaml::tight/calm@oci")
    result.assert_outcomes(passed=1)


def test_blocked_fails_and_broken_is_an_error(
    project: pytest.Pytester, scenario: Callable[..., None]
) -> None:
    """The failure is the story, without a traceback through our code; an error says nothing about the profile."""
    for name in ("calm", "blocked", "broken"):
        scenario(name)
    result = project.runpytest_inprocess(*FLAGS, "--junitxml=junit.xml", "scenarios")
    result.assert_outcomes(passed=1, failed=1, errors=1)
    result.stdout.fnmatch_lines(
        ["*tight/blocked@oci: BLOCKED, though it should pass*", "*exited with code 7*"]
    )
    result.stdout.fnmatch_lines(["*the control fails, under the default*"])
    result.stdout.no_fnmatch_line("*Traceback*")
    junit = (project.path / "junit.xml").read_text()
    assert 'name="profile_smoke_verdict" value="blocked"' in junit
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_what_only_informs_never_fails(project: pytest.Pytester, scenario: Callable[..., None]) -> None:
    """Blocked is told as a failure that was to be expected, an error as skipped."""
    for name in ("calm", "blocked", "broken"):
        scenario(name, "tight: any")
    result = project.runpytest_inprocess(*FLAGS, "-rxs", "scenarios")
    result.assert_outcomes(passed=1, xfailed=1, skipped=1)
    result.stdout.fnmatch_lines(["*only informs: blocking syscalls unknown*"])
    result.stdout.fnmatch_lines(["*only informs, and could not be judged*"])
    assert result.ret == 0


def test_what_should_be_blocked_and_is_not_fails(
    project: pytest.Pytester, scenario: Callable[..., None]
) -> None:
    """And what is, passes."""
    scenario("calm", "tight: blocked")
    scenario("blocked", "tight: blocked")
    result = project.runpytest_inprocess(*FLAGS, "scenarios")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*tight/calm@oci: passed, though the profile should block it*"])


def test_the_control_is_launched_once_and_everything_ends(
    project: pytest.Pytester, scenario: Callable[..., None]
) -> None:
    """For all cells of a scenario; the run's folder is gone afterwards."""
    scenario("calm", "tight: passed, minimal: passed")
    result = project.runpytest_inprocess(*FLAGS, "--profile-smoke-profile=minimal", "scenarios")
    result.assert_outcomes(passed=2)
    kinds = [line.split(" ", 1)[0] for line in notes(project)]
    assert kinds.count("control") == 1
    assert kinds.count("enforce") == 2
    assert kinds[-1] == "finished"


@pytest.mark.parametrize("dist", ["loadfile", "loadgroup"])
def test_workers_of_xdist_share_nothing(
    project: pytest.Pytester, scenario: Callable[..., None], dist: str
) -> None:
    """Each has a run of its own, and ends it; a scenario's cells stay together, and those of a target need not."""
    for name in ("one", "two", "three"):
        scenario(name, "tight: passed, minimal: passed")
    project.makeconftest(CONFTEST)
    result = project.runpytest_subprocess(
        *FLAGS, "--profile-smoke-profile=minimal", "-n2", f"--dist={dist}", "scenarios"
    )
    result.assert_outcomes(passed=6)
    launched = [line for line in notes(project) if not line.startswith("finished")]
    runs = {line.split(" in ")[1] for line in launched}
    assert (
        len(runs)
        == len({run.split(" by ")[0] for run in runs})
        == len({run.split(" by ")[1] for run in runs})
        == 2
    )
    assert sum(line.startswith("control") for line in launched) == 3
    assert sum(line.startswith("finished") for line in notes(project)) == len(runs)


PROBES = """
import pytest

seen = []


@pytest.mark.profile_smoke(scenario="./scenarios/{scenario}")
def test_probe(launch, profile_smoke_cell):
    def holds(container):
        assert "more" in container.logs()
        seen.append(container)

    result = launch(holds)
    assert result.verdict == "passed"
    assert profile_smoke_cell.id == "tight/{scenario}@oci"
    assert len(seen) == 2  # under the default profile, and under this one


@pytest.mark.profile_smoke(scenario="./scenarios/{scenario}")
def test_fails(launch):
    def wants_most(container):
        if "most" not in container.logs():
            pytest.fail("it says too little")

    launch(wants_most, timeout=0.2)


@pytest.mark.profile_smoke(scenario="./scenarios/{scenario}")
def test_is_mistaken(launch):
    launch(lambda container: container.no_such_thing())
"""


def test_probes_in_python_run_in_every_launch(
    project: pytest.Pytester, scenario: Callable[..., None]
) -> None:
    """One that holds passes; one that the profile keeps from holding fails with the story; a broken one is an error."""
    scenario("mute")
    project.makepyfile(PROBES.format(scenario="mute"))
    result = project.runpytest_inprocess(*FLAGS)
    result.assert_outcomes(passed=1 + 1, failed=1, skipped=1, errors=1)
    result.stdout.fnmatch_lines(
        ["*(probe:test_fails)*", "*did not hold within 0.2 s*: AssertionError: it says too little*"]
    )
    result.stdout.fnmatch_lines(["*the probe is broken: AttributeError:*"])


PLAIN = """
import sys

def test_nothing_is_there():
    ours = {name for name in sys.modules if name.startswith(("profile_smoke", "docker", "yaml"))}
    assert ours == {"profile_smoke", "profile_smoke.pytest_plugin"}
"""


TWICE = """
import pytest

@pytest.mark.profile_smoke(scenario="./scenarios/calm", profile=["./tight.json", "minimal"])
def test_probe(launch):
    assert launch(lambda container: None).control is not None
"""


def test_a_control_is_shared_by_the_cells_of_a_test_and_by_no_other(
    project: pytest.Pytester, scenario: Callable[..., None]
) -> None:
    """Two files with a test of the same name have probes of their own, and so controls."""
    scenario("calm", "minimal: passed")
    project.makepyfile(test_one=TWICE, test_two=TWICE)
    result = project.runpytest_inprocess(*FLAGS, "test_one.py", "test_two.py")
    result.assert_outcomes(passed=4)
    kinds = [line.split(" ", 1)[0] for line in notes(project)]
    assert (kinds.count("control"), kinds.count("enforce")) == (2, 4)


def test_without_the_option_nothing_is_imported(
    project: pytest.Pytester, scenario: Callable[..., None]
) -> None:
    """Not even our own modules; scenario files are no tests, and tests that need a cell are skipped."""
    scenario("calm")
    project.makepyfile(test_plain=PLAIN, test_cells="def test_needs_one(launch): raise AssertionError\n")
    result = project.runpytest_subprocess("-rs", ".")
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(["*needs --profile-smoke"])


def test_ctrl_c_ends_the_run(project: pytest.Pytester, scenario: Callable[..., None]) -> None:
    """In the middle of a launch: nothing is left, and pytest says that it was interrupted."""
    scenario("slow")
    project.makeconftest(CONFTEST)
    command = [sys.executable, "-m", "pytest", *FLAGS, "scenarios"]
    running = subprocess.Popen(command, cwd=project.path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    while not (project.path / "notes").exists():
        assert running.poll() is None, running.communicate()
    running.send_signal(signal.SIGINT)
    output, _ = running.communicate(timeout=60)
    assert running.returncode == pytest.ExitCode.INTERRUPTED
    assert b"KeyboardInterrupt" in output
    assert [line.split(" ", 1)[0] for line in notes(project)] == ["control", "finished"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--profile-smoke-max-launches=none",), "*--profile-smoke: --profile-smoke-max-launches*"),
        (("--profile-smoke-target=moon",), "*--profile-smoke-target*moon*"),
        (("--profile-smoke-profile=./nowhere.json",), "*nowhere.json*"),
    ],
)
def test_a_wrong_option_is_one_line(
    project: pytest.Pytester, scenario: Callable[..., None], options: tuple[str, ...], message: str
) -> None:
    """Said under the name that it has here; nothing passes."""
    scenario("calm")
    result = project.runpytest_inprocess(*FLAGS, *options, "scenarios")
    assert result.ret in (pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.INTERRUPTED)
    text = result.stdout.str() + result.stderr.str()
    assert "Traceback" not in text
    pytest.LineMatcher(text.splitlines()).fnmatch_lines([message])


def test_a_broken_scenario_is_told_with_its_place(
    project: pytest.Pytester, scenario: Callable[..., None]
) -> None:
    """File, line, and what would be right."""
    scenario("calm")
    path = project.path / "scenarios" / "calm" / "scenario.yaml"
    path.write_text(path.read_text().replace("pattern: up", "patern: up"))
    result = project.runpytest_inprocess(*FLAGS, "scenarios")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(['*calm/scenario.yaml: line 5*did you mean "pattern"*'])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_a_machine_that_cannot_gives_errors(
    project: pytest.Pytester, scenario: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every cell says why, and none passes."""
    scenario("one")
    scenario("two")
    monkeypatch.setenv("NO_TARGET", "1")
    result = project.runpytest_inprocess(*FLAGS, "scenarios")
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(["*target oci: not root*"])


def test_a_marker_that_says_nothing_is_told(project: pytest.Pytester, scenario: Callable[..., None]) -> None:
    """A mistyped word would select everything."""
    scenario("calm")
    project.makepyfile(
        """
        import pytest
        @pytest.mark.profile_smoke(scenaro="calm")
        def test_probe(launch): ...
        """
    )
    result = project.runpytest_inprocess(*FLAGS)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["*the marker profile_smoke takes profile= and scenario=*"])


def test_the_options_are_those_of_the_command() -> None:
    """Each that is mirrored exists there; none is forgotten but those that pytest itself is for."""
    values = {
        "profiles-dir": ".",
        "scenarios-dir": ".",
        "image": "nginx=x:1",
        "jobs": "1",
        "max-launches": "2",
        "privilege-escalation": "both",
        "standin": "never",
        "target": "oci",
    }
    parse(["run", *(f"--{name}={values.get(name, 'x')}" for name in OPTIONS), "--no-observe"])


def test_the_plugin_is_small() -> None:
    """It is loaded in every session of pytest on the machine."""
    code = (
        "import sys, pytest; before = set(sys.modules); import profile_smoke.pytest_plugin; "
        "print(*(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert set(done.stdout.split()) == {"profile_smoke", "profile_smoke.pytest_plugin"}
