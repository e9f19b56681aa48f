"""From the words after `profile-smoke cluster` to its options."""

from __future__ import annotations

import argparse
import os
import re
from typing import TYPE_CHECKING, Any

from profile_smoke.cli import output_groups, values
from profile_smoke.cli.cluster_options import CLUSTER_NAME, NODE_IMAGE, ClusterAction, ClusterOptions
from profile_smoke.cli.options import PROG, Command, Options
from profile_smoke.cli.parser import Parser
from profile_smoke.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAME = f"{PROG} cluster"
_MOST_NODES = 9
_HELP = """\
A Kubernetes cluster on this machine, made by kind, for people who have none. Its nodes have the
profiles that come along, below the kubelet's seccomp folder as profiles/. Clusters that somebody
else made are left alone.

  up       make it, unless it is there; its context becomes the current one, as kind does it
  status   its nodes, their versions, and the profiles that are there
  down     remove it"""


def parse(arguments: Sequence[str]) -> Options:
    """The options of a `cluster`.

    Raises:
        UsageError: one line that names the option, what is wrong, and the nearest right one.
        SystemExit: after `--help` or `--version`, with code 0.
    """
    found: dict[str, Any] = vars(_parser().parse(arguments))
    nodes, image, action = found.pop("nodes"), found.pop("node_image"), found["action"]
    if action is not ClusterAction.UP and (nodes is not None or image is not None):
        raise UsageError(f"--nodes and --node-image are for cluster up (see {_NAME} --help)")
    image = image or os.environ.get(NODE_IMAGE) or None
    return Options(Command.CLUSTER, cluster=ClusterOptions(node_image=image, nodes=nodes or 1, **found))


def _parser() -> Parser:
    parser = Parser(_NAME, f"{_NAME} up|status|down [OPTIONS]", _HELP, "")
    parser.add_argument(
        "action", metavar="ACTION", type=values.choice(ClusterAction), help="up, status or down"
    )
    group = parser.add_argument_group("the cluster")
    group.add_argument(
        "--name", metavar="NAME", type=_name, default=CLUSTER_NAME, help=f"(default: {CLUSTER_NAME})"
    )
    group.add_argument(
        "--nodes", metavar="N", type=_nodes, help="how many nodes up makes, all open to pods (default: 1)"
    )
    group.add_argument(
        "--node-image",
        metavar="REF",
        help=f"the image of nodes for up (default: ${NODE_IMAGE}, else what kind takes by itself)",
    )
    output_groups.add_common(parser)
    return parser


def _name(text: str) -> str:
    if not re.fullmatch("[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?", text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no name for a cluster: small letters, digits and hyphens, at most 40"
        )
    return text


def _nodes(text: str) -> int:
    number = values.positive(text)
    if number > _MOST_NODES:
        raise argparse.ArgumentTypeError(f"{number} nodes on one machine; at most {_MOST_NODES}")
    return number
