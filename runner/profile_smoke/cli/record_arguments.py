"""From the words after `profile-smoke record` to its options."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING, Any

from profile_smoke.cli import groups, output_groups, values
from profile_smoke.cli.options import PROG, Command, Options
from profile_smoke.cli.parser import Parser
from profile_smoke.cli.record_options import RecordOptions
from profile_smoke.errors import UsageError
from profile_smoke.report.interface import STDOUT, PlainFormat

if TYPE_CHECKING:
    from collections.abc import Sequence

    from profile_smoke.scenario.model import Check

_NAME = f"{PROG} record"
_LIMITS = ("prctl", "ioctl")
_HELP = """\
Write a least-privilege profile for scenarios, or for any image: one observed launch of each shows
what it uses, the result is generalised for other libraries, kernels and machines, and it is
verified by launches that the kernel enforces before it is written."""
_EPILOG = """\
checks, for --ready and --probe:
  http:PORT[/PATH]       the answer is 200
  tcp:PORT:TEXT          TEXT comes after connecting, without being asked for
  redis:PORT             PING is answered by PONG
  log:REGEX              the output holds it
  exec:PROGRAM [ARG...]  it exits with 0, in the container

examples:
  profile-smoke record --scenario nginx -o nginx.json
  profile-smoke record --scenario mysql --scenario postgresql --runs 3 -o databases.json
  profile-smoke record --image ghcr.io/me/app:1 --ready http:8080/health --probe http:8080/ -o app.json
  profile-smoke record --scenario redis --base database.json -o redis.json"""


def parse(arguments: Sequence[str]) -> Options:
    """The options of a `record`.

    Raises:
        UsageError: one line that names the option, what is wrong, and the nearest right one.
        SystemExit: after `--help` or `--version`, with code 0.
    """
    found: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in vars(_parser().parse(arguments)).items()
    }
    images, found["limits"] = found.pop("images"), tuple(dict.fromkeys(sum(found["limits"], ())))
    new = [ref for name, ref in images if name is None]
    replaced = {name: ref for name, ref in images if name is not None}
    record = RecordOptions(
        image=new[0] if new else None,
        **{
            name: found.pop(name)
            for name in (
                *("ready", "probes", "env", "args", "ports", "volumes"),
                *("runs", "prove", "limits", "merge", "base", "force", "format"),
            )
        },
    )
    options = Options(Command.RECORD, images=replaced, record=record, **found)
    _check(options, record, new)
    return options


def _check(options: Options, record: RecordOptions, images: Sequence[str]) -> None:
    def wrong(text: str) -> UsageError:
        return UsageError(f"{text} (see {_NAME} --help)")

    if len(images) > 1:
        raise wrong(f"--image: two images are given ({images[0]} and {images[1]}); record them one by one")
    if not (options.scenarios or record.image):
        raise wrong("record needs something to launch: --scenario, or --image with --ready and --probe")
    described = {
        "--ready": record.ready,
        "--probe": record.probes,
        "--env": record.env,
        "--arg": record.args,
        "--port": record.ports,
        "--volume": record.volumes,
    }
    if record.image is None and (extra := [name for name, value in described.items() if value]):
        raise wrong(f"{extra[0]} describes an --image, and none is given; a scenario has its own")
    if record.image and not (record.ready and record.probes):
        raise wrong(
            "--image needs --ready and at least one --probe: that it starts does not show that it works"
        )
    if options.output == STDOUT and record.format is PlainFormat.JSON:
        raise wrong("--format json goes to stdout, and so does the profile; name a file for it with -o")


def _parser() -> Parser:
    parser = Parser(_NAME, f"{_NAME} [OPTIONS] -o PATH", _HELP, _EPILOG)
    group = parser.add_argument_group("what to record")
    groups.add_scenarios(group)
    groups.add_targets(group)
    group.add_argument(
        "--image",
        dest="images",
        metavar="[SCENARIO=]REF",
        type=_image,
        action="append",
        default=[],
        help="an image of your own, described by the options below; or another one for a scenario",
    )
    groups.add_standin(group)
    _add_description(parser)
    _add_making(parser)
    group = parser.add_argument_group("results")
    output_groups.add_destination(group, "the profile")
    group.add_argument(
        "--force", action="store_true", help="replace a file that holds something else than what was recorded"
    )
    output_groups.add_plain_format(group, "how to tell what was seen: table, or json, which --merge reads")
    output_groups.add_quiet(group)
    output_groups.add_common(parser)
    return parser


def _add_description(parser: Parser) -> None:
    group = parser.add_argument_group("an image of your own")
    group.add_argument(
        "--ready", metavar="CHECK", type=_check_word, help="when it counts as ready, see below"
    )
    group.add_argument(
        "--probe",
        dest="probes",
        metavar="CHECK",
        type=_check_word,
        action="append",
        default=[],
        help="what to make it do; repeatable",
    )
    group.add_argument(
        "--env", metavar="NAME=VALUE", type=_variable, action="append", default=[], help="repeatable"
    )
    group.add_argument(
        "--arg",
        dest="args",
        metavar="ARG",
        action="append",
        default=[],
        help="an argument in place of the image's (--arg=-x where it begins with a hyphen); repeatable",
    )
    group.add_argument(
        "--port",
        dest="ports",
        metavar="PORT",
        type=_port,
        action="append",
        default=[],
        help="it listens there (those of checks need not be named); repeatable",
    )
    group.add_argument(
        "--volume",
        dest="volumes",
        metavar="PATH",
        action="append",
        default=[],
        help="an empty volume, as absolute path in the container; repeatable",
    )


def _add_making(parser: Parser) -> None:
    group = parser.add_argument_group("how")
    group.add_argument(
        "--runs",
        metavar="N",
        type=values.positive,
        default=1,
        help="observed launches of each; says which calls came only sometimes (default: 1)",
    )
    group.add_argument(
        "--prove",
        action="store_true",
        help="leave out each call that was seen, in a launch of its own, to find those that are required",
    )
    group.add_argument(
        "--limit",
        dest="limits",
        metavar="CALL,...",
        type=_limits,
        action="append",
        default=[],
        help=f"limit the arguments of {' and '.join(_LIMITS)} too, to those that were seen",
    )
    group.add_argument(
        "--merge",
        metavar="FILE",
        action="append",
        default=[],
        help="allow what this recording (json) or profile allows as well; repeatable",
    )
    group.add_argument(
        "--base", metavar="PROFILE", help="start from this profile, and add what is missing, in its layout"
    )
    groups.add_jobs(group)


def _image(text: str) -> tuple[str | None, str]:
    name, equals, ref = text.partition("=")
    if equals and not (name and ref):
        raise argparse.ArgumentTypeError(f"{text!r} is neither an image nor like mysql=mysql:8.4")
    return (name, ref) if equals else (None, text)


def _check_word(text: str) -> Check:
    from profile_smoke.scenario import adhoc
    from profile_smoke.scenario.values import UnfitError

    try:
        return adhoc.check(text)
    except UnfitError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not like NAME=VALUE")
    return name, value


def _port(text: str) -> int:
    if not re.fullmatch("[0-9]{1,5}", text) or not 1 <= int(text) <= 65535:  # noqa: PLR2004  the last port
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 1 to 65535")
    return int(text)


def _limits(text: str) -> tuple[str, ...]:
    words = tuple(text.split(","))
    for word in words:
        if word not in _LIMITS:
            hint = values.nearest(word, _LIMITS) or f"; one of {', '.join(_LIMITS)}"
            raise argparse.ArgumentTypeError(f"there is no limit {word!r}{hint}")
    return words
