"""`manifests`: YAML that a cluster takes, and what whoever applies it has to know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from profile_smoke.__main__ import main
from profile_smoke.cli.commands import manifests
from profile_smoke.profile.catalog import NamedProfile
from profile_smoke.run.plan import Cell
from profile_smoke.target.kubernetes_manifest import pod_spec
from profile_smoke.target.pod_security import violations

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from profile_smoke.scenario.model import Scenario

    Run = Callable[..., tuple[list[dict[str, Any]], str, str]]

DATABASE = ("--profile", "database", "--scenario", "mysql")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Documents, stdout and stderr of a `manifests`."""

    def command(*words: str) -> tuple[list[dict[str, Any]], str, str]:
        assert main(["manifests", *words]) == 0
        said = capsys.readouterr()
        return list(yaml.safe_load_all(said.out)), said.out, said.err

    return command


def test_a_database_comes_with_its_claim_and_profile(run: Run) -> None:
    """The claim first: a pod that waits for one is a pod that somebody has to look after."""
    made, out, _ = run(*DATABASE)
    assert [each["kind"] for each in made] == ["PersistentVolumeClaim", "Pod"]
    place = "profiles/kubernetes/seccomp-k8s-database-profile.json"
    assert pod_spec(made[-1])["securityContext"]["seccompProfile"]["localhostProfile"] == place
    assert f"as\n#   /var/lib/kubelet/seccomp/{place}" in out


@pytest.mark.parametrize(
    ("workload", "kind"),
    [
        ("pod", "Pod"),
        ("deployment", "Deployment"),
        ("statefulset", "StatefulSet"),
        ("daemonset", "DaemonSet"),
    ],
)
def test_the_workload_is_chosen(run: Run, workload: str, kind: str) -> None:
    """With the profile where it was asked for."""
    made, _, _ = run(*DATABASE, "--workload", workload, "--seccomp-at", "container")
    assert made[-1]["kind"] == kind
    spec = pod_spec(made[-1])
    assert "seccompProfile" not in spec.get("securityContext", {})
    assert spec["containers"][0]["securityContext"]["seccompProfile"]["type"] == "Localhost"


def test_what_restricted_refuses_is_said_field_by_field(run: Run) -> None:
    """In the file, for whoever applies it, and on stderr, for whoever writes it."""
    _, out, err = run(*DATABASE)
    for field in ("allowPrivilegeEscalation", "runAsNonRoot", "capabilities.drop"):
        wanted = f"spec.containers[0].securityContext.{field}"
        assert f"database/mysql: Pod Security restricted refuses it: {wanted} must be" in err
        assert wanted in out.partition("---")[0]


@pytest.mark.parametrize("workload", ["pod", "deployment", "statefulset", "daemonset"])
def test_a_workload_that_allows_it_is_valid_under_restricted(run: Run, workload: str) -> None:
    """An exporter needs no root and gains no privileges."""
    made, _, err = run(
        *("--profile", "system", "--scenario", "node-exporter"),
        *("--privilege-escalation", "denied", "--workload", workload),
    )
    assert violations(pod_spec(made[-1])) == []
    assert err == ""


def test_fields_that_the_node_drops_are_said(run: Run, tmp_path: Path) -> None:
    """The file is applied as it is, and then means something else."""
    profile = tmp_path / "mine.json"
    profile.write_text(
        '{"defaultAction": "SCMP_ACT_ERRNO", "archMap": [{"architecture": "SCMP_ARCH_X86_64"}]}'
    )
    made, out, err = run("--profile", str(profile), "--scenario", "redis")
    assert (
        pod_spec(made[-1])["securityContext"]["seccompProfile"]["localhostProfile"]
        == "profiles/kubernetes/mine.json"
    )
    assert "drops archMap (1) from this profile" in err
    assert "drops archMap (1) from this profile" in out.replace("\n#   ", " ")


def test_the_default_profile_needs_nothing_on_nodes(run: Run) -> None:
    """It is the runtime's own."""
    made, out, _ = run("--profile", "runtime-default", "--scenario", "redis")
    assert pod_spec(made[-1])["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert "every node needs" not in out


def test_large_files_are_said(run: Run) -> None:
    """`kubectl apply` would fail with a message that speaks of annotations."""
    made, _, err = run("--profile", "webapp", "--scenario", "nginx")
    assert {each["kind"] for each in made} == {"ConfigMap", "Pod"}
    assert "use kubectl apply --server-side" in err


def test_another_image_is_taken_and_an_archive_refused(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nodes pull; they unpack nothing."""
    made, _, _ = run(*DATABASE, "--image", "mysql=registry.example/mysql:9")
    assert pod_spec(made[-1])["containers"][0]["image"] == "registry.example/mysql:9"
    (tmp_path / "a.tar").touch()
    assert main(["manifests", *DATABASE, "--image", f"mysql=oci-archive:{tmp_path / 'a.tar'}"]) == 2
    assert "is an archive" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("profile", "name"),
    [
        ("database", "redis-database"),
        ("My.Profile", r"smoke-redis-my-profile-[0-9a-f]{8}"),
        ("my-profile", "redis-my-profile"),
        ("x" * 80, r"smoke-redis-x{28}-[0-9a-f]{8}"),
    ],
)
def test_names_are_dns_labels(redis: Scenario, profile: str, name: str) -> None:
    """Two profiles whose names differ in nothing that a label can hold get two names."""
    import re

    assert re.fullmatch(name, manifests._name(Cell(NamedProfile(profile, None, None), redis, "kubernetes")))


@pytest.fixture
def redis() -> Scenario:
    from profile_smoke.resources import bundled
    from profile_smoke.scenario.catalog import Catalog

    return Catalog([bundled("scenarios")]).find("redis")
