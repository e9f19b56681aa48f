"""A call as text, much as strace writes it: `openat(AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC)`.

Pure: what pointers point to comes from a `Reader`, and an argument that cannot be read stays a number. Which kind
each argument is stands in data/arguments.tsv; calls that are not there show their registers.
"""

from __future__ import annotations

import errno
import functools
import importlib.resources
import ipaddress
import signal
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from profile_smoke.syscall import _constants as names
from profile_smoke.syscall.multiplexed import SOCKETCALL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

LIMIT = 200
"""Characters of a decoded call at most."""
_STRING = 120
_WORD = 0xFFFFFFFF
_AT_FDCWD = -100
_CREATES = 0x40 | 0x400000
"""O_CREAT and the bit of O_TMPFILE that no other flag has: only then is there a mode."""
_SOCKADDR_MAX = 128
_RESOLVE = {
    1: "RESOLVE_NO_XDEV",
    2: "RESOLVE_NO_MAGICLINKS",
    4: "RESOLVE_NO_SYMLINKS",
    8: "RESOLVE_BENEATH",
    16: "RESOLVE_IN_ROOT",
}


class Reader(Protocol):
    """The memory of the calling process. None is what cannot be read."""

    def string(self, addr: int, limit: int, /) -> str | None:
        """The C string at `addr`, at most `limit` bytes of it."""

    def bytes(self, addr: int, n: int, /) -> bytes | None:
        """Exactly `n` bytes at `addr`."""


def errno_name(number: int) -> str:
    """`EPERM` for 1; the number as text where it has no name."""
    return errno.errorcode.get(number, str(number))


def signal_name(number: int) -> str:
    """`SIGTERM` for 15, `SIGRT_2` for the second real-time signal after the first; the number where there is none."""
    if signal.SIGRTMIN < number < signal.SIGRTMAX:
        return f"SIGRT_{number - signal.SIGRTMIN}"
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def decode(arch: str, name: str, args: Sequence[int], reader: Reader) -> str:
    """The call with its arguments, at most `LIMIT` characters, on one line and without control characters."""
    text = f"{name}({', '.join(_arguments(_Call(arch, name, tuple(args), reader)))})"
    return text if len(text) <= LIMIT else f"{text[: LIMIT - 4]}...)"


@dataclass(frozen=True)
class _Call:
    arch: str
    name: str
    args: tuple[int, ...]
    reader: Reader


@functools.cache
def _signatures() -> Mapping[str, tuple[str, ...]]:
    text = importlib.resources.files(__package__).joinpath("data/arguments.tsv").read_text("ascii")
    found = {}
    for line in text.splitlines()[1:]:
        kinds, calls = line.split("\t")
        found.update(dict.fromkeys(calls.split(), () if kinds == "-" else tuple(kinds.split())))
    return found


def _arguments(call: _Call) -> list[str]:
    if call.name == "socketcall" and call.arch == "x86":
        return _socketcall(call)
    kinds = _signatures().get(call.name, ("rest",))
    parts: list[str] = []
    for index, kind in enumerate(kinds[: len(call.args)]):
        if kind == "rest":
            parts += _rest(call.args[index:])
        elif kind != "openmode":
            parts.append(_KINDS[kind](call, index))
        elif call.args[index - 1] & _CREATES:
            parts.append(_mode(call, index))
    return parts


def _rest(args: Sequence[int]) -> list[str]:
    """Registers as they are, without those at the end that hold nothing."""
    used = len(args)
    while used and not args[used - 1]:
        used -= 1
    return [_number(arg) for arg in args[:used]]


def _number(value: int) -> str:
    return str(value) if value < 10 else f"{value:#x}"  # noqa: PLR2004  one digit reads the same in both


def _signed(value: int) -> int:
    value &= _WORD
    return value - (1 << 32) if value >> 31 else value


def _flags(value: int, table: Mapping[int, str], none: str = "0") -> str:
    """Names of the bits in `value`, what is left in hexadecimal."""
    parts = []
    for bits, name in table.items():
        if value & bits == bits:
            parts.append(name)
            value &= ~bits
    return "|".join([*parts, *([f"{value:#x}"] if value else [])]) or none


def _quote(text: str, *, cut: bool) -> str:
    """In double quotes, with everything that a terminal or a log might act on escaped."""
    known = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}

    def safe(char: str) -> str:
        if char in known:
            return known[char]
        if char.isprintable():
            return char
        return "".join(f"\\x{byte:02x}" for byte in char.encode("utf-8", "surrogateescape"))

    return f'"{"".join(map(safe, text))}"{"..." if cut else ""}'


def _string(call: _Call, index: int) -> str:
    address = call.args[index]
    text = call.reader.string(address, _STRING) if address else None
    if text is None:
        return _pointer(call, index)
    return _quote(text, cut=len(text) >= _STRING)


def _pointer(call: _Call, index: int) -> str:
    return f"{call.args[index]:#x}" if call.args[index] else "NULL"


def _hex(call: _Call, index: int) -> str:
    return _number(call.args[index])


def _int(call: _Call, index: int) -> str:
    return str(_signed(call.args[index]))


def _dirfd(call: _Call, index: int) -> str:
    descriptor = _signed(call.args[index])
    return "AT_FDCWD" if descriptor == _AT_FDCWD else str(descriptor)


def _mode(call: _Call, index: int) -> str:
    return f"0{call.args[index] & 0xFFFF:03o}"


def _open_flags(flags: int, arch: str) -> str:
    table = names.OPEN_FLAGS_ARM if arch in ("arm", "aarch64") else names.OPEN_FLAGS
    access = names.OPEN_MODES.get(flags & 3, "O_ACCMODE")
    more = _flags(flags & ~3, table, "")
    return f"{access}|{more}" if more else access


def _openhow(call: _Call, index: int) -> str:
    raw = call.reader.bytes(call.args[index], 24)
    if raw is None:
        return _pointer(call, index)
    flags, mode, resolve = struct.unpack("=QQQ", raw)
    parts = [f"flags={_open_flags(flags, call.arch)}"]
    parts += [f"mode=0{mode:03o}"] if mode else []
    parts += [f"resolve={_flags(resolve, _RESOLVE)}"] if resolve else []
    return f"{{{', '.join(parts)}}}"


def _clone_flags(call: _Call, index: int) -> str:
    value = call.args[index] & _WORD
    if call.name != "clone":
        return _flags(value, names.CLONE_FLAGS | names.CLONE_NEWTIME)
    # The low byte of clone's flags is the signal that the parent gets.
    died = value & 0xFF
    parts = [_flags(value & ~0xFF, names.CLONE_FLAGS, "")] if value & ~0xFF else []
    return "|".join([*parts, *([signal_name(died)] if died else [])]) or "0"


def _clone_args(call: _Call, index: int) -> str:
    raw = call.reader.bytes(call.args[index], 64)
    if raw is None:
        return _pointer(call, index)
    flags, _, _, _, died, _, _, _ = struct.unpack("=8Q", raw)
    text = _flags(flags, names.CLONE_FLAGS | names.CLONE_NEWTIME)
    return f"{{flags={text}, exit_signal={signal_name(died) if died else 0}}}"


def _socket_type(call: _Call, index: int) -> str:
    value = call.args[index] & _WORD
    kind = names.SOCKET_TYPES.get(value & 0xF, str(value & 0xF))
    more = _flags(value & ~0xF, names.SOCKET_FLAGS, "")
    return f"{kind}|{more}" if more else kind


def _protocol(call: _Call, index: int) -> str:
    family, value = call.args[0] & _WORD, call.args[index] & _WORD
    table = {2: names.PROTOCOLS, 10: names.PROTOCOLS, 16: names.NETLINK}.get(family, {})
    return table.get(value, str(value))


def _sockaddr(call: _Call, index: int) -> str:
    size = call.args[index + 1] & _WORD if index + 1 < len(call.args) else 0
    raw = (
        call.reader.bytes(call.args[index], min(size, _SOCKADDR_MAX))
        if size > 1 and call.args[index]
        else None
    )
    return _pointer(call, index) if raw is None else address(raw)


def address(raw: bytes) -> str:
    """A `struct sockaddr` as text: `{AF_INET, 10.0.0.1:80}`, `{AF_UNIX, "/run/x.sock"}`; or the family alone."""
    (family,) = struct.unpack_from("=H", raw)
    name = names.FAMILIES.get(family, str(family))
    if name == "AF_UNIX":
        path = raw[2:]
        # An abstract name starts with a NUL byte and is written with @ in its place, as ss(8) does.
        text = b"@" + path[1:] if path[:1] == b"\0" and len(path) > 1 else path.partition(b"\0")[0]
        return f"{{AF_UNIX, {_quote(text.decode('utf-8', 'surrogateescape'), cut=False)}}}"
    if name == "AF_INET" and len(raw) >= 8:  # noqa: PLR2004  family, port, address
        (port,) = struct.unpack_from("!H", raw, 2)
        return f"{{AF_INET, {ipaddress.IPv4Address(raw[4:8])}:{port}}}"
    if name == "AF_INET6" and len(raw) >= 24:  # noqa: PLR2004  family, port, flow, address
        (port,) = struct.unpack_from("!H", raw, 2)
        return f"{{AF_INET6, [{ipaddress.IPv6Address(raw[8:24])}]:{port}}}"
    return f"{{{name}}}"


def _socketcall(call: _Call) -> list[str]:
    """32-bit x86's socket multiplexer: the call that it stands for, where its arguments can be read."""
    name = SOCKETCALL.get(call.args[0] & _WORD)
    if name is None:
        return _rest(call.args[:2])
    count = len(_signatures()[name])
    raw = call.reader.bytes(call.args[1] & _WORD, 4 * count)
    if raw is None:
        return [f"SYS_{name.upper()}", _pointer(call, 1)]
    return [decode(call.arch, name, struct.unpack(f"={count}I", raw), call.reader)]


def _cap_head(call: _Call, index: int) -> str:
    raw = call.reader.bytes(call.args[index], 8)
    if raw is None:
        return _pointer(call, index)
    version, pid = struct.unpack("=Ii", raw)
    return f"{{version={version:#x}, pid={pid}}}"


def _cap_data(call: _Call, index: int) -> str:
    raw = call.reader.bytes(call.args[index], 24)
    if raw is None:
        return _pointer(call, index)
    low = struct.unpack("=6I", raw)
    effective, permitted, inheritable = (low[part] | low[part + 3] << 32 for part in range(3))
    return f"{{effective={effective:#x}, permitted={permitted:#x}, inheritable={inheritable:#x}}}"


def _personality(call: _Call, index: int) -> str:
    value = call.args[index] & _WORD
    if value == _WORD:
        return "0xffffffff"
    domain = names.PERSONALITY_DOMAINS.get(value & 0xFF, f"{value & 0xFF:#x}")
    more = _flags(value & ~0xFF, names.PERSONALITY, "")
    return f"{domain}|{more}" if more else domain


def _one_of(table: Mapping[int, str]) -> Callable[[_Call, int], str]:
    def write(call: _Call, index: int) -> str:
        value = call.args[index] & _WORD
        return table.get(value, _number(value))

    return write


def _bits_of(table: Mapping[int, str], none: str = "0") -> Callable[[_Call, int], str]:
    return lambda call, index: _flags(call.args[index] & _WORD, table, none)


_KINDS: Mapping[str, Callable[[_Call, int], str]] = {
    "hex": _hex,
    "int": _int,
    "fd": _int,
    "size": lambda call, index: str(call.args[index]),
    "path": _string,
    "text": _string,
    "dirfd": _dirfd,
    "mode": _mode,
    "openflags": lambda call, index: _open_flags(call.args[index] & _WORD, call.arch),
    "openhow": _openhow,
    "cloneflags": _clone_flags,
    "cloneargs": _clone_args,
    "socktype": _socket_type,
    "protocol": _protocol,
    "sockaddr": _sockaddr,
    "caphead": _cap_head,
    "capdata": _cap_data,
    "personality": _personality,
    "signal": lambda call, index: signal_name(call.args[index] & _WORD),
    "fdflags": _bits_of(names.FD_FLAGS),
    "atflags": _bits_of(names.AT_FLAGS),
    "access": _bits_of(names.ACCESS, "F_OK"),
    "prot": _bits_of(names.PROT, "PROT_NONE"),
    "mmapflags": _bits_of(names.MAP_FLAGS),
    "msgflags": _bits_of(names.MESSAGE_FLAGS),
    "sockflags": _bits_of(names.SOCKET_FLAGS),
    "family": _one_of(names.FAMILIES),
    "sockopt": _one_of(names.SOCKET_LEVELS),
    "whence": _one_of(names.WHENCE),
    "how": _one_of(names.SIGNAL_HOW),
    "clock": _one_of(names.CLOCKS),
    "fcntl": _one_of(names.FCNTL),
    "ioctl": _one_of(names.IOCTL),
    "prctl": _one_of(names.PRCTL),
    "archprctl": _one_of(names.ARCH_PRCTL),
    "seccomp": _one_of(names.SECCOMP_OPS),
    "madvise": _one_of(names.MADVISE),
    "ptrace": _one_of(names.PTRACE),
    "bpf": _one_of(names.BPF),
    "keyctl": _one_of(names.KEYCTL),
}
