"""Groups of options for the target kubernetes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from profile_smoke.cli import values
from profile_smoke.target.kubernetes_plan import Reach, SeccompAt, Workload

if TYPE_CHECKING:
    import argparse

    from profile_smoke.cli.parser import Parser


def add_cluster(parser: Parser) -> None:
    """Which cluster, and how users deploy there."""
    group = parser.add_argument_group("the target kubernetes")
    add_context(group)
    group.add_argument(
        "--workload",
        metavar="KIND",
        type=values.choice(Workload),
        default=Workload.POD,
        help="what makes the pod: pod, deployment, statefulset or daemonset (default: pod)",
    )
    group.add_argument(
        "--seccomp-at",
        metavar="PLACE",
        type=values.choice(SeccompAt),
        default=SeccompAt.POD,
        help="which security context names the profile: pod or container (default: pod)",
    )
    group.add_argument(
        "--node-access",
        metavar="HOW",
        type=values.choice(Reach),
        default=Reach.AUTO,
        help="the way to the nodes: kind, agent or auto (default: kind nodes of this host, else agents)",
    )


def add_context(group: argparse._ActionsContainer) -> None:
    """Which cluster and namespace."""
    group.add_argument(
        "--context", metavar="NAME", help="a context of the kubeconfig (default: its current one)"
    )
    group.add_argument(
        "--namespace", metavar="NAME", help="where pods are made (default: the context's, else default)"
    )
