"""The GitHub action, its own steps from end to end: on a profile that fits, and on one that must make it fail."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from tests.support.github_runner import Job, Runner

from profile_smoke import __version__
from profile_smoke.rundir import home

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
BLOCKING = ROOT / "tests" / "data" / "action" / "blocking.json"
PINNED = "nginx:1.27@sha256:" + "0" * 64


@pytest.fixture(scope="module")
def temp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The runner's folder for a job, so that the environment is made once."""
    return tmp_path_factory.mktemp("runner")


@pytest.fixture
def use(temp: Path, tmp_path: Path) -> Callable[..., Job]:
    """Use the action in a workspace, as a step of a job does. Images are those of this machine's store."""

    def run(**inputs: str) -> Job:
        environ = {"PROFILE_SMOKE_HOME": str(home())}
        return Runner(ROOT, temp, tmp_path).run(
            {key.replace("_", "-"): each for key, each in inputs.items()}, environ
        )

    return run


@pytest.mark.parametrize(
    "target", [pytest.param("oci", marks=pytest.mark.oci), pytest.param("docker", marks=pytest.mark.docker)]
)
def test_it_fails_on_a_blocking_profile_and_says_why(
    use: Callable[..., Job], tmp_path: Path, target: str, no_leftovers: None
) -> None:
    """The annotation names the call, at the line of the profile in the workspace; summary and SARIF are there."""
    assert no_leftovers is None
    folder = tmp_path / "seccomp"
    folder.mkdir()
    (folder / "blocking.json").write_text(BLOCKING.read_text())
    job = use(profile="./seccomp/blocking.json", scenario="nginx", target=target)
    assert job.code == 1, job.log
    assert job.outputs["exit-code"] == "1"
    [annotation] = re.findall(r"^::error (.*)$", job.log, re.MULTILINE)
    assert "file=seccomp/blocking.json,line=" in annotation
    assert "epoll_wait" in annotation
    assert job.summary.startswith("## profile-smoke: 1 cell not as expected")
    sarif = json.loads(Path(job.outputs["sarif"]).read_text())
    [result] = [each for each in sarif["runs"][0]["results"] if each["ruleId"] == "blocked-syscall"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "seccomp/blocking.json"
    junit = ET.parse(job.outputs["junit"]).getroot()  # noqa: S314  our own
    assert junit.get("failures") == "1"
    [cell] = json.loads(Path(job.outputs["result"]).read_text())["cells"]
    assert cell["blocking"] == ["epoll_wait"]


@pytest.mark.parametrize(
    "target", [pytest.param("oci", marks=pytest.mark.oci), pytest.param("docker", marks=pytest.mark.docker)]
)
def test_it_passes_on_a_profile_that_fits(use: Callable[..., Job], target: str, no_leftovers: None) -> None:
    """With the version of its own checkout, in an environment of its own that later steps find."""
    assert no_leftovers is None
    job = use(profile="webapp", scenario="nginx", target=target)
    assert job.code == 0, job.log
    assert f"profile-smoke {__version__}" in job.log
    assert "::error" not in job.log
    assert job.outputs["exit-code"] == "0"
    assert job.used == []
    assert job.summary.startswith("## profile-smoke: as expected")
    assert (Path(job.path.strip()) / "profile-smoke").exists()


@pytest.mark.oci
def test_what_runs_cannot_speak_to_the_runner(use: Callable[..., Job]) -> None:
    """Workflow commands are stopped while containers run, and only a token that nobody knows lets them go on."""
    log = use(profile="webapp", scenario="nginx", target="oci", annotations="false", summary="false").log
    [token] = re.findall(r"^::stop-commands::([0-9a-f]{32})$", log, re.MULTILINE)
    before, between, _ = re.split(rf"^::(?:stop-commands::)?{token}(?:::)?$", log, flags=re.MULTILINE)
    assert "cells to run" in between or "cell to run" in between
    assert "cell to run" not in before


@pytest.mark.oci
def test_switches_switch_off(use: Callable[..., Job], tmp_path: Path) -> None:
    """No annotations, no summary, no look at images; the reports are there all the same."""
    (tmp_path / "blocking.json").write_text(BLOCKING.read_text())
    job = use(
        profile="./blocking.json",
        scenario="nginx",
        target="oci",
        annotations="false",
        summary="false",
        cache="false",
    )
    assert job.code == 1
    assert "::error" not in job.log
    assert job.summary == ""
    assert job.used == []
    assert Path(job.outputs["sarif"]).exists()


@pytest.mark.oci
def test_a_mistake_is_told_and_has_its_exit_code(use: Callable[..., Job]) -> None:
    """Nothing was run: no paths, and the line that says why is in the log."""
    job = use(profile="webap", scenario="nginx", target="oci")
    assert job.code == 2
    assert 'no profile "webap" (nearest "webapp")' in job.log
    assert "::error title=profile-smoke::nothing was run (exit code 2)" in job.log
    assert (job.outputs["exit-code"], job.outputs["result"]) == ("2", "")


@pytest.mark.oci
def test_a_file_of_settings_in_the_workspace_gates(use: Callable[..., Job], tmp_path: Path) -> None:
    """Inputs that are left out leave it its say; `gate: false` switches it off."""
    (tmp_path / "profile-smoke.toml").write_text(
        'profile = ["webapp"]\nscenario = ["nginx"]\ntarget = ["oci"]\n[gate]\nmax-unused = 0\n'
    )
    job = use()
    assert job.code == 1, job.log
    assert "::error title=Unused calls%3A webapp," in job.log
    assert "\nThe gate failed: 1 finding\n" in job.log
    assert job.summary.startswith("## profile-smoke: the gate failed: 1 finding")
    assert use(gate="false").code == 0


@pytest.mark.oci
def test_images_are_kept_by_their_digests(use: Callable[..., Job], tmp_path: Path) -> None:
    """Two digests are two keys; where no image is pinned nothing is kept, as a tag may have moved (see above)."""
    settings = tmp_path / "profile-smoke.toml"
    only = "webapp/nginx@oci,minimal/nginx@oci"
    keys = []
    for image in (PINNED, PINNED.replace("0", "1")):
        settings.write_text(f'[image]\nnginx = "{image}"\n')
        job = use(target="oci", only=only)
        [(action, given)] = job.used
        assert re.fullmatch("actions/cache@[0-9a-f]{40}", action)
        assert given["path"] == f"{home()}/images"
        assert re.fullmatch("profile-smoke-images-v1-Linux-X64-[0-9a-f]{32}", given["key"])
        keys.append(given["key"])
        # No registry has such an image: that it cannot be kept is told, and the run goes on to its own end.
        assert "pinned images are not kept this time" in job.log
        assert job.outputs["exit-code"] == "4"
    assert keys[0] != keys[1]


def test_inputs_reach_scripts_through_the_environment_alone() -> None:
    """An expression in a script would run whatever an input says."""
    import yaml

    document = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
    for step in document["runs"]["steps"]:
        assert "${{" not in step.get("run", "")
    used = set(re.findall(r"inputs\.([a-z-]+)", (ROOT / "action.yml").read_text("utf-8")))
    assert used == set(document["inputs"])
    assert os.access(ROOT / "action" / "run.sh", os.X_OK)
