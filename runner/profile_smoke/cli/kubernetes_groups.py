"""Groups of options for the target kubernetes, and the command line of `manifests`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from profile_smoke.cli import groups, output_groups, values
from profile_smoke.cli.options import PROG
from profile_smoke.cli.parser import Parser
from profile_smoke.target.kubernetes_plan import Reach, SeccompAt, Workload

if TYPE_CHECKING:
    import argparse

_MANIFESTS = f"{PROG} manifests"
_MANIFESTS_HELP = """\
Write what a run in Kubernetes would create, for kubectl apply; nothing is launched. Comments say where
a profile has to be; they and stderr say which fields the Pod Security Standards refuse."""


def add_selection(parser: Parser) -> None:
    """Which cells, and for those in Kubernetes which cluster, and how users deploy there."""
    groups.add_selection(parser)
    group = parser.add_argument_group("the target kubernetes")
    add_context(group)
    _add_shape(group)
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


def add_cluster(group: argparse._ActionsContainer) -> None:
    """Which cluster and namespace, and what is to make pods there."""
    add_context(group)
    _add_workload(group)


def _add_workload(group: argparse._ActionsContainer) -> None:
    group.add_argument(
        "--workload",
        metavar="KIND",
        type=values.choice(Workload),
        default=Workload.POD,
        help="what makes the pod: pod, deployment, statefulset or daemonset (default: pod)",
    )


def _add_shape(group: argparse._ActionsContainer) -> None:
    _add_workload(group)
    group.add_argument(
        "--seccomp-at",
        metavar="PLACE",
        type=values.choice(SeccompAt),
        default=SeccompAt.POD,
        help="which security context names the profile: pod or container (default: pod)",
    )


def manifests_parser() -> Parser:
    """Of `manifests`, but for what every command has."""
    parser = Parser(_MANIFESTS, f"{_MANIFESTS} [OPTIONS]", _MANIFESTS_HELP, "")
    groups.add_selection(parser)
    group = parser.add_argument_group("how it is deployed")
    group.add_argument(
        "--namespace", metavar="NAME", help="the namespace that the documents name (default: none)"
    )
    _add_shape(group)
    group.add_argument(
        "--image",
        dest="images",
        metavar="SCENARIO=REF",
        type=values.image,
        action="append",
        default=[],
        help="another image for a scenario; repeatable",
    )
    output_groups.add_destination(parser)
    return parser
