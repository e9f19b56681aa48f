"""What each sub-command of `profile` takes."""

from __future__ import annotations

from profile_smoke.cli import groups, output_groups, profile_groups, values
from profile_smoke.cli.options import PROG
from profile_smoke.cli.parser import Parser
from profile_smoke.cli.profile_options import KUBELET_FOLDER, RUNTIME_DEFAULT, Kind, LintFormat, Reader

NAME = f"{PROG} profile"


def lint() -> Parser:
    """`profile lint`."""
    parser = _sub(
        "lint",
        "PROFILE... [OPTIONS]",
        "Find mistakes in profiles: what a runtime refuses, what does not do what it says, what it opens.\n"
        "Nothing is launched. Every rule has a page in docs/rules/. Exit code 1 when there is an error,\n"
        "2 when a file cannot be read.",
    )
    parser.add_argument(
        "profiles",
        metavar="PROFILE",
        nargs="+",
        help="a name or a path of a seccomp profile, or a folder of them; repeatable",
    )
    for option, text in (
        ("--select", "look for nothing else; repeatable"),
        ("--ignore", "do not look for this; wins over --select; repeatable"),
    ):
        parser.add_argument(
            option, metavar="RULE", type=profile_groups.lint_rule, action="append", default=[], help=text
        )
    parser.add_argument("--strict", action="store_true", help="a warning gives exit code 1, as an error does")
    parser.add_argument(
        "--fix",
        action="store_true",
        help="mend what can be mended without changing what the profile means; formatting stays",
    )
    profile_groups.add_reader(parser)
    groups.add_profiles_dirs(parser)
    profile_groups.add_host(parser)
    group = parser.add_argument_group("results")
    group.add_argument(
        "-f",
        "--format",
        dest="lint_format",
        metavar="FORMAT",
        type=values.choice(LintFormat),
        default=LintFormat.TEXT,
        help="text or json",
    )
    output_groups.add_destination(group)
    return parser


def show() -> Parser:
    """`profile show`."""
    parser = _sub(
        "show",
        "PROFILE [SYSCALL] [OPTIONS]",
        "What happens to a syscall under a profile; without one, to all of them.",
    )
    profile_groups.add_profile(parser)
    parser.add_argument("syscall", metavar="SYSCALL", nargs="?", help="a name, such as clone, or a number")
    parser.add_argument(
        "--args",
        metavar="N,...",
        type=profile_groups.arguments,
        help="the call's arguments, such as 0x10000000,0 (those that are not given are 0)",
    )
    parser.add_argument(
        "--abi",
        metavar="ABI",
        type=profile_groups.abi,
        help="x86_64, x86, x32, aarch64 or arm (default: all that the machine can run)",
    )
    profile_groups.add_reader(parser)
    groups.add_profiles_dirs(parser)
    profile_groups.add_host(parser)
    profile_groups.add_output(parser)
    return parser


def diff() -> Parser:
    """`profile diff`."""
    parser = _sub(
        "diff",
        "PROFILE [OTHER] [OPTIONS]",
        "What differs between two profiles by what they do to calls, not by their text; or between two\n"
        "readers of one profile, which are docker and kubernetes unless --for says otherwise.",
    )
    profile_groups.add_profile(parser)
    parser.add_argument("other", metavar="OTHER", nargs="?", help="the profile to compare with")
    parser.add_argument(
        "--for",
        dest="readers",
        metavar="TARGET",
        type=values.choice(Reader),
        action="append",
        default=[],
        help="who reads the files: oci, docker or kubernetes; twice: who reads the first, and who the second",
    )
    parser.add_argument("--check", action="store_true", help="exit code 1 where anything differs")
    groups.add_profiles_dirs(parser)
    profile_groups.add_host(parser)
    profile_groups.add_output(parser)
    return parser


def score() -> Parser:
    """`profile score`."""
    parser = _sub(
        "score",
        "[PROFILE...] [OPTIONS]",
        "How much a profile leaves open: its tier, the classes of dangerous calls that it lets through, and the\n"
        "calls it allows, beside a reference; with seccompute's figure where that is installed.",
    )
    profile_groups.add_profiles(parser, optional="all that are known")
    parser.add_argument(
        "--against",
        metavar="PROFILE",
        default=RUNTIME_DEFAULT,
        help="the reference (default: runtime-default, this program's own, modelled on Docker's default profile)",
    )
    profile_groups.add_reader(parser)
    groups.add_profiles_dirs(parser)
    profile_groups.add_host(parser)
    profile_groups.add_output(parser)
    return parser


def convert() -> Parser:
    """`profile convert`."""
    parser = _sub(
        "convert",
        "PROFILE --to FORMAT [OPTIONS]",
        "Write a profile in another format, with the same meaning. What the other format cannot say is told on\n"
        "stderr. PROFILE may be a SeccompProfile of the Security Profiles Operator too (*.yaml).",
    )
    profile_groups.add_profile(parser)
    parser.add_argument(
        "--to",
        dest="kind",
        metavar="FORMAT",
        type=values.choice(Kind),
        required=True,
        help="oci (plain, Docker's conditions resolved), docker, or spo (a SeccompProfile of the Security Profiles "
        "Operator)",
    )
    parser.add_argument("--name", metavar="NAME", help="metadata.name for spo (default: the profile's)")
    parser.add_argument("--namespace", metavar="NAME", help="metadata.namespace for spo (default: none)")
    groups.add_profiles_dirs(parser)
    profile_groups.add_host(parser)
    output_groups.add_destination(parser)
    return parser


def install() -> Parser:
    """`profile install`."""
    parser = _sub(
        "install",
        "[PROFILE...] [OPTIONS]",
        "Put profiles into a node's seccomp folder, all or none, and remember what was put there.",
    )
    profile_groups.add_profiles(
        parser,
        optional="the five for Kubernetes, or all of --profiles-dir; with --check all that are installed",
    )
    parser.add_argument(
        "--folder", metavar="DIR", default=KUBELET_FOLDER, help=f"where to (default: {KUBELET_FOLDER})"
    )
    action = parser.add_mutually_exclusive_group()
    action.add_argument(
        "--check",
        action="store_true",
        help="change nothing; exit code 1 where the folder is not as installed",
    )
    action.add_argument("--rollback", action="store_true", help="undo the last install")
    parser.add_argument(
        "--force", action="store_true", help="replace files that were edited, or put there by someone else"
    )
    groups.add_profiles_dirs(parser)
    return parser


def _sub(name: str, usage: str, description: str) -> Parser:
    return Parser(f"{NAME} {name}", f"{NAME} {name} {usage}", description, "")
