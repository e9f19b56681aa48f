"""From the words after `profile-smoke agent` to its options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from profile_smoke.cli import groups, output_groups, values
from profile_smoke.cli.agent_options import WAIT_SECONDS, AgentAction, AgentOptions
from profile_smoke.cli.options import PROG, Command, Options, StandinMode
from profile_smoke.cli.parser import Parser
from profile_smoke.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAME = f"{PROG} agent"
_HELP = """\
The node agent, a DaemonSet: on nodes that are not this machine's it installs profiles, observes
refused calls, and reads loaded filters back. It has privileges on every node; docs/node-agent.md
says which and why.

  install  apply its manifests, and wait until it answers on every node; again: replace it
  status   who answers, and what keeps the others from it
  remove   take it away, with what it has put onto the nodes"""


def parse(arguments: Sequence[str]) -> Options:
    """The options of an `agent`.

    Raises:
        UsageError: one line that names the option, what is wrong, and the nearest right one.
        SystemExit: after `--help` or `--version`, with code 0.
    """
    found: dict[str, Any] = vars(_parser().parse(arguments))
    standin: StandinMode = found.pop("standin")
    if found["action"] is not AgentAction.INSTALL and (found["image"], standin) != (None, StandinMode.AUTO):
        raise UsageError(f"--image and --standin are for agent install (see {_NAME} --help)")
    return Options(Command.AGENT, standin=standin, agent=AgentOptions(**found))


def _parser() -> Parser:
    parser = Parser(_NAME, f"{_NAME} install|status|remove [OPTIONS]", _HELP, "")
    parser.add_argument(
        "action", metavar="ACTION", type=values.choice(AgentAction), help="install, status or remove"
    )
    group = parser.add_argument_group("the cluster")
    group.add_argument("--context", metavar="NAME", help="of the kubeconfig (default: its current one)")
    group.add_argument(
        "--wait",
        metavar="SECONDS",
        type=values.positive,
        default=WAIT_SECONDS,
        help=f"how long to wait for it (default: {WAIT_SECONDS:g})",
    )
    group = parser.add_argument_group("its image, for install")
    group.add_argument(
        "--image", metavar="REF", help="one that the nodes can pull, or an archive for kind nodes"
    )
    groups.add_standin(group)
    output_groups.add_common(parser)
    return parser
