"""The kernel's side of seccomp user notification: structures and ioctls.

Sources: linux/include/uapi/linux/seccomp.h, seccomp_unotify(2).
"""

from __future__ import annotations

import fcntl
import struct

NOTIF_SIZE = 80
"""struct seccomp_notif: id u64, pid u32, flags u32, then seccomp_data: nr s32, arch u32, ip u64, args u64[6]."""
_HEAD = struct.Struct("=QIIiI")
_ARGUMENTS, _ARGUMENTS_AT = struct.Struct("=6Q"), 32
_RESPONSE = struct.Struct("=QqiI")

_RECV = 0xC0502100  # _IOWR('!', 0, struct seccomp_notif)
_SEND = 0xC0182101  # _IOWR('!', 1, struct seccomp_notif_resp)
_ID_VALID = 0x40082102  # _IOW('!', 2, __u64)
_SET_FLAGS = 0x40082104  # _IOW('!', 4, __u64)
_SYNC_WAKE_UP = 1
_CONTINUE = 1

_EMPTY = bytes(NOTIF_SIZE)


def receive(listener: int, buffer: bytearray) -> tuple[int, int, int, int] | None:
    """Fill `buffer` (reusable, NOTIF_SIZE) with the next notification: its (id, pid, number, audit arch).

    None when it was cancelled in between: a Go program's preemption signals cancel and restart calls, so
    ENOENT is normal, and EINTR too.
    """
    buffer[:] = _EMPTY  # the kernel refuses a buffer that is not zeroed
    try:
        fcntl.ioctl(listener, _RECV, buffer)
    except (FileNotFoundError, InterruptedError):
        return None
    ident, pid, _flags, number, arch = _HEAD.unpack_from(buffer)
    return ident, pid, number, arch


def arguments(buffer: bytearray) -> tuple[int, ...]:
    """The six argument registers of the notification in `buffer`."""
    return _ARGUMENTS.unpack_from(buffer, _ARGUMENTS_AT)


def send(listener: int, ident: int, errno: int | None) -> bool:
    """Answer: let the kernel carry the call out (None), or make it fail with `errno`; False when the caller is gone."""
    flags, error = (_CONTINUE, 0) if errno is None else (0, -errno)
    try:
        fcntl.ioctl(listener, _SEND, _RESPONSE.pack(ident, 0, error, flags))
    except FileNotFoundError:
        return False
    return True


def is_listener(descriptor: int) -> bool:
    """Whether it is a seccomp listener: only that knows what an id is, and says so of one that it never gave."""
    try:
        fcntl.ioctl(descriptor, _ID_VALID, bytes(8))
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def wake_synchronously(listener: int) -> None:
    """Keep caller and supervisor on one CPU (Linux 6.6), for about twice the rate; older kernels go without."""
    try:
        fcntl.ioctl(listener, _SET_FLAGS, _SYNC_WAKE_UP)
    except OSError:
        return
