"""Groups of options that several sub-commands of `profile` share, and how their words become values."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING

from profile_smoke.cli import output_groups, values
from profile_smoke.cli.profile_options import Reader

if TYPE_CHECKING:
    from profile_smoke.cli.parser import Parser

_ARGUMENTS = 6
_FULL = 2**64 - 1


def add_profile(parser: Parser) -> None:
    """The one profile that the command is about."""
    parser.add_argument("profile", metavar="PROFILE", help="a name or a path of a seccomp profile")


def add_profiles(parser: Parser, *, optional: str = "") -> None:
    """The profiles that the command is about; `optional` says what it means to name none."""
    text = "a name or a path of a seccomp profile; repeatable"
    parser.add_argument(
        "profiles",
        metavar="PROFILE",
        nargs="*" if optional else "+",
        help=f"{text} (default: {optional})" if optional else text,
    )


def add_reader(parser: Parser) -> None:
    """For whom a profile is read."""
    parser.add_argument(
        "--for",
        dest="reader",
        metavar="TARGET",
        type=values.choice(Reader),
        default=Reader.DOCKER,
        help="who reads the file: oci (this program's, which reads it as Docker does), docker, or kubernetes, whose "
        "containerd drops Docker's own fields (default: docker)",
    )


def add_host(parser: Parser) -> None:
    """What Docker's conditions are resolved for."""
    group = parser.add_argument_group("what Docker's format is resolved for")
    group.add_argument(
        "--caps",
        metavar="CAP,...",
        type=capabilities,
        help="the container's capabilities, '' for none (default: those of Docker's containers)",
    )
    group.add_argument(
        "--arch",
        metavar="ARCH",
        type=architecture,
        help="x86_64, x86, aarch64 or arm (default: this machine's)",
    )
    group.add_argument(
        "--kernel", metavar="X.Y", type=kernel, help="the version of the kernel (default: this machine's)"
    )


def add_output(parser: Parser) -> None:
    """What becomes of the result."""
    group = parser.add_argument_group("results")
    output_groups.add_plain_format(group)
    output_groups.add_destination(group)


def lint_rule(text: str) -> str:
    """The id of a lint rule."""
    from profile_smoke.profile.lint.rules import BY_ID

    if text not in BY_ID:
        raise argparse.ArgumentTypeError(f"there is no rule {text!r}{values.nearest(text, BY_ID)}")
    return text


def capabilities(text: str) -> tuple[str, ...]:
    """``CAP_SYS_ADMIN,net_admin``: names with or without prefix, in any case; sorted, each once."""
    from profile_smoke.profile._vocabulary import CAPABILITIES

    found = set()
    for word in filter(None, (part.strip() for part in text.split(","))):
        name = f"CAP_{word.upper().removeprefix('CAP_')}"
        if name not in CAPABILITIES:
            hint = values.nearest(name, CAPABILITIES)
            raise argparse.ArgumentTypeError(f"there is no capability {word!r}{hint}")
        found.add(name)
    return tuple(sorted(found))


def architecture(text: str) -> str:
    """An architecture that an engine runs on."""
    from profile_smoke.profile.resolve import NATIVE

    return _one_of(text, tuple(NATIVE))


def abi(text: str) -> str:
    """An ABI that there is a table of syscalls for."""
    from profile_smoke.syscall.tables import ARCHES

    return _one_of(text, ARCHES)


def kernel(text: str) -> tuple[int, int]:
    """``5.10``: major and minor."""
    match = re.fullmatch(r"([0-9]{1,4})\.([0-9]{1,4})", text)
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r} is not like 5.10")
    return int(match[1]), int(match[2])


def arguments(text: str) -> tuple[int, ...]:
    """``0x10000000,0``: up to six whole numbers; those that are not given are 0. Negative ones as the kernel sees them."""
    words = text.split(",")
    if len(words) > _ARGUMENTS:
        raise argparse.ArgumentTypeError(f"{len(words)} arguments; a syscall has {_ARGUMENTS} at most")
    found = [_number(word.strip()) for word in words]
    return (*found, *(0,) * (_ARGUMENTS - len(found)))


def _number(word: str) -> int:
    match = re.fullmatch(r"(-?)(0x[0-9a-fA-F]{1,16}|[0-9]{1,20})", word)
    value = int(match[2], 0 if match[2].startswith("0x") else 10) if match else _FULL + 1
    if match is None or value > _FULL:
        raise argparse.ArgumentTypeError(
            f"{word!r} is not a whole number of 64 bits, such as 2 or 0x10000000"
        )
    return -value & _FULL if match[1] else value


def _one_of(text: str, words: tuple[str, ...]) -> str:
    if text not in words:
        hint = values.nearest(text, words) or f"; one of {', '.join(words)}"
        raise argparse.ArgumentTypeError(f"there is no {text!r}{hint}")
    return text
