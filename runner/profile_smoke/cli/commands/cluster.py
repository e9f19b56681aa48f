"""`profile-smoke cluster`: a kind cluster for people who have none."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from profile_smoke.cli import wiring
from profile_smoke.cli.cluster_options import ClusterAction
from profile_smoke.cli.exit_code import AS_EXPECTED
from profile_smoke.errors import InfrastructureError
from profile_smoke.report.interface import STDOUT
from profile_smoke.report.text import counted, safe
from profile_smoke.report.write import write
from profile_smoke.resources import bundled
from profile_smoke.target.kind_cluster import SECCOMP, KindCluster

if TYPE_CHECKING:
    from profile_smoke.cli.options import Options
    from profile_smoke.target.kind_cluster import NodeState


def main(options: Options) -> int:
    """Make it, look at it or remove it. `status` ends with 4 where there is none, or a node is not ready."""
    chosen = options.cluster
    assert chosen is not None  # noqa: S101  the parser of this command fills it in
    cluster = KindCluster(chosen.name, wiring.store(), wiring.tell)
    match chosen.action:
        case ClusterAction.UP:
            made = cluster.up(bundled("kind-config.yaml"), nodes=chosen.nodes, image=chosen.node_image)
            how = "is ready" if made else "is there already"
            _say(
                f"the cluster {cluster.name} {how}: profile-smoke --target kubernetes --context {cluster.context}"
            )
        case ClusterAction.DOWN:
            _say(f"the cluster {cluster.name} is {'removed' if cluster.down() else 'not there'}")
        case ClusterAction.STATUS:
            return _status(cluster)
        case _:
            assert_never(chosen.action)
    return AS_EXPECTED


def _status(cluster: KindCluster) -> int:
    nodes = cluster.status()
    if not nodes:
        raise InfrastructureError(
            f"there is no cluster {cluster.name}; make it with: profile-smoke cluster up --name {cluster.name}"
        )
    by = "this program" if cluster.ours() else "somebody else, so it is never changed here"
    _say(f"{cluster.name}: {counted(len(nodes), 'node')}, made by {by}")
    for node in nodes:
        _say(_line(node))
    return AS_EXPECTED if all(node.ready for node in nodes) else InfrastructureError.exit_code


def _line(node: NodeState) -> str:
    state = "ready" if node.ready else "NOT READY"
    profiles = f"{counted(len(node.profiles), 'profile')} below {SECCOMP}" if node.profiles else "no profiles"
    return safe(
        f"  {node.name}: {state}, Kubernetes {node.kubernetes}, {node.runtime}, kernel {node.kernel}, {profiles}"
    )


def _say(line: str) -> None:
    write(STDOUT, f"{line}\n")
