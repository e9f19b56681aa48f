"""From the words of the command line to `Options`.

Nothing heavy is imported here: `--help` and a mistyped option answer at once.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from profile_smoke.cli import (
    groups,
    kubernetes_groups,
    output_groups,
    profile_arguments,
    report_arguments,
    settings_arguments,
    values,
)
from profile_smoke.cli.options import PROG, Command, ListFormat, Options
from profile_smoke.cli.parser import Parser
from profile_smoke.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

_RUN_HELP = """\
Start reference workloads under seccomp profiles and say, with proof, which syscalls blocked them.

Without options: every profile with every scenario on the default target, which is docker where an
engine answers and oci (runc, no daemon) elsewhere. Names may be globs, and repeat."""

_RUN_EPILOG = """\
commands:
  run             launch and judge; what happens when no command is given
  list            show the cells that a selection means, and their ids
  lint            check profiles and scenarios without launching anything
  record          write a least-privilege profile from what a workload is seen to use
  profile         lint, show, diff, score, convert and install profiles by what they mean
  filter          read a live process's filters from the kernel, compare them with a profile
  doctor          say what this machine can do, and what to do about what is missing
  gate            judge stored results by the gate of a file of settings
  config          show the settings in force, and where each comes from
  baseline update keep what workloads use, for run --baseline to compare with
  report          write other reports of a stored result, or make one of several (report merge)
  manifests       write what a run in Kubernetes would create, for kubectl apply
  images prepare  pull or build the images ahead of time
  cluster         make a kind cluster for people who have none, look at it, remove it
  agent           install the node agent in a cluster, look at it, remove it
  clean           remove what a killed run left behind

examples:
  profile-smoke --profile database
  profile-smoke --profile ./my-profile.json --scenario 'mysql*' --write-fix fixed.json
  profile-smoke --target oci --target docker --report json=result.json
  profile-smoke --only database/mysql@docker --keep on-failure

exit codes:
  0    every deciding cell came out as expected
  1    an unexpected verdict in a deciding cell, or what the gate does not let pass; wins over 4
  2    a wrong option or a file that cannot be used
  3    nothing was selected, or everything selected was skipped
  4    a deciding cell could not be judged, or the machine is in trouble
  130  interrupted
Cells decide when the scenario names the profile; the others inform. Where none decides, one that
could not be judged still gives 4. --exit-zero turns 1 into 0, and nothing else: trouble stays trouble."""


def parse(arguments: Sequence[str]) -> Options:
    """The options of a command line, without the program's name.

    Raises:
        UsageError: one line that names the option, what is wrong, and the nearest right one.
        SystemExit: after `--help` or `--version`, with code 0.
    """
    command, rest = _command(arguments)
    if command is Command.RECORD:
        from profile_smoke.cli import record_arguments

        return record_arguments.parse(rest)
    if command is Command.REPORT:
        return report_arguments.parse(rest)
    if command is Command.CLUSTER:
        from profile_smoke.cli import cluster_arguments

        return cluster_arguments.parse(rest)
    if command is Command.AGENT:
        from profile_smoke.cli import agent_arguments

        return agent_arguments.parse(rest)
    if command is Command.PROFILE:
        return Options(command, profile=profile_arguments.parse(rest))
    parser = settings_arguments.parser(command) or _parser(command)
    found: dict[str, Any] = vars(parser.given(rest))
    if "images" in found:
        found["images"] = _unrepeated(found["images"])
    known = {field.name for field in fields(Options)}
    listed: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in found.items()
        if name in known
    }
    return Options(command, given=frozenset(listed), **listed)


def _command(arguments: Sequence[str]) -> tuple[Command, Sequence[str]]:
    if not arguments or arguments[0].startswith("-"):
        return Command.RUN, arguments
    word = arguments[0]
    if word not in list(Command):
        hint = values.nearest(word, Command) or f"; one of {', '.join(Command)}"
        raise UsageError(f"there is no command {word!r}{hint} (see {PROG} --help)")
    return Command(word), arguments[1:]


def _unrepeated(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    for scenario, _ in pairs:
        if sum(name == scenario for name, _ in pairs) > 1:
            raise UsageError(f"--image: {scenario} is given two images (see {PROG} --help)")
    return dict(pairs)


def _parser(command: Command) -> Parser:
    match command:
        case Command.RUN:
            parser = Parser(PROG, f"{PROG} [COMMAND] [OPTIONS]", _RUN_HELP, _RUN_EPILOG)
            kubernetes_groups.add_selection(parser)
            groups.add_images(parser)
            groups.add_effort(parser)
            groups.add_purpose(parser)
            settings_arguments.add_settings(parser)
            output_groups.add_output(parser)
        case Command.LIST:
            parser = _sub("list", "[OPTIONS]", "Show the cells that a selection means; nothing is launched.")
            kubernetes_groups.add_selection(parser)
            parser.add_argument(
                "-f",
                "--format",
                dest="list_format",
                metavar="FORMAT",
                type=values.choice(ListFormat),
                default=ListFormat.TABLE,
                help="table, ids (one a line, for --only), matrix (for a GitHub Actions matrix), or json",
            )
            output_groups.add_destination(parser)
            settings_arguments.add_config(parser.add_argument_group("settings"))
        case Command.MANIFESTS:
            parser = kubernetes_groups.manifests_parser()
        case Command.LINT:
            parser = _sub(
                "lint",
                "PATH...",
                "Check profiles (*.json) and scenarios (scenario.yaml, or the folder that holds one).\n"
                "One line per problem; exit code 2 when there is any. profile lint says more about profiles,\n"
                "with rules that can be chosen, and mends some of what it finds.",
            )
            parser.add_argument(
                "paths", metavar="PATH", nargs="+", help="a profile, a scenario, or a folder of them"
            )
        case Command.FILTER:
            parser = _sub(
                "filter",
                "--pid PID [OPTIONS]",
                "Read the seccomp filters of a live process from the kernel: what they permit on every ABI, what\n"
                "they cost, which dangerous calls are open. Exit code 1 where one lets through what the profile refuses.",
            )
            groups.add_process(parser)
            output_groups.add_destination(parser)
        case Command.DOCTOR:
            parser = _sub(
                "doctor", "[OPTIONS]", "Say what this machine can do, and what to do about what is missing."
            )
            groups.add_targets(parser)
            kubernetes_groups.add_cluster(parser)
        case Command.IMAGES:
            parser = _sub(
                "images", "prepare [OPTIONS]", "Pull or build images ahead of time, once for each target."
            )
            parser.add_argument(
                "action",
                metavar="prepare",
                type=values.only("prepare", "images"),
                help="the only thing to do with images",
            )
            groups.add_scenarios(parser)
            groups.add_targets(parser)
            kubernetes_groups.add_context(parser)
            groups.add_images(parser)
            parser.add_argument(
                "--into-store",
                action="store_true",
                help="pull images that are pinned by digest into the store alone, for an engine to be filled from",
            )
            output_groups.add_quiet(parser)
            settings_arguments.add_config(parser.add_argument_group("settings"))
        case Command.BASELINE:
            parser = _sub(
                "baseline",
                "update [FILE] [OPTIONS]",
                "Observe what workloads use and keep it in FILE, one line a call, for run --baseline to compare with.\n"
                "What the file holds of other workloads stays.",
            )
            groups.add_baseline(parser)
            kubernetes_groups.add_selection(parser)
            groups.add_images(parser)
            settings_arguments.add_config(parser.add_argument_group("settings"))
        case Command.CLEAN:
            parser = _sub("clean", "[OPTIONS] [RUN...]", "Remove what runs that were killed left behind.")
            parser.add_argument(
                "runs", metavar="RUN", nargs="*", help="ids of runs (default: all that are no longer alive)"
            )
            parser.add_argument(
                "--images",
                dest="prune",
                action="store_true",
                help="also stand-ins that newer ones replaced, and what was unpacked and loaded of them",
            )
            groups.add_targets(parser)
    output_groups.add_common(parser)
    return parser


def _sub(name: str, usage: str, description: str) -> Parser:
    return Parser(f"{PROG} {name}", f"{PROG} {name} {usage}", description, "")
