"""Groups of options that several commands share, each written once: what is run, where, of what images, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING

from profile_smoke.cli import output_groups, values
from profile_smoke.cli.options import (
    BASELINE_FILE,
    MAX_LAUNCHES,
    OBSERVATIONS,
    Keep,
    PrivilegeEscalation,
    StandinMode,
    TargetName,
)

if TYPE_CHECKING:
    import argparse

    from profile_smoke.cli.parser import Parser


def add_selection(parser: Parser) -> None:
    """Which cells: profiles, scenarios, targets, folders, ids and shards."""
    group = parser.add_argument_group("what to run")
    group.add_argument(
        "--profile",
        dest="profiles",
        metavar="PROFILE",
        action="append",
        default=[],
        help="a name, a glob or a path of a seccomp profile; repeatable",
    )
    add_scenarios(group)
    add_targets(group)
    add_profiles_dirs(group)
    group.add_argument(
        "--privilege-escalation",
        metavar="WHICH",
        type=values.choice(PrivilegeEscalation),
        help="allowed (no_new_privs off), denied (on) or both (default: as the scenario says)",
    )
    group.add_argument(
        "--only", metavar="ID", action="append", default=[], help="one cell, as list shows it; repeatable"
    )
    group.add_argument(
        "--shard", metavar="I/N", type=values.shard, help="part I of N equal parts, for parallel machines"
    )


def add_process(parser: Parser) -> None:
    """Which process's filters, and the profile that they should mean."""
    parser.add_argument("--pid", metavar="PID", type=values.positive, help="the process")
    parser.add_argument(
        "--profile",
        dest="profiles",
        metavar="PROFILE",
        action="append",
        default=[],
        help="a name or a path of the profile to compare with",
    )
    add_profiles_dirs(parser)


def add_profiles_dirs(parser: argparse._ActionsContainer) -> None:
    """Where profiles are looked for."""
    parser.add_argument(
        "--profiles-dir",
        dest="profiles_dirs",
        metavar="DIR",
        type=values.folder,
        action="append",
        default=[],
        help="a folder of your own profiles, beside the ones that come along; repeatable",
    )


def add_scenarios(parser: argparse._ActionsContainer) -> None:
    """Scenarios and the folders they come from."""
    parser.add_argument(
        "--scenario",
        dest="scenarios",
        metavar="SCENARIO",
        action="append",
        default=[],
        help="a name, a glob or a path of a scenario; repeatable",
    )
    parser.add_argument(
        "--scenarios-dir",
        dest="scenarios_dirs",
        metavar="DIR",
        type=values.folder,
        action="append",
        default=[],
        help="a folder of your own scenarios, beside the ones that come along; repeatable",
    )


def add_targets(parser: argparse._ActionsContainer) -> None:
    """Where containers run."""
    parser.add_argument(
        "--target",
        dest="targets",
        metavar="TARGET",
        type=values.choice(TargetName),
        action="append",
        default=[],
        help="where containers run: oci, docker or kubernetes; repeatable",
    )


def add_images(parser: Parser) -> None:
    """Which images the scenarios get."""
    group = parser.add_argument_group("images")
    group.add_argument(
        "--image",
        dest="images",
        metavar="SCENARIO=REF",
        type=values.image,
        action="append",
        default=[],
        help="another image for a scenario: a reference or an archive; repeatable",
    )
    add_standin(group)


def add_standin(group: argparse._ActionsContainer) -> None:
    """When images that were built here take the place of those that were asked for."""
    group.add_argument(
        "--standin",
        metavar="WHEN",
        type=values.choice(StandinMode),
        default=StandinMode.AUTO,
        help="take images built from distribution packages: auto (no registry answers), always, never",
    )


def add_effort(parser: Parser) -> None:
    """How much is done at a time, and at most."""
    group = parser.add_argument_group("how")
    add_jobs(group)
    group.add_argument(
        "--max-launches",
        metavar="N",
        type=values.positive,
        default=MAX_LAUNCHES,
        help=f"launches that a blocked cell may cost until the blame is proven (default: {MAX_LAUNCHES})",
    )
    group.add_argument(
        "--no-observe",
        dest="observe",
        action="store_false",
        help="verdicts only: launch nothing to find the syscalls",
    )
    group.add_argument(
        "--unused",
        action="store_true",
        help="say what profiles allow and nothing used: one more observed launch for each workload",
    )
    group.add_argument(
        "--keep",
        metavar="WHEN",
        type=values.choice(Keep),
        default=Keep.NEVER,
        help="on-failure keeps a failed container and says how to enter it (default: never)",
    )
    group.add_argument(
        "--baseline",
        metavar="FILE",
        help="compare what workloads use with this file; new calls that a profile refuses are unexpected",
    )


def add_jobs(group: argparse._ActionsContainer) -> None:
    """How much is done at a time."""
    group.add_argument(
        "--jobs", metavar="N", type=values.positive, help="launches at a time (default: suits the targets)"
    )


def add_purpose(parser: Parser) -> None:
    """What a profile must not permit."""
    group = parser.add_argument_group("what a profile must not permit")
    group.add_argument(
        "--deny-check",
        action="store_true",
        help="fail a cell whose filter permits dangerous calls that its profile's purpose forbids",
    )
    for option, text in (
        ("--deny", "a class of dangerous calls that is forbidden as well; repeatable"),
        ("--permit", "a class that is not forbidden after all; wins over --deny; repeatable"),
    ):
        group.add_argument(
            option, metavar="CLASS", type=values.danger_class, action="append", default=[], help=text
        )


def add_baseline(parser: Parser) -> None:
    """What to do with a baseline, where it is, and how often to look."""
    parser.add_argument(
        "action",
        metavar="update",
        type=values.only("update", "a baseline"),
        help="the only thing to do with it",
    )
    parser.add_argument(
        "baseline",
        metavar="FILE",
        nargs="?",
        default=BASELINE_FILE,
        help=f"the file (default: {BASELINE_FILE})",
    )
    group = parser.add_argument_group("how")
    group.add_argument(
        "--runs",
        dest="observations",
        metavar="N",
        type=values.positive,
        default=OBSERVATIONS,
        help=f"observe each workload N times, and mark what it uses only sometimes (default: {OBSERVATIONS})",
    )
    add_jobs(group)
    output_groups.add_quiet(group)
