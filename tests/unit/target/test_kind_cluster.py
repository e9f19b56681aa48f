"""Clusters that kind makes for us: what others made is left alone, and what did not come about leaves nothing.

`kind` and `docker` are scripts here that keep containers as files; the real ones are in tests/integration.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from profile_smoke.errors import InfrastructureError, TargetUnavailableError, UsageError
from profile_smoke.image.store import Store
from profile_smoke.resources import bundled
from profile_smoke.target import kind_cluster
from profile_smoke.target.kind_cluster import MARK, KindCluster

if TYPE_CHECKING:
    from pathlib import Path

KIND = """#!/bin/sh
echo "kind $*" >>"$WORLD/calls"
case "$1 $2" in
"create cluster")
    cp "$4" "$WORLD/config"
    echo "[{\\"Destination\\": \\"$MARK\\"}]" >"$WORLD/nodes/smoke-control-plane"
    if [ -e "$WORLD/broken" ]; then echo 'ERROR: failed to create cluster: no such image' >&2; exit 1; fi ;;
"delete cluster") rm -f "$WORLD"/nodes/* ;;
esac
"""
DOCKER = """#!/bin/sh
case "$1" in
ps) ls "$WORLD/nodes" ;;
inspect) cat "$WORLD/nodes/$4" ;;
exec)
    echo "exec $*" >>"$WORLD/calls"
    case "$*" in *"get nodes"*) cat "$WORLD/api" ;; esac ;;
esac
"""


def node(name: str, *, ready: bool) -> dict[str, object]:
    info = {
        "kubeletVersion": "v1.33.0",
        "containerRuntimeVersion": "containerd://2.1",
        "kernelVersion": "6.12",
    }
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    return {"metadata": {"name": name}, "status": {"conditions": conditions, "nodeInfo": info}}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What there is: `nodes/NAME` holds a container's mounts, `api` what the API says, `calls` what was run."""
    (tmp_path / "bin").mkdir()
    for name, script in (("kind", KIND), ("docker", DOCKER)):
        (tmp_path / "bin" / name).write_text(script)
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "nodes").mkdir()
    (tmp_path / "calls").touch()
    (tmp_path / "api").write_text(json.dumps({"items": [node("smoke-control-plane", ready=True)]}))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("WORLD", str(tmp_path))
    monkeypatch.setenv("MARK", MARK)
    monkeypatch.delenv("KIND_EXPERIMENTAL_PROVIDER", raising=False)
    monkeypatch.setattr(kind_cluster, "_SETTLED", 1)
    return tmp_path


def cluster(world: Path) -> KindCluster:
    return KindCluster("smoke", Store(world / "home"), lambda _line: None)


def up(world: Path, nodes: int = 1, image: str | None = None) -> bool:
    return cluster(world).up(bundled("kind-config.yaml"), nodes=nodes, image=image)


def calls(world: Path) -> list[str]:
    return [line for line in (world / "calls").read_text().splitlines() if line.startswith("kind")]


def test_every_node_has_the_profiles_and_the_mark(world: Path) -> None:
    """With absolute paths: kind takes relative ones from the folder that it is run in."""
    assert up(world, nodes=3, image="node:1")
    assert "--image node:1 --name smoke" in calls(world)[0]
    nodes = json.loads((world / "config").read_text())["nodes"]
    assert [each["role"] for each in nodes] == ["control-plane", "worker", "worker"]
    for each in nodes:
        mounts = {mount["containerPath"]: mount["hostPath"] for mount in each["extraMounts"]}
        assert mounts == {
            "/var/lib/kubelet/seccomp/profiles": str(bundled("profiles")),
            MARK: str(bundled("kind-config.yaml")),
        }
        assert all(mount["readOnly"] for mount in each["extraMounts"])


def test_a_cluster_that_works_is_taken_as_it_is(world: Path) -> None:
    """A second time makes nothing, but its context is there again, should somebody have removed it."""
    assert up(world)
    assert not up(world)
    assert [line.split()[1:3] for line in calls(world)] == [["create", "cluster"], ["export", "kubeconfig"]]


@pytest.mark.parametrize(
    "api",
    [{"items": []}, {"items": [node("smoke-control-plane", ready=False)]}, None],
    ids=["empty", "down", "mute"],
)
def test_what_was_left_half_made_is_made_anew(world: Path, api: dict[str, object] | None) -> None:
    """Whoever was killed while making it left no cluster that could be used."""
    up(world)
    (world / "api").unlink()
    if api is not None:
        (world / "api").write_text(json.dumps(api))
    assert up(world)
    assert [line.split()[1] for line in calls(world)] == ["create", "delete", "create"]


def test_another_number_of_nodes_is_another_cluster(world: Path) -> None:
    """Who asks for two nodes is not served with one."""
    up(world)
    assert up(world, nodes=2)


def test_what_somebody_else_made_is_left_alone(world: Path) -> None:
    """Whatever state it is in: it may be all that somebody has."""
    (world / "nodes" / "smoke-control-plane").write_text("[]")
    with pytest.raises(UsageError, match="was not made by this program, so it is left alone"):
        up(world)
    with pytest.raises(UsageError, match="was not made by this program, so it is left alone"):
        cluster(world).down()
    assert calls(world) == []
    assert not cluster(world).ours()
    assert [state.name for state in cluster(world).status()] == ["smoke-control-plane"]


def test_a_cluster_that_could_not_be_made_is_removed(world: Path) -> None:
    """With what kind said about it."""
    (world / "broken").touch()
    with pytest.raises(
        InfrastructureError, match="kind create cluster: failed to create cluster: no such image"
    ):
        up(world)
    assert not list((world / "nodes").iterdir())


def test_removing_twice_is_no_mistake(world: Path) -> None:
    """What is not there is not there."""
    up(world)
    assert cluster(world).down()
    assert not cluster(world).down()
    assert cluster(world).status() == ()


def test_without_kind_it_says_where_to_get_it(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And that a cluster of one's own does as well."""
    monkeypatch.setattr("shutil.which", lambda name: name if name == "docker" else None)
    with pytest.raises(TargetUnavailableError, match=r"kind is not installed; .*--context"):
        kind_cluster._kind_command()
    monkeypatch.setattr("shutil.which", lambda _name: None)
    with pytest.raises(TargetUnavailableError, match="one of docker, podman, nerdctl"):
        cluster(world).status()
