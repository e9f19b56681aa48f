"""A call as text, much as strace writes it: `openat(AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC)`.

Which kind each argument is stands in data/arguments.tsv; calls that are not there show their registers.
"""

from __future__ import annotations

import errno
import functools
import importlib.resources
import struct
from typing import TYPE_CHECKING

from profile_smoke.syscall import arguments
from profile_smoke.syscall.multiplexed import SOCKETCALL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LIMIT = 200
"""Characters of a decoded call at most."""
_CREATES = 0x40 | 0x400000
"""O_CREAT and the bit of O_TMPFILE that no other flag has: only then is there a mode."""


def errno_name(number: int) -> str:
    """`EPERM` for 1; the number as text where it has no name."""
    return errno.errorcode.get(number, str(number))


def decode(arch: str, name: str, args: Sequence[int], reader: arguments.Reader) -> str:
    """The call with its arguments, at most `LIMIT` characters, on one line and without control characters."""
    text = f"{name}({', '.join(_arguments(arguments.Call(arch, name, tuple(args), reader)))})"
    return text if len(text) <= LIMIT else f"{text[: LIMIT - 4]}...)"


@functools.cache
def _signatures() -> Mapping[str, tuple[str, ...]]:
    text = importlib.resources.files(__package__).joinpath("data/arguments.tsv").read_text("ascii")
    found = {}
    for line in text.splitlines()[1:]:
        kinds, calls = line.split("\t")
        found.update(dict.fromkeys(calls.split(), () if kinds == "-" else tuple(kinds.split())))
    return found


def _arguments(call: arguments.Call) -> list[str]:
    if call.name == "socketcall" and call.arch == "x86":
        return _socketcall(call)
    kinds = _signatures().get(call.name, ("rest",))
    parts: list[str] = []
    for index, kind in enumerate(kinds[: len(call.args)]):
        if kind == "rest":
            parts += _rest(call.args[index:])
        elif kind != "openmode":
            parts.append(arguments.KINDS[kind](call, index))
        elif call.args[index - 1] & _CREATES:
            parts.append(arguments.mode(call, index))
    return parts


def _rest(args: Sequence[int]) -> list[str]:
    """Registers as they are, without those at the end that hold nothing."""
    used = len(args)
    while used and not args[used - 1]:
        used -= 1
    return [arguments.number(arg) for arg in args[:used]]


def _socketcall(call: arguments.Call) -> list[str]:
    """32-bit x86's socket multiplexer: the call that it stands for, where its arguments can be read."""
    name = SOCKETCALL.get(call.args[0] & arguments.WORD)
    if name is None:
        return _rest(call.args[:2])
    count = len(_signatures()[name])
    raw = call.reader.bytes(call.args[1] & arguments.WORD, 4 * count)
    if raw is None:
        return [f"SYS_{name.upper()}", arguments.pointer(call, 1)]
    return [decode(call.arch, name, struct.unpack(f"={count}I", raw), call.reader)]
