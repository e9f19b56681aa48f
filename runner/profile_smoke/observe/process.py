"""Reading another process through /proc: who it is, and what its pointers point to."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from profile_smoke.model import Process


def identify(pid: int) -> Process:
    """Who a process (or thread) is now; empty texts where it is gone or may not be looked at."""
    return Process(pid, comm(pid), executable(pid))


def comm(pid: int) -> str:
    """The name the kernel shows for it."""
    try:
        return Path(f"/proc/{pid}/comm").read_text("utf-8", "replace").rstrip("\n")
    except OSError:
        return ""


def executable(pid: int) -> str:
    """The path of its program, as seen in its own file system."""
    try:
        return str(Path(f"/proc/{pid}/exe").readlink())
    except OSError:
        return ""


def status_field(pid: int, field: str) -> str | None:
    """One field of /proc/PID/status (`Seccomp`, `NoNewPrivs`), None where it cannot be read."""
    try:
        with Path(f"/proc/{pid}/status").open(encoding="utf-8", errors="replace") as handle:
            for line in handle:
                name, _, value = line.partition(":")
                if name == field:
                    return value.strip()
    except OSError:
        return None
    return None


_Bytes = bytes
"""`Memory.bytes` hides the type of that name inside the class."""


@dataclass(frozen=True)
class Memory:
    """The memory of a stopped process, for decoding arguments. None is what cannot be read (no permission, bad address)."""

    pid: int

    def bytes(self, address: int, size: int) -> _Bytes | None:
        """`size` bytes at `address`."""
        data = self._read(address, size)
        return data if data is not None and len(data) == size else None

    def string(self, address: int, limit: int) -> str | None:
        """A C string of at most `limit` bytes, undecodable bytes escaped."""
        page = 4096
        data = b""
        while len(data) < limit and b"\0" not in data:
            # Page by page: a string may end right before an unmapped page.
            room = page - (address + len(data)) % page
            chunk = self._read(address + len(data), min(room, limit - len(data)))
            if not chunk:
                break
            data += chunk
        if not data:
            return None
        return data.split(b"\0", 1)[0].decode("utf-8", "backslashreplace")

    def _read(self, address: int, size: int) -> _Bytes | None:
        if not address or address >= 1 << 63:
            return None
        try:
            descriptor = os.open(f"/proc/{self.pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            return os.pread(descriptor, size, address)
        except OSError:
            return None
        finally:
            os.close(descriptor)
