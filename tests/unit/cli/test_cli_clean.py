"""`profile-smoke clean` where there is nothing to launch for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from kubernetes.config import kube_config

from profile_smoke import rundir
from profile_smoke.__main__ import main
from profile_smoke.errors import InfrastructureError
from profile_smoke.target import kind_node
from profile_smoke.target.docker import DockerTarget
from profile_smoke.target.fake import FakeTarget, Life
from profile_smoke.target.kubernetes_sweep import Place, note_place

if TYPE_CHECKING:
    from pathlib import Path

ONE, OTHER = "20260101-000000-aaaaaa", "20260101-000000-bbbbbb"


@pytest.fixture
def runs(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of all runs, in a home without any. Not below tmp_path: a socket's path has a limit."""
    monkeypatch.setenv("PROFILE_SMOKE_HOME", str(tmp_path_factory.mktemp("r")))
    return rundir.home() / "runs"


@pytest.fixture
def killed_in_a_cluster(runs: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a run has left that was at work in a kind cluster whose context is nowhere any more."""
    # The library reads the variable when it is imported.
    monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(runs / "nowhere"))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    folder = runs / ONE / "kubernetes"
    folder.parent.mkdir(parents=True)
    note_place(folder, Place("kind-a", "smoke", ("docker/a-control-plane",)))
    return folder


def test_a_run_that_cannot_be_swept_keeps_no_other_from_it(
    runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 4 with its reason, after all that could be removed is, and is told."""

    class Half(FakeTarget):
        def sweep(self, run: Path) -> list[str]:
            if run.name == ONE:
                raise InfrastructureError("it does not answer")
            (run / "oci").rmdir()
            return ["oci container c"]

    for run in (ONE, OTHER):
        (runs / run / "oci").mkdir(parents=True)
    monkeypatch.setattr("profile_smoke.cli.wiring.target", lambda *_: Half(lambda _spec: Life()))
    assert main(["clean"]) == 4
    seen = capsys.readouterr()
    assert seen.out == f"removed oci container c\nremoved run {OTHER}\n"
    assert seen.err == "profile-smoke: it does not answer\n"
    assert (runs / ONE).is_dir()


def test_a_cluster_that_cannot_be_asked_is_named_with_what_to_do(
    killed_in_a_cluster: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One clear line, as often as it is asked; what is noted stays."""
    monkeypatch.setattr(kind_node, "are_gone", lambda _nodes: False)
    for _ in range(2):
        assert main(["clean"]) == 4
        seen = capsys.readouterr()
        assert seen.out == ""
        assert "no kubeconfig" in seen.err
        assert seen.err.endswith(
            f"; run {ONE} was in namespace smoke of context kind-a: "
            f"if that cluster is gone for good, remove {killed_in_a_cluster}\n"
        )
        assert seen.err.count("\n") == 1


def test_a_cluster_that_was_deleted_has_nothing_left(
    killed_in_a_cluster: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither its context nor its nodes are there any more."""
    asked = []

    def are_gone(nodes: tuple[str, ...]) -> bool:
        asked.append(nodes)
        return True

    monkeypatch.setattr(kind_node, "are_gone", are_gone)
    assert main(["clean"]) == 0
    assert asked == [("docker/a-control-plane",)]
    assert capsys.readouterr().out == f"removed run {ONE}\n"
    assert not killed_in_a_cluster.parent.exists()


def test_another_engine_is_not_asked_for_what_a_run_left(
    runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It has nothing of it, and the run would be forgotten."""
    folder = runs / ONE / "docker"
    folder.mkdir(parents=True)
    (folder / "engine").write_text("tcp://elsewhere:2375")
    monkeypatch.setattr(DockerTarget, "check", lambda _target: None)
    assert main(["clean"]) == 4
    assert capsys.readouterr().err == (
        f"profile-smoke: run {ONE} was in the engine at tcp://elsewhere:2375: set DOCKER_HOST to it; "
        f"if it is gone for good, remove {folder}\n"
    )
    assert folder.is_dir()


@pytest.mark.usefixtures("runs")
def test_images_stay_while_a_run_is_at_work(capsys: pytest.CaptureFixture[str]) -> None:
    """It may need any of them: exit 4, and what to do."""
    with rundir.open_run(ONE):
        assert main(["clean", "--images"]) == 4
    seen = capsys.readouterr()
    assert seen.out == ""
    assert f"run {ONE} is at work" in seen.err
    assert seen.err.count("\n") == 1
