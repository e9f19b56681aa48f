"""Calls as text."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profile_smoke.syscall import arguments, decode, tables

AT_FDCWD = 0xFFFFFFFFFFFFFF9C


class FakeMemory:
    """Strings and bytes at chosen addresses; everything else cannot be read."""

    def __init__(self, strings: dict[int, str] | None = None, data: dict[int, bytes] | None = None) -> None:
        self._strings, self._data = strings or {}, data or {}

    def string(self, addr: int, limit: int) -> str | None:
        return self._strings[addr][:limit] if addr in self._strings else None

    def bytes(self, addr: int, n: int) -> bytes | None:
        found = self._data.get(addr, b"")[:n]
        return found if len(found) == n else None


MEMORY = FakeMemory(
    {1: "/etc/passwd", 2: 'a"\\\n\x1b[31m\u202e\udcff', 3: "x" * 500, 4: ""},
    {
        10: struct.pack("=H", 2) + b"\x00\x50\x0a\x00\x00\x01" + bytes(8),
        11: struct.pack("=H", 10) + b"\x01\xbb" + bytes(4) + bytes(15) + b"\x01" + bytes(4),
        12: struct.pack("=H", 1) + b"/run/x.sock\x00\x00",
        13: struct.pack("=H", 1) + b"\x00abc",
        14: struct.pack("=H", 40) + bytes(14),
        20: struct.pack("=8Q", 0x10000000, 0, 0, 0, 17, 0, 0, 0),
        21: struct.pack("=QQQ", 0x80042, 0o600, 8),
        30: struct.pack("=3I", 2, 1, 6),
        40: struct.pack("=Ii", 0x20080522, 0),
        41: struct.pack("=6I", 1, 2, 0, 0, 1, 0),
    },
)


@pytest.mark.parametrize(
    ("name", "args", "expected"),
    [
        ("openat", (AT_FDCWD, 1, 0x80000), 'openat(AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC)'),
        (
            "openat",
            (0xFFFFFF9C, 1, 0x241, 0o640),
            'openat(AT_FDCWD, "/etc/passwd", O_WRONLY|O_CREAT|O_TRUNC, 0640)',
        ),
        ("openat", (3, 99, 0x410002, 0o600), "openat(3, 0x63, O_RDWR|O_TMPFILE, 0600)"),
        (
            "openat2",
            (AT_FDCWD, 1, 21, 24),
            'openat2(AT_FDCWD, "/etc/passwd", {flags=O_RDWR|O_CREAT|O_CLOEXEC, mode=0600, resolve=RESOLVE_BENEATH}, 24)',
        ),
        ("access", (1, 0), 'access("/etc/passwd", F_OK)'),
        ("unlink", (0,), "unlink(NULL)"),
        ("unlink", (4,), 'unlink("")'),
        ("socket", (2, 0x80801, 6), "socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC|SOCK_NONBLOCK, IPPROTO_TCP)"),
        ("socket", (16, 3, 0), "socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE)"),
        ("socket", (99, 1, 0), "socket(0x63, SOCK_STREAM, 0)"),
        ("connect", (3, 10, 16), "connect(3, {AF_INET, 10.0.0.1:80}, 16)"),
        ("bind", (3, 11, 28), "bind(3, {AF_INET6, [::1]:443}, 28)"),
        ("connect", (3, 12, 15), 'connect(3, {AF_UNIX, "/run/x.sock"}, 15)'),
        ("connect", (3, 13, 6), 'connect(3, {AF_UNIX, "@abc"}, 6)'),
        ("connect", (3, 14, 16), "connect(3, {AF_VSOCK}, 16)"),
        ("connect", (3, 77, 16), "connect(3, 0x4d, 16)"),
        (
            "clone",
            (0x1200011, 0, 0, 0, 0),
            "clone(CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD, 0, 0, 0, 0)",
        ),
        ("clone3", (20, 64), "clone3({flags=CLONE_NEWUSER, exit_signal=SIGCHLD}, 64)"),
        ("clone3", (21 << 8, 88), "clone3(0x1500, 88)"),
        ("unshare", (0x20080,), "unshare(CLONE_NEWNS|CLONE_NEWTIME)"),
        (
            "mmap",
            (0, 4096, 3, 0x22, 0xFFFFFFFF, 0),
            "mmap(0, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)",
        ),
        ("mprotect", (0x7F0000000000, 8192, 0), "mprotect(0x7f0000000000, 8192, PROT_NONE)"),
        ("prctl", (38, 1, 0, 0, 0), "prctl(PR_SET_NO_NEW_PRIVS, 1)"),
        ("ioctl", (1, 0x5413, 0x1000), "ioctl(1, TIOCGWINSZ, 0x1000)"),
        ("ioctl", (1, 0xABCD, 0), "ioctl(1, 0xabcd)"),
        ("fcntl", (3, 1030, 0), "fcntl(3, F_DUPFD_CLOEXEC)"),
        ("kill", (0xFFFFFFFF, 9), "kill(-1, SIGKILL)"),
        ("personality", (0x40008,), "personality(PER_LINUX32|ADDR_NO_RANDOMIZE)"),
        ("personality", (0xFFFFFFFF,), "personality(0xffffffff)"),
        ("seccomp", (1, 0, 0x2000), "seccomp(SECCOMP_SET_MODE_FILTER, 0, 0x2000)"),
        (
            "capset",
            (40, 41),
            "capset({version=0x20080522, pid=0}, {effective=0x1, permitted=0x100000002, inheritable=0x0})",
        ),
        ("getpid", (5, 6), "getpid()"),
        ("no_such_call", (0xAB, 0, 7, 0, 0, 0), "no_such_call(0xab, 0, 7)"),
    ],
)
def test_writes_arguments(name: str, args: tuple[int, ...], expected: str) -> None:
    """Real arguments only, by name where there is one, and what cannot be read as a number."""
    assert decode.decode("x86_64", name, args, MEMORY) == expected


def test_strings_are_safe_on_a_terminal() -> None:
    """Quotes, control characters, direction marks and stray bytes are escaped."""
    assert decode.decode("x86_64", "chdir", (2,), MEMORY) == r'chdir("a\"\\\n\x1b[31m\xe2\x80\xae\xff")'


def test_long_strings_are_cut() -> None:
    """A long path ends in dots, and the arguments behind it are still there."""
    text = decode.decode("x86_64", "openat", (AT_FDCWD, 3, 0), MEMORY)
    assert text.endswith('xxx"..., O_RDONLY)')


def test_open_flags_of_arm() -> None:
    """Four open flags have other bits on ARM."""
    assert decode.decode("aarch64", "openat", (AT_FDCWD, 1, 0x4000), MEMORY).endswith("O_RDONLY|O_DIRECTORY)")
    assert decode.decode("x86_64", "openat", (AT_FDCWD, 1, 0x4000), MEMORY).endswith("O_RDONLY|O_DIRECT)")


def test_socketcall_is_looked_through() -> None:
    """32-bit x86's multiplexer shows the call that it stands for, where memory can be read."""
    assert (
        decode.decode("x86", "socketcall", (1, 30), MEMORY)
        == "socketcall(socket(AF_INET, SOCK_STREAM, IPPROTO_TCP))"
    )
    assert decode.decode("x86", "socketcall", (3, 0x99), MEMORY) == "socketcall(SYS_CONNECT, 0x99)"
    assert decode.decode("x86", "socketcall", (77, 0x99), MEMORY) == "socketcall(0x4d, 0x99)"


@given(
    st.sampled_from(tables.ARCHES),
    st.sampled_from(sorted(tables.all_names())),
    st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 50), max_size=6),
    st.text(st.characters(codec=None, categories=None), max_size=300),
    st.binary(max_size=200),
)
def test_any_call_is_one_short_printable_line(
    arch: str, name: str, args: list[int], text: str, data: bytes
) -> None:
    """Whatever registers and memory hold, the text is bounded, printable and names the call."""

    class Hostile:
        def string(self, addr: int, limit: int) -> str | None:
            return text[:limit] if addr % 2 else None

        def bytes(self, addr: int, n: int) -> bytes | None:
            return data[:n].ljust(n, b"\xff") if addr % 2 else None

    written = decode.decode(arch, name, args, Hostile())
    assert written.startswith(f"{name}(")
    assert written.endswith(")")
    assert len(written) <= decode.LIMIT
    assert written.isprintable()


@pytest.mark.parametrize(("number", "expected"), [(1, "EPERM"), (38, "ENOSYS"), (4000, "4000")])
def test_names_errors(number: int, expected: str) -> None:
    """By the C library's name, or the number."""
    assert decode.errno_name(number) == expected


@pytest.mark.parametrize(
    ("number", "expected"), [(15, "SIGTERM"), (31, "SIGSYS"), (36, "SIGRT_2"), (99, "99")]
)
def test_names_signals(number: int, expected: str) -> None:
    """By name, real-time ones by their distance from the first, or the number."""
    assert arguments.signal_name(number) == expected
