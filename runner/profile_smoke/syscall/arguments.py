"""One argument of a call as text, by its kind: `O_RDONLY|O_CLOEXEC`, `{AF_INET, 10.0.0.1:80}`, `"/etc/passwd"`.

Pure: what pointers point to comes from a `Reader`; an argument that cannot be read stays a number.
"""

from __future__ import annotations

import ipaddress
import signal
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from profile_smoke.syscall import _constants as names

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_STRING = 120
WORD = 0xFFFFFFFF
_AT_FDCWD = -100
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


@dataclass(frozen=True)
class Call:
    """A call to be written: its ABI, its name, its registers, and the caller's memory."""

    arch: str
    name: str
    args: tuple[int, ...]
    reader: Reader


def signal_name(number: int) -> str:
    """`SIGTERM` for 15, `SIGRT_2` for the second real-time signal after the first; the number where there is none."""
    if signal.SIGRTMIN < number < signal.SIGRTMAX:
        return f"SIGRT_{number - signal.SIGRTMIN}"
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def number(value: int) -> str:
    """A register that nothing more is known of."""
    return str(value) if value < 10 else f"{value:#x}"  # noqa: PLR2004  one digit reads the same in both


def _signed(value: int) -> int:
    value &= WORD
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


def _string(call: Call, index: int) -> str:
    address = call.args[index]
    text = call.reader.string(address, _STRING) if address else None
    if text is None:
        return pointer(call, index)
    return _quote(text, cut=len(text) >= _STRING)


def pointer(call: Call, index: int) -> str:
    """An address whose target is not known."""
    return f"{call.args[index]:#x}" if call.args[index] else "NULL"


def _hex(call: Call, index: int) -> str:
    return number(call.args[index])


def _int(call: Call, index: int) -> str:
    return str(_signed(call.args[index]))


def _dirfd(call: Call, index: int) -> str:
    descriptor = _signed(call.args[index])
    return "AT_FDCWD" if descriptor == _AT_FDCWD else str(descriptor)


def mode(call: Call, index: int) -> str:
    """Permission bits of a file, in octal."""
    return f"0{call.args[index] & 0xFFFF:03o}"


def _open_flags(flags: int, arch: str) -> str:
    table = names.OPEN_FLAGS_ARM if arch in ("arm", "aarch64") else names.OPEN_FLAGS
    access = names.OPEN_MODES.get(flags & 3, "O_ACCMODE")
    more = _flags(flags & ~3, table, "")
    return f"{access}|{more}" if more else access


def _openhow(call: Call, index: int) -> str:
    raw = call.reader.bytes(call.args[index], 24)
    if raw is None:
        return pointer(call, index)
    flags, mode, resolve = struct.unpack("=QQQ", raw)
    parts = [f"flags={_open_flags(flags, call.arch)}"]
    parts += [f"mode=0{mode:03o}"] if mode else []
    parts += [f"resolve={_flags(resolve, _RESOLVE)}"] if resolve else []
    return f"{{{', '.join(parts)}}}"


def _clone_flags(call: Call, index: int) -> str:
    value = call.args[index] & WORD
    if call.name != "clone":
        return _flags(value, names.CLONE_FLAGS | names.CLONE_NEWTIME)
    # The low byte of clone's flags is the signal that the parent gets.
    died = value & 0xFF
    parts = [_flags(value & ~0xFF, names.CLONE_FLAGS, "")] if value & ~0xFF else []
    return "|".join([*parts, *([signal_name(died)] if died else [])]) or "0"


def _clone_args(call: Call, index: int) -> str:
    raw = call.reader.bytes(call.args[index], 64)
    if raw is None:
        return pointer(call, index)
    flags, _, _, _, died, _, _, _ = struct.unpack("=8Q", raw)
    text = _flags(flags, names.CLONE_FLAGS | names.CLONE_NEWTIME)
    return f"{{flags={text}, exit_signal={signal_name(died) if died else 0}}}"


def _socket_type(call: Call, index: int) -> str:
    value = call.args[index] & WORD
    kind = names.SOCKET_TYPES.get(value & 0xF, str(value & 0xF))
    more = _flags(value & ~0xF, names.SOCKET_FLAGS, "")
    return f"{kind}|{more}" if more else kind


def _protocol(call: Call, index: int) -> str:
    family, value = call.args[0] & WORD, call.args[index] & WORD
    table = {2: names.PROTOCOLS, 10: names.PROTOCOLS, 16: names.NETLINK}.get(family, {})
    return table.get(value, str(value))


def _sockaddr(call: Call, index: int) -> str:
    size = call.args[index + 1] & WORD if index + 1 < len(call.args) else 0
    raw = (
        call.reader.bytes(call.args[index], min(size, _SOCKADDR_MAX))
        if size > 1 and call.args[index]
        else None
    )
    return pointer(call, index) if raw is None else address(raw)


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


def _cap_head(call: Call, index: int) -> str:
    raw = call.reader.bytes(call.args[index], 8)
    if raw is None:
        return pointer(call, index)
    version, pid = struct.unpack("=Ii", raw)
    return f"{{version={version:#x}, pid={pid}}}"


def _cap_data(call: Call, index: int) -> str:
    raw = call.reader.bytes(call.args[index], 24)
    if raw is None:
        return pointer(call, index)
    low = struct.unpack("=6I", raw)
    effective, permitted, inheritable = (low[part] | low[part + 3] << 32 for part in range(3))
    return f"{{effective={effective:#x}, permitted={permitted:#x}, inheritable={inheritable:#x}}}"


def _personality(call: Call, index: int) -> str:
    value = call.args[index] & WORD
    if value == WORD:
        return "0xffffffff"
    domain = names.PERSONALITY_DOMAINS.get(value & 0xFF, f"{value & 0xFF:#x}")
    more = _flags(value & ~0xFF, names.PERSONALITY, "")
    return f"{domain}|{more}" if more else domain


def _one_of(table: Mapping[int, str]) -> Callable[[Call, int], str]:
    def write(call: Call, index: int) -> str:
        value = call.args[index] & WORD
        return table.get(value, number(value))

    return write


def _bits_of(table: Mapping[int, str], none: str = "0") -> Callable[[Call, int], str]:
    return lambda call, index: _flags(call.args[index] & WORD, table, none)


KINDS: Mapping[str, Callable[[Call, int], str]] = {
    "hex": _hex,
    "int": _int,
    "fd": _int,
    "size": lambda call, index: str(call.args[index]),
    "path": _string,
    "text": _string,
    "dirfd": _dirfd,
    "mode": mode,
    "openflags": lambda call, index: _open_flags(call.args[index] & WORD, call.arch),
    "openhow": _openhow,
    "cloneflags": _clone_flags,
    "cloneargs": _clone_args,
    "socktype": _socket_type,
    "protocol": _protocol,
    "sockaddr": _sockaddr,
    "caphead": _cap_head,
    "capdata": _cap_data,
    "personality": _personality,
    "signal": lambda call, index: signal_name(call.args[index] & WORD),
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
"""By the names of data/arguments.tsv: what writes argument `index` of a call. `rest` and `openmode` are `decode`'s own."""
